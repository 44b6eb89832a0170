// Package access knows who may come in: tokens with a role, kept as entries of the lake's log "access".
//
// A token's secret is 256 random bits that are shown once; the log holds their SHA-256, so that who reads the lake cannot sign in.
// The secret needs no slow hash, because it cannot be guessed. What is issued, revoked and (once a day) used stays in the log.
// The doors themselves are below: gate for HTTP, certificate for TLS.
package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"regexp"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
)

// Token is what is known of a token; the secret is not.
type Token struct {
	ID        string    `json:"id"` // public half of the secret, for logs
	Name      string    `json:"name"`
	Role      Role      `json:"role"`
	Created   time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
	Expires   time.Time `json:"expires_at,omitzero"` // zero: never
	Revoked   time.Time `json:"revoked_at,omitzero"`
	RevokedBy string    `json:"revoked_by,omitempty"`
	LastUsed  string    `json:"last_used,omitempty"` // day in UTC, YYYY-MM-DD

	hash [sha256.Size]byte
}

// Live gives nil when the token lets its holder in at the given time, else a fault.Denied that says why not.
func (t Token) Live(now time.Time) error {
	if !t.Revoked.IsZero() {
		return fault.New(fault.Denied, "token_revoked", t.Name, "ask for a new one: omoflow token create", "the token was revoked on %s", t.Revoked.Format(time.DateOnly))
	}
	if !t.Expires.IsZero() && !now.Before(t.Expires) {
		return fault.New(fault.Denied, "token_expired", t.Name, "ask for a new one: omoflow token create", "the token expired on %s", t.Expires.Format(time.DateOnly))
	}
	return nil
}

// A secret is omo_<id>_<random>: the beginning lets secret scanners know it, the id says which token it is.
const (
	secretStart = "omo_"
	idBytes     = 5
	randomBytes = 32
)

var (
	letters       = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
	secretPattern = regexp.MustCompile(`^omo_[a-z2-7]{8}_[a-z2-7]{52}$`)
	namePattern   = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,63}$`) // nothing that could break a header, a log line or a page
)

func newSecret() (id, secret string) {
	var raw [idBytes + randomBytes]byte
	_, _ = rand.Read(raw[:]) // never fails since Go 1.24
	id = letters.EncodeToString(raw[:idBytes])
	return id, secretStart + id + "_" + letters.EncodeToString(raw[idBytes:])
}

// idOf gives the id in a secret, false when it is none.
func idOf(secret string) (string, bool) {
	if !secretPattern.MatchString(secret) {
		return "", false
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(secret, secretStart), "_")
	return id, true
}

// opens compares in constant time.
func (t Token) opens(secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(sum[:], t.hash[:]) == 1
}

// Kinds of the entries of the log, and their bodies.
const (
	kindIssue  = "issue"
	kindRevoke = "revoke"
	kindUse    = "use"
)

type issueBody struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Role    Role      `json:"role"`
	SHA256  string    `json:"sha256"` // of the secret
	By      string    `json:"by"`
	Expires time.Time `json:"expires_at,omitzero"`
}

type revokeBody struct {
	ID string `json:"id"`
	By string `json:"by"`
}

type useBody struct {
	ID  string `json:"id"`
	Day string `json:"day"`
}

// token makes the token of an issue entry.
func (b issueBody) token(at time.Time) (Token, bool) {
	t := Token{ID: b.ID, Name: b.Name, Role: b.Role, Created: at, CreatedBy: b.By, Expires: b.Expires}
	raw, err := hex.DecodeString(b.SHA256)
	if err != nil || len(raw) != len(t.hash) || b.ID == "" || !b.Role.May(View) {
		return t, false
	}
	copy(t.hash[:], raw)
	return t, true
}
