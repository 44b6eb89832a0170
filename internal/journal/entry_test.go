package journal

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func sample() Entry {
	return Entry{Format: Format, Log: "stream/a/b", Seq: 2, Prev: strings.Repeat("ab", 32), Writer: "w#1.1", At: time.Unix(1, 5).UTC(), Kind: "note", Body: []byte(`{"n":1}`)}
}

func TestEntriesAreOneLine(t *testing.T) {
	e := sample()
	e.Body = []byte("{\n \"text\": \"a\\nb\u2028<\"\n}")
	raw, err := encode(e)
	if err != nil || bytes.ContainsAny(raw, "\n\r") {
		t.Errorf("%s %v", raw, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	raw, err := encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	good := string(raw[:len(raw)-sealBytes]) + "}" // as in format 1, so that the sum does not hide the other checks
	good = strings.Replace(good, `"format":2`, `"format":1`, 1)
	if _, err := decode([]byte(good)); err != nil {
		t.Fatalf("an entry of format 1 is refused: %v", err)
	}
	for name, bad := range map[string]string{
		"nothing": "", "null": "null", "list": "[]", "more after": good + "{}", "unknown field": strings.Replace(good, `{"format"`, `{"x":1,"format"`, 1),
		"format 0": strings.Replace(good, `"format":1`, `"format":0`, 1), "sequence 0": strings.Replace(good, `"seq":2`, `"seq":0`, 1),
		"first with a previous": strings.Replace(good, `"seq":2`, `"seq":1`, 1), "no previous": strings.Replace(good, strings.Repeat("ab", 32), "", 1),
		"short hash": strings.Replace(good, strings.Repeat("ab", 32), "ab", 1), "upper case hash": strings.Replace(good, "ab", "AB", 1),
		"no kind": strings.Replace(good, `"note"`, `""`, 1), "no body": strings.Replace(good, `,"body":{"n":1}`, "", 1), "negative epoch": strings.Replace(good, `"epoch":0`, `"epoch":-1`, 1),
		"bad time": strings.Replace(good, "1970", "abcd", 1), "format 2 without a sum": strings.Replace(good, `"format":1`, `"format":2`, 1),
	} {
		if e, err := decode([]byte(bad)); err == nil {
			t.Errorf("%s was accepted: %+v", name, e)
		}
	}
}

// The last entry of a log is named by no other, so it must show its own damage.
func TestEveryFlippedBitOfAnEntryIsSeen(t *testing.T) {
	raw, err := encode(sample())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decode(raw); err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(raw) {
		bad := bytes.Clone(raw)
		bad[bit/8] ^= 1 << (bit % 8)
		if e, err := decode(bad); err == nil {
			t.Fatalf("bit %d of byte %d: accepted as %+v", bit%8, bit/8, e)
		}
	}
	for cut := range raw {
		if _, err := decode(raw[:cut]); err == nil {
			t.Fatalf("accepted after %d of %d bytes", cut, len(raw))
		}
	}
}

// FuzzDecode: any bytes are refused or give an entry that survives being stored again.
func FuzzDecode(f *testing.F) {
	raw, err := encode(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"format":2}`))
	f.Add([]byte(`{"format":1,"log":"l","seq":1,"prev":"","writer":"","epoch":0,"at":"2026-01-01T00:00:00Z","kind":"k","body":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := decode(data)
		if err != nil {
			return
		}
		stored, err := encode(e)
		if err != nil {
			t.Fatalf("an entry that was read cannot be stored: %v", err)
		}
		again, err := decode(stored)
		if err != nil {
			t.Fatalf("%s\nbecame %s\n%v", data, stored, err)
		}
		e.Hash, again.Hash = "", ""
		if e.Seq != again.Seq || e.Prev != again.Prev || !e.At.Equal(again.At) || e.Log != again.Log || e.Kind != again.Kind || e.Epoch != again.Epoch {
			t.Fatalf("%+v became %+v", e, again)
		}
	})
}
