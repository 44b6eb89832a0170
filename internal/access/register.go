package access

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/objstore"
)

// LogName is the log of the tokens.
const LogName = "access"

// How long what was read of the log may be used without looking for news, and how long when the store does not answer.
// A revocation made by another process therefore holds within fresh; after patience nobody is let in.
const (
	fresh    = 2 * time.Second
	patience = time.Minute
	readTime = 10 * time.Second // for one look
)

// mostTries bounds how often a change is made anew when others change the log at the same time.
const mostTries = 20

// Register is the list of tokens. It may be used concurrently.
type Register struct {
	log *journal.Log
	now func() time.Time

	reading sync.Mutex // held while the log is read on
	mu      sync.Mutex // guards what follows
	state   state
	readAt  time.Time            // when state was known to be the latest
	triedAt time.Time            // when it was last tried to find out
	failed  error                // what that ended with
	usesAt  map[string]time.Time // when it was last tried to note the use of a token
}

// state is what the log says up to an entry. It is never changed once it is in a Register.
type state struct {
	seq    int64
	hash   string
	tokens map[string]Token // by id
}

// Open gives the register of a lake's bucket. writer names this process in the entries, "" for host and process; now is the clock.
func Open(b objstore.Bucket, writer string, now func() time.Time) *Register {
	return &Register{log: journal.Open(b, LogName, journal.Options{Writer: writer, Now: now}), now: now, usesAt: map[string]time.Time{}}
}

// current gives a state that is at most fresh old; an older one, up to patience, while the store does not answer or another
// request is reading. A store that does not answer is asked once in fresh, whatever number of requests there is.
func (r *Register) current(ctx context.Context) (state, error) {
	v := r.look()
	if v.age < fresh {
		return v.state, nil
	}
	if v.age < patience {
		if v.tried < fresh || !r.reading.TryLock() {
			return v.state, nil
		}
	} else {
		r.reading.Lock()
	}
	defer r.reading.Unlock()
	if v = r.look(); v.age < fresh || v.tried < fresh && v.failed != nil {
		return v.usable(v.failed)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTime) // others wait for it, whoever goes away
	defer cancel()
	latest, err := r.read(ctx, v.state)
	if err != nil {
		return v.usable(err)
	}
	return latest, nil
}

// view is what is known at a time.
type view struct {
	state
	age    time.Duration // since it was the latest
	tried  time.Duration // since it was last tried to find out
	failed error         // what that ended with
}

// usable gives the state unless it is too old or the log is damaged.
func (v view) usable(err error) (state, error) {
	if v.age < patience && fault.KindOf(err) != fault.Damaged {
		return v.state, nil
	}
	return v.state, err
}

func (r *Register) look() view {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	since := func(at time.Time) time.Duration {
		if at.IsZero() || now.Before(at) { // a clock that was set back proves nothing
			return patience
		}
		return now.Sub(at)
	}
	return view{r.state, since(r.readAt), since(r.triedAt), r.failed}
}

