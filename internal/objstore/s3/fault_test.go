package s3_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/s3"
)

// proxy stands between the bucket and the server. spoil may answer the n-th request (from 1) itself, before or
// after it was passed on by calling forward.
func proxy(t *testing.T, spoil func(n int64, forward func() *http.Response, w http.ResponseWriter, r *http.Request) bool, change ...func(*s3.Options)) *s3.Bucket {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	pass := httputil.NewSingleHostReverseProxy(target)
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		forward := func() *http.Response {
			record := httptest.NewRecorder()
			pass.ServeHTTP(record, r)
			return record.Result()
		}
		if spoil(n.Add(1), forward, w, r) {
			return
		}
		pass.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return openAt(t, server.URL, func(o *s3.Options) {
		for _, c := range change {
			c(o)
		}
	})
}

// drop ends the connection without an answer.
func drop(w http.ResponseWriter) {
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_ = conn.Close()
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>injected</Message></Error>", code)
}

func putText(b objstore.Bucket, key, content string) error {
	_, err := b.PutIfAbsent(context.Background(), key, objstore.Bytes([]byte(content)), objstore.PutOptions{})
	return err
}

func TestLostAnswerOfOurOwnWriteIsSuccess(t *testing.T) {
	t.Parallel()
	b := proxy(t, func(n int64, forward func() *http.Response, w http.ResponseWriter, _ *http.Request) bool {
		if n == 1 {
			forward()
			drop(w)
		}
		return n == 1
	})
	if err := putText(b, "a", "mine"); err != nil {
		t.Errorf("the writer is told it lost against itself: %v", err)
	}
}

func TestLostAnswerAndAnotherWriterIsALoss(t *testing.T) {
	t.Parallel()
	var direct *s3.Bucket
	b := proxy(t, func(n int64, _ func() *http.Response, w http.ResponseWriter, _ *http.Request) bool {
		if n == 1 {
			if err := putText(direct, "a", "theirs"); err != nil {
				t.Error(err)
			}
			drop(w)
		}
		return n == 1
	})
	direct = openAt(t, endpoint, func(o *s3.Options) { o.Prefix = strings.TrimPrefix(b.URL(), "s3://lake/") })
	if err := putText(b, "a", "mine"); !errors.Is(err, objstore.ErrExists) {
		t.Errorf("got %v", err)
	}
}

func TestServerErrorsAreRetried(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status  int
		code    string
		applied bool
	}{
		{500, "InternalError", false},
		{500, "InternalError", true},
		{503, "SlowDown", false},
		{429, "TooManyRequests", false},
		{409, "ConditionalRequestConflict", false},
		{502, "BadGateway", true},
	} {
		b := proxy(t, func(n int64, forward func() *http.Response, w http.ResponseWriter, _ *http.Request) bool {
			if n > 3 {
				return false
			}
			if c.applied {
				forward()
			}
			refuse(w, c.status, c.code)
			return true
		})
		if err := putText(b, "a", "mine"); err != nil {
			t.Errorf("%d %s, applied %v: %v", c.status, c.code, c.applied, err)
		}
	}
}

func TestConflictOfAStoreThatSaysExistsWith409(t *testing.T) {
	t.Parallel()
	b := proxy(t, func(_ int64, _ func() *http.Response, w http.ResponseWriter, _ *http.Request) bool {
		refuse(w, 409, "FileAlreadyExists")
		return true
	})
	if err := putText(b, "a", "x"); !errors.Is(err, objstore.ErrExists) {
		t.Errorf("got %v", err)
	}
}

func TestSilentStoreLeavesAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	b := proxy(t, func(_ int64, _ func() *http.Response, w http.ResponseWriter, _ *http.Request) bool {
		drop(w)
		return true
	})
	err := putText(b, "a", "x")
	if !errors.Is(err, objstore.ErrUnknownOutcome) || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("got %v of kind %v", err, fault.KindOf(err))
	}
}

func TestErrorsNameTheirCauseAndNextStep(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]struct {
		status int
		kind   fault.Kind
	}{
		"AccessDenied":          {403, fault.Denied},
		"SignatureDoesNotMatch": {403, fault.Denied},
		"RequestTimeTooSkewed":  {403, fault.Denied},
		"ExpiredToken":          {400, fault.Denied},
		"NoSuchBucket":          {404, fault.Usage},
		"PermanentRedirect":     {301, fault.Usage},
	} {
		b := proxy(t, func(_ int64, _ func() *http.Response, w http.ResponseWriter, _ *http.Request) bool {
			refuse(w, want.status, code)
			return true
		})
		err := putText(b, "a", "x")
		if fault.KindOf(err) != want.kind || fault.HintOf(err) == "" || strings.Contains(err.Error(), testSecret) {
			t.Errorf("%s: %v of kind %v, hint %q", code, err, fault.KindOf(err), fault.HintOf(err))
		}
	}
	if b := openAt(t, "http://127.0.0.1:1", nil); true {
		err := putText(b, "a", "x")
		if fault.KindOf(err) != fault.Unavailable || errors.Is(err, objstore.ErrUnknownOutcome) {
			t.Errorf("nobody listens: %v of kind %v", err, fault.KindOf(err))
		}
	}
}

func TestBrokenDownloadIsTakenUpWhereItBroke(t *testing.T) {
	t.Parallel()
	content := strings.Repeat("0123456789", 100_000)
	b := proxy(t, func(n int64, forward func() *http.Response, w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || n > 4 {
			return false
		}
		response := forward()
		for name, values := range response.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(response.StatusCode)
		_, _ = io.CopyN(w, response.Body, 250_000)
		return true // the server sees fewer bytes than announced and closes the connection
	})
	if err := putText(b, "a", content); err != nil {
		t.Fatal(err)
	}
	data, err := objstore.ReadAll(context.Background(), b, "a", 0)
	if err != nil || string(data) != content {
		t.Errorf("%d bytes of %d, %v", len(data), len(content), err)
	}
}

func TestListingThatLoopsIsAnError(t *testing.T) {
	t.Parallel()
	b := proxy(t, func(_ int64, _ func() *http.Response, w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("list-type") == "" {
			return false
		}
		w.Header().Set("Content-Type", "application/xml")
		_, _ = fmt.Fprintf(w, `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken><Contents><Key>%sa</Key><Size>1</Size></Contents></ListBucketResult>`, r.URL.Query().Get("prefix"))
		return true
	})
	err := b.List(context.Background(), "", "", func(objstore.Info) error { return nil })
	if fault.KindOf(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
}
