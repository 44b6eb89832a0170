package router_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/omoflow/omoflow/pipelines/source/router"
)

// The example that the documentation of TOP signs by hand.
func TestSignatureOfTheDocumentedExample(t *testing.T) {
	form := url.Values{
		"method": {"taobao.item.seller.get"}, "app_key": {"12345678"}, "session": {"test"}, "timestamp": {"2016-01-01 12:00:00"}, "format": {"json"}, "v": {"2.0"}, "sign_method": {"md5"},
		"fields": {"num_iid,title,nick,price,num"}, "num_iid": {"11223344"},
	}
	if got := router.Sign(form, "helloworld", false); got != "66987CB115214E59E6EC978214934FB8" {
		t.Error(got)
	}
	plain, mac := router.Sign(form, "helloworld", false), router.Sign(form, "helloworld", true)
	form.Set("sign", "anything")
	if router.Sign(form, "helloworld", false) != plain || mac == plain || len(mac) != 32 {
		t.Error("the signature signs itself, or HMAC is no other")
	}
}

func TestThrottlesSayHowLong(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"This ban will last for 2 more seconds": 2 * time.Second, "ban will last 1.5 seconds": 1500 * time.Millisecond, "请 3 秒后重试": 3 * time.Second, "slow down": 0, "last 99999999999 seconds": 0,
	} {
		if got := (router.Failure{SubMessage: text}).Wait().Wait; got != want {
			t.Errorf("%q: %s instead of %s", text, got, want)
		}
	}
}