// read reads the log on from what is known.
func (r *Register) read(ctx context.Context, known state) (state, error) {
	began := r.now()
	next := state{known.seq, known.hash, maps.Clone(known.tokens)}
	var err error
	if next.tokens == nil {
		next.tokens = map[string]Token{}
		err = r.log.Read(ctx, 1, next.add)
	} else {
		for err == nil { // asking for the next entry is cheaper than a listing
			var e journal.Entry
			if e, err = r.log.Get(ctx, next.seq+1); err == nil {
				err = next.add(e)
			}
		}
		if errors.Is(err, objstore.ErrNotFound) {
			err = nil
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.triedAt, r.failed = began, err
	if err != nil {
		return known, err
	}
	if next.seq >= r.state.seq {
		r.state, r.readAt = next, began
	}
	return next, nil
}

// add takes an entry.
func (s *state) add(e journal.Entry) error {
	damaged := func(err error) error {
		return fault.Wrap(err, fault.Damaged, "access_damaged", journal.EntryKey(e.Log, e.Seq), "restore this object from a backup; until then nobody is let in", "the entry cannot be used")
	}
	if e.Prev != s.hash || e.Seq != s.seq+1 {
		return damaged(errors.New("it does not follow the entry before it"))
	}
	var err error
	switch e.Kind {
	case kindIssue:
		var b issueBody
		if err = json.Unmarshal(e.Body, &b); err == nil {
			t, ok := b.token(e.At)
			if _, known := s.tokens[t.ID]; !ok || known {
				err = errors.New("it issues no token")
			} else {
				s.tokens[t.ID] = t
			}
		}
	case kindRevoke:
		var b revokeBody
		err = json.Unmarshal(e.Body, &b)
		if t, ok := s.tokens[b.ID]; ok && t.Revoked.IsZero() {
			t.Revoked, t.RevokedBy = e.At, b.By
			s.tokens[b.ID] = t
		}
	case kindUse:
		var b useBody
		err = json.Unmarshal(e.Body, &b)
		if t, ok := s.tokens[b.ID]; ok {
			t.LastUsed = max(t.LastUsed, b.Day)
			s.tokens[b.ID] = t
		}
	}
	if err != nil {
		return damaged(err)
	}
	s.seq, s.hash = e.Seq, e.Hash
	return nil
}

// change appends what decide makes of the latest state; when another process was faster it decides anew. An empty kind means
// that there is nothing to do.
func (r *Register) change(ctx context.Context, decide func(s state) (kind string, body any, err error)) error {
	for try := range mostTries {
		latest, err := r.read(ctx, r.look().state)
		if err != nil {
			return err
		}
		kind, body, err := decide(latest)
		if err != nil || kind == "" {
			return err
		}
		e, err := r.log.Append(ctx, latest.seq+1, kind, body)
		if err == nil {
			if e.Seq%journal.FoldSize == 0 {
				err = r.log.Checkpoint(ctx)
			}
			_, readErr := r.read(ctx, latest)
			return errors.Join(err, readErr)
		}
		if fault.KindOf(err) != fault.Conflict {
			return err
		}
		if err := objstore.Pause(ctx, time.Duration(try+1)*10*time.Millisecond); err != nil {
			return err
		}
	}
	return fault.New(fault.Conflict, "access_busy", LogName, "run the command again", "others changed the tokens %d times in a row", mostTries)
}

// Issue makes a token and gives its secret, which is kept nowhere. A zero expires means never. The name must be free among the
// tokens that are in force.
func (r *Register) Issue(ctx context.Context, name string, role Role, expires time.Time, by string) (Token, string, error) {
	if !namePattern.MatchString(name) || strings.TrimSpace(name) != name {
		return Token{}, "", fault.New(fault.Usage, "bad_token_name", name, "use up to 64 letters, digits, blanks and . _ @ -", "cannot be the name of a token")
	}
	if !role.May(View) {
		return Token{}, "", fault.New(fault.Usage, "unknown_role", role.String(), "write viewer, operator or admin", "is not a role")
	}
	if !expires.IsZero() && !expires.After(r.now()) {
		return Token{}, "", fault.New(fault.Usage, "already_expired", name, "choose a time to come", "a token that expires on %s would never be valid", expires.UTC().Format(time.RFC3339))
	}
	var id, secret string
	err := r.change(ctx, func(s state) (string, any, error) {
		for _, t := range s.tokens {
			if t.Name == name && t.Live(r.now()) == nil {
				return "", nil, fault.New(fault.Usage, "token_exists", name, "choose another name, or revoke that one: omoflow token revoke "+t.ID, "there is a token of this name (%s)", t.ID)
			}
		}
		for id == "" || s.tokens[id].ID != "" {
			id, secret = newSecret()
		}
		sum := sha256.Sum256([]byte(secret))
		return kindIssue, issueBody{ID: id, Name: name, Role: role, SHA256: hex.EncodeToString(sum[:]), By: by, Expires: expires.UTC()}, nil
	})
	if err != nil {
		return Token{}, "", err
	}
	return r.look().tokens[id], secret, nil
}

// Revoke ends a token that is given by its id or its name. changed is false when it was revoked already.
func (r *Register) Revoke(ctx context.Context, which, by string) (t Token, changed bool, err error) {
	err = r.change(ctx, func(s state) (string, any, error) {
		if t, err = s.find(which); err != nil || !t.Revoked.IsZero() {
			return "", nil, err
		}
		changed = true
		return kindRevoke, revokeBody{ID: t.ID, By: by}, nil
	})
	if err != nil || !changed {
		return t, false, err
	}
	return r.look().tokens[t.ID], true, nil
}

// find gives the token of an id or a name; of several of one name the one in force, else the last.
func (s state) find(which string) (Token, error) {
	if t, ok := s.tokens[which]; ok {
		return t, nil
	}
	var found Token
	var names []string
	for _, t := range s.list() { // oldest first
		names = append(names, t.Name)
		if t.Name == which && (found.ID == "" || !found.Revoked.IsZero() || t.Revoked.IsZero()) {
			found = t
		}
	}
	if found.ID != "" {
		return found, nil
	}
	hint := "see omoflow token list"
	if near := fault.Nearest(which, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	return found, fault.New(fault.Usage, "unknown_token", which, hint, "there is no such token")
}

func (s state) list() []Token {
	return slices.SortedFunc(maps.Values(s.tokens), func(a, b Token) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
}

// List gives all tokens ever issued, oldest first.
func (r *Register) List(ctx context.Context) ([]Token, error) {
	latest, err := r.read(ctx, r.look().state)
	return latest.list(), err
}
