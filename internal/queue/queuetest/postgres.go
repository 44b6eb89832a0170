// Package queuetest starts what tests of the queue need.
package queuetest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Password is that of the user of the servers that Postgres starts.
const Password = "canary-queue-password"

// nobody runs the server, which refuses to run as root.
const nobody = 65534

// Postgres starts the PostgreSQL that is installed, on a port of its own with a new database in a temporary folder, and gives the URL of
// its database, without the password. It ends with the test. Without an installed server the test is skipped, saying so.
func Postgres(t *testing.T) string {
	t.Helper()
	initdb, server := find("initdb"), find("postgres")
	if initdb == "" || server == "" {
		t.Skip("PostgreSQL is not installed (no initdb and postgres on PATH or in /usr/lib/postgresql/*/bin): its queue is not tested")
	}
	dir, err := os.MkdirTemp("", "omoflow-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // after the server
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte(Password), 0o644); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	attributes := &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		attributes.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		for _, path := range []string{dir, data} {
			if err := os.Chown(path, nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
	}
	made := exec.Command(initdb, "-D", data, "-U", "omoflow", "-A", "scram-sha-256", "--pwfile", password, "--no-sync", "-E", "UTF8", "--locale=C")
	made.SysProcAttr, made.Dir = attributes, dir
	if output, err := made.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, output)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().(*net.TCPAddr)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, dir, attributes, server, "-D", data, "-p", fmt.Sprint(address.Port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=60")
	await(t, address.String())
	return fmt.Sprintf("postgres://omoflow@%s/postgres", address)
}

// start runs the server until the test ends.
func start(t *testing.T, dir string, attributes *syscall.SysProcAttr, path string, arguments ...string) {
	t.Helper()
	command := exec.Command(path, arguments...)
	command.SysProcAttr, command.Dir = attributes, dir
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() {
		_ = command.Process.Signal(syscall.SIGQUIT) // it is over otherwise
		_ = command.Wait()                          // nobody asks how it ended
		_ = log.Close()                             // it is removed
	})
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(log.Name()) // only for the reader of the failure
			t.Logf("PostgreSQL: %s", text)
		}
		stop()
	})
}

// await waits until the server answers.
func await(t *testing.T, address string) {
	t.Helper()
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(50 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close() // it was only a question
			return
		}
	}
	t.Fatal("PostgreSQL does not listen after a minute")
}

// find looks for a program of PostgreSQL; Debian keeps them off the PATH.
func find(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name) // the pattern is valid
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1]
}
