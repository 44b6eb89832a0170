// Package shopify is the source of a Shopify shop over its GraphQL Admin API: orders, refunds, returns, customers, products,
// stock and locations.
//
// What changed is read in frozen windows of updated_at, page by page, with an overlap; the past is read by bulk operations
// whose JSON lines are joined on disk. A delivery holds records put together from several answers: numbers and texts are the
// API's own, connections have become lists, and what omoflow worked out stands under the key "omoflow".
package shopify

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/httpapi"
)

// Name is the kind that omoflow.yaml names.
const Name = "shopify"

//go:embed profiles/*.yaml
var profiles embed.FS

// Platform is the line of the registry.
func Platform() source.Platform { return source.Platform{Declaration: declaration(), Open: open} }

// shop is an opened Shopify.
type shop struct {
	client   *httpapi.Client
	files    *httpapi.Client // results of bulk operations: no credentials, no GraphQL
	settings source.Settings
	size     int
	overlap  time.Duration
	lag      time.Duration
	now      func() time.Time
}

var versionPattern = regexp.MustCompile(`^20[0-9]{2}-(01|04|07|10)$`)

func open(_ context.Context, s source.Settings) (source.API, error) {
	one := &shop{settings: s, size: int(s.Number("page_size")), overlap: s.Duration("overlap"), lag: s.Duration("lag"), now: s.Now}
	if one.now == nil {
		one.now = time.Now
	}
	if err := one.checkSettings(); err != nil {
		return nil, err
	}
	options := httpapi.Common(s)
	plain := options
	options.Auth, options.Judge = one.auth(plain), judge
	client, err := httpapi.New(options)
	if err != nil {
		return nil, err
	}
	plain.Hosts = s.List("bulk_hosts")
	one.client = client
	one.files, err = httpapi.New(plain)
	return one, err
}

func (s *shop) checkSettings() error {
	bad := func(key, hint, format string, args ...any) error {
		return fault.New(fault.Usage, "invalid_config", key, hint, format, args...)
	}
	token, id, secretKey := s.settings.Text("access_token"), s.settings.Text("client_id"), s.settings.Text("client_secret")
	switch {
	case !versionPattern.MatchString(s.settings.Text("api_version")):
		return bad("api_version", "write a quarter such as "+currentVersion, "%q is not a version of the Admin API", s.settings.Text("api_version"))
	case token == "" && (id == "" || secretKey == ""):
		return bad("access_token", "write access_token, or client_id and client_secret, as references such as env:SHOPIFY_TOKEN", "there are no credentials")
	case token != "" && (id != "" || secretKey != ""):
		return bad("access_token", "keep one of the two", "access_token and client_id are both set")
	}
	if owner := s.settings.Text("pos_orders"); owner != "count" && owner != "leave" {
		return bad("pos_orders", "write count, or leave when another source delivers the till's receipts", "%q is not known", owner)
	}
	return nil
}

// credentials sign with a token and keep the secrets behind it from being seen.
type credentials struct {
	httpapi.Auth
	behind []secret.Value
}

// Secrets are what must not be seen.
func (c *credentials) Secrets() []secret.Value {
	all := append([]secret.Value(nil), c.behind...)
	if holder, ok := c.Auth.(interface{ Secrets() []secret.Value }); ok {
		all = append(all, holder.Secrets()...)
	}
	return all
}

// auth reads the token, or asks for one with the app's own credentials: those tokens end, and a 401 gets a new one.
func (s *shop) auth(options httpapi.Options) httpapi.Auth {
	c := &credentials{}
	c.Auth = httpapi.Token("X-Shopify-Access-Token", "", func(ctx context.Context) (secret.Value, error) {
		if s.settings.Text("access_token") != "" {
			return s.settings.Secret(ctx, "access_token")
		}
		id, err := s.settings.Secret(ctx, "client_id")
		if err != nil {
			return id, err
		}
		key, err := s.settings.Secret(ctx, "client_secret")
		if err != nil {
			return key, err
		}
		c.behind = []secret.Value{id, key}
		return exchange(ctx, options, id, key)
	})
	return c
}

func exchange(ctx context.Context, options httpapi.Options, id, key secret.Value) (secret.Value, error) {
	options.Secrets, options.Recorder = []secret.Value{id, key}, nil
	client, err := httpapi.New(options)
	if err != nil {
		return secret.Value{}, err
	}
	defer client.Close()
	form := url.Values{"client_id": {id.Reveal()}, "client_secret": {key.Reveal()}, "grant_type": {"client_credentials"}}
	got, err := client.Do(ctx, httpapi.Request{Method: http.MethodPost, Path: "/admin/oauth/access_token", Body: []byte(form.Encode()), Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}})
	if err != nil {
		return secret.Value{}, err
	}
	var said struct {
		Token string `json:"access_token"`
	}
	if json.Unmarshal(got.Body, &said) != nil || said.Token == "" {
		return secret.Value{}, fault.New(fault.Denied, "no_token", "/admin/oauth/access_token", "check client_id and client_secret, and that the app is installed in the shop", "the shop gave no access token")
	}
	return secret.Of(said.Token), nil
}

// Close drops connections.
func (s *shop) Close() {
	s.client.Close()
	s.files.Close()
}

// profile gives a mapping with the configured places filled in.
func (s *shop) profile(name string) []byte {
	places := s.settings.Map("locations")
	cases := ""
	for _, id := range slices.Sorted(maps.Keys(places)) {
		cases += fmt.Sprintf(" WHEN %s THEN %s", source.Quote(id[strings.LastIndexByte(id, '/')+1:]), source.Quote(places[id]))
	}
	if cases == "" {
		cases = " WHEN '' THEN ''" // CASE wants at least one
	}
	counts := fmt.Sprint(s.settings.Text("pos_orders") == "count")
	return source.Mapping(profiles, name, "{{online}}", strings.ReplaceAll(s.settings.Location(), "'", "''"), "{{zone}}", s.settings.LocalZone(), "{{places}}", cases, "{{pos_counts}}", counts)
}

// Feeds lists the configured streams.
func (s *shop) Feeds() []source.Feed {
	return s.settings.Feeds(func(name string) source.Feed {
		feed := source.Feed{Profile: s.profile(name)}
		switch name {
		case "stock", "locations":
			one := &snapshot{s, name}
			feed.Source, feed.Ask = one, one.answer
			if name == "stock" {
				feed.Captures = []string{"as_of"}
			}
		default:
			one := &walker{shop: s, kind: s.kindOf(name), pulled: map[string]bool{}}
			feed.Source, feed.Reconcile, feed.Facts, feed.Ask = one, one, one.kind.facts, one.answer
			if name == "orders" || name == "refunds" || name == "returns" {
				feed.Backfill = one
			}
		}
		return feed
	})
}
