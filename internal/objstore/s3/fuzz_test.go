package s3

import (
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
)

// FuzzURL: a store's URL is refused without repeating what may be a secret in it, or names a bucket.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{"s3://b/p?region=x&endpoint=https://h:9000&path_style=true", "s3://key:secret@b", "s3://b?access_key_env=A", "s3://b/?secret=hunter2", "http://b", "s3://b/%zz", "s3://b?endpoint=http://u:p@h"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		opt, err := ParseURL(text)
		if err == nil {
			if opt.Bucket == "" || strings.HasPrefix(opt.Prefix, "/") || (opt.AccessKeyEnv == "") != (opt.SecretKeyEnv == "") {
				t.Fatalf("%q gave %+v", text, opt)
			}
			return
		}
		if fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
			t.Fatalf("%v, hint %q", err, fault.HintOf(err))
		}
		if before, rest, ok := strings.Cut(text, "://"); ok && !strings.Contains(before, "?") {
			if user, host, ok := strings.Cut(rest, "@"); ok && len(user) > 8 && !strings.ContainsAny(user, "?/#") && strings.Contains(err.Error(), user) {
				t.Fatalf("%q: the error repeats %q before %q: %v", text, user, host, err)
			}
		}
	})
}
