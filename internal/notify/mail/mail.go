// Package mail sends messages by SMTP: text and HTML in one mail, one mail per recipient.
//
// SMTP cannot be asked what became of a mail. Until the final dot was sent nothing was taken; between the dot and the server's
// answer the outcome is unknown, and only there. A mail therefore keeps its Message-ID on every attempt, so that mailboxes that
// compare it show a repeated mail once, and the channel still does not call itself idempotent.
package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/netip"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/netguard"
	"github.com/omoflow/omoflow/internal/notify"
	"github.com/omoflow/omoflow/internal/secret"
)

// How the connection is encrypted.
const (
	StartTLS = "starttls" // begins plain, must become encrypted before anything is said; the default
	TLS      = "tls"      // encrypted from the first byte
	None     = "none"     // never: only for a server in one's own network
)

// Options describe a server and the addressees. Host, From and To are mandatory.
type Options struct {
	Host         string
	Port         int    // default 587 with starttls, 465 with tls, 25 with none
	TLS          string // StartTLS, TLS or None
	Auth         string // auto (default), plain or login; used when there is a user name
	Username     string
	Password     func(context.Context) (secret.Value, error) // read for each connection, so that a rotated one is found
	From         string                                      // "Name <address>" or an address
	To           []string
	Timeout      time.Duration // of a whole Send; default 60s
	AllowPrivate bool
	AllowPlain   bool // credentials may go over a connection without encryption

	RootCAs *x509.CertPool                                               // nil: the system's
	Lookup  func(ctx context.Context, host string) ([]netip.Addr, error) // nil: the system's
}

type channel struct {
	opt  Options
	from *netmail.Address
	to   []string
}

// New checks the options. Nothing is sent.
func New(subject string, opt Options) (notify.Channel, error) {
	bad := func(key, hint, format string, args ...any) (notify.Channel, error) {
		return nil, fault.New(fault.Usage, "invalid_channel", subject+"."+key, hint, format, args...)
	}
	if opt.Host == "" || strings.ContainsAny(opt.Host, "/@: ") {
		return bad("host", "write the server's name, such as smtp.example.com", "%q is not a host", opt.Host)
	}
	ports := map[string]int{StartTLS: 587, TLS: 465, None: 25}
	if opt.TLS == "" {
		opt.TLS = StartTLS
	}
	port, known := ports[opt.TLS]
	if !known {
		return bad("tls", "write starttls, tls or none", "%q is not known", opt.TLS)
	}
	if opt.Port == 0 {
		opt.Port = port
	}
	if opt.Port < 1 || opt.Port > 65535 {
		return bad("port", "write 587, 465 or 25", "%d is not a port", opt.Port)
	}
	if (opt.Username != "") != (opt.Password != nil) {
		return bad("username", "write both username and password, or neither", "username and password belong together")
	}
	if opt.Username != "" && opt.TLS == None && !opt.AllowPlain {
		return bad("tls", "use starttls or tls; allow_plain: true when the network is yours", "the password would go over an unencrypted connection")
	}
	switch opt.Auth {
	case "", "auto", "plain", "login":
	default:
		return bad("auth", "write auto, plain or login", "%q is not known", opt.Auth)
	}
	if opt.Timeout == 0 {
		opt.Timeout = time.Minute
	}
	c := &channel{opt: opt}
	var err error
	if c.from, err = netmail.ParseAddress(opt.From); err != nil {
		return bad("from", "write an address such as omoflow@example.com", "is not a mail address")
	}
	if len(opt.To) == 0 {
		return bad("to", "list the addresses that are told", "is empty")
	}
	for _, text := range opt.To {
		one, err := netmail.ParseAddress(text)
		if err != nil {
			return bad("to", "write addresses such as ops@example.com", "holds a text that is not a mail address")
		}
		c.to = append(c.to, one.Address)
	}
	return c, nil
}

func (c *channel) Recipients() []string { return c.to }

// Idempotent is false: no server is bound to compare Message-IDs.
func (c *channel) Idempotent() bool    { return false }
func (c *channel) Limit() notify.Limit { return notify.Limit{} }

