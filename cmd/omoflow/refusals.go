package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/pipelines/ingest"
)

// refusalTable is the name under which documents read what is refused; it is no table of a release.
const refusalTable = "system.refusal"

// refusedFor is one cause of refused records of a feed and a location.
type refusedFor struct{ source, feed, location, code, column string }

// refusals sums up by cause what the release knows as refused and nothing in it has replaced. What came after the release does
// not count, so that a document of it can be made again.
func (s *releaseSource) refusals(ctx context.Context) ([]map[string]string, error) {
	waiting, err := s.waiting(ctx)
	if err != nil || len(waiting) == 0 {
		return nil, err
	}
	places, err := s.places(ctx)
	if err != nil {
		return nil, err
	}
	batches, err := s.project.lake.Batches(ctx)
	if err != nil {
		return nil, err
	}
	located := map[lake.FileRef]string{}
	for _, b := range batches {
		for _, f := range b.Files {
			if ref := (lake.FileRef{Batch: b.ID, FileNo: f.No}); waiting[ref] {
				located[ref] = locationOf(f.Captures, places)
			}
		}
	}
	records, err := ingest.Quarantined(ctx, ingest.Options{Lake: s.project.lake, DB: s.db, TempDir: s.project.temp}, ingest.Filter{})
	if err != nil {
		return nil, err
	}
	type sum struct {
		records int
		files   map[lake.FileRef]bool
		file    string // the first by name
	}
	sums := map[refusedFor]*sum{}
	for _, r := range records {
		ref := lake.FileRef{Batch: r.Batch, FileNo: r.FileNo}
		if !waiting[ref] {
			continue
		}
		cause := refusedFor{r.Source, r.Feed, located[ref], r.Code, r.Column}
		if sums[cause] == nil {
			sums[cause] = &sum{files: map[lake.FileRef]bool{}, file: r.File}
		}
		one := sums[cause]
		one.records++
		one.files[ref], one.file = true, min(one.file, r.File)
	}
	var rows []map[string]string
	for cause, one := range sums {
		rows = append(rows, map[string]string{
			"source": cause.source, "feed": cause.feed, "location_id": cause.location, "code": cause.code, "column": cause.column,
			"record_qty": strconv.Itoa(one.records), "file_qty": strconv.Itoa(len(one.files)), "file": one.file,
		})
	}
	order := func(row map[string]string) []string {
		return []string{row["source"], row["feed"], row["location_id"], row["code"], row["column"]}
	}
	slices.SortFunc(rows, func(a, b map[string]string) int { return slices.Compare(order(a), order(b)) })
	return rows, nil
}

// waiting lists the files of the release of which something is refused.
func (s *releaseSource) waiting(ctx context.Context) (map[lake.FileRef]bool, error) {
	if _, ok := s.rel.Tables["intake.file"]; !ok {
		return nil, nil
	}
	rows, err := s.db.Text(ctx, `SELECT batch, file_no FROM intake.file WHERE (quarantined_qty > 0 OR is_refused) AND NOT is_superseded`)
	if err != nil {
		return nil, err
	}
	files := map[lake.FileRef]bool{}
	for _, row := range rows {
		no, err := strconv.Atoi(row[1])
		if err != nil {
			return nil, fmt.Errorf("intake.file: file_no %q: %w", row[1], err)
		}
		files[lake.FileRef{Batch: row[0], FileNo: no}] = true
	}
	return files, nil
}

// places lists the locations that the release knows.
func (s *releaseSource) places(ctx context.Context) (map[string]bool, error) {
	places := map[string]bool{}
	if _, ok := s.rel.Tables["assessment.compliance"]; !ok {
		return places, nil
	}
	rows, err := s.db.Text(ctx, `SELECT DISTINCT location_id FROM assessment.compliance`)
	for _, row := range rows {
		places[row[0]] = true
	}
	return places, err
}

// locationOf finds the one location that a file's name tells, "" when it tells none or several.
func locationOf(captures map[string]string, places map[string]bool) string {
	found := ""
	for _, value := range captures {
		if !places[value] || value == found {
			continue
		}
		if found != "" {
			return ""
		}
		found = value
	}
	return found
}
