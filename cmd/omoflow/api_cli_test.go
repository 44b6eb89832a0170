package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/pipelines/source/woocommerce/simulator"
)

// cliShop is a project that reads a simulated shop of five orders.
type cliShop struct {
	t   *testing.T
	sim *simulator.Shop
	dir string
	url string
}

const cliKey, cliSecret = "ck_canary_1c0ffee", "cs_canary_2c0ffee"

func newCLIShop(t *testing.T) *cliShop {
	t.Helper()
	s := &cliShop{t: t, dir: t.TempDir(), sim: simulator.New(time.UTC, func() time.Time { return time.Now().UTC() })}
	s.sim.Key, s.sim.Secret = cliKey, cliSecret
	for id := int64(1); id <= 5; id++ {
		at := time.Date(2026, 1, 10, 9, 0, int(id), 0, time.UTC)
		o := &simulator.Order{ID: id, Status: "completed", Currency: "CNY", Created: at, Modified: at, Items: []simulator.Item{{ID: id * 10, Product: 7, SKU: "SKU-7", Quantity: 1, Subtotal: 1000, Total: 1000, Tax: 130}}}
		o.Put(s.sim)
	}
	server := httptest.NewServer(s.sim)
	t.Cleanup(server.Close)
	s.url = server.URL
	writeText(t, filepath.Join(s.dir, "key.txt"), cliKey)
	writeText(t, filepath.Join(s.dir, "secret.txt"), cliSecret)
	s.configure("allow_plain_http: true, ")
	return s
}

func (s *cliShop) configure(more string) {
	writeText(s.t, filepath.Join(s.dir, configName), fmt.Sprintf(`version: 1
company: {name: Shop, home_currency: CNY, zone: UTC}
sources:
  shop: {kind: woocommerce, url: %s, key: "file:key.txt", secret: "file:secret.txt", %sallow_private: true, attempts: 1, probe_ids: 0, streams: [orders], zone: UTC}
`, s.url, more))
}

// run gives the exit code and all that was said, and fails when a secret is in it.
func (s *cliShop) run(args ...string) (int, string) {
	s.t.Helper()
	output, err := exec.Command("omoflow", append(args, "-C", s.dir)...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	if text := string(output); strings.Contains(text, cliKey) || strings.Contains(text, cliSecret) {
		s.t.Errorf("omoflow %v tells a secret:\n%s", args, text)
	}
	code := 0
	if exit != nil {
		code = exit.ExitCode()
	}
	return code, string(output)
}

// says runs a command and looks for an exit code and texts.
func (s *cliShop) says(code int, texts []string, args ...string) {
	s.t.Helper()
	got, output := s.run(args...)
	if got != code {
		s.t.Errorf("omoflow %v: exit %d, want %d", args, got, code)
	}
	for _, text := range texts {
		if !strings.Contains(output, text) {
			s.t.Errorf("omoflow %v does not say %q", args, text)
		}
	}
	if s.t.Failed() {
		s.t.Log(output)
	}
}

// answer makes every list of orders answer with this.
func (s *cliShop) answer(status int, kind, body string) {
	s.sim.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/orders") {
			return false
		}
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // a client that went away
		return true
	}
}

// TestBadShopsAreNamed reads shops that are wrong in one way each.
func TestBadShopsAreNamed(t *testing.T) {
	const jsonText = "application/json"
	for _, c := range []struct {
		name  string
		spoil func(*cliShop)
		code  int
		says  []string
	}{
		{"wrong key", func(s *cliShop) { s.sim.Key = "ck_another" }, 7, []string{"Invalid signature"}},
		{"missing permission", func(s *cliShop) {
			s.answer(403, jsonText, `{"code":"woocommerce_rest_authentication_error","message":"The API key provided does not have read permissions.","data":{"status":403}}`)
		}, 7, []string{"does not have read permissions"}},
		{"plain http", func(s *cliShop) { s.configure("") }, 2, []string{"plain http", "https://"}},
		{"error of status 200", func(s *cliShop) {
			s.answer(200, jsonText, `{"code":"internal_error","message":"A plugin failed.","data":{"status":500}}`)
		}, 8, []string{"the answer of status 200 is an error", "internal_error"}},
		{"html", func(s *cliShop) {
			s.answer(200, "text/html", "<!doctype html><html><body>Maintenance</body></html>")
		}, 8, []string{"an HTML page", "open the address in a browser"}},
		{"another order", func(s *cliShop) {
			s.answer(200, jsonText, `[{"id":2,"date_modified_gmt":"2026-01-10T09:00:02"},{"id":1,"date_modified_gmt":"2026-01-10T09:00:01"}]`)
		}, 8, []string{"not in the order of date_modified_gmt"}},
		{"field removed that paging needs", func(s *cliShop) { s.answer(200, jsonText, `[{"id":1}]`) }, 8, []string{"has no date_modified_gmt"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newCLIShop(t)
			c.spoil(s)
			s.says(c.code, c.says, "run", "-q", "--no-release")
		})
	}
}

