package httpapi_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/netguard"
	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/source/httpapi"
)

const canary = "canary-secret-91c7"

// bench is a server and a client that does not really sleep.
type bench struct {
	*httpapi.Client
	server *httptest.Server
	slept  []time.Duration
	calls  int
}

func serve(t *testing.T, answer http.HandlerFunc, change func(*httpapi.Options)) *bench {
	t.Helper()
	b := &bench{}
	b.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.calls++; answer(w, r) }))
	t.Cleanup(b.server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(b.server.Certificate())
	opt := httpapi.Options{
		Base: b.server.URL, AllowPrivate: true, RootCAs: roots, Chance: func() float64 { return 0.5 },
		Auth:  httpapi.Token("X-Token", "", func(context.Context) (secret.Value, error) { return secret.Of(canary), nil }),
		Sleep: func(_ context.Context, d time.Duration) error { b.slept = append(b.slept, d); return nil },
	}
	if change != nil {
		change(&opt)
	}
	c, err := httpapi.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	b.Client = c
	t.Cleanup(c.Close)
	return b
}

func (b *bench) get() (*httpapi.Response, error) {
	return b.Do(context.Background(), httpapi.Request{Path: "/x"})
}

func code(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Code
	}
	return fmt.Sprint(err)
}

func TestThrottlesAreWaitedOutExactly(t *testing.T) {
	n := 0
	b := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		n++
		switch n {
		case 1:
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(429)
		case 2:
			_, _ = w.Write([]byte(`{"throttled": 3}`))
		case 3:
			w.WriteHeader(503)
		default:
			_, _ = w.Write([]byte(`{}`))
		}
	}, func(o *httpapi.Options) {
		o.Judge = func(r *httpapi.Response) (time.Duration, error) {
			if strings.Contains(string(r.Body), "throttled") {
				return 0, &httpapi.Throttled{Wait: 3 * time.Second}
			}
			return 0, nil
		}
	})
	if _, err := b.get(); err != nil {
		t.Fatal(err)
	}
	if want := []time.Duration{7 * time.Second, 3 * time.Second, 2 * time.Second}; fmt.Sprint(b.slept) != fmt.Sprint(want) {
		t.Errorf("waited %v, want %v: what the API says, and half of 4 s where it says nothing", b.slept, want)
	}
}

func TestWaitingHasABudget(t *testing.T) {
	b := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "400"); w.WriteHeader(429) }, nil)
	if _, err := b.get(); code(err) != "throttled" || fault.KindOf(err) != fault.Unavailable || b.calls != 2 {
		t.Errorf("%v after %d calls", err, b.calls)
	}
	many := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, nil)
	if _, err := many.get(); code(err) != "server_error" || many.calls != 6 {
		t.Errorf("%v after %d calls", err, many.calls)
	}
}

func TestAnExpiredTokenIsRenewedOnce(t *testing.T) {
	issued := 0
	auth := httpapi.Token("X-Token", "", func(context.Context) (secret.Value, error) {
		issued++
		return secret.Of(fmt.Sprintf("token-%d", issued)), nil
	})
	b := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Token") != "token-2" {
			w.WriteHeader(401)
			_, _ = w.Write([]byte("who is " + r.Header.Get("X-Token")))
		}
	}, func(o *httpapi.Options) { o.Auth = auth })
	if _, err := b.get(); err != nil || b.calls != 2 {
		t.Errorf("%v after %d calls", err, b.calls)
	}
	never := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(401)
		_, _ = w.Write([]byte("who is " + r.Header.Get("X-Token")))
	}, func(o *httpapi.Options) { o.Auth = auth })
	_, err := never.get()
	if code(err) != "wrong_key" || fault.KindOf(err) != fault.Denied || never.calls != 2 || strings.Contains(err.Error(), "token-") {
		t.Errorf("%v after %d calls", err, never.calls)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	large := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2000)) }, func(o *httpapi.Options) { o.MaxBody = 1000 })
	if _, err := large.get(); code(err) != "answer_too_large" || large.calls != 1 {
		t.Errorf("%v after %d calls", err, large.calls)
	}
	release := make(chan struct{})
	slow := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}, func(o *httpapi.Options) { o.Timeout, o.Attempts = 50*time.Millisecond, 2 })
	defer close(release)
	if _, err := slow.get(); code(err) != "no_answer" || len(slow.slept) != 1 {
		t.Errorf("%v after %d waits", err, len(slow.slept))
	}
}

