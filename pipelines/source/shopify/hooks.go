package shopify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/webhook"
)

// Webhook is how Shopify signs.
func (s *shop) Webhook() webhook.Dialect { return webhook.Shopify() }

// noticed is what of a webhook's body says which records changed. Bodies are shaped as those of the REST API, whose money,
// statuses and versions are other ones than the pull's: they are hints, and what they name is asked for.
type noticed struct {
	ID       json.Number       `json:"id"`
	OrderID  json.Number       `json:"order_id"`
	ItemID   json.Number       `json:"inventory_item_id"`
	Customer json.Number       `json:"customer_id"`
	Order    holder            `json:"order"`
	Edit     holder            `json:"order_edit"`
	Refunds  []json.RawMessage `json:"refunds"`
	Kept     string            `json:"admin_graphql_api_customer_kept_id"`
	Merged   string            `json:"admin_graphql_api_customer_deleted_id"`
}

type holder struct {
	ID      json.Number `json:"id"`
	OrderID json.Number `json:"order_id"`
}

// hint is a record of a stream.
type hint struct {
	stream, id string
	gone       bool
}

// hints gives the records that an event is about, of whatever streams; none for topics that tell of nothing we hold. What
// a deleted product, variant or location leaves behind only the comparison can tell.
func (n *noticed) hints(topic string) []hint {
	resource, event, _ := strings.Cut(topic, "/")
	deleted := event == "delete"
	switch resource {
	case "orders":
		if event == "edited" {
			return []hint{{"orders", n.Edit.OrderID.String(), false}}
		}
		all := []hint{{"orders", n.ID.String(), deleted}}
		if len(n.Refunds) > 0 {
			all = append(all, hint{"refunds", n.ID.String(), false})
		}
		return all
	case "order_transactions", "fulfillments":
		return []hint{{"orders", n.OrderID.String(), false}}
	case "refunds":
		return []hint{{"orders", n.OrderID.String(), false}, {"refunds", n.OrderID.String(), false}}
	case "returns":
		return []hint{{"orders", n.Order.ID.String(), false}, {"returns", n.Order.ID.String(), false}, {"refunds", n.Order.ID.String(), false}}
	case "customers_marketing_consent", "customers_email_marketing_consent":
		return []hint{{"customers", n.Customer.String(), false}}
	case "inventory_levels":
		return []hint{{"stock", n.ItemID.String(), false}}
	}
	switch topic {
	case "customers/merge":
		return []hint{{"customers", tail(n.Kept), false}, {"customers", tail(n.Merged), true}}
	case "customers/create", "customers/update", "customers/enable", "customers/disable", "customers/delete":
		return []hint{{"customers", n.ID.String(), deleted}}
	case "products/create", "products/update":
		return []hint{{"products", n.ID.String(), false}}
	case "inventory_items/create", "inventory_items/update":
		return []hint{{"stock", n.ID.String(), false}}
	case "locations/create", "locations/update", "locations/activate", "locations/deactivate":
		return []hint{{"locations", n.ID.String(), false}}
	}
	return nil
}

var idPattern = regexp.MustCompile(`^[0-9]{1,19}$`)

// Arrivals gives the records that an event names as hints. A shop that is not the configured one is refused: the apps of
// several shops may share a secret, and then its signature alone says nothing of the shop.
func (s *shop) Arrivals(e webhook.Event) ([]webhook.Arrival, error) {
	if from := e.Header.Get("X-Shopify-Shop-Domain"); !strings.EqualFold(from, s.domain()) {
		return nil, fault.New(fault.Findings, "other_shop", e.Topic, "write shop_domain: when this is the same shop, else correct the webhook's address", "the event is of the shop %q, this source is %q", from, s.domain())
	}
	if len((&noticed{}).hints(e.Topic)) == 0 {
		return nil, nil
	}
	var one noticed
	bad := fault.New(fault.Findings, "unexpected_event", e.Topic, "look at the app's webhooks; the next pull reads what changed", "the signed body does not name its record")
	if err := json.Unmarshal(e.Body, &one); err != nil {
		return nil, bad // the decoder's words may repeat what a customer wrote
	}
	wanted := s.settings.List("streams")
	sum := sha256.Sum256(append([]byte(e.ID+"\n"), e.Body...))
	var arrivals []webhook.Arrival
	for _, h := range one.hints(e.Topic) {
		if !idPattern.MatchString(h.id) {
			return nil, bad
		}
		if !slices.Contains(wanted, h.stream) {
			continue
		}
		// A repetition has the number and the body of the first time. Numbers alone are not said to be unique.
		name := fmt.Sprintf("webhook/%s/%s-%s", e.Topic, h.id, hex.EncodeToString(sum[:12]))
		arrivals = append(arrivals, webhook.Arrival{Stream: h.stream, Delivery: source.Delivery{Name: name, Modified: e.Received.UTC(), Hint: &source.Hint{ID: h.id, Gone: h.gone}}})
	}
	return arrivals, nil
}

