// Package channel makes channels of what a configuration says of them. Secrets are named there by reference and read when a
// message is sent.
package channel

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/netguard"
	"github.com/omoflow/omoflow/internal/notify"
	"github.com/omoflow/omoflow/internal/notify/mail"
	"github.com/omoflow/omoflow/internal/notify/robot"
	"github.com/omoflow/omoflow/internal/secret"
)

// Config is one channel as written in YAML. Which keys belong to which kind, Open says.
type Config struct {
	Kind         string `yaml:"kind"`     // smtp, wecom, dingtalk, feishu, slack or webhook
	Language     string `yaml:"language"` // zh-CN, en or both; default the file's
	Timeout      string `yaml:"timeout"`  // of one message
	AllowPrivate bool   `yaml:"allow_private"`
	AllowPlain   bool   `yaml:"allow_plain"`

	URL     string `yaml:"url"`    // a reference; of kind webhook the address itself may stand there
	Secret  string `yaml:"secret"` // a reference: signs the messages
	Keyword string `yaml:"keyword"`

	Host     string   `yaml:"host"`
	Port     int      `yaml:"port"`
	TLS      string   `yaml:"tls"`
	Auth     string   `yaml:"auth"`
	Username string   `yaml:"username"`
	Password string   `yaml:"password"` // a reference
	From     string   `yaml:"from"`
	To       []string `yaml:"to"`
}

// Options are what channels are made with besides.
type Options struct {
	Secrets secret.Resolver
	RootCAs *x509.CertPool                                               // nil: the system's
	Lookup  func(ctx context.Context, host string) ([]netip.Addr, error) // nil: the system's
}

const smtp = "smtp"

// Kinds names every kind of channel, in order.
func Kinds() []string {
	all := append(robot.Kinds(), smtp)
	slices.Sort(all)
	return all
}

// Open checks a channel's configuration and makes it. Subject names its place, such as "omoflow.yaml: alerts.channels.ops".
// Nothing is sent and no secret is read. Errors are of kind Usage.
func Open(subject string, c Config, opt Options) (notify.Channel, error) {
	if !slices.Contains(Kinds(), c.Kind) {
		hint := "write one of " + strings.Join(Kinds(), ", ")
		if near := fault.Nearest(c.Kind, Kinds()); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return nil, fault.New(fault.Usage, "invalid_channel", subject+".kind", hint, "%q is no kind of channel", c.Kind)
	}
	timeout := time.Duration(0)
	if c.Timeout != "" {
		var err error
		if timeout, err = time.ParseDuration(c.Timeout); err != nil || timeout < time.Second || timeout > 5*time.Minute {
			return nil, fault.New(fault.Usage, "invalid_channel", subject+".timeout", "write a duration from 1s to 5m", "%q is no such duration", c.Timeout)
		}
	}
	if err := c.foreign(subject); err != nil {
		return nil, err
	}
	if c.Kind == smtp {
		return c.mail(subject, timeout, opt)
	}
	return c.robot(subject, timeout, opt)
}

// foreign refuses keys of another kind: what is written must mean something.
func (c Config) foreign(subject string) error {
	of := map[string][]string{
		smtp: {"host", "port", "tls", "auth", "username", "password", "from", "to"}, "webhook": {"url", "secret"}, "slack": {"url"},
		"wecom": {"url"}, "dingtalk": {"url", "secret", "keyword"}, "feishu": {"url", "secret", "keyword"},
	}
	for key, written := range map[string]bool{
		"url": c.URL != "", "secret": c.Secret != "", "keyword": c.Keyword != "", "host": c.Host != "", "port": c.Port != 0, "tls": c.TLS != "",
		"auth": c.Auth != "", "username": c.Username != "", "password": c.Password != "", "from": c.From != "", "to": len(c.To) > 0,
	} {
		if written && !slices.Contains(of[c.Kind], key) {
			return fault.New(fault.Usage, "invalid_channel", subject+"."+key, "remove it; a channel of kind "+c.Kind+" has "+strings.Join(of[c.Kind], ", "), "means nothing to kind %s", c.Kind)
		}
	}
	return nil
}

func (c Config) mail(subject string, timeout time.Duration, opt Options) (notify.Channel, error) {
	password, err := reader(subject+".password", c.Password, opt)
	if err != nil {
		return nil, err
	}
	return mail.New(subject, mail.Options{
		Host: c.Host, Port: c.Port, TLS: c.TLS, Auth: c.Auth, Username: c.Username, Password: password, From: c.From, To: c.To,
		Timeout: timeout, AllowPrivate: c.AllowPrivate, AllowPlain: c.AllowPlain, RootCAs: opt.RootCAs, Lookup: opt.Lookup,
	})
}

func (c Config) robot(subject string, timeout time.Duration, opt Options) (notify.Channel, error) {
	address, err := reader(subject+".url", c.URL, opt)
	if c.Kind == "webhook" && strings.Contains(c.URL, "://") {
		address, err = func(context.Context) (secret.Value, error) { return secret.Of(c.URL), nil }, c.open(subject+".url")
	}
	if err != nil {
		return nil, err
	}
	key, err := reader(subject+".secret", c.Secret, opt)
	if err != nil {
		return nil, err
	}
	return robot.New(subject, c.Kind, robot.Options{
		URL: address, Secret: key, Keyword: c.Keyword, Timeout: timeout, AllowPrivate: c.AllowPrivate, AllowPlain: c.AllowPlain, RootCAs: opt.RootCAs, Lookup: opt.Lookup,
	})
}

// open checks an address that stands in the configuration itself as far as that goes without asking for names.
func (c Config) open(subject string) error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !c.AllowPlain) {
		return fault.New(fault.Usage, "invalid_channel", subject, "write https://host/path without user and password; http:// needs allow_plain: true", "is not an address that messages may go to")
	}
	if ip, err := netip.ParseAddr(u.Hostname()); (err == nil && !netguard.Public(ip) || u.Hostname() == "localhost") && !c.AllowPrivate {
		return fault.New(fault.Denied, "private_address", subject, "write allow_private: true beside it when the server is in your own network", "is not a public address")
	}
	return nil
}

// reader gives what reads a referenced secret, nil for no reference.
func reader(subject, reference string, opt Options) (func(context.Context) (secret.Value, error), error) {
	if reference == "" {
		return nil, nil
	}
	if err := secret.Check(subject, reference); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (secret.Value, error) { return opt.Secrets.Read(ctx, subject, reference) }, nil
}
