package gate

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/access"
)

func TestSessionsEnd(t *testing.T) {
	for name, end := range map[string]func(d *door, id string){
		"idle": func(d *door, _ string) { d.at = d.at.Add(2 * time.Hour) },
		"longest": func(d *door, _ string) {
			for range 8 { // used all the time
				d.at = d.at.Add(90 * time.Minute)
				d.send("GET", "/", "", "Accept", page)
			}
		},
		"revoked": func(d *door, _ string) {
			if _, _, err := d.register.Revoke(d.t.Context(), "a", "ann"); err != nil {
				d.t.Fatal(err)
			}
		},
		"expired": func(d *door, _ string) {
			for range 13 {
				d.at = d.at.Add(time.Hour)
			}
			d.at = d.at.Add(12 * time.Hour)
		},
		"set back": func(d *door, _ string) { d.at = d.at.Add(-time.Minute) },
	} {
		d := newDoor(t)
		d.want(name+": sign in", 303, d.signIn(d.token("a", access.Viewer), ""))
		d.want(name+": inside", 200, d.send("GET", "/", "", "Accept", page))
		end(d, "a")
		d.want(name, 303, d.send("GET", "/", "", "Accept", page))
		d.want(name+", by a program", 401, d.send("GET", "/", ""))
	}
}

func TestForgedSessionsAreNobody(t *testing.T) {
	d := newDoor(t)
	d.want("sign in", 303, d.signIn(d.token("a", access.Admin), ""))
	good := d.jar[cookieName]
	for name, value := range map[string]string{"empty": "", "short": good[:42], "long": good + "A", "other": random(), "changed": "A" + good[1:], "names a token": "admin", "hash": strings.Repeat("0", 64)} {
		if value == good {
			continue
		}
		d.jar = map[string]string{cookieName: value}
		d.want(name, 401, d.send("GET", "/", ""))
		d.jar = map[string]string{"__Host-omoflow": value}
		d.want(name+" under the other name", 401, d.send("GET", "/", ""))
	}
	d.jar = map[string]string{cookieName: good}
	d.want("the good one", 200, d.send("GET", "/", ""))
	d.want("a wrong token beside it", 401, d.send("GET", "/", "", "Authorization", "Bearer omo_x"))
	d.want("a proxy's password beside it", 200, d.send("GET", "/", "", "Authorization", "Basic YTpi"))
}

// A session that somebody planted is not the one that the visitor goes on with.
func TestSigningInMakesANewSession(t *testing.T) {
	d := newDoor(t)
	mine, yours := d.token("attacker", access.Viewer), d.token("victim", access.Admin)
	d.want("sign in", 303, d.signIn(mine, ""))
	planted := d.jar[cookieName]
	d.jar = map[string]string{}
	body := d.want("login page", 200, d.send("GET", "/login", "", "Accept", page))
	d.jar[cookieName] = planted
	d.want("sign in over it", 303, d.send("POST", "/login", url.Values{"form": {field(body, "form")}, "token": {yours}}.Encode(), "Accept", page))
	if d.jar[cookieName] == planted {
		t.Fatal("the planted session lives on")
	}
	d.jar = map[string]string{cookieName: planted}
	d.want("the planted one", 401, d.send("GET", "/", ""))
}

func TestFormsOfOthersAreRefused(t *testing.T) {
	d := newDoor(t)
	secret := d.token("a", access.Operator)
	d.want("sign in", 303, d.signIn(secret, ""))
	form := d.form()
	for name, k := range map[string]struct {
		status  int
		body    string
		headers []string
	}{
		"our form":               {200, "form=" + form, []string{"Sec-Fetch-Site", "same-origin"}},
		"our form, old browser":  {200, "form=" + form, []string{"Origin", "http://example.com"}},
		"our script":             {200, "", []string{"X-Omoflow-Form", form}},
		"no secret":              {403, "x=1", []string{"Sec-Fetch-Site", "same-origin"}},
		"empty secret":           {403, "form=", []string{"Sec-Fetch-Site", "same-origin"}},
		"wrong secret":           {403, "form=" + random(), nil},
		"another page":           {403, "form=" + form, []string{"Sec-Fetch-Site", "cross-site"}},
		"a neighbouring host":    {403, "form=" + form, []string{"Sec-Fetch-Site", "same-site"}},
		"another page's origin":  {403, "form=" + form, []string{"Origin", "http://evil.example"}},
		"a sandboxed document":   {403, "form=" + form, []string{"Origin", "null"}},
		"secret in the address":  {403, "", nil},
		"a form that is too big": {403, "pad=" + strings.Repeat("x", maxForm) + "&form=" + form, nil},
	} {
		target := "/note"
		if name == "secret in the address" {
			target += "?form=" + form
		}
		d.want(name, k.status, d.send("POST", target, k.body, append(k.headers, "Accept", page)...))
	}
	d.jar = map[string]string{}
	d.want("a program's token needs no form", 200, d.send("POST", "/note", "", "Authorization", "Bearer "+secret))
}

func TestLoginFormsOfOthersAreRefused(t *testing.T) {
	d := newDoor(t)
	secret := d.token("a", access.Viewer)
	body := d.want("login page", 200, d.send("GET", "/login", "", "Accept", page))
	send := func(form string, headers ...string) int {
		return d.send("POST", "/login", url.Values{"form": {form}, "token": {secret}}.Encode(), append(headers, "Accept", page)...).StatusCode
	}
	if got := send("x"); got != 403 {
		t.Errorf("a wrong form: %d", got)
	}
	if got := send(field(body, "form"), "Sec-Fetch-Site", "cross-site"); got != 403 {
		t.Errorf("from another page: %d", got)
	}
	d.jar = map[string]string{}
	if got := send(field(body, "form")); got != 403 {
		t.Errorf("without the form's cookie: %d", got)
	}
	if len(d.gate.sessions.table) != 0 {
		t.Error("a session began")
	}
}

// A gate that takes another's place, as after a change of the configuration, knows the sessions and the locked out.
func TestSessionsOutliveTheirGate(t *testing.T) {
	d := newDoor(t)
	d.want("sign in", 303, d.signIn(d.token("a", access.Viewer), ""))
	for range freeTries {
		d.send("GET", "/", "", "Authorization", "Bearer x")
	}
	o := d.gate.opt
	o.Before, o.Idle = d.gate, time.Hour
	next, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	d.gate = next
	d.want("the session at the new gate", 404, d.send("GET", "/", "", "Accept", page)) // it has no routes, but lets in
	d.want("the locked out at the new gate", 429, d.send("GET", "/", "", "Authorization", "Bearer x"))
	d.at = d.at.Add(time.Hour)
	d.want("the new limit", 303, d.send("GET", "/", "", "Accept", page))
}
