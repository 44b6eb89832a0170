package sftp_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	server "github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/source/sftp"
)

// site is a server on 127.0.0.1 with a folder of its own.
type site struct {
	addr, user, dir string
	host            ssh.PublicKey
	key             string // private, of the user
	password        string // "" when the server takes none
}

func (s site) url() string { return "sftp://" + s.user + "@" + s.addr + s.dir }

func (s site) options() sftp.Options {
	return sftp.Options{URL: s.url(), HostKeys: []string{ssh.FingerprintSHA256(s.host)}, Key: secret.Of(s.key), Timeout: 20 * time.Second}
}

// sites gives the servers that a test runs against: one in this process, and OpenSSH where it is installed.
func sites(t *testing.T) map[string]site {
	t.Helper()
	all := map[string]site{"in this process": startOwn(t)}
	if open, ok := startOpenSSH(t); ok {
		all["OpenSSH"] = open
	}
	return all
}

// keyPair makes a key of which the private half is PEM text.
func keyPair(t *testing.T, passphrase string) (ssh.Signer, string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, string(pem.EncodeToMemory(block))
}

// startOwn serves SFTP in this process: the same wire, without OpenSSH's habits.
func startOwn(t *testing.T) site {
	t.Helper()
	host, _ := keyPair(t, "")
	login, private := keyPair(t, "")
	s := site{user: "till", dir: t.TempDir(), host: host.PublicKey(), key: private, password: "correct horse"}
	config := &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if string(key.Marshal()) != string(login.PublicKey().Marshal()) {
				return nil, errors.New("unknown key")
			}
			return nil, nil
		},
		PasswordCallback: func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if string(password) != s.password {
				return nil, errors.New("wrong password")
			}
			return nil, nil
		},
	}
	config.AddHostKey(host)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(conn, config)
		}
	}()
	s.addr = listener.Addr().String()
	return s
}

func serve(conn net.Conn, config *ssh.ServerConfig) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range requests {
				_ = r.Reply(r.Type == "subsystem", nil)
			}
		}()
		go func() {
			defer channel.Close()
			if s, err := server.NewServer(channel, server.ReadOnly()); err == nil {
				_ = s.Serve()
			}
		}()
	}
}

// startOpenSSH starts the installed OpenSSH server as this user on a free port.
func startOpenSSH(t *testing.T) (site, bool) {
	t.Helper()
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		sshd = "/usr/sbin/sshd"
	}
	if _, err := os.Stat(sshd); err != nil {
		t.Log("no OpenSSH server (sshd) is installed: only the server of this process is asked")
		return site{}, false
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	host, hostKey := keyPair(t, "")
	login, private := keyPair(t, "")
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	free.Close()
	config := write("sshd_config", fmt.Sprintf("Port %s\nListenAddress 127.0.0.1\nHostKey %s\nAuthorizedKeysFile %s\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\nPidFile none\nPermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n",
		port, write("host_key", hostKey), write("authorized_keys", string(ssh.MarshalAuthorizedKey(login.PublicKey())))))
	command := exec.Command(sshd, "-D", "-e", "-f", config)
	var log strings.Builder
	command.Stderr = &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	t.Cleanup(func() { _ = command.Process.Kill() })
	s := site{addr: "127.0.0.1:" + port, user: me.Username, dir: t.TempDir(), host: host.PublicKey(), key: private}
	for range 100 {
		select {
		case <-ended:
			t.Logf("the installed OpenSSH server does not start here, only the server of this process is asked: %s", log.String())
			return site{}, false
		default:
		}
		conn, err := net.DialTimeout("tcp", s.addr, time.Second)
		if err == nil {
			banner := make([]byte, 4)
			_, err = io.ReadFull(conn, banner)
			conn.Close()
			if err == nil {
				return s, true
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("sshd does not answer: %s", log.String())
	return site{}, false
}
