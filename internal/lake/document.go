package lake

import (
	"encoding/json"
	"errors"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/journal"
)

// documentLog is the log of the archived documents.
const documentLog = "document"

// KindDocument is the kind of the entries that hold a Document.
const KindDocument = "document"

// Document is the body of a document log's entry: one archived version of a document and what it was rendered from.
type Document struct {
	Report      string   `json:"report"`
	Period      string   `json:"period"`
	Version     int      `json:"version"`
	Release     int64    `json:"release"`
	ReleaseHash string   `json:"release_hash"`
	Languages   []string `json:"languages"`
	Manifest    Object   `json:"manifest"`
	Files       []Object `json:"files"`
}

// DecodeDocument reads the document of an entry. A body that is none is fault.Damaged.
func DecodeDocument(e journal.Entry) (Document, error) {
	var d Document
	err := json.Unmarshal(e.Body, &d)
	if err == nil && d.Manifest.Key == "" {
		err = errors.New("it names no manifest")
	}
	return d, fault.Wrap(err, fault.Damaged, "document_damaged", journal.EntryKey(e.Log, e.Seq), "restore this object from a backup", "the entry does not hold a document")
}