// domain is the name by which Shopify's webhooks call the shop.
func (s *shop) domain() string {
	if name := s.settings.Text("shop_domain"); name != "" {
		return name
	}
	address, err := url.Parse(s.settings.Text("url"))
	if err != nil {
		return "" // the client refused it before
	}
	return address.Hostname()
}

// checkHooks lists the webhooks that the app made with the API; Shopify shows it no others.
func (s *shop) checkHooks(ctx context.Context) source.Probe {
	probe := source.Probe{What: "webhooks"}
	var topics, versions []string
	for after := ""; ; {
		got, _, err := s.page(ctx, "list_webhooks", "webhookSubscriptions", "id topic uri apiVersion { handle }", "", "", after, 50)
		if err != nil {
			probe.Err = err
			return probe
		}
		for _, one := range got.Nodes {
			if !strings.HasSuffix(one.text("uri"), "/hooks/"+s.settings.Name) {
				continue
			}
			topics = append(topics, one.text("topic"))
			var version struct {
				Handle string `json:"handle"`
			}
			_ = json.Unmarshal(one["apiVersion"], &version) // none is another one
			if version.Handle != s.settings.Text("api_version") {
				versions = append(versions, one.text("topic")+" "+version.Handle)
			}
		}
		if after = got.PageInfo.End; !got.PageInfo.More {
			break
		}
	}
	probe.Note = "the app's own: " + strings.Join(topics, ", ")
	switch {
	case len(topics) == 0:
		probe.Err = fault.New(fault.Findings, "no_webhook", "", "", "the app made no webhook whose address ends in /hooks/%s; those of its configuration or of the admin cannot be seen from here", s.settings.Name)
	case len(versions) > 0:
		probe.Err = fault.New(fault.Findings, "webhook_version", "", "", "webhooks of another API version than %s: %s; only ids are read from them", s.settings.Text("api_version"), strings.Join(versions, ", "))
	}
	return probe
}

// answer reads the root records that hints name: the order of a refund, the product of a variant.
func (w *walker) answer(ctx context.Context, hints []source.Hint, emit func(source.Delivery) error) error {
	one := &walker{shop: w.shop, kind: w.kind, pulled: map[string]bool{}} // beside a pull, which has notes of its own
	return w.inGroups(ctx, w.kind.stream, w.kind.typ, w.kind.selection(), hints, func(found []node, missing []source.Hint, at time.Time) error {
		docs, err := one.cut(ctx, found)
		if err != nil {
			return err
		}
		for _, h := range missing {
			if !h.Gone || w.kind.stream != "orders" && w.kind.stream != "customers" {
				continue
			}
			gone, err := tombstone("id", h.ID, at)
			if err != nil {
				return err
			}
			docs = append(docs, gone)
		}
		return deliver(w.kind.stream+"/hinted", 1, docs, at, nil, nil, emit)
	})
}

// answer reads the levels of items, or locations, that hints name.
func (s *snapshot) answer(ctx context.Context, hints []source.Hint, emit func(source.Delivery) error) error {
	typ, fields := "Location", placeFields
	if s.stream == "stock" {
		typ, fields = "InventoryItem", itemFields()
	}
	return s.inGroups(ctx, s.stream, typ, fields, hints, func(found []node, _ []source.Hint, at time.Time) error {
		captures := map[string]string(nil)
		if s.stream == "stock" {
			var err error
			if found, err = s.levels(ctx, found, itemLevels()); err != nil {
				return err
			}
			captures = map[string]string{"as_of": at.Format(stamp)}
		}
		return deliver(s.stream+"/hinted", 1, found, at, nil, captures, emit)
	})
}

// inGroups reads records by id, a page at a time.
func (s *shop) inGroups(ctx context.Context, stream, typ, fields string, hints []source.Hint, use func(found []node, missing []source.Hint, at time.Time) error) error {
	for group := range slices.Chunk(hints, s.size) {
		ids := make([]string, len(group))
		for i, h := range group {
			ids[i] = gid(typ, h.ID)
		}
		nodes, at, err := s.nodes(ctx, stream, typ, fields, ids)
		if err != nil {
			return err
		}
		var found []node
		var missing []source.Hint
		for i, one := range nodes {
			if one == nil {
				missing = append(missing, group[i])
				continue
			}
			found = append(found, one)
		}
		if err := use(found, missing, at); err != nil {
			return err
		}
	}
	return nil
}
