package mail_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// server is an SMTP server that keeps to RFC 5321 and can be told to misbehave at one step.
type server struct {
	t         *testing.T
	listener  net.Listener
	config    *tls.Config
	roots     *x509.CertPool
	implicit  bool              // TLS from the first byte
	plain     bool              // no STARTTLS
	stall     chan struct{}     // reads no text before it is closed
	mechanism string            // what AUTH offers; "" is no AUTH
	reply     map[string]string // step (greet, mail, rcpt, data, dot, auth) -> answer instead of the good one; "drop" hangs up

	mutex  sync.Mutex
	mails  []string // complete texts that reached the final dot
	rcpt   []string
	logins []string
	crypt  bool // the last mail came encrypted
	wait   sync.WaitGroup
}

func start(t *testing.T, change func(*server)) *server {
	t.Helper()
	s := &server{t: t, mechanism: "PLAIN LOGIN", reply: map[string]string{}}
	s.config, s.roots = certificate(t, "mail.example")
	if change != nil {
		change(s)
	}
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s.wait.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.wait.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() { _ = s.listener.Close(); s.wait.Wait() })
	return s
}

// left waits until nobody is connected any more.
func (s *server) left(t *testing.T) {
	t.Helper()
	_ = s.listener.Close()
	gone := make(chan struct{})
	go func() { s.wait.Wait(); close(gone) }()
	select {
	case <-gone:
	case <-time.After(3 * time.Second):
		t.Error("the connection was left open")
		<-gone
	}
}

func (s *server) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

func (s *server) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if s.implicit {
		conn = tls.Server(conn, s.config)
	}
	in := bufio.NewReader(conn)
	say := func(step, good string) bool {
		if bad := s.reply[step]; bad == "drop" {
			_ = conn.Close()
			return false
		} else if bad != "" {
			good = bad
		}
		_, err := fmt.Fprintf(conn, "%s\r\n", good)
		return err == nil && !strings.HasPrefix(good, "421")
	}
	if !say("greet", "220 mail.example ready") {
		return
	}
	encrypted := s.implicit
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		verb := strings.ToUpper(strings.Fields(line + " .")[0])
		going := true
		switch verb {
		case "EHLO", "HELO":
			answer := "250-mail.example\r\n250-8BITMIME"
			if !s.plain && !encrypted {
				answer += "\r\n250-STARTTLS"
			}
			if s.mechanism != "" {
				answer += "\r\n250-AUTH " + s.mechanism
			}
			going = say("ehlo", answer+"\r\n250 SIZE 1000000")
		case "STARTTLS":
			if going = say("starttls", "220 go"); going {
				conn = tls.Server(conn, s.config)
				in, encrypted = bufio.NewReader(conn), true
			}
		case "AUTH":
			going = s.login(line, in, conn, say)
		case "MAIL":
			going = say("mail", "250 ok")
		case "RCPT":
			s.mutex.Lock()
			s.rcpt = append(s.rcpt, strings.TrimSpace(line))
			s.mutex.Unlock()
			going = say("rcpt", "250 ok")
		case "DATA":
			if going = say("data", "354 go"); going && s.reply["data"] == "" {
				going = s.text(in, encrypted) && say("dot", "250 2.0.0 queued as 4F2A")
			}
		case "QUIT":
			say("quit", "221 bye")
			return
		default:
			going = say("other", "250 ok")
		}
		if !going {
			return
		}
	}
}

// text reads up to the final dot.
func (s *server) text(in *bufio.Reader, encrypted bool) bool {
	var b bytes.Buffer
	if s.stall != nil {
		<-s.stall
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return false
		}
		if !strings.HasSuffix(line, "\r\n") || len(line) > 1000 {
			s.t.Errorf("a line of %d bytes or without CRLF: %.80q", len(line), line)
		}
		if line == ".\r\n" {
			break
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.mails, s.crypt = append(s.mails, b.String()), encrypted
	return true
}

func (s *server) login(line string, in *bufio.Reader, conn net.Conn, say func(string, string) bool) bool {
	words := strings.Fields(line)
	read := func() string {
		answer, _ := in.ReadString('\n')
		text, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(answer))
		return string(text)
	}
	var found string
	if words[1] == "PLAIN" && len(words) == 3 {
		text, _ := base64.StdEncoding.DecodeString(words[2])
		found = "PLAIN " + strings.Join(strings.Split(string(text), "\x00")[1:], " ")
	} else {
		_, _ = fmt.Fprint(conn, "334 VXNlcm5hbWU6\r\n")
		user := read()
		_, _ = fmt.Fprint(conn, "334 UGFzc3dvcmQ6\r\n")
		found = "LOGIN " + user + " " + read()
	}
	s.mutex.Lock()
	s.logins = append(s.logins, found)
	s.mutex.Unlock()
	return say("auth", "235 2.7.0 welcome")
}

func certificate(t *testing.T, host string) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}, roots
}
