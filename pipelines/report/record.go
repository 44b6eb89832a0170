package report

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/internal/objstore"
)

// record appends the entry that names the objects of an archived version, unless the log has it.
func record(ctx context.Context, b objstore.Bucket, m Manifest) error {
	text, err := m.encode()
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	d := lake.Document{
		Report: string(m.Kind), Period: m.Period, Version: m.Version, Release: m.Release, ReleaseHash: m.ReleaseHash,
		Manifest: lake.Object{Key: lake.ReportKey(string(m.Kind), m.Period, m.Version, manifestName), SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(text))},
	}
	for _, l := range m.Languages {
		d.Languages = append(d.Languages, string(l))
	}
	for _, f := range m.Files {
		d.Files = append(d.Files, lake.Object{Key: f.Key, SHA256: f.SHA256, Bytes: f.Bytes})
	}
	log := (&lake.Lake{Bucket: b}).DocumentLog()
	for range attempts {
		last, known := int64(0), false
		err := log.Read(ctx, 1, func(e journal.Entry) error {
			last = e.Seq
			if e.Kind != lake.KindDocument {
				return nil
			}
			there, err := lake.DecodeDocument(e)
			known = known || there.Manifest == d.Manifest
			return err
		})
		if err != nil || known {
			return err
		}
		_, err = log.Append(ctx, last+1, lake.KindDocument, d)
		if fault.KindOf(err) != fault.Conflict {
			return err
		}
	}
	return fault.New(fault.Conflict, "report_contended", d.Manifest.Key, "run the command again", "other writers took %d places in a row", attempts)
}

// Again renders an archived version again, as its entry describes it, from the release it was rendered from, and gives its
// objects by key. Whether they have the bytes that were archived is for the caller to compare.
func Again(ctx context.Context, src Source, d lake.Document) (map[string][]byte, error) {
	req := Request{Kind: Kind(d.Report), Period: d.Period}
	for _, l := range d.Languages {
		req.Languages = append(req.Languages, Language(l))
	}
	doc, err := prepare(ctx, src, req)
	if err != nil {
		return nil, err
	}
	_, all, err := doc.pieces(req, d.Version)
	made := map[string][]byte{}
	for _, p := range all {
		made[p.Key] = p.content
	}
	return made, err
}
