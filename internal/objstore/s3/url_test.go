package s3_test

import (
	"context"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/objstore/s3"
)

func TestURLs(t *testing.T) {
	opt, err := s3.ParseURL("s3://bucket/a/b/?region=eu-west-1&endpoint=https://h:9000&path_style=true&profile=p&access_key_env=A&secret_key_env=B")
	if err != nil || opt.Bucket != "bucket" || opt.Prefix != "a/b" || opt.Region != "eu-west-1" || opt.Endpoint != "https://h:9000" || !opt.PathStyle || opt.AccessKeyEnv != "A" || opt.SecretKeyEnv != "B" || opt.Profile != "p" {
		t.Errorf("%+v %v", opt, err)
	}
	for _, bad := range []string{
		"", "s3://", "http://bucket/x", "s3://key:topsecret@bucket/x", "s3://bucket?regoin=x", "s3://bucket?path_style=perhaps",
		"s3://bucket?access_key_env=A", "s3://bucket?endpoint=host:9000", "s3://bucket?access_key=topsecret", "s3://bucket?endpoint=https://u:topsecret@h",
	} {
		_, err := s3.ParseURL(bad)
		if fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := s3.ParseURL("s3://bucket?regoin=x"); !strings.Contains(fault.HintOf(err), "region") {
		t.Errorf("no suggestion: %v", fault.HintOf(err))
	}
}

func TestMissingCredentialsAreNamed(t *testing.T) {
	_, err := s3.New(context.Background(), s3.Options{Bucket: "b", AccessKeyEnv: "MY_KEY", SecretKeyEnv: "MY_SECRET", LookupEnv: func(string) (string, bool) { return "", false }})
	if fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "MY_KEY") {
		t.Errorf("got %v", err)
	}
}
