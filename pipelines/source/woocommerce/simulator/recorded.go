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