func (c *channel) Send(ctx context.Context, recipient string, m notify.Message) (notify.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opt.Timeout)
	defer cancel()
	mail, err := c.compose(recipient, m)
	if err != nil {
		return notify.Receipt{}, &notify.Error{Outcome: notify.Never, Err: fault.Wrap(err, fault.Internal, "mail_unwritable", c.opt.Host, "report this", "the mail cannot be written")}
	}
	password := secret.Value{}
	if c.opt.Password != nil {
		if password, err = c.opt.Password(ctx); err != nil {
			return notify.Receipt{}, &notify.Error{Outcome: notify.Again, Err: err}
		}
	}
	line := &wire{}
	defer line.close() // never by QUIT on an error: ending an unfinished text would send its dot
	client, err := c.client(line, password)
	if err != nil {
		return notify.Receipt{}, &notify.Error{Outcome: notify.Never, Err: fault.Wrap(err, fault.Usage, "invalid_channel", c.opt.Host, "correct the channel", "the mail client refuses the options")}
	}
	stop := context.AfterFunc(ctx, line.close)
	defer stop()
	if err := client.DialWithContext(ctx); err != nil {
		return notify.Receipt{}, c.refused(err, "connect", password)
	}
	if err := client.Send(mail); err != nil && !mail.IsDelivered() {
		return notify.Receipt{}, c.failed(err, password)
	}
	_ = client.Close() // the mail was taken; how they part does not matter
	return notify.Receipt{Note: mask(mail.ServerResponse())}, nil
}

// wire holds the connection below the client, to drop it without a word.
type wire struct {
	mutex sync.Mutex
	conn  net.Conn
	done  bool
}

func (w *wire) hold(conn net.Conn) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.conn = conn; w.done {
		_ = conn.Close() // the deadline passed meanwhile
	}
}

func (w *wire) close() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.done = true; w.conn != nil {
		_ = w.conn.Close() // nothing is waited for
	}
}

func (c *channel) client(line *wire, password secret.Value) (*gomail.Client, error) {
	config := &tls.Config{ServerName: c.opt.Host, MinVersion: tls.VersionTLS12, RootCAs: c.opt.RootCAs}
	guard := netguard.Dialer{AllowPrivate: c.opt.AllowPrivate, Lookup: c.opt.Lookup}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := guard.Dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		line.hold(conn)
		if c.opt.TLS != TLS {
			return conn, nil
		}
		encrypted := tls.Client(conn, config)
		return encrypted, encrypted.HandshakeContext(ctx)
	}
	options := []gomail.Option{
		gomail.WithPort(c.opt.Port), gomail.WithTimeout(c.opt.Timeout), gomail.WithTLSConfig(config), gomail.WithDialContextFunc(dial),
		gomail.WithoutNoop(), gomail.WithoutRset(), gomail.WithTLSPolicy(gomail.NoTLS),
	}
	switch c.opt.TLS {
	case StartTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case TLS:
		options = append(options, gomail.WithSSL())
	}
	if c.opt.Username != "" {
		options = append(options, gomail.WithUsername(c.opt.Username), gomail.WithPassword(password.Reveal()), c.auth())
	}
	return gomail.NewClient(c.opt.Host, options...)
}

func (c *channel) auth() gomail.Option {
	plain, login := gomail.SMTPAuthPlain, gomail.SMTPAuthLogin
	if c.opt.TLS == None {
		plain, login = gomail.SMTPAuthPlainNoEnc, gomail.SMTPAuthLoginNoEnc
	}
	switch c.opt.Auth {
	case "plain":
		return gomail.WithSMTPAuth(plain)
	case "login":
		return gomail.WithSMTPAuth(login)
	}
	return gomail.WithOpportunisticSMTPAuth(plain, login)
}

