package s3_test

import (
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore/s3"
)

// Wrong credentials must never look like an empty bucket: a lake would be made anew beside the real one.
func TestWrongCredentialsAreDenied(t *testing.T) {
	for name, keys := range map[string][2]string{
		"unknown access key": {"somebody", testSecret},
		"wrong secret":       {testKey, "guess"},
	} {
		t.Run(name, func(t *testing.T) {
			bucket := openAt(t, endpoint, func(opt *s3.Options) {
				opt.LookupEnv = func(name string) (string, bool) {
					value, ok := map[string]string{opt.AccessKeyEnv: keys[0], opt.SecretKeyEnv: keys[1]}[name]
					return value, ok
				}
			})
			_, err := bucket.Get(t.Context(), "lake.json", 0, -1)
			if fault.KindOf(err) != fault.Denied {
				t.Errorf("got %v, want a denial", err)
			}
		})
	}
}
