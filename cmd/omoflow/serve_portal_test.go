package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/access"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/pipelines/portal"
)

// selfSigned writes a certificate for this machine into a folder.
func selfSigned(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	writeText(t, filepath.Join(dir, "cert.pem"), string(certificate))
	writeText(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	return pool
}

// visitor is a browser without a window.
type visitor struct {
	t      *testing.T
	client *http.Client
	url    string
}

func (v *visitor) read(answer *http.Response, err error) (int, string) {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func (v *visitor) get(path string, headers ...string) (int, string) {
	v.t.Helper()
	r, err := http.NewRequest(http.MethodGet, v.url+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return v.read(v.client.Do(r))
}

// People sign in over TLS and stay signed in when the configuration is read again, until their token is revoked.
func TestServeLetsInWhoHasAToken(t *testing.T) {
	dir := t.TempDir()
	pool := selfSigned(t, dir)
	writeText(t, filepath.Join(dir, configName), "version: 1\ncompany: {name: Shop, home_currency: CNY, zone: Asia/Shanghai}\nsources: {}\nhttp:\n  tls: {certificate: cert.pem, key: key.pem}\n")
	writeText(t, filepath.Join(dir, schedulesName), fmt.Sprintf(everyMinute, "often"))
	said, stop := serveProject(t, dir, serveFlags{stop: time.Minute})
	base := said.wait(t, `listening at (https://[0-9.:]+)`)
	said.wait(t, `nobody can sign in yet`)
	register, closing, err := (&app{project: dir}).register(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer closing()
	_, secret, err := register.Issue(t.Context(), "office", access.Viewer, time.Time{}, "ann")
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	v := &visitor{t, &http.Client{Jar: jar, Transport: transport}, base}
	if code, _ := v.get("/"); code != 401 {
		t.Errorf("a program without a token: %d", code)
	}
	if code, body := v.get("/healthz"); code != 200 || !strings.Contains(body, `"ok":true`) {
		t.Errorf("health: %d %s", code, body)
	}
	time.Sleep(2 * time.Second) // the token was made by another process
	if code, body := v.get("/", "Authorization", "Bearer "+secret, "Accept-Language", "en"); code != 200 || !strings.Contains(body, "Shop · Status") || !strings.Contains(body, "often") {
		t.Errorf("a program with a token: %d %s", code, body)
	}
	if code, body := v.get("/metrics", "Authorization", "Bearer "+secret); code != 200 || !strings.Contains(body, "omoflow_lake_up 1") || !strings.Contains(body, `route="healthz"`) {
		t.Errorf("metrics: %d %s", code, body)
	}
	_, body := v.get("/", "Accept", "text/html")
	form := regexp.MustCompile(`name="form" value="([^"]+)"`).FindStringSubmatch(body)
	if form == nil {
		t.Fatalf("no login page: %s", body)
	}
	if code, body := v.read(v.client.PostForm(base+"/login", url.Values{"form": {form[1]}, "token": {secret}})); code != 200 || !strings.Contains(body, "office") {
		t.Fatalf("signing in: %d %s", code, body)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	said.wait(t, `reloaded`)
	if code, body := v.get("/documents", "Accept", "text/html"); code != 200 || !strings.Contains(body, "office") {
		t.Errorf("after a reload: %d %s", code, body)
	}
	if _, _, err := register.Revoke(t.Context(), "office", "ann"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	if code, _ := v.get("/"); code != 401 {
		t.Errorf("after the token was revoked: %d", code)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if strings.Contains(said.String(), secret) {
		t.Error("the token is in the log")
	}
}

// The page's figures come from the logs, each entry of which is read once.
func TestPortalSourceFollowsTheLogs(t *testing.T) {
	dir := t.TempDir()
	writeText(t, filepath.Join(dir, configName), "version: 1\ncompany: {name: Shop, home_currency: CNY, zone: Asia/Shanghai}\nsources:\n  tills:\n    path: in\n    feeds: {receipts: {match: \"*.csv\", profile: loyverse-by-item}}\n")
	a := &app{project: dir, quiet: true, stdout: os.Stdout, stderr: os.Stderr}
	p, err := a.openProject(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	jobs, err := a.jobs(p.config)
	if err != nil {
		t.Fatal(err)
	}
	s := a.newPortalSource(p, jobs)
	snapshot := func() portal.Snapshot {
		t.Helper()
		now, err := s.Snapshot(context.Background())
		if err != nil || len(now.Absent) > 0 {
			t.Fatalf("%v %v", now.Absent, err)
		}
		return now
	}
	first := snapshot()
	if len(first.Feeds) != 1 || !first.Feeds[0].LastArrival.IsZero() || len(first.Jobs) != len(jobs) || first.Release != 0 {
		t.Errorf("an empty lake: %+v", first)
	}
	log := p.lake.StreamLog("tills", "receipts")
	for i := range int64(3) {
		batch := lake.Batch{ID: fmt.Sprint(i), Source: "tills", Feed: "receipts", Files: []lake.File{{Refused: i == 2}}, Counts: lake.Counts{Read: 10, Accepted: 8, Quarantined: 2}, Staged: []lake.Staged{{MaxDate: fmt.Sprintf("2026-03-0%d", i+1)}}}
		if _, err := log.Append(t.Context(), i+1, lake.KindBatch, batch); err != nil {
			t.Fatal(err)
		}
		now := snapshot()
		want := portal.Feed{Source: "tills", Feed: "receipts", Files: i + 1, Refused: i / 2, Read: 10 * (i + 1), Accepted: 8 * (i + 1), Quarantined: 2 * (i + 1), LastDate: fmt.Sprintf("2026-03-0%d", i+1), LastArrival: now.Feeds[0].LastArrival}
		if now.Feeds[0] != want || now.Pending != i+1 || want.LastArrival.IsZero() {
			t.Errorf("after %d batches: %+v, %d pending", i+1, now.Feeds[0], now.Pending)
		}
	}
	content := []byte("<p>the pack</p>")
	object := func(name string, content []byte) lake.Object {
		t.Helper()
		key := lake.ReportKey("joint-meeting", "2026-W12", 1, name)
		if _, err := p.lake.Bucket.PutIfAbsent(t.Context(), key, objstore.Bytes(content), objstore.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		return lake.Object{Key: key, SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(content))}
	}
	d := lake.Document{Report: "joint-meeting", Period: "2026-W12", Version: 1, Release: 4, Manifest: object("manifest.json", []byte(`{"status":"final"}`)), Files: []lake.Object{object("document.html", content)}}
	if _, err := p.lake.DocumentLog().Append(t.Context(), 1, lake.KindDocument, d); err != nil {
		t.Fatal(err)
	}
	now := snapshot()
	if len(now.Documents) != 1 || now.Documents[0].ID != "joint-meeting.2026-W12.v1" || now.Documents[0].Status != "final" || len(now.Documents[0].Files) != 1 {
		t.Fatalf("%+v", now.Documents)
	}
	got, err := s.Content(t.Context(), now.Documents[0], now.Documents[0].Files[0])
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("%q, %v", got, err)
	}
	outside := now.Documents[0].Files[0]
	outside.Name = "../../../lake.json"
	if got, err := s.Content(t.Context(), now.Documents[0], outside); err == nil {
		t.Errorf("a file outside the archive: %q", got)
	}
	changed := now.Documents[0].Files[0]
	changed.SHA256 = strings.Repeat("0", 64)
	if _, err := s.Content(t.Context(), now.Documents[0], changed); err == nil {
		t.Error("a file with other bytes was given")
	}
}

func TestHTTPConfigIsValidated(t *testing.T) {
	for text, want := range map[string]string{
		"tls: {certificate: a.pem}":                         "http.tls",
		"tls: {certificate: a.pem, key: b.pem, cipher: x}":  "cipher",
		"trusted_proxies: [10.0.0.300]":                     "http.trusted_proxies",
		"trusted_proxies: [10.0.0.1, 10.1.0.0/16, \"::1\"]": "",
		"session_idle: 30":                                  "http.session_idle",
		"session_longest: 1s":                               "http.session_longest",
		"{session_idle: 30m, session_longest: 8h}":          "",
	} {
		dir := t.TempDir()
		writeText(t, filepath.Join(dir, configName), "version: 1\ncompany: {home_currency: CNY, zone: Asia/Shanghai}\nhttp:\n  "+text+"\n")
		config, err := loadConfig(dir)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", text, err)
		}
		if strings.HasPrefix(text, "trusted") && want == "" {
			if o := config.HTTP.gateOptions(); len(o.Proxies) != 3 || !o.Proxies[0].Contains(netip.MustParseAddr("10.0.0.1")) || o.Proxies[0].Contains(netip.MustParseAddr("10.0.0.2")) {
				t.Errorf("proxies %v", o.Proxies)
			}
		}
	}
	dir := t.TempDir()
	selfSigned(t, dir)
	writeText(t, filepath.Join(dir, configName), "version: 1\ncompany: {home_currency: CNY, zone: Asia/Shanghai}\nhttp:\n  tls: {certificate: cert.pem, key: key.pem}\n")
	config, err := loadConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	if note, err := config.checkCertificate(&app{quiet: true}); err != nil || !strings.HasPrefix(note, "valid until 2") {
		t.Errorf("%q %v", note, err)
	}
	if err := os.Remove(filepath.Join(dir, "key.pem")); err != nil {
		t.Fatal(err)
	}
	if _, err := config.checkCertificate(&app{quiet: true}); err == nil {
		t.Error("a certificate without its key is fine")
	}
}

func TestLifetimesOfTokens(t *testing.T) {
	for text, want := range map[string]time.Duration{"90d": 90 * 24 * time.Hour, "12h": 12 * time.Hour, "never": 0, "0d": -1, "-1d": -1, "": -1, "4000d": -1, "1s": -1, "x": -1, "99999999h": -1} {
		got, err := lifetime(text)
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
}

// The matrix is read again when what was awaited is due, and only then.
func TestTheNextDueTimeIsTheFirstToCome(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	at := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339) }
	if got := nextDue([]cell{{Due: at(-time.Hour)}, {Due: at(3 * time.Hour)}, {Due: at(2 * time.Hour)}, {}}, now); !got.Equal(now.Add(2 * time.Hour)) {
		t.Errorf("next %s", got)
	}
	if got := nextDue([]cell{{Due: at(-time.Hour)}, {}}, now); !got.IsZero() {
		t.Errorf("next %s", got)
	}
}
