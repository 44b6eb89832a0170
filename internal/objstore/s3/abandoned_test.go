package s3_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/s3"
)

// An upload whose process was killed stays in the store, seen by nobody, until DropUploads is told that it is old enough. Uploads of
// other folders stay.
func TestAbandonedUploadsAreDropped(t *testing.T) {
	folder := fmt.Sprintf("abandoned/%d", os.Getpid())
	b := openAt(t, endpoint, func(o *s3.Options) { o.Prefix = folder })
	client := awss3.New(awss3.Options{BaseEndpoint: &endpoint, UsePathStyle: true, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider(testKey, testSecret, "")})
	ctx := t.Context()
	begin := func(key string) {
		up, err := client.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: awssdk.String("lake"), Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.UploadPart(ctx, &awss3.UploadPartInput{Bucket: awssdk.String("lake"), Key: &key, UploadId: up.UploadId, PartNumber: awssdk.Int32(1), Body: bytes.NewReader(make([]byte, 5<<20))}); err != nil {
			t.Fatal(err)
		}
	}
	pending := func() int {
		list, err := client.ListMultipartUploads(ctx, &awss3.ListMultipartUploadsInput{Bucket: awssdk.String("lake")})
		if err != nil {
			t.Fatal(err)
		}
		return len(list.Uploads)
	}
	others := pending()
	for _, key := range []string{"/raw/one", "/raw/two", "-beside/three"} {
		begin(folder + key)
	}
	for _, step := range []struct {
		before              time.Time
		dropped, nowPending int
	}{
		{time.Now().Add(-time.Hour), 0, 3}, // they may be at work
		{time.Now().Add(time.Hour), 2, 1},
		{time.Now().Add(time.Hour), 0, 1},
	} {
		n, err := b.DropUploads(ctx, step.before)
		if err != nil || n != step.dropped || pending()-others != step.nowPending {
			t.Errorf("before %s: %d dropped, %d pending, %v; want %d, %d", step.before, n, pending()-others, err, step.dropped, step.nowPending)
		}
	}
	if _, err := b.PutIfAbsent(ctx, "raw/one", objstore.Bytes(make([]byte, 20<<20)), objstore.PutOptions{}); err != nil {
		t.Errorf("the object cannot be sent again: %v", err)
	}
	if pending()-others != 1 {
		t.Error("a finished upload is pending")
	}
}
