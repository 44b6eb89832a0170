// Package s3 is a Bucket in an S3 bucket or one that speaks its protocol.
//
// Create-if-absent is PutObject with If-None-Match, compare-and-swap is If-Match. The SDK's own retries are off
// for these: a retry of a write that was applied would report the writer's own object as somebody else's. This
// package retries instead and, when an earlier try may have been applied, reads the object back before it says
// who won. Objects above 16 MiB go up in parts; the condition is then on the completion.
package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
)

// Options name the bucket and where its credentials are found; they hold no secret.
type Options struct {
	Bucket   string
	Prefix   string // folder all keys are below, may be empty
	Region   string // default: the AWS configuration's, else us-east-1
	Endpoint string // URL of a server other than AWS
	// PathStyle puts the bucket's name in the path instead of the host name, as most other servers need.
	PathStyle bool

	// Credentials: from the two variables when AccessKeyEnv is set, else from the AWS configuration (variables,
	// shared files, profile, container or instance role).
	Profile         string
	AccessKeyEnv    string
	SecretKeyEnv    string
	SessionTokenEnv string
	LookupEnv       func(string) (string, bool) // default os.LookupEnv

	// Stall is how long a read may wait for next to nothing before it is asked for anew; 0 means 30 s.
	Stall time.Duration

	// ListPage is the number of keys asked for at a time; 0 means 1,000.
	ListPage int32
}

// Bucket is a bucket, or a folder of one. See New.
type Bucket struct {
	client *awss3.Client
	opt    Options
	folder string // Options.Prefix with a slash at its end, or empty
}

// New gives the bucket. It reads the AWS configuration but does not contact the server.
func New(ctx context.Context, opt Options) (*Bucket, error) {
	folder := strings.Trim(opt.Prefix, "/")
	if opt.Bucket == "" {
		return nil, fault.New(fault.Usage, "no_bucket", "s3:", "write s3://bucket/prefix?region=...", "the bucket has no name")
	}
	if folder != "" {
		if err := objstore.CheckKey(folder); err != nil {
			return nil, err
		}
		folder += "/"
	}
	if opt.LookupEnv == nil {
		opt.LookupEnv = os.LookupEnv
	}
	if opt.Stall == 0 {
		opt.Stall = 30 * time.Second
	}
	load := []func(*config.LoadOptions) error{
		config.WithLogger(logging.Nop{}),
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConnsPerHost = 64
			t.ResponseHeaderTimeout = time.Minute
		})),
	}
	if opt.Region != "" {
		load = append(load, config.WithRegion(opt.Region))
	}
	if opt.Profile != "" {
		load = append(load, config.WithSharedConfigProfile(opt.Profile))
	}
	if opt.AccessKeyEnv != "" {
		keys, err := keysFromEnv(opt)
		if err != nil {
			return nil, err
		}
		load = append(load, config.WithCredentialsProvider(keys))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, fault.Wrap(err, fault.Usage, "aws_config", "s3://"+opt.Bucket, "check the profile and the shared configuration files", "the AWS configuration cannot be read")
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	client := awss3.NewFromConfig(cfg, func(o *awss3.Options) {
		o.UsePathStyle = opt.PathStyle
		if opt.Endpoint != "" {
			o.BaseEndpoint = aws.String(opt.Endpoint)
		}
		// Payloads are covered by the signature's SHA-256. Checksum trailers on top are refused by several servers.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	return &Bucket{client: client, opt: opt, folder: folder}, nil
}

// keysFromEnv reads the named variables; the values go into no message.
func keysFromEnv(opt Options) (credentials.StaticCredentialsProvider, error) {
	value := func(name string) (string, error) {
		v, ok := opt.LookupEnv(name)
		if !ok || v == "" {
			return "", fault.New(fault.Denied, "no_credentials", "s3://"+opt.Bucket, "export "+name, "the environment variable %s is not set", name)
		}
		return v, nil
	}
	access, err := value(opt.AccessKeyEnv)
	if err != nil {
		return credentials.StaticCredentialsProvider{}, err
	}
	secret, err := value(opt.SecretKeyEnv)
	if err != nil {
		return credentials.StaticCredentialsProvider{}, err
	}
	token := ""
	if opt.SessionTokenEnv != "" {
		if token, err = value(opt.SessionTokenEnv); err != nil {
			return credentials.StaticCredentialsProvider{}, err
		}
	}
	return credentials.NewStaticCredentialsProvider(access, secret, token), nil
}

// URL implements objstore.Bucket.
func (b *Bucket) URL() string {
	return "s3://" + b.opt.Bucket + "/" + strings.TrimSuffix(b.folder, "/")
}

func (b *Bucket) key(key string) *string { return aws.String(b.folder + key) }

// Get implements objstore.Bucket. A connection that breaks is taken up where it broke, a few times.
func (b *Bucket) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if err := objstore.CheckGet(key, offset); err != nil {
		return nil, err
	}
	if length == 0 {
		_, err := b.Head(ctx, key)
		return io.NopCloser(strings.NewReader("")), err
	}
	r := &reader{ctx: ctx, bucket: b, key: key, next: offset, end: -1}
	if length > 0 && length < 1<<62-offset {
		r.end = offset + length
	}
	if err := r.open(); err != nil {
		return nil, err
	}
	return r, nil
}

// Head implements objstore.Bucket.
func (b *Bucket) Head(ctx context.Context, key string) (objstore.Info, error) {
	if err := objstore.CheckKey(key); err != nil {
		return objstore.Info{}, err
	}
	out, err := b.client.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &b.opt.Bucket, Key: b.key(key)})
	if err != nil {
		return objstore.Info{}, b.classify(key, "read", err)
	}
	return objstore.Info{
		Key: key, Size: aws.ToInt64(out.ContentLength), ETag: aws.ToString(out.ETag),
		SHA256: out.Metadata[digestMetadata], Modified: aws.ToTime(out.LastModified).UTC(),
	}, nil
}

