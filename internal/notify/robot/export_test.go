package robot

import (
	"net/http"
	"net/url"
	"time"

	"github.com/omoflow/omoflow/internal/notify"
	"github.com/omoflow/omoflow/internal/secret"
)

// Body is what a kind makes of a message, for tests.
func Body(kind string, m notify.Message) ([]byte, error) {
	return dialects()[kind].write(m, secret.Value{}, time.Time{}, &url.URL{}, http.Header{})
}
