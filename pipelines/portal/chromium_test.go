package portal

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// The pages in a real browser: signing in by keyboard, both languages, three windows, light and dark.
func TestPagesInChromium(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the pages were not looked at in a browser")
	}
	b := startBrowser(t)
	s := serve(t, busyShop())
	server := httptest.NewServer(s.gate)
	defer server.Close()

	b.window(1280, 900, "light")
	b.do("Network.setExtraHTTPHeaders", map[string]any{"headers": map[string]string{"Accept-Language": "en"}}, nil)
	b.open(server.URL + "/")
	var at string
	if b.eval(`location.pathname + " " + document.activeElement.id`, &at); at != "/login token" {
		t.Fatalf("without a session at %q, want the login page with the focus on the token", at)
	}
	b.readable("login")
	b.picture("login")
	b.do("Input.insertText", map[string]any{"text": "omo_wrong"}, nil)
	b.key("Enter", 13)
	b.loaded()
	var said string
	if b.eval(`document.querySelector("[role=alert]").textContent`, &said); !strings.Contains(said, "not right") {
		t.Errorf("after a wrong token: %q", said)
	}
	b.picture("login-refused")
	b.console = nil // Chromium notes the 401
	b.do("Input.insertText", map[string]any{"text": s.secret}, nil)
	b.key("Enter", 13)
	b.loaded()
	if b.eval(`location.pathname + document.cookie`, &at); at != "/" {
		t.Fatalf("after signing in at %q; a script may see %q", at, strings.TrimPrefix(at, "/"))
	}

	for _, lang := range []string{"en", "zh-CN"} {
		for _, w := range []struct {
			name          string
			width, height int
		}{{"desktop", 1280, 900}, {"tablet", 768, 1000}, {"phone", 360, 740}} {
			for _, scheme := range []string{"light", "dark"} {
				b.window(w.width, w.height, scheme)
				for page, path := range map[string]string{"status": "/", "documents": "/documents"} {
					what := name(page, "-", w.name, "-", lang, "-", scheme)
					b.open(server.URL + path + "?lang=" + lang)
					var html string
					if b.eval(`document.documentElement.lang + document.querySelectorAll("h1").length`, &html); html != lang+"1" {
						t.Errorf("%s: %q", what, html)
					}
					b.fits(what)
					b.readable(what)
					b.picture(what)
					b.calm(what)
				}
			}
		}
	}

	for path, least := range map[string]int{"/": 25, "/documents": 15} {
		b.window(1280, 900, "light")
		b.open(server.URL + path)
		reached := b.tabs()
		if len(reached) < least || !strings.Contains(reached[0], "#content") {
			t.Errorf("%s: Tab reaches %d things, first %v", path, len(reached), reached[:min(3, len(reached))])
		}
		var all []string
		b.eval(`(() => { const all = [...document.querySelectorAll("*")]; return [...document.querySelectorAll("a[href], button, input:not([type=hidden]), [tabindex='0']")].map(e =>
			all.indexOf(e) + " " + e.tagName + " " + (e.getAttribute("href") || e.getAttribute("aria-labelledby") || e.textContent || "").trim().slice(0, 80)) })()`, &all)
		if got, want := strings.Join(reached, "\n"), strings.Join(all, "\n"); got != want {
			t.Errorf("%s: Tab goes through\n%s\nthe page has\n%s", path, got, want)
		}
		var loose []string
		b.eval(`[...document.querySelectorAll("th:not([scope]), td:empty:not(table:not(.matrix) td), table:not(:has(th)), img:not([alt])")].map(e => e.outerHTML.slice(0, 80))`, &loose)
		if len(loose) > 0 {
			t.Errorf("%s: tables without headers: %v", path, loose)
		}
	}

	b.open(server.URL + "/documents/joint-meeting.2026-W12.v2/document.html")
	if b.eval(`window.origin + " " + document.body.textContent`, &said); !strings.HasPrefix(said, "null ") || !strings.Contains(said, "the pack") {
		t.Errorf("a document is not in a sandbox: %q", said)
	}
	b.calm("document")
	b.open(server.URL + "/")
	b.eval(`(() => { document.querySelector("header button").click(); return true })()`, new(bool))
	b.loaded()
	if b.eval(`location.pathname`, &at); at != "/login" {
		t.Errorf("after signing out at %q", at)
	}
	b.calm("signing out")
}