// Delete implements objstore.Bucket.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if err := objstore.CheckKey(key); err != nil {
		return err
	}
	_, err := b.client.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &b.opt.Bucket, Key: b.key(key)})
	if err = b.classify(key, "delete", err); errors.Is(err, objstore.ErrNotFound) {
		return nil
	}
	return err
}

// List implements objstore.Bucket. A listing that repeats or is out of order is an error, not a loop.
func (b *Bucket) List(ctx context.Context, prefix, startAfter string, fn func(objstore.Info) error) error {
	in := &awss3.ListObjectsV2Input{Bucket: &b.opt.Bucket, Prefix: b.key(prefix)}
	if b.opt.ListPage > 0 {
		in.MaxKeys = aws.Int32(b.opt.ListPage)
	}
	if startAfter != "" {
		in.StartAfter = b.key(startAfter)
	}
	for last := startAfter; ; {
		page, err := b.client.ListObjectsV2(ctx, in)
		if err != nil {
			return b.classify(prefix, "list", err)
		}
		for _, o := range page.Contents {
			full := aws.ToString(o.Key)
			key := strings.TrimPrefix(full, b.folder)
			if strings.HasSuffix(key, "/") || key == "" {
				continue // a folder marker of some console
			}
			if key <= last || !strings.HasPrefix(full, b.folder+prefix) {
				return fault.New(fault.Unavailable, "bad_listing", b.URL(), "omoflow store verify "+b.URL(), "the store lists %q after %q", key, last)
			}
			last = key
			if err := fn(objstore.Info{Key: key, Size: aws.ToInt64(o.Size), ETag: aws.ToString(o.ETag), Modified: aws.ToTime(o.LastModified).UTC()}); err != nil {
				return err
			}
		}
		next := aws.ToString(page.NextContinuationToken)
		if !aws.ToBool(page.IsTruncated) || next == "" {
			return ctx.Err()
		}
		if next == aws.ToString(in.ContinuationToken) {
			return fault.New(fault.Unavailable, "bad_listing", b.URL(), "omoflow store verify "+b.URL(), "the store repeats a page of its listing")
		}
		in.ContinuationToken = aws.String(next)
	}
}
