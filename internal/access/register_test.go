package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/objstore/faultstore"
	"github.com/omoflow/omoflow/internal/objstore/mem"
)

// clock is a clock that stands until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func code(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Code
	}
	return fmt.Sprint(err)
}

func issue(t *testing.T, r *Register, name string, role Role, expires time.Time) (Token, string) {
	t.Helper()
	token, secret, err := r.Issue(t.Context(), name, role, expires, "ann")
	if err != nil {
		t.Fatal(err)
	}
	return token, secret
}

func TestTokenOpensUntilItIsRevokedOrExpires(t *testing.T) {
	c, b := newClock(), mem.New()
	r, other := Open(b, "one", c.now), Open(b, "other", c.now)
	token, secret := issue(t, r, "cash office", Operator, c.now().Add(time.Hour))
	if token.Role != Operator || token.CreatedBy != "ann" || token.Created != c.now() {
		t.Errorf("token %+v", token)
	}
	for _, register := range []*Register{r, other} {
		if got, err := register.Check(t.Context(), secret); err != nil || got.ID != token.ID || got.Role != Operator {
			t.Errorf("a good secret gives %+v, %v", got, err)
		}
	}
	if _, changed, err := r.Revoke(t.Context(), "cash office", "bob"); err != nil || !changed {
		t.Fatalf("revoke: %v %v", changed, err)
	}
	if _, err := r.Check(t.Context(), secret); code(err) != "token_revoked" {
		t.Errorf("revoked here: %v", err)
	}
	c.move(fresh) // another process asks the log again by then
	if got, err := other.Check(t.Context(), secret); code(err) != "token_revoked" || got.RevokedBy != "bob" {
		t.Errorf("revoked elsewhere: %v, %+v", err, got)
	}
	if _, changed, err := other.Revoke(t.Context(), token.ID, "bob"); err != nil || changed {
		t.Errorf("revoked twice: %v %v", changed, err)
	}
	_, short := issue(t, r, "cash office", Viewer, c.now().Add(time.Hour)) // the name is free again
	c.move(time.Hour - 1)
	if _, err := r.Check(t.Context(), short); err != nil {
		t.Errorf("a moment before it expires: %v", err)
	}
	c.move(1)
	if _, err := r.Check(t.Context(), short); code(err) != "token_expired" || fault.KindOf(err) != fault.Denied {
		t.Errorf("at its end: %v", err)
	}
}

