package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/omoflow/omoflow/internal/fault"
)

// reader is the body of an object that survives connections that break, and gives up those that trickle.
type reader struct {
	ctx    context.Context //nolint:containedctx // the stream lives as long as the request
	bucket *Bucket
	key    string
	next   int64 // offset of the next byte
	end    int64 // offset after the last byte; -1 for the object's end
	etag   *string
	body   io.ReadCloser
	broken int

	cancel  context.CancelCauseFunc // of the request at hand
	request context.Context         //nolint:containedctx // as above
	waited  time.Duration           // for the bytes of this window
	window  int64                   // bytes since waited began
}

// reopenings is how often a stream may break before its error is passed on.
const reopenings = 3

// stallBytes is what a read must bring within Options.Stall of waiting. A slower store is as good as one that does not answer,
// but holds its caller much longer.
const stallBytes = 16 << 10

// errStalled is the cause of a request that was given up because next to nothing came.
var errStalled = errors.New("the store sends next to nothing")

func (r *reader) open() error {
	in := &awss3.GetObjectInput{Bucket: &r.bucket.opt.Bucket, Key: r.bucket.key(r.key), IfMatch: r.etag}
	switch {
	case r.end >= 0:
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", r.next, r.end-1))
	case r.next > 0:
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", r.next))
	}
	r.request, r.cancel = context.WithCancelCause(r.ctx)
	r.waited, r.window = 0, 0
	out, err := r.bucket.client.GetObject(r.request, in)
	if status(err) == http.StatusRequestedRangeNotSatisfiable {
		r.body = io.NopCloser(strings.NewReader(""))
		return nil
	}
	if err != nil {
		r.cancel(nil)
		return r.bucket.classify(r.key, "read", err)
	}
	if in.Range != nil && out.ContentRange == nil && r.next > 0 {
		_ = out.Body.Close()
		r.cancel(nil)
		return fault.New(fault.Unavailable, "no_ranges", r.key, "omoflow store verify "+r.bucket.URL(), "the store ignores byte ranges")
	}
	r.etag, r.body = out.ETag, out.Body
	return nil
}

// wait reads once from the connection and cancels the request when its time for next to nothing is used up. Only the time spent waiting
// counts, not what the caller does in between.
func (r *reader) wait(p []byte) (int, error) {
	began := time.Now()
	cancel := r.cancel
	timer := time.AfterFunc(r.bucket.opt.Stall-r.waited, func() { cancel(errStalled) })
	n, err := r.body.Read(p)
	timer.Stop()
	r.waited += time.Since(began)
	if r.window += int64(n); r.window >= stallBytes {
		r.waited, r.window = 0, 0
	}
	return n, err
}

func (r *reader) Read(p []byte) (int, error) {
	for {
		n, err := r.wait(p)
		r.next += int64(n)
		if err == nil || errors.Is(err, io.EOF) || n > 0 || r.ctx.Err() != nil || r.broken >= reopenings {
			if errors.Is(err, io.EOF) {
				return n, io.EOF
			}
			if err != nil && n > 0 && r.ctx.Err() == nil {
				err = nil // met again by the next call
			}
			if err != nil && r.ctx.Err() == nil && errors.Is(context.Cause(r.request), errStalled) {
				return n, fault.Wrap(errStalled, fault.Unavailable, "store_slow", r.key, "run again when the store answers; check the network", "cannot read in "+r.bucket.URL())
			}
			if err != nil {
				err = r.bucket.classify(r.key, "read", err)
			}
			return n, err
		}
		r.broken++
		_ = r.body.Close()
		r.cancel(nil)
		if err := r.open(); err != nil {
			r.body = io.NopCloser(strings.NewReader(""))
			return 0, err
		}
	}
}

func (r *reader) Close() error {
	err := r.body.Close()
	r.cancel(nil)
	return err
}
