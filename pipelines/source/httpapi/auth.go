package httpapi

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/omoflow/omoflow/internal/secret"
)

// Basic signs with a name and a password (RFC 7617). read is called once and again after a 401, so that rotated secrets
// are found.
func Basic(read func(context.Context) (name, password secret.Value, err error)) Auth {
	return &keyed{read: read, sign: func(r *http.Request, name, password string) error {
		r.SetBasicAuth(name, password)
		return nil
	}}
}

// OAuth1 signs with OAuth 1.0a, one-legged (no token), HMAC-SHA256: what WooCommerce wants over plain http.
func OAuth1(read func(context.Context) (key, secretKey secret.Value, err error), now func() time.Time, nonce func() string) Auth {
	if now == nil {
		now = time.Now
	}
	if nonce == nil {
		nonce = func() string {
			var b [16]byte
			_, _ = rand.Read(b[:]) // never fails (crypto/rand)
			return hex.EncodeToString(b[:])
		}
	}
	return &keyed{read: read, sign: func(r *http.Request, key, password string) error {
		q := r.URL.Query()
		for name, value := range map[string]string{
			"oauth_consumer_key": key, "oauth_nonce": nonce(), "oauth_signature_method": "HMAC-SHA256",
			"oauth_timestamp": strconv.FormatInt(now().Unix(), 10), "oauth_version": "1.0",
		} {
			q.Set(name, value)
		}
		q.Set("oauth_signature", Signature1(r.Method, r.URL, q, password))
		r.URL.RawQuery = q.Encode()
		return nil
	}}
}

// Signature1 is the OAuth 1.0a signature of a request without a token.
func Signature1(method string, u *url.URL, q url.Values, password string) string {
	var pairs []string
	for name, values := range q {
		for _, value := range values {
			if name != "oauth_signature" {
				pairs = append(pairs, percent(name)+"="+percent(value))
			}
		}
	}
	sort.Strings(pairs)
	plain := *u
	plain.RawQuery, plain.Fragment = "", ""
	mac := hmac.New(sha256.New, []byte(percent(password)+"&"))
	mac.Write([]byte(method + "&" + percent(plain.String()) + "&" + percent(strings.Join(pairs, "&"))))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// percent encodes as RFC 3986 says; url.QueryEscape writes blanks as +.
func percent(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// keyed signs with two secrets that are read once.
type keyed struct {
	read func(context.Context) (a, b secret.Value, err error)
	sign func(r *http.Request, a, b string) error

	mutex sync.Mutex
	have  bool
	a, b  secret.Value
}

func (k *keyed) Sign(ctx context.Context, r *http.Request) error {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if !k.have {
		var err error
		if k.a, k.b, err = k.read(ctx); err != nil {
			return err
		}
		k.have = true
	}
	return k.sign(r, k.a.Reveal(), k.b.Reveal())
}

func (k *keyed) Refresh(ctx context.Context) (bool, error) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	a, b, err := k.read(ctx)
	if err != nil {
		return false, err
	}
	changed := a.Reveal() != k.a.Reveal() || b.Reveal() != k.b.Reveal()
	k.a, k.b = a, b
	return changed, nil
}

// Secrets are what must not be seen.
func (k *keyed) Secrets() []secret.Value {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return []secret.Value{k.a, k.b}
}

// Token puts a token that expires into a header. get hands out a token; it is called first and after each 401.
func Token(header, prefix string, get func(context.Context) (secret.Value, error)) Auth {
	return &token{header: header, prefix: prefix, get: get}
}

type token struct {
	header, prefix string
	get            func(context.Context) (secret.Value, error)

	mutex   sync.Mutex
	current secret.Value
	seen    []secret.Value // also those before: an old answer may repeat one
}

func (t *token) Sign(ctx context.Context, r *http.Request) error {
	t.mutex.Lock()
	have := len(t.seen) > 0
	t.mutex.Unlock()
	if !have {
		if _, err := t.Refresh(ctx); err != nil {
			return err
		}
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	r.Header.Set(t.header, t.prefix+t.current.Reveal())
	return nil
}

func (t *token) Refresh(ctx context.Context) (bool, error) {
	fresh, err := t.get(ctx)
	if err != nil {
		return false, err
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	changed := fresh.Reveal() != t.current.Reveal()
	t.current = fresh
	if changed {
		t.seen = append(t.seen, fresh)
	}
	return changed, nil
}

func (t *token) Secrets() []secret.Value {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return append([]secret.Value(nil), t.seen...)
}
