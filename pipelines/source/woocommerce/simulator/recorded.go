package simulator

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/omoflow/omoflow/pipelines/source/httpapi"
)

// FromRecordings makes a shop of the rows that a real WooCommerce answered with, byte for byte: the state before the
// recorded edits.
func FromRecordings(dir, zone string) (*Shop, error) {
	at, err := time.LoadLocation(zone)
	if err != nil {
		return nil, err
	}
	var seen time.Time
	s := New(at, func() time.Time { return seen })
	for folder, list := range map[string]string{
		"orders_full": "orders", "orders_trash": "orders", "orders_single": "orders", "refunds_all": "refunds", "refunds_by_order": "refunds",
		"products": "products", "variations_all": "variations", "customers_role_all": "customers",
	} {
		exchanges, err := httpapi.ReadExchanges(os.DirFS(filepath.Join(dir, folder)))
		if err != nil {
			return nil, err
		}
		for _, e := range exchanges {
			if e.Response.Status != 200 {
				continue
			}
			if date, err := time.Parse(time.RFC1123, e.Response.Headers["Date"]); err == nil && folder == "orders_full" && date.After(seen) {
				seen = date.UTC()
			}
			if err := s.putAll(list, e); err != nil {
				return nil, err
			}
		}
	}
	// The order tables keep what posts keep too, but lists leave out orders of unregistered statuses.
	_, err = os.Stat(filepath.Join(dir, "orders_single", "unregistered-status-by-include.json"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return s, s.readStatuses(dir)
}

// EditAsRecorded makes of a shop FromRecordings the one after the recorded edits, at the time when it was walked again:
// created, changed, restored, trashed and deleted orders, refunds, products, stock and customers.
func (s *Shop) EditAsRecorded(dir string) error {
	exchanges := map[string][]httpapi.Exchange{}
	for _, folder := range []string{"orders_incremental_overlap", "refunds_incremental", "products_incremental", "orders_ids_after", "orders_trash_after"} {
		found, err := httpapi.ReadExchanges(os.DirFS(filepath.Join(dir, folder)))
		if err != nil {
			return err
		}
		exchanges[folder] = found
	}
	if err := s.takeHooks(filepath.Join(dir, "webhooks")); err != nil {
		return err
	}
	for folder, list := range map[string]string{"orders_incremental_overlap": "orders", "refunds_incremental": "refunds", "products_incremental": "products"} {
		for _, e := range exchanges[folder] {
			if err := s.putAll(list, e); err != nil {
				return err
			}
			if date, err := time.Parse(time.RFC1123, e.Response.Headers["Date"]); err == nil && list == "orders" {
				s.Now = date.UTC
			}
		}
	}
	return s.vanish(exchanges["orders_ids_after"], exchanges["orders_trash_after"])
}

// takeHooks takes what the shop sent of each change: the only place where variations, customers and orders that changed
// without a new date are shown.
func (s *Shop) takeHooks(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, file := range files { // in order of arrival
		text, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			return err
		}
		var sent struct {
			Request struct {
				Headers map[string]string
				Body    string `json:"body_raw"`
			}
		}
		if json.Unmarshal(text, &sent) != nil {
			continue // the state of the failing hook
		}
		kind, what, _ := strings.Cut(sent.Request.Headers["X-WC-Webhook-Topic"], ".")
		list := kind + "s"
		var one struct{ Type string }
		if what == "deleted" || !s.known(list) || json.Unmarshal([]byte(sent.Request.Body), &one) != nil {
			continue
		}
		if one.Type == "variation" {
			list = "variations"
		}
		var e httpapi.Exchange
		e.Response.Body = []byte(sent.Request.Body)
		if err := s.putAll(list, e); err != nil {
			return err
		}
	}
	return nil
}

// vanish trashes and deletes what the lists of ids do not show any more.
func (s *Shop) vanish(listed, trashed []httpapi.Exchange) error {
	ids := func(exchanges []httpapi.Exchange) (map[int64]bool, error) {
		all := map[int64]bool{}
		for _, e := range exchanges {
			var rows []struct{ ID int64 }
			if err := json.Unmarshal(e.Response.Body, &rows); err != nil {
				return nil, err
			}
			for _, r := range rows {
				all[r.ID] = true
			}
		}
		return all, nil
	}
	shown, err := ids(listed)
	if err != nil {
		return err
	}
	trash, err := ids(trashed)
	if err != nil {
		return err
	}
	for _, r := range s.All("orders") {
		switch {
		case shown[r.ID] || !s.listed(&r, "any"):
		case trash[r.ID]:
			r.Raw = []byte(strings.Replace(string(r.Raw), `"status":"`+r.Status+`"`, `"status":"trash"`, 1))
			r.Status = "trash"
			s.Put("orders", r)
		default:
			s.Remove("orders", r.ID)
			for _, refund := range s.All("refunds") {
				if refund.Parent == r.ID {
					s.Remove("refunds", refund.ID)
				}
			}
		}
	}
	return nil
}

// readStatuses takes the registered statuses and the kind of storage from the recordings.
func (s *Shop) readStatuses(dir string) error {
	exchanges, err := httpapi.ReadExchanges(os.DirFS(dir))
	if err != nil {
		return err
	}
	for _, e := range exchanges {
		if strings.HasSuffix(e.Request.Path, "/reports/orders/totals") {
			var rows []struct {
				Slug string `json:"slug"`
			}
			if err := json.Unmarshal(e.Response.Body, &rows); err != nil {
				return err
			}
			s.Registered = nil
			for _, r := range rows {
				if r.Slug != "checkout-draft" {
					s.Registered = append(s.Registered, r.Slug)
				}
			}
		}
	}
	expected, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		return err
	}
	var said struct {
		Storage string `json:"order_storage"`
	}
	if err := json.Unmarshal(expected, &said); err != nil {
		return err
	}
	s.OrderTable = strings.HasPrefix(said.Storage, "HPOS")
	return nil
}

func (s *Shop) putAll(list string, e httpapi.Exchange) error {
	var rows []json.RawMessage
	if json.Unmarshal(e.Response.Body, &rows) != nil {
		rows = []json.RawMessage{e.Response.Body}
	}
	for _, raw := range rows {
		r, err := ReadRecord(raw)
		if err != nil {
			return err
		}
		if list == "customers" {
			var one struct {
				Role string `json:"role"`
			}
			if json.Unmarshal(raw, &one) == nil {
				r.Status = one.Role
			}
		}
		if list == "refunds" && r.Parent == 0 {
			// The list of one order leaves the order out.
			parts := strings.Split(e.Request.Path, "/")
			for i, part := range parts {
				if part == "orders" && i+1 < len(parts) {
					_ = json.Unmarshal([]byte(parts[i+1]), &r.Parent) // a number, for the server took it
				}
			}
			if old, ok := s.Get("refunds", r.ID); ok {
				r.Raw = old.Raw
			}
		}
		s.Put(list, r)
	}
	return nil
}

// Touch gives an order another date of change, as WooCommerce writes it in GMT.
func (s *Shop) Touch(id int64, modified string) {
	r, ok := s.Get("orders", id)
	at, err := time.Parse(stamp, modified)
	if !ok || err != nil {
		return
	}
	old := r.Modified.Format(stamp)
	r.Raw = []byte(strings.Replace(string(r.Raw), `"date_modified_gmt":"`+old+`"`, `"date_modified_gmt":"`+modified+`"`, 1))
	r.Modified = at
	s.Put("orders", r)
}
