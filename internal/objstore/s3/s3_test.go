package s3_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"

	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/objstoretest"
	"github.com/omoflow/omoflow/internal/objstore/s3"
)

const (
	testKey    = "test-access"
	testSecret = "test-secret-not-a-secret"
)

var (
	endpoint string       // of the embedded server
	folder   atomic.Int64 // numbers the tests' folders
)

// TestMain starts one embedded server: the package allows one per process.
func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "omoflow-s3-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	if err := serve(dir); err != nil {
		fmt.Fprintln(os.Stderr, "embedded S3 server:", err)
		return 1
	}
	return m.Run()
}

// serve starts the server, which ends with the process: a shutdown would wait for idle connections.
func serve(dir string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return err
	}
	data, sidecar := dir+"/data", dir+"/sidecar"
	if err := errors.Join(os.Mkdir(data, 0o755), os.Mkdir(sidecar, 0o755)); err != nil {
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
	ctx := context.Background()
	done := make(chan error, 1)
	go func() {
		done <- embedgw.RunVersityGW(ctx, backend, &embedgw.Config{
			RootUserAccess: testKey, RootUserSecret: testSecret, Ports: []string{address},
			MaxConnections: 512, MaxRequests: 512, MultipartMaxParts: 10_000, Quiet: true, KeepAlive: true,
		})
	}()
	endpoint = "http://" + address
	client := awss3.New(awss3.Options{
		BaseEndpoint: &endpoint, UsePathStyle: true, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider(testKey, testSecret, ""),
	})
	for range 100 {
		if _, err = client.CreateBucket(ctx, &awss3.CreateBucketInput{Bucket: awssdk.String("lake")}); err == nil {
			return nil
		}
		select {
		case err := <-done:
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
	return err
}

// open gives an empty folder of the embedded server, or of the one OMOFLOW_TEST_S3 names.
func open(t *testing.T) *s3.Bucket {
	t.Helper()
	return openAt(t, endpoint, nil)
}

func openAt(t *testing.T, endpoint string, change func(*s3.Options)) *s3.Bucket {
	t.Helper()
	opt := s3.Options{
		Bucket: "lake", Prefix: fmt.Sprintf("t%d/%d", os.Getpid(), folder.Add(1)), Endpoint: endpoint, PathStyle: true, Region: "us-east-1",
		AccessKeyEnv: "K", SecretKeyEnv: "S",
		LookupEnv: func(name string) (string, bool) {
			return map[string]string{"K": testKey, "S": testSecret}[name], true
		},
	}
	if change != nil {
		change(&opt)
	}
	b, err := s3.New(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestContract(t *testing.T) {
	objstoretest.Run(t, func(t *testing.T) objstore.Bucket { return open(t) }, objstoretest.Without{
		"match/counter loses no step": "versitygw on a directory compares and replaces in two steps",
	})
}

// TestContractOfARealServer runs the contract on the bucket that OMOFLOW_TEST_S3 names, as in
// OMOFLOW_TEST_S3='s3://bucket/prefix?region=...&endpoint=...'.
func TestContractOfARealServer(t *testing.T) {
	url := os.Getenv("OMOFLOW_TEST_S3")
	if url == "" {
		t.Skip("OMOFLOW_TEST_S3 is not set")
	}
	opt, err := s3.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	root := opt.Prefix
	objstoretest.Run(t, func(t *testing.T) objstore.Bucket {
		opt.Prefix = strings.Trim(fmt.Sprintf("%s/test-%d-%d", root, time.Now().UnixNano(), folder.Add(1)), "/")
		b, err := s3.New(context.Background(), opt)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx := context.Background()
			_ = b.List(ctx, "", "", func(info objstore.Info) error { return b.Delete(ctx, info.Key) })
		})
		return b
	})
}
