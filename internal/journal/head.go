package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/objstore"
)

// headRoot is the folder of the heads. A log's head notes its last entry outside of the log, so that a log which lost
// its end, and only looks like an earlier state of itself, is told from one that never went further.
const headRoot = "heads/"

// headTries bounds how often a head that other writers keep moving is tried; the next append notes a later one anyway.
const headTries = 3

// Head names the last entry of a log that a writer noted. It decides nothing and may lag behind the log.
type Head struct {
	Format int    `json:"format"`
	Log    string `json:"log"`
	Seq    int64  `json:"seq"`
	Hash   string `json:"hash"`
	Sum    string `json:"sum"` // of the fields above, so that an altered head is told from a log that was replaced
}

// HeadKey is the key of a log's head.
func HeadKey(log string) string { return headRoot + log + ".json" }

func (h Head) encode() []byte {
	h.Sum = hashOf(fmt.Appendf(nil, "head %d %s %d %s", h.Format, h.Log, h.Seq, h.Hash))
	raw, _ := encodeJSON(h) // numbers and texts: it cannot fail
	return append(raw, '\n')
}

// decodeHead reads the head of a log; anything but the very bytes that encode makes is damage.
func decodeHead(raw []byte, key string) (Head, error) {
	var h Head
	if err := json.Unmarshal(raw, &h); err != nil {
		return Head{}, damagedHead(key, "this is no head: %v", err)
	}
	if !bytes.Equal(h.encode(), raw) || h.Format != 1 || h.Seq < 1 || HeadKey(h.Log) != key {
		return Head{}, damagedHead(key, "this is not the head of the log")
	}
	return h, nil
}

// note moves the log's head to e, forwards only. The entry counts without it, so that a failure is left to the next
// append or to a repair.
func (l *Log) note(ctx context.Context, e Entry) {
	raw := Head{Format: 1, Log: l.name, Seq: e.Seq, Hash: e.Hash}.encode()
	failpoint.Hit("head.put.before")
	_, _ = l.moveHead(ctx, e.Seq, raw) // see above
	failpoint.Hit("head.put.after")
}

// moveHead stores the head unless a later one is there, and tells whether it did.
func (l *Log) moveHead(ctx context.Context, seq int64, raw []byte) (bool, error) {
	key := HeadKey(l.name)
	var err error
	for range headTries {
		var info objstore.Info
		if l.headTag == "" {
			info, err = l.bucket.PutIfAbsent(ctx, key, objstore.Bytes(raw), objstore.PutOptions{})
		} else {
			info, err = l.bucket.PutIfMatch(ctx, key, l.headTag, objstore.Bytes(raw), objstore.PutOptions{})
		}
		if err == nil {
			l.headTag = info.ETag
			return true, nil
		}
		l.headTag = ""
		if !errors.Is(err, objstore.ErrExists) && !errors.Is(err, objstore.ErrChanged) {
			return false, err
		}
		current, readErr := l.bucket.Head(ctx, key)
		if errors.Is(readErr, objstore.ErrNotFound) {
			continue
		}
		if readErr != nil {
			return false, readErr
		}
		stored, readErr := objstore.ReadAll(ctx, l.bucket, key, maxEntryBytes)
		if readErr != nil {
			return false, readErr
		}
		if h, readErr := decodeHead(stored, key); readErr != nil || h.Seq >= seq {
			return false, readErr // what is damaged is left for a check to find
		}
		l.headTag = current.ETag
	}
	return false, err
}

// Heads reads the heads of all logs. Damaged ones are given as errors of kind Damaged, which name the object; err is what
// kept it from reading.
func Heads(ctx context.Context, b objstore.Bucket) (heads map[string]Head, problems []error, err error) {
	heads = map[string]Head{}
	var keys []string
	if err := b.List(ctx, headRoot, "", func(info objstore.Info) error { keys = append(keys, info.Key); return nil }); err != nil {
		return nil, nil, err
	}
	for _, key := range keys {
		raw, err := objstore.ReadAll(ctx, b, key, 0)
		if err != nil {
			return nil, nil, err
		}
		h, err := decodeHead(raw, key)
		if err != nil {
			problems = append(problems, err)
			h = Head{Log: strings.TrimSuffix(strings.TrimPrefix(key, headRoot), ".json")}
		}
		heads[h.Log] = h
	}
	return heads, problems, nil
}
