package proof

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"

	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/localfs"
	"github.com/omoflow/omoflow/internal/objstore/s3"
)

// s3Server is an S3 server in a process of its own that keeps its objects in a folder. Not in this one: it changes the
// working folder of its process.
type s3Server struct {
	dir      string
	endpoint string
	alive    io.Closer // the server ends when this is closed, or collected
}

const (
	s3Bucket  = "lake"
	s3Key     = "test-access"
	s3Secret  = "test-secret-not-a-secret"
	s3Folder  = "OMOFLOW_PROOF_S3_DIR" // makes the test binary a server
	s3Address = "OMOFLOW_PROOF_S3_ADDRESS"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(s3Folder); dir != "" {
		fmt.Fprintln(os.Stderr, serveS3(dir, os.Getenv(s3Address)))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// serveS3 serves until the process that started it has ended.
func serveS3(dir, address string) error {
	data, sidecar := filepath.Join(dir, "data"), filepath.Join(dir, "sidecar")
	if err := errors.Join(os.MkdirAll(filepath.Join(data, s3Bucket), 0o755), os.Mkdir(sidecar, 0o755)); err != nil {
		return err
	}
	attributes, err := meta.NewSideCar(sidecar)
	if err != nil {
		return err
	}
	backend, err := posix.New(data, attributes, posix.PosixOpts{SideCarDir: sidecar, Concurrency: 64})
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends with the parent
		os.Exit(0)
	}()
	return embedgw.RunVersityGW(context.Background(), backend, &embedgw.Config{
		RootUserAccess: s3Key, RootUserSecret: s3Secret, Ports: []string{address},
		MaxConnections: 8192, MaxRequests: 8192, MultipartMaxParts: 10_000, Quiet: true, KeepAlive: true,
	})
}

var startS3 = sync.OnceValues(func() (*s3Server, error) {
	dir, err := os.MkdirTemp("/dev/shm", "omoflow-kills-s3-")
	if err != nil {
		if dir, err = os.MkdirTemp("", "omoflow-kills-s3-"); err != nil {
			return nil, err
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	server := exec.Command(self)
	server.Env = append(os.Environ(), s3Folder+"="+dir, s3Address+"="+address)
	alive, err := server.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := server.Start(); err != nil {
		return nil, err
	}
	for range 100 {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return &s3Server{dir: dir, endpoint: "http://" + address, alive: alive}, conn.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil, fmt.Errorf("the S3 server does not answer on %s", address)
})

// open gives a folder of the server's bucket.
func (s *s3Server) open(prefix string) (objstore.Bucket, error) {
	return s3.New(context.Background(), s3.Options{
		Bucket: s3Bucket, Prefix: prefix, Endpoint: s.endpoint, PathStyle: true, Region: "us-east-1", AccessKeyEnv: "OMOFLOW_TEST_S3_KEY", SecretKeyEnv: "OMOFLOW_TEST_S3_SECRET",
	})
}

func (s *s3Server) url(prefix string) string {
	return fmt.Sprintf("s3://%s/%s?region=us-east-1&endpoint=%s&path_style=true&access_key_env=OMOFLOW_TEST_S3_KEY&secret_key_env=OMOFLOW_TEST_S3_SECRET", s3Bucket, prefix, s.endpoint)
}

// copy makes prefix to hold what another one holds, by links below the server.
func (s *s3Server) copy(from, to string) error {
	return errors.Join(
		linkTree(filepath.Join(s.dir, "data", s3Bucket, from), filepath.Join(s.dir, "data", s3Bucket, to)),
		os.CopyFS(filepath.Join(s.dir, "sidecar", s3Bucket, to), os.DirFS(filepath.Join(s.dir, "sidecar", s3Bucket, from)))) // written into
}

func (s *s3Server) remove(prefix string) error {
	return errors.Join(os.RemoveAll(filepath.Join(s.dir, "data", s3Bucket, prefix)), os.RemoveAll(filepath.Join(s.dir, "sidecar", s3Bucket, prefix)))
}

// moveToS3 puts the lake of the corrections onto an S3 server. Its copies get a folder each.
func moveToS3(k *killer, dir string) {
	server, err := startS3()
	k.must(err)
	k.t.Cleanup(func() { _ = os.RemoveAll(server.dir) }) // what the server keeps, which lives on without use
	k.t.Setenv("OMOFLOW_TEST_S3_KEY", s3Key)
	k.t.Setenv("OMOFLOW_TEST_S3_SECRET", s3Secret)
	deliverCorrections(k, dir)
	from, err := localfs.New(filepath.Join(dir, "lake"))
	k.must(err)
	to, err := server.open("template")
	k.must(err)
	ctx := k.t.Context()
	k.must(from.List(ctx, "", "", func(info objstore.Info) error {
		data, err := objstore.ReadAll(ctx, from, info.Key, 0)
		if err == nil {
			_, err = to.PutIfAbsent(ctx, info.Key, objstore.Bytes(data), objstore.PutOptions{})
		}
		return err
	}))
	k.must(os.RemoveAll(filepath.Join(dir, "lake")))
	k.edit(filepath.Join(dir, "omoflow.yaml"), "lake: ./lake", "lake: "+server.url("template"))
}
