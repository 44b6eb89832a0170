package sftp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/file"
	"github.com/omoflow/omoflow/pipelines/source/sftp"
)

func (s site) put(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	when := time.Date(2026, 3, 1, 22, 5, 0, 0, time.UTC)
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, opt sftp.Options) *sftp.Place {
	t.Helper()
	p, err := sftp.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func list(t *testing.T, p *sftp.Place) (names []string) {
	t.Helper()
	if err := p.List(t.Context(), func(e file.Entry) error {
		names = append(names, fmt.Sprintf("%s %d %s", e.Name, e.Size, e.Modified.Format("15:04")))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

func TestFilesArePickedUp(t *testing.T) {
	for name, s := range sites(t) {
		t.Run(name, func(t *testing.T) {
			s.put(t, "receipts-S01.csv", "a,b\n1,2\n")
			s.put(t, "2026-03-01/receipts-S02.csv", "a,b\n3,4\n")
			s.put(t, ".hidden", "x")
			s.put(t, "receipts-S03.csv.part", "half")
			if err := os.Symlink(s.dir, filepath.Join(s.dir, "round")); err != nil {
				t.Fatal(err)
			}
			p := open(t, s.options())
			want := []string{"2026-03-01/receipts-S02.csv 8 22:05", "receipts-S01.csv 8 22:05", "receipts-S03.csv.part 4 22:05"}
			if got := list(t, p); !slices.Equal(got, want) {
				t.Fatalf("listed %q, want %q", got, want)
			}
			pattern, err := file.ParsePattern("receipts-{location_id}.csv*")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			watch := &file.Watch{Place: p, Pattern: pattern}
			if _, err := watch.Pull(t.Context(), nil, func(d source.Delivery) error {
				path, err := d.Fetch(t.Context(), t.TempDir())
				if err != nil {
					return err
				}
				text, err := os.ReadFile(path)
				got = append(got, d.Captures["location_id"]+": "+string(text))
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if want := []string{"S02: a,b\n3,4\n", "S01: a,b\n1,2\n"}; !slices.Equal(got, want) {
				t.Fatalf("took %q, want %q", got, want)
			}
			p.Close() // as a server that hangs up between two files
			if _, err := p.Fetch(t.Context(), "receipts-S01.csv", t.TempDir()); err != nil {
				t.Fatalf("after the connection was closed: %v", err)
			}
		})
	}
}

func TestServerIsKnownByItsHostKey(t *testing.T) {
	other, _ := keyPair(t, "")
	for name, s := range sites(t) {
		t.Run(name, func(t *testing.T) {
			s.put(t, "a.csv", "x")
			known := filepath.Join(t.TempDir(), "known_hosts")
			writeKnown := func(key ssh.PublicKey) {
				if err := os.WriteFile(known, []byte(knownhosts.Line([]string{s.addr}, key)+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			opt := s.options()
			opt.HostKeys, opt.KnownHosts = nil, known
			writeKnown(s.host)
			if got := list(t, open(t, opt)); len(got) != 1 {
				t.Fatalf("with known_hosts: %q", got)
			}
			writeKnown(other.PublicKey())
			expect(t, list1(open(t, opt)), fault.Denied, "host_key_wrong", ssh.FingerprintSHA256(s.host))
			opt = s.options()
			opt.HostKeys = []string{ssh.FingerprintSHA256(other.PublicKey())}
			expect(t, list1(open(t, opt)), fault.Denied, "host_key_wrong", "somebody may listen in")
			opt.HostKeys = nil
			_, err := sftp.New(opt)
			expect(t, err, fault.Usage, "host_key_missing", "fingerprint")
			opt.HostKeys = []string{"MD5:00:11"}
			_, err = sftp.New(opt)
			expect(t, err, fault.Usage, "host_key", "SHA256:")
		})
	}
}

func list1(p *sftp.Place) error {
	return p.List(context.Background(), func(file.Entry) error { return nil })
}

// expect asks for a fault with a kind, a code and a part of what a person reads.
func expect(t *testing.T, err error, kind fault.Kind, code, part string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != kind || f.Code != code || !strings.Contains(err.Error()+f.Hint, part) {
		t.Fatalf("got %v, want %s with code %s and %q", err, kind, code, part)
	}
}

func TestLogins(t *testing.T) {
	own := startOwn(t)
	own.put(t, "a.csv", "x")
	opt := own.options()
	opt.Key, opt.Password = secret.Value{}, secret.Of(own.password)
	if got := list(t, open(t, opt)); len(got) != 1 {
		t.Fatalf("by password: %q", got)
	}
	opt.Password = secret.Of("something that must not be printed")
	err := list1(open(t, opt))
	expect(t, err, fault.Denied, "login_refused", "check user, key and password")
	if strings.Contains(fmt.Sprintf("%v %+v", err, opt), "must not") {
		t.Fatalf("the password is printed: %v", err)
	}
	for name, s := range sites(t) {
		t.Run(name, func(t *testing.T) {
			opt := s.options()
			_, stranger := keyPair(t, "")
			opt.Key = secret.Of(stranger)
			expect(t, list1(open(t, opt)), fault.Denied, "login_refused", "check user, key and password")
		})
	}
	_, locked := keyPair(t, "open sesame")
	opt.Key = secret.Of(locked)
	_, err = sftp.New(opt)
	expect(t, err, fault.Denied, "key_locked", "sftp.passphrase")
	opt.Passphrase = secret.Of("open sesame")
	if _, err = sftp.New(opt); err != nil {
		t.Fatal(err)
	}
	opt.Key = secret.Of("ssh-ed25519 AAAA a public key")
	_, err = sftp.New(opt)
	expect(t, err, fault.Denied, "key_unreadable", "not the .pub file")
	opt.Key, opt.Password = secret.Value{}, secret.Value{}
	_, err = sftp.New(opt)
	expect(t, err, fault.Usage, "login_missing", "sftp.key")
	for url, code := range map[string]string{"sftp://till:pw@host/in": "literal_secret", "sftp://host/in": "invalid_sftp", "ftp://till@host/in": "invalid_sftp", "sftp://till@/in": "invalid_sftp"} {
		opt := own.options()
		opt.URL = url
		_, err := sftp.New(opt)
		expect(t, err, fault.Usage, code, "")
		if strings.Contains(err.Error(), "pw") {
			t.Fatalf("the password is printed: %v", err)
		}
	}
}

func TestServersThatFail(t *testing.T) {
	for name, s := range sites(t) {
		t.Run(name, func(t *testing.T) {
			opt := s.options()
			opt.URL += "/nowhere"
			expect(t, list1(open(t, opt)), fault.Usage, "inbox_missing", "make the folder on the server")
			s.put(t, "gone.csv", "x")
			p := open(t, s.options())
			list(t, p)
			if err := os.Remove(filepath.Join(s.dir, "gone.csv")); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Fetch(t.Context(), "gone.csv", t.TempDir()); !errors.Is(err, os.ErrNotExist) {
				t.Fatalf("a file that was taken away: %v", err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			err := p.List(ctx, func(file.Entry) error { return nil })
			expect(t, err, fault.Interrupted, "interrupted", "run again")
		})
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := startOwn(t)
	s.addr = listener.Addr().String()
	go func() { // accepts and says nothing
		for {
			if _, err := listener.Accept(); err != nil {
				return
			}
		}
	}()
	opt := s.options()
	opt.Timeout = 200 * time.Millisecond
	began := time.Now()
	expect(t, list1(open(t, opt)), fault.Unavailable, "sftp_unreachable", "the next run tries again")
	if took := time.Since(began); took > 10*time.Second {
		t.Fatalf("a silent server was waited for %v", took)
	}
	listener.Close()
	expect(t, list1(open(t, opt)), fault.Unavailable, "sftp_unreachable", "check host, port and firewall")
}
