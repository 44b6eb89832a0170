package ingest_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"hash/crc32"
	"io/fs"
	"strings"
	"testing"

	"github.com/omoflow/omoflow/internal/lake"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source/file"
	"github.com/omoflow/omoflow/pipelines/source/profile"
)

const packedYAML = `
profile: packed
columns: {no: Receipt, sku: Item, qty: Qty, day: Date}
dates: {zone: UTC}
constants: {currency_code: CNY, channel: store}
streams:
  order_line:
    columns: {order_id: no, line_key: auto, sku: sku, quantity: qty}
    event: = ts(day)
`

// packed is what an archive holds: names and texts by turns.
func packed(t *testing.T, entries ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		out, err := w.Create(entries[i])
		if err == nil {
			_, err = out.Write([]byte(entries[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func receipts(lines ...string) string {
	return "Receipt,Item,Qty,Date\n" + strings.Join(lines, "\n") + "\n"
}

func TestSeveralFilesOfAnArchive(t *testing.T) {
	s := newShop(t, packedYAML)
	s.feed.Match = "day-{date}.zip/{location_id}/*.csv"
	one, two := receipts("1,A,1,2026-01-05", "1,B,2,2026-01-05"), receipts("1,A,5,2026-01-05")
	s.put("day-5.zip", packed(t, "S02/till.csv", two, "S01/till.csv", one, "S01/readme.txt", "not for this feed", "__MACOSX/S01/till.csv", "x"))
	r := s.run()
	if r.Files != 2 || r.Counts.Accepted != 3 || len(r.Findings) != 0 {
		t.Fatalf("took %+v", r)
	}
	first := r.Batches[0].Files[0]
	if first.Name != "day-5.zip/S01/till.csv" || first.Archive == nil || first.Archive.Name != "day-5.zip" || first.Captures["location_id"] != "S01" || first.Captures["date"] != "5" {
		t.Fatalf("the first file is noted as %+v", first)
	}
	s.want("order_line", "location_id, order_id, sku, quantity", "S01|1|A|1.000", "S01|1|B|2.000", "S02|1|A|5.000")
	if r := s.run(); r.Files != 0 {
		t.Fatalf("the same archive again: %+v", r)
	}

	// The archive again under its name, with one file corrected, one left out and one new.
	s.put("day-5.zip", packed(t, "S01/till.csv", receipts("1,A,1,2026-01-05", "1,B,3,2026-01-05"), "S03/till.csv", receipts("1,C,1,2026-01-05")))
	if r := s.run(); r.Replaced != 2 || r.Files != 2 {
		t.Fatalf("a corrected archive: %+v", r)
	}
	s.want("order_line", "location_id, order_id, sku, quantity", "S01|1|A|1.000", "S01|1|B|3.000", "S03|1|C|1.000")

	// The same files in an archive of another name add nothing.
	s.put("day-5b.zip", packed(t, "S03/till.csv", receipts("1,C,1,2026-01-05")))
	if r := s.run(); r.Same != 1 || r.Counts.Accepted != 0 {
		t.Fatalf("a file in another archive: %+v", r)
	}

	// A correction that cannot be read leaves what stands in force, also where the file would be gone.
	s.put("day-5.zip", packed(t, "S01/till.csv", "no header at all\n"))
	if r := s.run(); r.Refused != 1 || r.Replaced != 0 {
		t.Fatalf("a spoiled correction: %+v", r)
	}
	s.want("order_line", "location_id, order_id, sku, quantity", "S01|1|A|1.000", "S01|1|B|3.000", "S03|1|C|1.000")

	s.put("day-6.zip", packed(t, "elsewhere.csv", one))
	r = s.run()
	if r.Files != 0 || len(r.Findings) != 1 || r.Findings[0].Code != "no_member" || !strings.Contains(r.Findings[0].Message, s.feed.Match) {
		t.Fatalf("an archive without a file of the feed: %+v", r)
	}
}

func TestFilesOfArchivesAreMadeAgain(t *testing.T) {
	s := newShop(t, packedYAML)
	s.feed.Match = "{date}.zip/{location_id}.csv"
	s.put("5.zip", packed(t, "S01.csv", receipts("1,A,1,2026-01-05"), "S02.csv", receipts("1,A,many,2026-01-05", "2,A,1,2026-01-05", "3,A,1,2026-01-05")))
	s.feed.RefuseOver = 500_000
	if r := s.run(); r.Counts.Quarantined != 1 || r.Counts.Accepted != 3 {
		t.Fatalf("took %+v", r)
	}
	batches, err := s.opt.Lake.Batches(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	if err := ingest.Restage(context.Background(), s.opt, nil, batches[0], func(lake.Object, string) error { made++; return nil }); err != nil || made != 2 {
		t.Fatalf("made %d objects again: %v", made, err)
	}
	s.feed.Profile = s.profile(strings.Replace(packedYAML, "quantity: qty", `quantity: "= CASE WHEN txt(qty) = 'many' THEN 9 ELSE CAST(txt(qty) AS INTEGER) END"`, 1))
	r, err := ingest.Replay(context.Background(), s.opt, []ingest.Feed{s.feed}, ingest.Filter{})
	if err != nil || r.Files != 1 {
		t.Fatalf("replayed %+v: %v", r, err)
	}
	s.want("order_line", "location_id, order_id, quantity", "S01|1|1.000", "S02|1|9.000", "S02|2|1.000", "S02|3|1.000")
}

// Each archive that may mean harm is refused whole, kept, and named with what is wrong with it.
func TestArchivesThatAreRefused(t *testing.T) {
	good := receipts("1,A,1,2026-01-05")
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	_, _ = w.Write([]byte(good))
	_ = w.Close()
	bomb := packed(t, "a.csv", good, "b.csv", strings.Repeat("\x00", 80<<20))
	link := func() string {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for name, mode := range map[string]fs.FileMode{"a.csv": 0o644, "b.csv": fs.ModeSymlink | 0o777} {
			h := &zip.FileHeader{Name: name}
			h.SetMode(mode)
			out, _ := w.CreateHeader(h)
			_, _ = out.Write([]byte("/etc/passwd"))
		}
		_ = w.Close()
		return b.String()
	}()
	locked := func() string {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for _, name := range []string{"a.csv", "b.csv"} {
			out, _ := w.CreateRaw(&zip.FileHeader{Name: name, Flags: 1, CompressedSize64: 3, UncompressedSize64: 3, CRC32: crc32.ChecksumIEEE([]byte("xyz"))})
			_, _ = out.Write([]byte("xyz"))
		}
		_ = w.Close()
		return b.String()
	}()
	damaged := []byte(packed(t, "a.csv", good, "b.csv", good))
	damaged[45] ^= 0xff
	many := make([]string, 0, 60)
	for i := range 30 {
		many = append(many, strings.Repeat("d/", i)+"a.csv", good)
	}
	for name, c := range map[string]struct{ bytes, code, message string }{
		"traversal":     {packed(t, "a.csv", good, "../../b.csv", good), "archive_traversal", `"../../b.csv", which leads out of it`},
		"absolute":      {packed(t, "a.csv", good, "/etc/b.csv", good), "archive_traversal", "leads out"},
		"windows":       {packed(t, "a.csv", good, `..\b.csv`, good), "archive_traversal", "leads out"},
		"drive":         {packed(t, "a.csv", good, `C:\b.csv`, good), "archive_traversal", "leads out"},
		"link":          {link, "archive_link", "is a link or a device"},
		"password":      {locked, "archive_locked", "without a password"},
		"twice":         {packed(t, "a.csv", good, "a.csv", good), "archive_twice", `"a.csv" twice`},
		"nested zip":    {packed(t, "a.csv", good, "b.zip", packed(t, "c.csv", good)), "nested_archive", "b.zip: is an archive within an archive"},
		"nested gz":     {packed(t, "a.csv", good, "b.csv.gz", gz.String()), "nested_archive", "unpack it once"},
		"bomb":          {bomb, "decompression_bomb", "b.csv: decompresses to more than 100 times its size"},
		"damaged":       {string(damaged), "damaged", "deliver the file again"},
		"too many":      {packed(t, many...), "too_many_entries", "has 30 entries"},
		"cut short":     {packed(t, "a.csv", good, "b.csv", good)[:150], "truncated", "deliver the file again, whole"},
		"nothing in it": {packed(t), "zip_not_one_file", "holds 0 files"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, packedYAML)
			s.opt.Limits = profile.Limits{Entries: 20}
			s.put("in.zip", c.bytes)
			r := s.run()
			if r.Refused != 1 || r.Counts.Accepted != 0 || len(r.Findings) != 1 {
				t.Fatalf("took %+v", r)
			}
			file := r.Batches[0].Files[0]
			if !strings.HasPrefix(file.Reason, c.code+":") || !strings.Contains(file.Reason, c.message) || file.Raw.Key == "" {
				t.Fatalf("refused with %q, kept as %q", file.Reason, file.Raw.Key)
			}
			if again := s.run(); again.Files != 0 {
				t.Fatalf("refused again: %+v", again)
			}
		})
	}
}

func TestWorkbooksAndNamesOfArchives(t *testing.T) {
	s := newShop(t, packedYAML)
	s.feed.Match = "*.zip/{location_id}.csv"
	// As Chinese Windows packs it: GBK names, not marked, and folders with backslashes.
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	out, err := w.CreateHeader(&zip.FileHeader{Name: "\xc8\xd5\xb1\xa8\\\xc4\xcf\xbe\xa9.csv", NonUTF8: true})
	if err == nil {
		_, err = out.Write([]byte(receipts("1,A,1,2026-01-05")))
	}
	if err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	s.put("all.zip", b.String())
	if r := s.run(); r.Files != 1 || r.Batches[0].Files[0].Name != "all.zip/日报/南京.csv" {
		t.Fatalf("took %+v", r)
	}
	s.want("order_line", "location_id, sku", "南京|A")
}

// restless is a place whose files change while they are fetched, or are gone by then, the first time.
type restless struct {
	file.Place
	why error
}

// Fetch fails once.
func (p *restless) Fetch(ctx context.Context, name, dir string) (string, error) {
	if err := p.why; err != nil {
		p.why = nil
		return "", err
	}
	return p.Place.Fetch(ctx, name, dir)
}

func TestAFileThatItsPlaceGivesUpWaits(t *testing.T) {
	for _, why := range []error{file.ErrChanging, fs.ErrNotExist} {
		s := newShop(t, packedYAML)
		s.feed.Match = "*.csv"
		s.put("a.csv", receipts("1,A,1,2026-01-05"))
		s.feed.Place = &restless{s.feed.Place, why}
		if r := s.run(); r.Files != 0 {
			t.Fatalf("%v: took %+v", why, r)
		}
		if r := s.run(); r.Files != 1 || r.Counts.Accepted != 1 {
			t.Fatalf("%v: the next run took %+v", why, r)
		}
	}
}
