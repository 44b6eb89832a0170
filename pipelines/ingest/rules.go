package ingest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/profile"
)

// rules is everything besides the delivered bytes that a batch's rows depend on, kept in the lake so that lost rows can be
// made again when the profile has long changed.
type rules struct {
	Format     int                 `json:"format"`
	Engine     string              `json:"engine"`
	Profile    string              `json:"profile"` // name of the file in messages
	Text       string              `json:"text"`
	Zone       string              `json:"zone"`
	Match      string              `json:"match"`
	Constants  map[string]string   `json:"constants,omitempty"`
	Locations  map[string]Location `json:"locations,omitempty"`
	Limits     profile.Limits      `json:"limits"`
	RefuseOver int64               `json:"refuse_over"`
	Direct     int64               `json:"direct"` // see directBytes
	API        bool                `json:"api,omitempty"`
	Captures   []string            `json:"captures,omitempty"` // of an API's pages
}

const rulesFormat = 1

// rules gives the rules of the feed.
func (f *feed) rules() rules {
	r := rules{
		Format: rulesFormat, Engine: engineVersion, Profile: f.Profile.Name, Text: f.Profile.Text(), Zone: f.opt.Zone, Match: f.Match,
		Constants: f.Constants, Locations: f.opt.Locations, Limits: f.opt.Limits, RefuseOver: f.RefuseOver, Direct: f.opt.directBytes,
	}
	if f.API != nil {
		r.API, r.Captures = true, f.API.Captures
	}
	return r
}

func (r rules) encode() ([]byte, lake.Object, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(r); err != nil {
		return nil, lake.Object{}, fmt.Errorf("write the rules of a feed: %w", err)
	}
	sum := sha256.Sum256(buf.Bytes())
	sha := hex.EncodeToString(sum[:])
	return buf.Bytes(), lake.Object{Key: lake.RulesKey(sha), SHA256: sha, Bytes: int64(buf.Len())}, nil
}

// storeRules keeps the feed's rules, once per content.
func (b *batch) storeRules(ctx context.Context) error {
	text, object, err := b.rules().encode()
	if err != nil {
		return err
	}
	b.body.Rules = &object
	if b.ruled == object {
		return nil
	}
	if _, err := objstore.PutOrSame(ctx, b.opt.Lake.Bucket, object.Key, objstore.Bytes(text), objstore.PutOptions{SHA256: object.SHA256}); err != nil {
		return err
	}
	b.ruled = object
	return nil
}

// PresentRules gives the rules that the feeds of a batch's name have now, as they would be stored with a batch.
func PresentRules(opt Options, feeds []Feed, e lake.BatchEntry) (all [][]byte) {
	opt.fill()
	for _, candidate := range feeds {
		if candidate.Source != e.Source || candidate.Name != e.Feed {
			continue
		}
		f, err := prepare(opt, candidate)
		if err != nil {
			continue // a feed that cannot be read now has no rules to offer
		}
		if text, _, err := f.rules().encode(); err == nil {
			all = append(all, text)
		}
	}
	return all
}

// feedOf makes the feed that took a batch, from the rules kept with it.
func feedOf(ctx context.Context, opt Options, e lake.BatchEntry) (*feed, error) {
	if e.Rules == nil {
		return nil, fault.New(fault.Damaged, "rules_unknown", e.ID, "", "the batch does not name the rules it was taken with")
	}
	raw, err := objstore.ReadAll(ctx, opt.Lake.Bucket, e.Rules.Key, e.Rules.Bytes)
	if errors.Is(err, objstore.ErrNotFound) {
		return nil, fault.Wrap(err, fault.Damaged, "object_missing", e.Rules.Key, "restore this object from a backup", "the rules of a batch are gone")
	}
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != e.Rules.SHA256 {
		return nil, fault.New(fault.Damaged, "object_damaged", e.Rules.Key, "restore this object from a backup", "the rules of a batch are damaged")
	}
	var r rules
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fault.Wrap(err, fault.Damaged, "object_damaged", e.Rules.Key, "restore this object from a backup", "this does not hold rules")
	}
	if r.Format > rulesFormat {
		return nil, fault.New(fault.Usage, "newer_format", e.Rules.Key, "run a newer omoflow", "the rules have format %d", r.Format)
	}
	p, err := profile.Parse(r.Profile, []byte(r.Text))
	if err != nil {
		return nil, err
	}
	opt.Zone, opt.Locations, opt.Limits, opt.directBytes = r.Zone, r.Locations, r.Limits, r.Direct
	feed := Feed{Source: e.Source, Name: e.Feed, Match: r.Match, Profile: p, RefuseOver: r.RefuseOver, Constants: r.Constants}
	if r.API {
		feed.API = &source.Feed{Stream: e.Feed, Captures: r.Captures}
	}
	return prepare(opt, feed)
}
