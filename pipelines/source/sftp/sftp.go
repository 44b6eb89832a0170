// Package sftp is the place of files on an SFTP server. It alone knows SSH. A server is talked to only when its host key is
// the one that was configured: there is no trust on first use.
package sftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	client "github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/source/file"
)

// Options say which server, how it is known and who asks. URL, one of HostKeys and KnownHosts, and one of Key and Password
// are mandatory.
type Options struct {
	URL        string        // sftp://user@host:22/folder; /~/folder starts at the login's home
	HostKeys   []string      // fingerprints as SHA256:..., any of which the server may show
	KnownHosts string        // file in OpenSSH's form
	Key        secret.Value  // private key, PEM or OpenSSH
	Passphrase secret.Value  // of Key, when it is encrypted
	Password   secret.Value  // also answers a keyboard-interactive question for one
	Timeout    time.Duration // without any answer; default 60 s
}

// Place is a folder of an SFTP server and everything below it. Close ends its connection.
type Place struct {
	opt  Options
	addr string
	user string
	dir  string
	auth []ssh.AuthMethod
	host ssh.HostKeyCallback

	mutex sync.Mutex
	files *client.Client
	conn  *ssh.Client
}

const (
	maxDepth = 32        // folders within folders
	maxFiles = 1_000_000 // of one listing
)

// New checks the options. It talks to nobody: the first listing connects.
func New(opt Options) (*Place, error) {
	if opt.Timeout == 0 {
		opt.Timeout = time.Minute
	}
	u, err := url.Parse(opt.URL)
	if err != nil || u.Scheme != "sftp" || u.Hostname() == "" || u.User.Username() == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fault.New(fault.Usage, "invalid_sftp", "path", "write sftp://user@host:22/folder", "the path is no SFTP address") // the text may hold a password
	}
	if _, written := u.User.Password(); written {
		return nil, fault.New(fault.Usage, "literal_secret", "sftp://"+u.User.Username()+"@"+u.Host, "take it out and write sftp.password: env:NAME", "the address holds a password")
	}
	p := &Place{opt: opt, user: u.User.Username(), addr: net.JoinHostPort(u.Hostname(), u.Port()), dir: path.Clean("/" + u.Path)}
	if u.Port() == "" {
		p.addr = net.JoinHostPort(u.Hostname(), "22")
	}
	if rest, ok := strings.CutPrefix(p.dir, "/~"); ok && (rest == "" || rest[0] == '/') {
		p.dir = path.Clean("." + rest)
	}
	if p.host, err = hostKeys(opt); err != nil {
		return nil, err
	}
	p.auth, err = methods(opt)
	return p, err
}

// String gives the address without credentials.
func (p *Place) String() string {
	return "sftp://" + p.user + "@" + p.addr + "/" + strings.TrimPrefix(p.dir, "/")
}

