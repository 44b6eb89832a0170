package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

// write makes a self-signed certificate with a serial number.
func write(t *testing.T, dir string, serial int64, ends time.Time) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, NotBefore: time.Unix(0, 0), NotAfter: ends}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
	put(t, filepath.Join(dir, "cert.pem"), certificate)
	put(t, filepath.Join(dir, "key.pem"), key)
	return certificate, key
}

func put(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestANewCertificateIsTakenAndABadOneIsNot(t *testing.T) {
	dir, now := t.TempDir(), time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	write(t, dir, 1, now.AddDate(1, 0, 0))
	var log []string
	f, err := Load(Options{Certificate: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), Now: func() time.Time { return now },
		Log: func(format string, args ...any) { log = append(log, fmt.Sprintf(format, args...)) }})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	server.TLS = f.Config()
	server.StartTLS()
	defer server.Close()
	serial := func() int64 {
		t.Helper()
		conn, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"}) //nolint:gosec // its own certificate; the name keeps httptest's out
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // only the certificate was wanted
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	step := func(what string, want int64) {
		t.Helper()
		now = now.Add(lookEvery)
		if got := serial(); got != want {
			t.Errorf("%s: certificate %d, want %d", what, got, want)
		}
	}
	step("at the start", 1)
	certificate, key := write(t, dir, 2, now.AddDate(2, 0, 0))
	if got := serial(); got != 1 {
		t.Errorf("certificate %d within the time between two looks", got)
	}
	step("after a renewal", 2)
	put(t, filepath.Join(dir, "cert.pem"), []byte("half a file"))
	step("with a damaged file", 2)
	if err := os.Remove(filepath.Join(dir, "key.pem")); err != nil {
		t.Fatal(err)
	}
	step("without a key", 2)
	put(t, filepath.Join(dir, "cert.pem"), certificate)
	put(t, filepath.Join(dir, "key.pem"), key)
	step("after it was mended", 2)
	write(t, dir, 3, now.AddDate(0, 0, 3))
	step("with a short one", 3)
	if text := strings.Join(log, "\n"); strings.Count(text, "stays") != 2 || !strings.Contains(text, "renew it") || strings.Contains(text, "PRIVATE") {
		t.Errorf("log:\n%s", text)
	}
	if want := now.AddDate(0, 0, 3).Add(-lookEvery); f.Expires().Sub(want).Abs() > time.Second {
		t.Errorf("expires %s, want %s", f.Expires(), want)
	}
	if conn, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil { //nolint:gosec // it must fail
		_ = conn.Close()
		t.Error("TLS 1.1 is served")
	}
}

func TestFilesThatCannotBeUsedAreRefusedAtTheStart(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, 1, time.Now().AddDate(1, 0, 0))
	other := t.TempDir()
	write(t, other, 2, time.Now().AddDate(1, 0, 0))
	put(t, filepath.Join(dir, "empty.pem"), nil)
	for name, o := range map[string]Options{
		"missing":         {Certificate: filepath.Join(dir, "none.pem"), Key: filepath.Join(dir, "key.pem")},
		"empty":           {Certificate: filepath.Join(dir, "empty.pem"), Key: filepath.Join(dir, "key.pem")},
		"another's key":   {Certificate: filepath.Join(dir, "cert.pem"), Key: filepath.Join(other, "key.pem")},
		"key for a chain": {Certificate: filepath.Join(dir, "key.pem"), Key: filepath.Join(dir, "key.pem")},
	} {
		if _, err := Load(o); fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