func TestRedirectsAndForeignHostsAreNotFollowed(t *testing.T) {
	b := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://elsewhere.example/?key="+canary, http.StatusFound)
	}, nil)
	if _, err := b.get(); code(err) != "redirected" || strings.Contains(err.Error(), canary) || b.calls != 1 {
		t.Errorf("%v after %d calls", err, b.calls)
	}
	for _, address := range []string{"https://elsewhere.example/file", "https://user:pass@" + strings.TrimPrefix(b.server.URL, "https://") + "/x", "http://" + strings.TrimPrefix(b.server.URL, "https://"), "file:///etc/passwd", "https://169.254.169.254/latest"} {
		if _, err := b.Do(context.Background(), httpapi.Request{URL: address}); err == nil || b.calls != 1 {
			t.Errorf("%s was asked", address)
		}
	}
}

// The tricks by which an address seems to be another.
func TestPrivateAddressesAreRefused(t *testing.T) {
	private := []string{
		"127.0.0.1", "127.8.9.1", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254", "192.168.0.1", "192.168.255.255", "169.254.169.254", "169.254.0.1", "100.64.0.1", "100.127.255.255",
		"192.0.0.1", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "192.88.99.1",
		"::1", "::", "fe80::1", "febf::1", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:100.64.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::a9fe:a9fe",
		"64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::", "2002:c0a8:1::", "2001:db8::1", "2001::1", "100::1", "3fff::1", "5f00::1", "fe80::1%eth0",
	}
	for _, text := range private {
		if a := netip.MustParseAddr(text); netguard.Public(a) {
			t.Errorf("%s counts as public", text)
		}
		for _, how := range []string{"literal", "name"} {
			dialed := false
			host := "shop.example"
			if how == "literal" {
				if host = text; strings.Contains(text, ":") {
					host = "[" + strings.ReplaceAll(text, "%", "%25") + "]"
				}
			}
			c, err := httpapi.New(httpapi.Options{Base: "https://" + host, Attempts: 1, Timeout: time.Second, Lookup: func(context.Context, string) ([]netip.Addr, error) {
				dialed = true
				return []netip.Addr{netip.MustParseAddr("93.184.215.14"), netip.MustParseAddr(text)}, nil
			}})
			if err != nil {
				if strings.Contains(text, "%") {
					continue // a zone is refused before anything is looked up
				}
				t.Errorf("%s: %v", host, err)
				continue
			}
			if _, err := c.Do(context.Background(), httpapi.Request{Path: "/"}); code(err) != "private_address" || fault.KindOf(err) != fault.Denied {
				t.Errorf("%s as %s: %v (looked up: %v)", text, how, err, dialed)
			}
		}
	}
	// Spellings that only a resolver understands: whatever it makes of them is checked.
	for _, host := range []string{"2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "localtest.me", "127.0.0.1.nip.io", "①②⑦.0.0.1"} {
		c, err := httpapi.New(httpapi.Options{Base: "https://" + host, Attempts: 1, Timeout: time.Second, Lookup: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}})
		if err != nil {
			continue
		}
		if _, err := c.Do(context.Background(), httpapi.Request{Path: "/"}); err == nil || code(err) != "private_address" && code(err) != "no_answer" {
			t.Errorf("%s: %v", host, err)
		}
	}
	for _, text := range []string{"93.184.215.14", "8.8.8.8", "2606:4700::1111", "100.63.255.255", "100.128.0.1", "172.32.0.1", "11.0.0.1", "2002:808:808::"} {
		if !netguard.Public(netip.MustParseAddr(text)) {
			t.Errorf("%s counts as private", text)
		}
	}
}

