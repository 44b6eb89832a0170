package webhook

import (
	"net/http"
	"regexp"
	"strings"
)

// WooCommerce signs every delivery but the first of each hook: a form with the hook's number that tries the address.
func WooCommerce() Dialect {
	return Dialect{Signature: "X-WC-Webhook-Signature", Topic: "X-WC-Webhook-Topic", ID: "X-WC-Webhook-Delivery-ID", Ping: func(r *http.Request, body []byte) bool {
		return strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") && wooPing.Match(body)
	}}
}

var wooPing = regexp.MustCompile(`^webhook_id=[0-9]{1,20}$`)

// Shopify sends a failed delivery again for hours, with the body of the first time.
func Shopify() Dialect {
	return Dialect{Signature: "X-Shopify-Hmac-SHA256", Topic: "X-Shopify-Topic", ID: "X-Shopify-Webhook-Id", Sent: "X-Shopify-Triggered-At"}
}