// TestBadFieldsWaitInQuarantine reads orders of which one is wrong: the others count, the one waits.
func TestBadFieldsWaitInQuarantine(t *testing.T) {
	spoil := func(old, now string) func(*cliShop) {
		return func(s *cliShop) {
			r, ok := s.sim.Get("orders", 3)
			if !ok || !strings.Contains(string(r.Raw), old) {
				s.t.Fatalf("%s is not in the order", old)
			}
			r.Raw = []byte(strings.Replace(string(r.Raw), old, now, 1))
			s.sim.Put("orders", r)
		}
	}
	for _, c := range []struct {
		name  string
		spoil func(*cliShop)
		want  []string
	}{
		{"another type", spoil(`"date_created_gmt":"2026-01-10T09:00:03"`, `"date_created_gmt":["soon"]`), []string{"10 records read = 8 accepted + 0 duplicate + 2 quarantined", "bad_date: line 1, column date_created_gmt"}},
		{"removed field", spoil(`"currency":"CNY",`, ``), []string{"10 records read = 8 accepted + 0 duplicate + 2 quarantined", "missing_value: line 1, column total: an order without total, currency or dates"}},
		{"new field", spoil(`"currency":"CNY",`, `"currency":"CNY","carbon_label":{"grams":[1,2]},`), []string{"10 records read = 10 accepted"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newCLIShop(t)
			c.spoil(s)
			s.says(0, c.want, "run", "--no-release")
		})
	}
}

// TestPastIsPlannedReadAndRecorded plans a range of the past, reads it while recording every exchange, and shows that
// neither secrets nor the forward position are touched.
func TestPastIsPlannedReadAndRecorded(t *testing.T) {
	s := newCLIShop(t)
	s.says(2, []string{"--from 2024-01-01"}, "run", "--plan")
	s.says(2, []string{`"soon" is not a day`, "YYYY-MM-DD"}, "run", "--source", "shop", "--from", "soon")
	s.says(2, []string{"holds nothing"}, "run", "--source", "shop", "--from", "2026-01-10", "--to", "2026-01-01")
	calls := s.sim.Calls()
	s.says(0, []string{"shop.orders", "2026-01-01", "windows, about"}, "run", "--source", "shop", "--from", "2026-01-01", "--to", "2026-01-31", "--plan")
	if _, err := os.Stat(filepath.Join(s.dir, "lake", "journal", "stream")); err == nil {
		t.Error("a plan wrote into the lake")
	}
	if s.sim.Calls() == calls {
		t.Error("the plan asked nothing")
	}
	tapes := filepath.Join(t.TempDir(), "tapes")
	s.says(0, []string{"accepted"}, "run", "--no-release", "--source", "shop", "--from", "2026-01-01", "--to", "2026-01-31", "--record", tapes)
	kept := 0
	err := filepath.WalkDir(tapes, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if kept++; strings.Contains(string(text), cliKey) || strings.Contains(string(text), cliSecret) {
			t.Errorf("%s holds a secret", filepath.Base(path))
		}
		return err
	})
	if err != nil || kept == 0 {
		t.Errorf("%d exchanges recorded, %v", kept, err)
	}
	s.says(0, []string{"10 duplicate"}, "run", "--no-release")
	s.says(0, nil, "check")
}
