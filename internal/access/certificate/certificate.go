// Package certificate serves TLS with a certificate and key from files, and takes new ones when the files change: what renews
// certificates needs to tell nobody.
package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

// How often the files are looked at, at most, and how long before its end a certificate is complained about.
const (
	lookEvery = 5 * time.Second
	warnTime  = 14 * 24 * time.Hour
)

// Options say where the certificate is. Log is told of new certificates and of files that cannot be used; nil is fine.
type Options struct {
	Certificate string // PEM file with the chain, the host's own first
	Key         string // PEM file
	Now         func() time.Time
	Log         func(format string, args ...any)
}

// Files is a certificate that follows its files.
type Files struct {
	opt Options

	mu     sync.Mutex
	pair   *tls.Certificate
	stamp  string // of the files that were looked at last, good or not
	looked time.Time
}

// Load reads the files. What cannot be used at the start is an error; later the certificate that was good stays.
func Load(o Options) (*Files, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	f := &Files{opt: o}
	f.stamp, f.looked = f.stamped(), o.Now()
	pair, err := f.load()
	if err != nil {
		return nil, err
	}
	f.pair = pair
	return f, nil
}

// Config gives what an http.Server needs: TLS 1.2 or later.
func (f *Files) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: f.get}
}

// Expires is when the certificate ends.
func (f *Files) Expires() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pair.Leaf.NotAfter
}

func (f *Files) load() (*tls.Certificate, error) {
	subject := f.opt.Certificate + ", " + f.opt.Key
	pair, err := tls.LoadX509KeyPair(f.opt.Certificate, f.opt.Key)
	if err != nil {
		return nil, fault.Wrap(err, fault.Usage, "bad_certificate", subject, "name a PEM certificate chain and the PEM key that belongs to it", "TLS cannot be served with these files")
	}
	if pair.Leaf == nil { // only with GODEBUG x509keypairleaf=0
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return nil, fault.Wrap(err, fault.Usage, "bad_certificate", subject, "name a PEM certificate chain", "TLS cannot be served with these files")
		}
	}
	if left := pair.Leaf.NotAfter.Sub(f.opt.Now()); left < warnTime {
		f.opt.Log("the certificate %s ends at %s: renew it", f.opt.Certificate, pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return &pair, nil
}

// stamped tells two versions of the files apart.
func (f *Files) stamped() string {
	stamp := ""
	for _, path := range []string{f.opt.Certificate, f.opt.Key} {
		info, err := os.Stat(path)
		if err != nil {
			stamp += err.Error()
			continue
		}
		stamp += fmt.Sprint(info.Size(), info.ModTime().UnixNano())
	}
	return stamp
}

func (f *Files) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.opt.Now()
	if now.Sub(f.looked).Abs() < lookEvery {
		return f.pair, nil
	}
	f.looked = now
	stamp := f.stamped()
	if stamp == f.stamp {
		return f.pair, nil
	}
	f.stamp = stamp
	pair, err := f.load() // between the writing of the two files they do not fit; the second changes the stamp again
	if err != nil {
		f.opt.Log("the certificate in use stays: %v", err)
		return f.pair, nil
	}
	f.opt.Log("a new certificate is in use; it ends at %s", pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	f.pair = pair
	return f.pair, nil
}
