package proof

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"

	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/localfs"
	"github.com/omoflow/omoflow/internal/objstore/s3"
)

// s3Server is an S3 server in this process that keeps its objects in a folder. It allows one per process and ends with it.
type s3Server struct {
	dir      string
	endpoint string
}

const (
	s3Bucket = "lake"
	s3Key    = "test-access"
	s3Secret = "test-secret-not-a-secret"
)

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
	s := &s3Server{dir: dir, endpoint: "http://" + address}
	data, sidecar := filepath.Join(dir, "data"), filepath.Join(dir, "sidecar")
	if err := errors.Join(os.MkdirAll(filepath.Join(data, s3Bucket), 0o755), os.Mkdir(sidecar, 0o755)); err != nil {
		return nil, err
	}
	attributes, err := meta.NewSideCar(sidecar)
	if err != nil {
		return nil, err
	}
	backend, err := posix.New(data, attributes, posix.PosixOpts{SideCarDir: sidecar, Concurrency: 64})
	if err != nil {
		return nil, err
	}
	go func() {
		_ = embedgw.RunVersityGW(context.Background(), backend, &embedgw.Config{
			RootUserAccess: s3Key, RootUserSecret: s3Secret, Ports: []string{address},
			MaxConnections: 512, MaxRequests: 512, MultipartMaxParts: 10_000, Quiet: true, KeepAlive: true,
		})
	}()
	for range 100 {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return s, conn.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil, fmt.Errorf("the embedded S3 server does not answer on %s", address)
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
	k.t.Cleanup(func() { _ = os.RemoveAll(server.dir) }) // what the server keeps, which lives on in this process without use
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