func TestANameThatChangesItsMeaningIsCheckedAtEachDial(t *testing.T) {
	asked := 0
	c, err := httpapi.New(httpapi.Options{Base: "https://rebinding.example", Attempts: 2, Timeout: time.Second, Sleep: func(context.Context, time.Duration) error { return nil }, Lookup: func(context.Context, string) ([]netip.Addr, error) {
		if asked++; asked == 1 {
			return nil, errors.New("try again")
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(context.Background(), httpapi.Request{Path: "/"}); code(err) != "private_address" || asked != 2 {
		t.Errorf("%v after %d lookups", err, asked)
	}
}

func TestBaseAddresses(t *testing.T) {
	auth := httpapi.Token("X-Token", "", nil)
	for base, want := range map[string]string{
		"http://shop.example": "plain_http", "ftp://shop.example": "invalid_url", "https://u:p@shop.example": "secret_in_url", "https://shop.example/?key=1": "invalid_url", "https://shop.example/#x": "invalid_url",
		"shop.example": "invalid_url", "https://": "invalid_url", "https://[fe80::1%25eth0]": "invalid_url", "javascript:alert(1)": "invalid_url", "https:shop.example": "invalid_url",
	} {
		if _, err := httpapi.New(httpapi.Options{Base: base, Auth: auth}); code(err) != want || fault.HintOf(err) == "" {
			t.Errorf("%s: %v, want %s", base, err, want)
		}
	}
}

func TestSecretsAreInNoErrorAndNoRecording(t *testing.T) {
	dir := t.TempDir()
	b := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "session="+canary)
		if r.URL.Path == "/bad" {
			w.WriteHeader(400)
		}
		_, _ = fmt.Fprintf(w, `{"you": %q, "sent": %q}`, r.Header.Get("X-Token"), r.URL.RawQuery)
	}, func(o *httpapi.Options) { o.Recorder = &httpapi.Recorder{Dir: dir} })
	_, err := b.Do(context.Background(), httpapi.Request{Path: "/bad", Query: url.Values{"consumer_secret": {canary}, "page": {"2"}}})
	if err == nil || strings.Contains(err.Error()+fault.HintOf(err), canary) {
		t.Errorf("the error holds the secret: %v", err)
	}
	if _, err := b.Do(context.Background(), httpapi.Request{Path: "/good", Query: url.Values{"b": {"2"}, "a": {"1"}}, Body: []byte(`{"k":"` + canary + `"}`), Method: "POST"}); err != nil {
		t.Fatal(err)
	}
	b.server.Close()
	if _, err := b.Do(context.Background(), httpapi.Request{Path: "/gone", Query: url.Values{"token": {canary}}}); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("the error holds the secret: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil || strings.Contains(string(text), canary) {
			t.Errorf("%s holds the secret: %s", name, text)
		}
	}
	exchanges, err := httpapi.ReadExchanges(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	replay := httptest.NewServer(httpapi.Replay(exchanges))
	defer replay.Close()
	got, err := http.Post(replay.URL+"/good?a=1&b=2", "application/json", strings.NewReader(`{"k":"[removed]"}`))
	if err != nil || got.StatusCode != 200 || got.Header.Get("Set-Cookie") != "[removed]" {
		t.Errorf("replay: %v, %v", got, err)
	}
	if got, err := http.Get(replay.URL + "/never"); err != nil || got.StatusCode != http.StatusNotImplemented {
		t.Errorf("replay of what was never recorded: %v, %v", got, err)
	}
}

func TestRequestsKeepToTheRate(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := serve(t, func(http.ResponseWriter, *http.Request) {}, func(o *httpapi.Options) {
		o.Rate, o.Burst = 2, 2
		o.Now = func() time.Time { return now }
		o.Sleep = func(_ context.Context, d time.Duration) error { now = now.Add(d); return nil }
	})
	began := now
	for range 12 {
		if _, err := b.get(); err != nil {
			t.Fatal(err)
		}
	}
	if took := now.Sub(began); took != 5*time.Second {
		t.Errorf("12 requests at 2 a second, 2 at once, took %s", took)
	}
}

// The example of RFC 5849 3.4.1 has a token; this one is signed by hand after the same rules.
func TestOAuthSignature(t *testing.T) {
	u, err := url.Parse("http://shop.example/wp-json/wc/v3/orders")
	if err != nil {
		t.Fatal(err)
	}
	q := url.Values{"per_page": {"1"}, "search": {"a b+c"}, "oauth_consumer_key": {"ck"}, "oauth_nonce": {"n"}, "oauth_signature_method": {"HMAC-SHA256"}, "oauth_timestamp": {"1700000000"}, "oauth_version": {"1.0"}}
	if got := httpapi.Signature1("GET", u, q, "cs"); got != "6pnMna4S5DupENW8JwN7d2la0OLqTrjQYkUpRgntvZo=" {
		t.Error(got)
	}
}

func TestAnswersThatAreNoJSON(t *testing.T) {
	for body, want := range map[string]string{"<!DOCTYPE html><p>Login": "an HTML page", "<html>": "an HTML page", "Fatal error: PHP": "not JSON", "": "not JSON"} {
		if err := httpapi.IsJSON(&httpapi.Response{Body: []byte(body)}); code(err) != "not_json" || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", body, err)
		}
	}
	if err := httpapi.IsJSON(&httpapi.Response{Body: []byte("\n[1]")}); err != nil {
		t.Error(err)
	}
}
