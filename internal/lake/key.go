package lake

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// streamLogs is the beginning of the names of all batch logs.
const streamLogs = "stream/"

// maxName bounds an encoded name, so that no key outgrows what stores allow.
const maxName = 96

// Encode makes one key component of any outside name: letters, digits, ".", "_" and "-" stay, all other
// bytes become %XX. The empty name is "%", "." and ".." are encoded too, and a long name is cut and ends in "~" and a
// hash of the whole. Different names give different components.
func Encode(name string) string {
	if name == "" {
		return "%"
	}
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
		if plain || (c == '.' && i > 0) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	encoded := b.String()
	if len(encoded) <= maxName {
		return encoded
	}
	cut := maxName - 25
	for back := 1; back <= 2; back++ {
		if encoded[cut-back] == '%' {
			cut -= back
			break
		}
	}
	sum := sha256.Sum256([]byte(name))
	return encoded[:cut] + "~" + hex.EncodeToString(sum[:12])
}

// RawKey is where a delivered file's bytes lie: by the day it belongs to in UTC and its hash.
func RawKey(source, feed string, day time.Time, sha256Hex string) string {
	return join("raw", source, feed) + day.UTC().Format("/2006/01/02/") + Encode(sha256Hex) + ".zst"
}

// StagedKey is where the staged rows of one canonical stream of a batch lie.
func StagedKey(source, feed, batch, stream string) string {
	return join("staged", source, feed, batch, stream) + ".parquet"
}

// QuarantineKey is where the refused rows of a batch lie.
func QuarantineKey(source, feed, batch string) string {
	return join("quarantine", source, feed, batch) + ".parquet"
}

// TableKey is where a file of a table's partition lies.
func TableKey(table, partition, sha256Hex string) string {
	return join("tables", table, partition, sha256Hex) + ".parquet"
}

// ManifestKey is where a manifest of a table lies.
func ManifestKey(table, sha256Hex string) string {
	return join("manifests", table, sha256Hex) + ".json"
}

// ReportKey is where a file of a report's version lies.
func ReportKey(report, period string, version int, file string) string {
	return join("reports", report, period) + fmt.Sprintf("/v%d/", version) + Encode(file)
}

// RulesKey is where the rules that mapped a batch's files lie.
func RulesKey(sha256Hex string) string { return join("rules", sha256Hex) + ".json" }

// DamagedKey is where a repair keeps the bytes that it replaced: under the object's key and their own hash.
func DamagedKey(key, sha256Hex string) string { return "damaged/" + key + "~" + sha256Hex[:12] }

// CandidateKey is where the latest release candidate that was not published is described.
const CandidateKey = "candidate.json"

func join(folder string, names ...string) string {
	parts := []string{folder}
	for _, name := range names {
		parts = append(parts, Encode(name))
	}
	return strings.Join(parts, "/")
}
