package portal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omoflow/omoflow/internal/access"
	"github.com/omoflow/omoflow/internal/access/gate"
	"github.com/omoflow/omoflow/internal/objstore/mem"
)

var noon = time.Date(2026, 3, 25, 4, 0, 0, 0, time.UTC)

// shop is a Source that is set by hand.
type shop struct {
	mu      sync.Mutex
	now     Snapshot
	err     error
	content map[string]string // by file name
	reads   atomic.Int64
	hold    chan struct{} // a reading waits for it
}

// Snapshot implements Source.
func (s *shop) Snapshot(ctx context.Context) (Snapshot, error) {
	s.reads.Add(1)
	if s.hold != nil {
		select {
		case <-s.hold:
		case <-ctx.Done():
			return Snapshot{}, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now, s.err
}

// Content implements Source.
func (s *shop) Content(_ context.Context, _ Document, f File) ([]byte, error) {
	text, ok := s.content[f.Name]
	if !ok {
		return nil, errors.New("the object is gone")
	}
	return []byte(text), nil
}

// busyShop is a retailer with something of everything.
func busyShop() *shop {
	zone := time.FixedZone("CST", 8*3600)
	s := &shop{content: map[string]string{"document.html": "<!DOCTYPE html><html lang=en><title>Pack</title><style>p{color:#123}</style><p>the pack</p>", "workbook.xlsx": "PK"}}
	snapshot := Snapshot{Company: "永和商店 Evergreen", Zone: zone, Release: 1284, ReleasedAt: noon.Add(-40 * time.Minute), Pending: 3}
	for i := range 14 {
		date := time.Date(2026, 3, 11+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
		for store := 1; store <= 9; store++ {
			state := "received"
			switch {
			case store == 4 && i >= 11:
				state = "missing"
			case store == 7 && i == 5:
				state = "late"
			case i == 13 && store > 6:
				state = "awaited"
			case store == 2 && i == 2:
				state = "unexpected"
			case store == 9 && i < 4:
				continue
			}
			snapshot.Cells = append(snapshot.Cells, Cell{"tills", "receipts", fmt.Sprintf("SH-%03d", store), date, state, fmt.Sprint(180 + 7*store + i)})
		}
		snapshot.Cells = append(snapshot.Cells, Cell{"shop", "orders", "", date, "received", "412"})
	}
	snapshot.Feeds = []Feed{
		{Source: "shop", Feed: "orders", Files: 14, Read: 5768, Accepted: 5760, Duplicate: 8, LastDate: "2026-03-24", LastArrival: noon.Add(-12 * time.Minute)},
		{Source: "tills", Feed: "receipts", Files: 121, Refused: 1, Read: 1_204_388, Accepted: 1_204_301, Duplicate: 0, Quarantined: 87, LastDate: "2026-03-24", LastArrival: noon.Add(-26 * time.Hour)},
		{Source: "warehouse", Feed: "stock_levels"},
	}
	snapshot.Jobs = []Job{
		{Name: "pos.collect", About: "Pick up till exports", Status: "idle", Last: noon.Add(-time.Hour), Outcome: "done", Next: noon.Add(23 * time.Hour)},
		{Name: "finance.export", About: "Monthly figures for finance", Status: "retry", Last: noon.Add(-26 * time.Hour), Outcome: "failed", Why: "unavailable: s3://retail/lake: the store does not answer", Next: noon.Add(4 * 24 * time.Hour)},
		{Name: "meeting.pack", About: "Pack for the joint meeting", Status: "running", Last: noon.Add(-7 * 24 * time.Hour), Outcome: "done", Next: noon.Add(30 * time.Minute)},
		{Name: "stocktake.remind", Status: "paused", Since: noon.Add(-48 * time.Hour), Next: noon.Add(48 * time.Hour)},
	}
	snapshot.Checks = []Check{{"no sale of a closed store", "sales.order", "warn", 12}}
	for _, d := range []Document{
		{Report: "joint-meeting", Period: "2026-W12", Version: 2, Status: "final"}, {Report: "joint-meeting", Period: "2026-W12", Version: 1, Status: "provisional"},
		{Report: "quarterly", Period: "2025-Q4", Version: 1, Status: "final"}, {Report: "joint-meeting", Period: "2026-W11", Version: 1, Status: "final"},
	} {
		d.ID = fmt.Sprintf("%s.%s.v%d", d.Report, d.Period, d.Version)
		d.Release, d.At = 1200, noon.Add(-time.Duration(len(snapshot.Documents)+1)*20*time.Hour)
		for _, name := range []string{"document.html", "workbook.xlsx", "facts.jsonl"} {
			sum := sha256.Sum256([]byte(s.content[name]))
			d.Files = append(d.Files, File{name, int64(len(name)) * 31_000, hex.EncodeToString(sum[:])})
		}
		snapshot.Documents = append(snapshot.Documents, d)
	}
	s.now = snapshot
	return s
}

// served is a portal behind its gate.
type served struct {
	t      *testing.T
	source *shop
	portal *Portal
	gate   *gate.Gate
	secret string
	log    *logged
	at     atomic.Pointer[time.Time]
}

type logged struct {
	mu    sync.Mutex
	lines []string
}

func (l *logged) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *logged) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

func serve(t *testing.T, source *shop) *served {
	t.Helper()
	s := &served{t: t, source: source, log: &logged{}}
	s.at.Store(&noon)
	now := func() time.Time { return *s.at.Load() }
	var err error
	if s.portal, err = New(Options{Source: source, Now: now, Log: s.log.add}); err != nil {
		t.Fatal(err)
	}
	register := access.Open(mem.New(), "test", now)
	if s.gate, err = gate.New(gate.Options{Tokens: register, Page: s.portal.GatePage, Now: now, Log: s.log.add}); err != nil {
		t.Fatal(err)
	}
	s.portal.Mount(s.gate)
	if _, s.secret, err = register.Issue(t.Context(), "head office", access.Viewer, noon.AddDate(0, 1, 0), "ann"); err != nil {
		t.Fatal(err)
	}
	return s
}

// get asks for a path with the token; headers are name, value pairs.
func (s *served) get(path string, headers ...string) *http.Response {
	s.t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("Authorization", "Bearer "+s.secret)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.gate.ServeHTTP(w, r)
	return w.Result()
}