// List calls fn for every file. Links to files are followed, links to folders are not; hidden names are not listed.
func (p *Place) List(ctx context.Context, fn func(file.Entry) error) error {
	var all []file.Entry
	err := p.with(ctx, func(c *client.Client) error {
		all = nil // a listing whose connection broke begins anew
		return p.walk(ctx, c, "", 0, &all)
	})
	if err != nil {
		return p.fault(ctx, p.dir, err)
	}
	for _, e := range all {
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

func (p *Place) walk(ctx context.Context, c *client.Client, below string, depth int, all *[]file.Entry) error {
	if depth > maxDepth {
		return nil
	}
	infos, err := c.ReadDirContext(ctx, path.Join(p.dir, below))
	if err != nil {
		if below != "" && errors.Is(err, fs.ErrNotExist) {
			return nil // taken away while we looked
		}
		return err
	}
	for _, info := range infos {
		base := info.Name()
		if base == "" || strings.HasPrefix(base, ".") || strings.ContainsAny(base, "/\x00") {
			continue
		}
		name := path.Join(below, base)
		if info.Mode()&fs.ModeSymlink != 0 {
			if info, err = c.Stat(path.Join(p.dir, name)); err != nil || !info.Mode().IsRegular() {
				continue // a link that leads nowhere, or round and round
			}
		}
		switch {
		case info.IsDir():
			if err := p.walk(ctx, c, name, depth+1, all); err != nil {
				return err
			}
		case info.Mode().IsRegular():
			if len(*all) >= maxFiles {
				return fault.New(fault.Exhausted, "too_many_files", p.String(), "name a folder with fewer files, or move old ones away", "there are more than %d files", maxFiles)
			}
			*all = append(*all, file.Entry{Name: name, Size: info.Size(), Modified: info.ModTime().UTC()})
		}
	}
	return nil
}

// Fetch copies a file into dir. One that has changed since, or while it was read, is file.ErrChanging: a server's clock says
// little about whether a file is finished.
func (p *Place) Fetch(ctx context.Context, name, dir string) (local string, err error) {
	remote := path.Join(p.dir, name)
	err = p.with(ctx, func(c *client.Client) error {
		local, err = copyFile(c, remote, dir)
		return err
	})
	if err != nil {
		return "", p.fault(ctx, remote, err)
	}
	return local, nil
}

func copyFile(c *client.Client, remote, dir string) (local string, err error) {
	in, err := c.Open(remote)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	before, err := in.Stat()
	if err != nil {
		return "", err
	}
	out, err := os.CreateTemp(dir, "fetched-*")
	if err != nil {
		return "", err
	}
	n, err := io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		_ = os.Remove(out.Name()) // the folder is removed later anyway
		return "", err
	}
	after, err := c.Stat(remote) // by name: a file put in its place counts as a change
	if err != nil {
		return "", err
	}
	if n != before.Size() || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		return "", fmt.Errorf("%s: %w", remote, file.ErrChanging)
	}
	return out.Name(), nil
}

// with runs work with a connection, and once more with a new one when the old one was gone.
func (p *Place) with(ctx context.Context, work func(*client.Client) error) error {
	for try := 1; ; try++ {
		c, err := p.connect(ctx)
		if err != nil {
			return err
		}
		stop := context.AfterFunc(ctx, func() { p.drop(nil) })
		err = work(c)
		stop()
		if !lost(err) || try == 2 || ctx.Err() != nil {
			return err
		}
		p.drop(c)
	}
}

// lost tells that the connection broke, not that the server refused something.
func lost(err error) bool {
	var network net.Error
	return errors.Is(err, client.ErrSSHFxConnectionLost) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.As(err, &network)
}

// drop ends the connection, or only the one that broke: another fetch may have made a new one since.
func (p *Place) drop(broken *client.Client) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if broken != nil && broken != p.files {
		return
	}
	if p.conn != nil {
		_, _ = p.files.Close(), p.conn.Close() // broken, or not wanted any more
	}
	p.conn, p.files = nil, nil
}

// Close ends the connection; a later listing opens a new one.
func (p *Place) Close() { p.drop(nil) }

// fault says what went wrong in the terms of a person who can mend it.
func (p *Place) fault(ctx context.Context, remote string, err error) error {
	var known *fault.Error
	switch {
	case ctx.Err() != nil:
		return fault.Wrap(context.Cause(ctx), fault.Interrupted, "interrupted", p.String(), "run again", "reading was stopped")
	case errors.As(err, &known), errors.Is(err, file.ErrChanging):
		return err
	case errors.Is(err, fs.ErrNotExist) && remote == p.dir:
		return fault.Wrap(err, fault.Usage, "inbox_missing", p.String(), "make the folder on the server, or correct path: of the source", "the folder that files arrive in does not exist")
	case errors.Is(err, fs.ErrNotExist):
		return err // taken away since the listing
	case errors.Is(err, fs.ErrPermission):
		return fault.Wrap(err, fault.Denied, "inbox_unreadable", p.String()+": "+remote, "give "+p.user+" read permission on the server", "the server refuses to let it be read")
	}
	return fault.Wrap(err, fault.Unavailable, "sftp_unavailable", p.String(), "try `sftp "+p.user+"@host` by hand from this machine; the next run goes on where this one stopped", "the server does not answer as it should")
}
