package sftp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	client "github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/omoflow/omoflow/internal/fault"
)

// hostAlgorithms are the kinds of host keys, one dial each: a server shows one key a dial, and the one that is known may be of
// any kind. SHA-1 signatures are not among them.
var hostAlgorithms = [...][]string{
	{ssh.KeyAlgoED25519},
	{ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521},
	{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256},
}

const (
	dialTries = 3
	dialTime  = 15 * time.Second       // until the server accepts the connection
	dialPause = 500 * time.Millisecond // grows with each try
)

// wrongKey says that the server showed a key that is not the configured one.
type wrongKey struct{ shown, kind string }

func (w *wrongKey) Error() string { return "the server's " + w.kind + " key is " + w.shown }

// hostKeys makes the judge of host keys.
func hostKeys(opt Options) (ssh.HostKeyCallback, error) {
	var known ssh.HostKeyCallback
	if opt.KnownHosts != "" {
		var err error
		if known, err = knownhosts.New(opt.KnownHosts); err != nil {
			return nil, fault.Wrap(err, fault.Usage, "known_hosts", opt.KnownHosts, "make it with `ssh-keyscan host`, and compare what it shows with what the server's owner says", "the file of known hosts cannot be read")
		}
	}
	for _, f := range opt.HostKeys {
		if !strings.HasPrefix(f, "SHA256:") || len(f) != len("SHA256:")+43 {
			return nil, fault.New(fault.Usage, "host_key", f, "write it as `ssh-keygen -lf hostkey.pub` shows it: SHA256: and 43 characters", "is no fingerprint of a host key")
		}
	}
	if known == nil && len(opt.HostKeys) == 0 {
		return nil, fault.New(fault.Usage, "host_key_missing", "sftp", "ask the server's owner for its fingerprint and write sftp.host_key: SHA256:..., or sftp.known_hosts: FILE", "nothing says how the server is recognised")
	}
	return func(host string, remote net.Addr, key ssh.PublicKey) error {
		if slices.Contains(opt.HostKeys, ssh.FingerprintSHA256(key)) {
			return nil
		}
		if known != nil && known(host, remote, key) == nil {
			return nil
		}
		return &wrongKey{ssh.FingerprintSHA256(key), key.Type()}
	}, nil
}

// methods gives the ways to log in.
func methods(opt Options) ([]ssh.AuthMethod, error) {
	var all []ssh.AuthMethod
	if key := opt.Key.Reveal(); key != "" {
		signer, err := ssh.ParsePrivateKey([]byte(key + "\n")) // reading a reference takes the line end away
		var locked *ssh.PassphraseMissingError
		if errors.As(err, &locked) {
			if opt.Passphrase.Reveal() == "" {
				return nil, fault.New(fault.Denied, "key_locked", "sftp.key", "write sftp.passphrase: env:NAME too", "the private key is encrypted")
			}
			signer, err = ssh.ParsePrivateKeyWithPassphrase([]byte(key+"\n"), []byte(opt.Passphrase.Reveal()))
		}
		if err != nil { // its text is not repeated: who knows what the reference pointed at
			return nil, fault.New(fault.Denied, "key_unreadable", "sftp.key", "point it at the private key, not the .pub file, and check the passphrase", "the private key cannot be read")
		}
		all = append(all, ssh.PublicKeys(signer))
	}
	if password := opt.Password.Reveal(); password != "" {
		all = append(all, ssh.Password(password), ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
			if len(questions) > 1 {
				return nil, errors.New("the server asks for more than a password")
			}
			return slices.Repeat([]string{password}, len(questions)), nil
		}))
	}
	if len(all) == 0 {
		return nil, fault.New(fault.Usage, "login_missing", "sftp", "write sftp.key: file:PATH or sftp.password: env:NAME", "nothing says how to log in")
	}
	return all, nil
}

// connect gives the open connection, or a new one.
func (p *Place) connect(ctx context.Context) (*client.Client, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.files != nil {
		return p.files, nil
	}
	var err error
	for try := 1; ; try++ {
		if p.conn, err = p.dial(ctx); err == nil {
			break
		}
		if fault.KindOf(err) != fault.Unavailable || try == dialTries || ctx.Err() != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(try) * dialPause):
		}
	}
	if p.files, err = client.NewClient(p.conn); err != nil {
		_ = p.conn.Close() // the client's error is the one to tell
		p.conn, p.files = nil, nil
		return nil, fault.Wrap(err, fault.Unavailable, "no_sftp", p.String(), "ask the server's owner to allow SFTP for "+p.user, "the server accepts the login but speaks no SFTP")
	}
	return p.files, nil
}

// dial tries the kinds of host keys until the server shows one that is known.
func (p *Place) dial(ctx context.Context) (*ssh.Client, error) {
	var shown []string
	for _, algorithms := range hostAlgorithms {
		conn, err := p.dialOnce(ctx, algorithms)
		var wrong *wrongKey
		var other *ssh.AlgorithmNegotiationError
		switch {
		case err == nil:
			return conn, nil
		case errors.As(err, &wrong):
			shown = append(shown, wrong.kind+" "+wrong.shown)
		case errors.As(err, &other) && strings.Contains(other.Error(), "host key"): // it has no key of this kind
		case strings.Contains(err.Error(), "unable to authenticate"): // the library has no error of its own for this
			return nil, fault.Wrap(err, fault.Denied, "login_refused", p.String(), "check user, key and password with the server's owner", "the server refuses the login")
		default:
			return nil, fault.Wrap(err, fault.Unavailable, "sftp_unreachable", p.String(), "check host, port and firewall; the next run tries again", "the server cannot be reached")
		}
	}
	if len(shown) == 0 {
		return nil, fault.New(fault.Unavailable, "host_key_kind", p.String(), "ask the server's owner for an Ed25519, ECDSA or RSA (SHA-2) host key", "the server has no host key of a kind that is safe to use")
	}
	return nil, fault.New(fault.Denied, "host_key_wrong", p.String(), "somebody may listen in: compare with the server's owner before you change host_key or known_hosts",
		"the server is not the configured one: it shows %s", strings.Join(shown, ", "))
}

func (p *Place) dialOnce(ctx context.Context, algorithms []string) (*ssh.Client, error) {
	dialer := net.Dialer{Timeout: min(p.opt.Timeout, dialTime)}
	raw, err := dialer.DialContext(ctx, "tcp", p.addr)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = raw.Close() })() // ends a handshake that nobody waits for
	conn, channels, requests, err := ssh.NewClientConn(&idle{raw, p.opt.Timeout}, p.addr, &ssh.ClientConfig{
		User: p.user, Auth: p.auth, HostKeyCallback: p.host, HostKeyAlgorithms: algorithms, ClientVersion: "SSH-2.0-omoflow",
	})
	if err != nil {
		_ = raw.Close() // the handshake's error is the one to tell
		return nil, fmt.Errorf("connect: %w", err)
	}
	return ssh.NewClient(conn, channels, requests), nil
}

// idle is a connection that breaks when nothing has come for a while. A server that went silent would else be waited for
// for ever; a connection that only rests breaks too, and the next use makes a new one.
type idle struct {
	net.Conn
	after time.Duration
}

// Read waits for bytes no longer than the connection may rest.
func (c *idle) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.after)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}
