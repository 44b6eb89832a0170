package access

import (
	"context"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

// useTime bounds how long a request waits for the note that its token was used today.
const useTime = 5 * time.Second

// Check gives the token that a secret belongs to. A secret that is none or wrong is fault.Denied with the code "bad_token", one
// of a token no longer in force with "token_expired" or "token_revoked"; any other error means that it could not be found out.
func (r *Register) Check(ctx context.Context, secret string) (Token, error) {
	s, err := r.current(ctx)
	if err != nil {
		return Token{}, err
	}
	id, ok := idOf(secret)
	t := s.tokens[id] // the zero Token's hash is no secret's
	if !t.opens(secret) || !ok {
		return Token{}, fault.New(fault.Denied, "bad_token", "", "copy the whole token, from omo_ to its end", "this is not a token of this lake")
	}
	return t, t.Live(r.now())
}

// Token gives the token of an id, and fault.Denied when it is no longer in force.
func (r *Register) Token(ctx context.Context, id string) (Token, error) {
	s, err := r.current(ctx)
	if err != nil {
		return Token{}, err
	}
	t, ok := s.tokens[id]
	if !ok {
		return t, fault.New(fault.Denied, "bad_token", id, "see omoflow token list", "there is no such token")
	}
	return t, t.Live(r.now())
}

// due tells whether the use of a token must be noted now: not when it is, and not again right after an attempt that failed.
func (r *Register) due(id, day string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if r.state.tokens[id].LastUsed >= day || now.Sub(r.usesAt[id]).Abs() < patience {
		return false
	}
	r.usesAt[id] = now
	return true
}

// Used notes that a token was used today; the first use of a day is written, later ones cost nothing.
func (r *Register) Used(ctx context.Context, id string) error {
	day := r.now().UTC().Format(time.DateOnly)
	if !r.due(id, day) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), useTime) // the note outlives a client that goes away
	defer cancel()
	return r.change(ctx, func(s state) (string, any, error) {
		if t, ok := s.tokens[id]; !ok || t.LastUsed >= day {
			return "", nil, nil
		}
		return kindUse, useBody{ID: id, Day: day}, nil
	})
}
