// Package retail holds the vocabulary of the shop: canonical streams, channels, business dates and periods.
//
// It imports the standard library only; every other package may import it.
package retail

// Column is one column of a canonical stream.
type Column struct {
	Name     string
	Type     string // SQL type: VARCHAR, BIGINT, BOOLEAN, DATE, TIMESTAMP (UTC) or DECIMAL(p,s)
	Required bool   // a row without it is refused
	PII      bool   // personal data: masked in logs and errors, absent from marts unless tokenised
	About    string
}

// Stream is a canonical staged stream: every source maps its records to these.
type Stream struct {
	Name    string
	About   string   // what one row is
	Key     []string // columns that identify a row within a source; a later version of the same key replaces it
	Dated   bool     // whether rows carry a business date; rows of undated streams leave it null
	Columns []Column // in file order, without the common columns
}

// Common gives the columns that every staged row begins with, before the stream's own.
//
// source_record_id is the record's key in its source; source_version orders versions of one key (greater
// text is later, empty is unknown); batch is the batch id; file_no counts the batch's files from 0;
// source_row counts the records of that file from 1, header and junk excluded.
func Common() []Column {
	return []Column{
		{Name: "source", Type: "VARCHAR", Required: true, About: "configured name of the source"},
		{Name: "source_record_id", Type: "VARCHAR", Required: true, About: "key of the record in its source"},
		{Name: "source_version", Type: "VARCHAR", Required: true, About: "orders versions of one key; empty when the source has none"},
		{Name: "batch", Type: "VARCHAR", Required: true, About: "batch id"},
		{Name: "file_no", Type: "INTEGER", Required: true, About: "file of the batch, from 0"},
		{Name: "source_row", Type: "BIGINT", Required: true, About: "record of the file, from 1"},
		{Name: "event_at", Type: "TIMESTAMP", About: "when it happened, UTC"},
		{Name: "business_date", Type: "DATE", About: "the day it belongs to, by the location's clock and cut-over"},
	}
}

// Attributes is the name of the last column of every staged row: a JSON object, keys sorted, with the source
// columns that the profile maps to nothing, so that no delivered value is lost. Null when there are none.
const Attributes = "attributes"

// All gives the stream's columns as staged: common, own, attributes.
func (s Stream) All() []Column {
	all := append(Common(), s.Columns...)
	return append(all, Column{Name: Attributes, Type: "VARCHAR", About: "unmapped source columns as a JSON object"})
}

// Column finds one of the stream's columns, common ones included.
func (s Stream) Column(name string) (Column, bool) {
	for _, c := range s.All() {
		if c.Name == name {
			return c, true
		}
	}
	return Column{}, false
}

// StreamNamed finds a canonical stream.
func StreamNamed(name string) (Stream, bool) {
	for _, s := range streams {
		if s.Name == name {
			return s, true
		}
	}
	return Stream{}, false
}

// StreamNames lists the canonical streams in declaration order.
func StreamNames() []string {
	names := make([]string, len(streams))
	for i, s := range streams {
		names[i] = s.Name
	}
	return names
}