// failed classifies an error after the connection stood. Only an answerless final dot leaves the outcome open.
func (c *channel) failed(err error, password secret.Value) error {
	var sent *gomail.SendError
	if !errors.As(err, &sent) {
		return &notify.Error{Outcome: notify.Unknown, Err: c.fault(err, "send the mail", password)}
	}
	step := sent.Reason.String()
	if sent.ErrorCode() == 0 && sent.Reason == gomail.ErrSMTPDataClose {
		return &notify.Error{Outcome: notify.Unknown, Err: fault.Wrap(c.plain(err, password), fault.Unknown, "mail_outcome_unknown", c.opt.Host,
			"ask the recipient or look into the mail server's log", "the server took the text and did not say whether it keeps it")}
	}
	return c.refused(err, step, password)
}

// refused is an error before anything was taken: the server's own "no" is final, everything else may pass.
func (c *channel) refused(err error, step string, password secret.Value) error {
	var known *fault.Error
	if errors.As(err, &known) && known.Code == "private_address" {
		return &notify.Error{Outcome: notify.Never, Err: known}
	}
	code := status(err)
	outcome := notify.Again
	if code >= 500 {
		outcome = notify.Never
	}
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		outcome = notify.Never
	}
	return &notify.Error{Outcome: outcome, Err: c.fault(err, step, password)}
}

func (c *channel) fault(err error, step string, password secret.Value) error {
	kind, name, hint := fault.Unavailable, "mail_refused", "look at the mail server's log"
	switch code := status(err); {
	case code == 535 || code == 534 || code == 530:
		kind, name, hint = fault.Denied, "mail_login", "check username and password; many providers want an app password"
	case code == 0:
		name, hint = "mail_unreachable", "check host, port and tls, and whether this machine may connect there"
	}
	return fault.Wrap(c.plain(err, password), kind, name, c.opt.Host+":"+strconv.Itoa(c.opt.Port), hint, "the mail was not taken ("+step+")")
}

var addressPattern = regexp.MustCompile(`[^\s<>:,;"']+@([^\s<>:,;"']+)`)

// status finds the server's code, 0 when it gave none.
func status(err error) int {
	var sent *gomail.SendError
	if errors.As(err, &sent) {
		return sent.ErrorCode()
	}
	var answer *textproto.Error
	if errors.As(err, &answer) {
		return answer.Code
	}
	return 0
}

// plain is the error's text without addresses and secrets.
func (c *channel) plain(err error, password secret.Value) error {
	return errors.New(secret.Mask(mask(err.Error()), password))
}

// mask takes people out of a text: of an address only the domain stays.
func mask(text string) string {
	return notify.Cut(notify.Line(addressPattern.ReplaceAllString(text, "…@$1")), 300, "")
}

// compose writes the mail. All of it is a function of the message and the recipient.
func (c *channel) compose(recipient string, m notify.Message) (*gomail.Msg, error) {
	mail := gomail.NewMsg(gomail.WithCharset(gomail.CharsetUTF8), gomail.WithEncoding(gomail.EncodingQP), gomail.WithNoDefaultUserAgent())
	mail.FromMailAddress(c.from)
	if err := mail.AddTo(recipient); err != nil {
		return nil, err
	}
	domain := c.from.Address[strings.LastIndexByte(c.from.Address, '@')+1:]
	mail.SetMessageIDWithValue(m.Key + "@" + domain)
	mail.SetDateWithValue(m.At)
	mail.Subject(notify.Cut(notify.Line(m.Title), 200, m.Tail))
	mail.SetGenHeader("Auto-Submitted", "auto-generated") // no vacation notice answers it
	if m.Level == notify.Critical {
		mail.SetImportance(gomail.ImportanceHigh)
	}
	page, err := page(m)
	if err != nil {
		return nil, err
	}
	mail.SetBodyString(gomail.TypeTextPlain, m.Text())
	mail.AddAlternativeString(gomail.TypeTextHTML, page)
	var whole bytes.Buffer // what cannot be written must be known before the server listens
	if _, err := mail.WriteTo(&whole); err != nil {
		return nil, fmt.Errorf("write the mail: %w", err)
	}
	return mail, nil
}
