package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore"
)

// status gives the HTTP status of an SDK error, 0 when there was no response.
func status(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

// code gives the server's error code, "" when there is none.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// classify gives an SDK error of a read, a listing or a delete its kind and next step.
func (b *Bucket) classify(key, verb string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s %s: %w", verb, key, err)
	}
	what := "cannot " + verb + " in " + b.URL()
	switch c := code(err); c {
	case "NoSuchBucket":
		return fault.Wrap(err, fault.Usage, "no_bucket", b.URL(), "create the bucket, or correct its name and region", what)
	case "NoSuchKey", "NotFound":
		return fmt.Errorf("%s: %w", key, objstore.ErrNotFound)
	case "RequestTimeTooSkewed":
		return fault.Wrap(err, fault.Denied, "clock_skew", b.URL(), "set this machine's clock", what)
	case "ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "ExpiredTokenException", "InvalidToken":
		return fault.Wrap(err, fault.Denied, "access_denied", b.URL(), "check the credentials and the bucket's policy", what)
	case "BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "InvalidDigest":
		return fmt.Errorf("%s: %w: %w", key, objstore.ErrChecksum, err)
	}
	switch s := status(err); {
	case s == http.StatusNotFound && code(err) == "":
		return fmt.Errorf("%s: %w", key, objstore.ErrNotFound)
	case s == http.StatusNotFound: // something else is missing than the object: versitygw says so of an unknown access key
		return fault.Wrap(err, fault.Denied, "access_denied", b.URL(), "check the credentials and the bucket's policy", what)
	case s == http.StatusUnauthorized || s == http.StatusForbidden:
		return fault.Wrap(err, fault.Denied, "access_denied", b.URL(), "check the credentials and the bucket's policy", what)
	case s == http.StatusInsufficientStorage:
		return fault.Wrap(err, fault.Exhausted, "store_full", b.URL(), "free space in the store", what)
	case s == http.StatusMovedPermanently || s == http.StatusTemporaryRedirect:
		return fault.Wrap(err, fault.Usage, "wrong_region", b.URL(), "set region= and endpoint= to the bucket's", what)
	case s == http.StatusTooManyRequests || s >= 500 || network(err):
		return fault.Wrap(err, fault.Unavailable, "store_unavailable", b.URL(), "run again when the store answers; check endpoint= and the network", what)
	}
	var signing interface{ CanBeExpired() bool }
	if errors.As(err, &signing) || status(err) == 0 && code(err) == "" {
		return fault.Wrap(err, fault.Denied, "no_credentials", b.URL(), "set AWS credentials, a profile= or access_key_env= and secret_key_env=", what)
	}
	return fmt.Errorf("%s %s: %w", verb, key, err)
}

// network tells a failure of the connection from one that never reached it.
func network(err error) bool {
	var n net.Error
	var send interface{ ConnectionError() bool }
	return errors.As(err, &n) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.As(err, &send) && send.ConnectionError()
}

// dialFailed tells that the request never left this machine.
func dialFailed(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &dns)
}
