package release

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
)

// manifestFormat is the version of the manifest format.
const manifestFormat = 1

// Column describes a column of a table.
type Column struct {
	Name    string `json:"name"`
	Type    string `json:"type"` // SQL type
	FieldID int    `json:"field_id,omitempty"`
	About   string `json:"about,omitempty"`
	Unit    string `json:"unit,omitempty"`
	PII     bool   `json:"pii,omitempty"`
}

// Partition is the files of one partition and the fingerprint of what made them.
type Partition struct {
	Name        string        `json:"name"` // "2026-01", "all", "a"
	Fingerprint string        `json:"fingerprint"`
	Files       []lake.Object `json:"files"`
}

// Manifest describes one version of a table.
type Manifest struct {
	Format      int         `json:"format"` // set by PutManifest
	Table       string      `json:"table"`
	Kind        string      `json:"kind,omitempty"`
	About       string      `json:"about,omitempty"`
	Owner       string      `json:"owner,omitempty"`
	Grain       []string    `json:"grain,omitempty"`
	PartitionBy string      `json:"partition_by,omitempty"`
	Columns     []Column    `json:"columns"`
	Partitions  []Partition `json:"partitions"`
}

// Rows counts the rows of all partitions.
func (m Manifest) Rows() int64 {
	var rows int64
	for _, p := range m.Partitions {
		for _, f := range p.Files {
			rows += f.Rows
		}
	}
	return rows
}

// Ref gives the reference to m under which it was stored.
func (m Manifest) Ref(sha string) TableRef {
	return TableRef{Manifest: sha, Rows: m.Rows(), Partitions: len(m.Partitions)}
}

// Encode gives the bytes under which a manifest is stored, and their sha256, which names it.
func (m Manifest) Encode() (data []byte, sha string, err error) {
	m.Format = manifestFormat
	data, err = encode(m)
	return data, digest(data), err
}

// PutManifest stores m under the hash of its bytes, which it returns. Equal manifests are one object.
func PutManifest(ctx context.Context, lk *lake.Lake, m Manifest) (sha string, err error) {
	data, sha, err := m.Encode()
	if err != nil {
		return "", err
	}
	failpoint.Hit("manifest.put.before")
	_, err = objstore.PutOrSame(ctx, lk.Bucket, lake.ManifestKey(m.Table, sha), objstore.Bytes(data), objstore.PutOptions{SHA256: sha})
	failpoint.Hit("manifest.put.after")
	return sha, err
}

// Manifest reads the manifest of one of the release's tables. An unknown table is fault.Usage.
func (r Release) Manifest(ctx context.Context, lk *lake.Lake, table string) (Manifest, error) {
	ref, ok := r.Tables[table]
	if !ok {
		return Manifest{}, r.unknownTable(table)
	}
	return ReadManifest(ctx, lk, table, ref.Manifest)
}

func (r Release) unknownTable(table string) error {
	names := tableNames(r)
	hint := "omoflow query 'show all tables' lists the tables"
	if near := fault.Nearest(table, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	return fault.New(fault.Usage, "unknown_table", table, hint, "release %d has no such table", r.Seq)
}

// ReadManifest reads a manifest by its hash. A missing or altered one is fault.Damaged.
func ReadManifest(ctx context.Context, lk *lake.Lake, table, sha string) (Manifest, error) {
	key := lake.ManifestKey(table, sha)
	raw, err := objstore.ReadAll(ctx, lk.Bucket, key, 0)
	if err == nil && digest(raw) != sha {
		raw, err = objstore.ReadAll(ctx, lk.Bucket, key, 0) // what went wrong on the way is not what is stored
	}
	if errors.Is(err, objstore.ErrNotFound) {
		return Manifest{}, fault.Wrap(err, fault.Damaged, "manifest_missing", key, "run `omoflow repair`; it makes the manifest again", "the lake lost a manifest that a release names")
	}
	if err != nil {
		return Manifest{}, err
	}
	var m Manifest
	if got := digest(raw); got != sha {
		return Manifest{}, fault.New(fault.Damaged, "manifest_damaged", key, "run `omoflow repair`; it makes the manifest again", "the manifest is damaged: its sha256 is %s", got)
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return Manifest{}, fault.Wrap(err, fault.Damaged, "manifest_damaged", key, "run `omoflow repair`; it makes the manifest again", "this is not a manifest")
	}
	if m.Format < 1 || m.Table != table {
		return Manifest{}, fault.New(fault.Damaged, "manifest_damaged", key, "omoflow rebuild makes it anew", "this is not a manifest of %s", table)
	}
	if m.Format > manifestFormat {
		return Manifest{}, fault.New(fault.Usage, "newer_format", key, "run a newer omoflow", "the manifest has format %d, this omoflow knows %d", m.Format, manifestFormat)
	}
	return m, nil
}
