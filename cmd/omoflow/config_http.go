package main

import (
	"net/netip"
	"time"

	"github.com/omoflow/omoflow/internal/access/certificate"
	"github.com/omoflow/omoflow/internal/access/gate"
	"github.com/omoflow/omoflow/internal/fault"
)

// HTTPConfig says how omoflow serve answers over HTTP.
type HTTPConfig struct {
	TLS            *TLSConfig `yaml:"tls"`             // without it, plain HTTP
	TrustedProxies []string   `yaml:"trusted_proxies"` // addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed
	SessionIdle    string     `yaml:"session_idle"`    // a session ends when it is not used for so long; default 2h
	SessionLongest string     `yaml:"session_longest"` // a session ends in any case; default 12h
}

// TLSConfig names the certificate. New files are taken without a restart.
type TLSConfig struct {
	Certificate string `yaml:"certificate"` // PEM chain
	Key         string `yaml:"key"`         // PEM
}

const leastSession = time.Minute

func (h *HTTPConfig) validate(bad func(key, hint, format string, args ...any) error) error {
	if h.TLS != nil && (h.TLS.Certificate == "" || h.TLS.Key == "") {
		return bad("http.tls", "name a certificate and a key file, or leave tls out", "certificate or key is missing")
	}
	for _, text := range h.TrustedProxies {
		if _, err := network(text); err != nil {
			return bad("http.trusted_proxies", "write an address such as 10.0.0.5 or a network such as 10.0.0.0/24", "%q is neither", text)
		}
	}
	for key, text := range map[string]string{"session_idle": h.SessionIdle, "session_longest": h.SessionLongest} {
		if d, err := time.ParseDuration(text); text != "" && (err != nil || d < leastSession) {
			return bad("http."+key, "write a duration of at least 1m, such as 2h", "%q is not such a duration", text)
		}
	}
	return nil
}

// network reads a network, or an address as a network of one.
func network(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return a.Unmap().Prefix(a.Unmap().BitLen())
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err
}

// gateOptions gives what a validated configuration says of the gate.
func (h *HTTPConfig) gateOptions() gate.Options {
	var o gate.Options
	for _, text := range h.TrustedProxies {
		if p, err := network(text); err == nil {
			o.Proxies = append(o.Proxies, p)
		}
	}
	o.Idle, _ = time.ParseDuration(h.SessionIdle) // validated; empty is the gate's default
	o.Longest, _ = time.ParseDuration(h.SessionLongest)
	return o
}

// certificate loads the certificate; nil when plain HTTP is wanted.
func (c *Config) certificate(a *app) (*certificate.Files, error) {
	if c.HTTP.TLS == nil {
		return nil, nil
	}
	return certificate.Load(certificate.Options{Certificate: c.resolve(c.HTTP.TLS.Certificate), Key: c.resolve(c.HTTP.TLS.Key), Log: a.note})
}

// checkCertificate tells until when the certificate is valid; one that no browser takes any more is an error.
func (c *Config) checkCertificate(a *app) (string, error) {
	files, err := c.certificate(a)
	if err != nil {
		return "", err
	}
	end := files.Expires().UTC().Format(time.RFC3339)
	if !files.Expires().After(time.Now()) {
		return "", fault.New(fault.Usage, "certificate_expired", c.resolve(c.HTTP.TLS.Certificate), "renew it and put the new files there; a running omoflow serve takes them", "the certificate ended at %s", end)
	}
	return "valid until " + end, nil
}