func TestWrongSecretsAreRefused(t *testing.T) {
	c, b := newClock(), mem.New()
	r := Open(b, "one", c.now)
	if _, err := r.Check(t.Context(), "omo_aaaaaaaa_"+strings.Repeat("a", 52)); code(err) != "bad_token" {
		t.Errorf("an empty register: %v", err)
	}
	token, secret := issue(t, r, "a", Viewer, time.Time{})
	_, second := issue(t, r, "b", Admin, time.Time{})
	last := byte('a')
	if secret[len(secret)-1] == 'a' {
		last = 'b'
	}
	for name, wrong := range map[string]string{
		"nothing": "", "the id": token.ID, "one letter off": secret[:len(secret)-1] + string(last), "a letter more": secret + "a", "upper case": strings.ToUpper(secret),
		"another token's random part": secret[:13] + second[13:], "a line feed": secret + "\n", "zero hash": "omo_" + token.ID + "_" + strings.Repeat("a", 52),
	} {
		if _, err := r.Check(t.Context(), wrong); code(err) != "bad_token" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheLakeDoesNotHoldSecrets(t *testing.T) {
	c, b := newClock(), mem.New()
	r := Open(b, "one", c.now)
	_, secret := issue(t, r, "a", Viewer, time.Time{})
	err := b.List(t.Context(), "", "", func(i objstore.Info) error {
		data, err := objstore.ReadAll(t.Context(), b, i.Key, 0)
		if strings.Contains(string(data), secret[13:]) {
			t.Errorf("%s holds the secret", i.Key)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestIssueRefusesWhatCannotBe(t *testing.T) {
	c := newClock()
	r := Open(mem.New(), "one", c.now)
	issue(t, r, "taken", Viewer, time.Time{})
	for _, k := range []struct {
		name    string
		role    Role
		expires time.Time
		code    string
	}{
		{"taken", Viewer, time.Time{}, "token_exists"}, {"", Viewer, time.Time{}, "bad_token_name"}, {"a\r\nSet-Cookie: x", Viewer, time.Time{}, "bad_token_name"},
		{"<script>", Viewer, time.Time{}, "bad_token_name"}, {strings.Repeat("a", 65), Viewer, time.Time{}, "bad_token_name"}, {"x ", Viewer, time.Time{}, "bad_token_name"},
		{"x", 0, time.Time{}, "unknown_role"}, {"x", 9, time.Time{}, "unknown_role"}, {"x", Viewer, c.now(), "already_expired"},
	} {
		if _, secret, err := r.Issue(t.Context(), k.name, k.role, k.expires, "ann"); code(err) != k.code || secret != "" {
			t.Errorf("%q %v: %v", k.name, k.role, err)
		}
	}
	if _, _, err := r.Issue(t.Context(), "门店 上海-1", Viewer, time.Time{}, "ann"); err != nil {
		t.Errorf("a Chinese name: %v", err)
	}
	if _, _, err := r.Revoke(t.Context(), "takn", "ann"); code(err) != "unknown_token" || !strings.Contains(fault.HintOf(err), "taken") {
		t.Errorf("unknown name: %v, %s", err, fault.HintOf(err))
	}
}

func TestRolesAllowWhatTheySay(t *testing.T) {
	for role, want := range map[Role][3]bool{0: {}, Viewer: {true}, Operator: {true, true}, Admin: {true, true, true}, 9: {}} {
		got := [3]bool{role.May(View), role.May(Operate), role.May(Administer)}
		if got != want || role.May(0) || role.May(9) {
			t.Errorf("%v may %v", role, got)
		}
		var back Role
		if err := back.UnmarshalText([]byte(role.String())); (err == nil) != role.May(View) || err == nil && back != role {
			t.Errorf("%v read back as %v, %v", role, back, err)
		}
	}
}

func TestUseIsNotedOnceADay(t *testing.T) {
	c, b := newClock(), mem.New()
	r, other := Open(b, "one", c.now), Open(b, "other", c.now)
	token, _ := issue(t, r, "a", Viewer, time.Time{})
	for range 3 {
		for range 5 {
			for _, register := range []*Register{r, other} {
				if err := register.Used(t.Context(), token.ID); err != nil {
					t.Fatal(err)
				}
			}
			c.move(2 * time.Hour)
		}
		c.move(14 * time.Hour)
	}
	tail, _, err := journal.Open(b, LogName, journal.Options{}).Tail(t.Context())
	if err != nil || tail.Seq != 4 {
		t.Errorf("%d entries, %v; want one issue and three uses", tail.Seq, err)
	}
	if list, err := other.List(t.Context()); err != nil || list[0].LastUsed != "2026-03-04" {
		t.Errorf("%+v, %v", list, err)
	}
}

// When the store does not answer, those who were let in stay for patience; then nobody is.
func TestNobodyIsLetInOnOldKnowledge(t *testing.T) {
	c, b := newClock(), mem.New()
	_, secret := issue(t, Open(b, "one", c.now), "a", Viewer, time.Time{})
	broken := faultstore.New(b)
	r := Open(broken, "two", c.now)
	if _, err := r.Check(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	broken.Script(faultstore.Fault{Kind: faultstore.ServerError, Op: faultstore.Get, Times: -1})
	c.move(patience - 1)
	if _, err := r.Check(t.Context(), secret); err != nil {
		t.Errorf("within patience: %v", err)
	}
	c.move(1)
	for range 2 {
		if _, err := r.Check(t.Context(), secret); err == nil || fault.KindOf(err) == fault.Denied {
			t.Errorf("after patience: %v", err)
		}
	}
	c.move(fresh)
	broken.Script()
	if _, err := r.Check(t.Context(), secret); err != nil {
		t.Errorf("after the store came back: %v", err)
	}
	c.move(-time.Hour) // a clock that was set back proves nothing, so the log is asked
	broken.Script(faultstore.Fault{Kind: faultstore.ServerError, Op: faultstore.Get, Times: -1})
	if _, err := r.Check(t.Context(), secret); err == nil {
		t.Error("let in with a clock that was set back and a store that does not answer")
	}
}

func TestManyIssueAtOnce(t *testing.T) {
	c, b := newClock(), mem.New()
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			r := Open(b, fmt.Sprint(i), c.now)
			if _, _, err := r.Issue(context.Background(), fmt.Sprint("token ", i), Viewer, time.Time{}, "ann"); err != nil {
				t.Error(err)
			}
			if _, _, err := r.Issue(context.Background(), "same", Viewer, time.Time{}, "ann"); err != nil && code(err) != "token_exists" {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	list, err := Open(b, "reader", c.now).List(t.Context())
	if err != nil || len(list) != 9 {
		t.Errorf("%d tokens, %v; want 8 and one of those of the same name", len(list), err)
	}
}

// An entry that was put into the log by hand, without the chain, lets nobody in.
func TestForgedEntryClosesTheRegister(t *testing.T) {
	c, b := newClock(), mem.New()
	r := Open(b, "one", c.now)
	_, secret := issue(t, r, "a", Viewer, time.Time{})
	strange := mem.New()
	issue(t, Open(strange, "x", c.now), "x", Viewer, time.Time{})
	issue(t, Open(strange, "x", c.now), "y", Admin, time.Time{})
	forged, err := objstore.ReadAll(t.Context(), strange, journal.EntryKey(LogName, 2), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.PutIfAbsent(t.Context(), journal.EntryKey(LogName, 2), objstore.Bytes(forged), objstore.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	c.move(fresh)
	if _, err := r.Check(t.Context(), secret); fault.KindOf(err) != fault.Damaged {
		t.Errorf("with a forged entry: %v", err)
	}
}
