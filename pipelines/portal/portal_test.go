package portal

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func text(t *testing.T, answer *http.Response, status int) string {
	t.Helper()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != status {
		t.Fatalf("%d, want %d: %s (%v)", answer.StatusCode, status, body, err)
	}
	return string(body)
}

func TestThePageSaysHowEverythingStands(t *testing.T) {
	s := serve(t, busyShop())
	english := text(t, s.get("/", "Accept-Language", "en-GB,en;q=0.9"), 200)
	for _, want := range []string{
		`<html lang="en">`, "永和商店 Evergreen", "As of 2026-03-25 12:00", "CST (&#43;08:00)", "3 batches wait for the next one", ">1,284<",
		`title="2026-03-24 · 200 records"`, `<span class="hidden">missing</span>`, `<th scope="row">all locations</th>`, "of 135 due in 14 days",
		"1,204,388", "26 hours ago", ">never<", "tills/receipts", "1 file refused", "will be tried again", "the store does not answer", "since 2026-03-23 12:00", "in 30 minutes",
		"no sale of a closed store", "Joint-meeting pack", `href="/documents/joint-meeting.2026-W12.v2/document.html"`, "head office (viewer)",
	} {
		if !strings.Contains(english, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(english, "joint-meeting.2026-W12.v1") {
		t.Error("a superseded version is among the latest")
	}
	chinese := text(t, s.get("/", "Accept-Language", "zh-TW,zh;q=0.9,en;q=0.5"), 200)
	for _, want := range []string{`<html lang="zh-CN">`, "运行状态", "3 个批次等待下次发布", "缺失", "26 小时前", "联席会议材料", "失败", "查看者"} {
		if !strings.Contains(chinese, want) {
			t.Errorf("the Chinese page lacks %q", want)
		}
	}
	for name, body := range map[string]string{"en": english, "zh-CN": chinese} {
		if missing := regexp.MustCompile(`![a-z][a-z_.]*`).FindAllString(body, -1); missing != nil {
			t.Errorf("%s: there are no texts for %v", name, missing)
		}
		if strings.Contains(body, "<script") || regexp.MustCompile(`\son[a-z]+=|\sstyle=`).MatchString(body) || strings.Contains(body, "{}") {
			t.Errorf("%s: a script, an inline style or an unfilled text", name)
		}
	}
}

func TestEveryTextIsThereInBothLanguages(t *testing.T) {
	all, err := loadMessages()
	if err != nil {
		t.Fatal(err)
	}
	for key, by := range all {
		if single := strings.TrimSuffix(key, ".one"); single != key {
			if all[single] == nil || by["zh-CN"] != "" {
				t.Errorf("%s: only English has a singular, beside a plural", key)
			}
			continue
		}
		if by["en"] == "" || by["zh-CN"] == "" || strings.Count(by["en"], "{}") != strings.Count(by["zh-CN"], "{}") {
			t.Errorf("%s: %v", key, by)
		}
	}
	for _, match := range regexp.MustCompile(`\.(?:T|Count) "([a-z_.]+)"`).FindAllStringSubmatch(pageFile, -1) {
		if all[match[1]] == nil {
			t.Errorf("the pages use %q", match[1])
		}
	}
}

func TestTheLanguageIsTheVisitors(t *testing.T) {
	for _, k := range []struct{ query, cookie, header, want string }{
		{"", "", "", "en"}, {"", "", "zh", "zh-CN"}, {"", "", "zh-Hans-CN", "zh-CN"}, {"", "", "fr,de;q=0.5", "en"}, {"", "", "fr,zh;q=0.5,en;q=0.1", "zh-CN"},
		{"", "", ";;;q=x", "en"}, {"", "", strings.Repeat("zh,", 2000), "en"}, {"", "zh-CN", "en", "zh-CN"}, {"", "xx", "zh", "zh-CN"},
		{"?lang=en", "zh-CN", "zh", "en"}, {"?lang=../x", "", "zh", "zh-CN"},
	} {
		r := httptest.NewRequest("GET", "/"+k.query, nil)
		r.Header.Set("Accept-Language", k.header)
		r.AddCookie(&http.Cookie{Name: languageCookie, Value: k.cookie})
		if got, _ := choose(r); got != k.want {
			t.Errorf("%+v: %s", k, got)
		}
	}
	s := serve(t, busyShop())
	if c := s.get("/?lang=zh-CN").Cookies(); len(c) != 1 || c[0].Value != "zh-CN" || !c[0].HttpOnly {
		t.Errorf("cookies %v", c)
	}
	if c := s.get("/").Cookies(); len(c) != 0 {
		t.Errorf("a language that nobody chose is remembered: %v", c)
	}
}

// What comes from outside is text on the page, whatever it looks like.
func TestNamesFromOutsideAreText(t *testing.T) {
	source := busyShop()
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>`
	s := source.now
	s.Company, s.Feeds[0].Feed, s.Checks[0].Name, s.Jobs[0].Why, s.Jobs[1].About, s.Cells[3].Location, s.Cells[4].State = evil, evil, evil, evil, evil, evil, evil
	s.Documents[0].Period, s.Documents[0].ID, s.Documents[0].Files[1].Name, s.Documents[1].Report, s.Cells[5].Date = evil, "javascript:"+evil, evil, evil, evil
	source.now = s
	server := serve(t, source)
	for _, path := range []string{"/", "/documents", "/?show=all"} {
		body := text(t, server.get(path), 200)
		if strings.Contains(body, "<script") || strings.Contains(body, "<img") || strings.Contains(body, `href="javascript`) {
			t.Errorf("%s: a name is markup", path)
		}
	}
}

func TestEmptyAndUnreadableSectionsSaySo(t *testing.T) {
	s := serve(t, &shop{})
	body := text(t, s.get("/", "Accept-Language", "en"), 200)
	for _, want := range []string{"none yet", "No deliveries are expected", "No source is set up", "No job is scheduled", "Nothing is released yet", "No document is made yet", "unknown"} {
		if !strings.Contains(body, want) {
			t.Errorf("an empty lake's page lacks %q", want)
		}
	}
	s = serve(t, &shop{now: Snapshot{Absent: []string{Matrix, Jobs, Documents}}})
	if got := strings.Count(text(t, s.get("/", "Accept-Language", "en"), 200), "This cannot be read at the moment"); got != 3 {
		t.Errorf("%d sections say that they cannot be read", got)
	}
	text(t, s.get("/nothing/here"), 404)
}

func TestManyStoresShowWhatIsNotComplete(t *testing.T) {
	source := busyShop()
	source.now.Cells = nil
	for i := range 500 {
		state := "received"
		if i%100 == 7 {
			state = "missing"
		}
		source.now.Cells = append(source.now.Cells, Cell{"tills", "receipts", "S" + strings.Repeat("0", 3) + string(rune('A'+i%26)) + string(rune('A'+i/26)), "2026-03-24", state, "1"})
	}
	s := serve(t, source)
	body := text(t, s.get("/", "Accept-Language", "en"), 200)
	if !strings.Contains(body, "495 complete locations are not listed") || strings.Count(body, `<td class="received"`) != 0 || strings.Count(body, `<td class="missing"`) != 5 {
		t.Errorf("%d complete and %d other rows", strings.Count(body, `<td class="received"`), strings.Count(body, `<td class="missing"`))
	}
	if body = text(t, s.get("/?show=all"), 200); strings.Count(body, `<td class="received"`) != 495 {
		t.Errorf("all: %d complete rows", strings.Count(body, `<td class="received"`))
	}
}

func TestDocumentsAreGivenByIDOnly(t *testing.T) {
	s := serve(t, busyShop())
	answer := s.get("/documents/joint-meeting.2026-W12.v2/document.html")
	body := text(t, answer, 200)
	policy := answer.Header.Get("Content-Security-Policy")
	if !strings.Contains(body, "the pack") || !strings.HasPrefix(policy, "sandbox;") || strings.Contains(policy, "allow-") || answer.Header.Get("Content-Disposition") != "" || answer.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v: %s", answer.Header, body)
	}
	again := s.get("/documents/joint-meeting.2026-W12.v2/document.html", "If-None-Match", answer.Header.Get("ETag"))
	if text(t, again, 304) != "" {
		t.Error("an unchanged document is sent again")
	}
	answer = s.get("/documents/joint-meeting.2026-W12.v2/workbook.xlsx")
	if text(t, answer, 200) != "PK" || answer.Header.Get("Content-Disposition") != "attachment; filename=joint-meeting-2026-W12-v2-workbook.xlsx" {
		t.Errorf("%v", answer.Header)
	}
	for _, path := range []string{
		"/documents/joint-meeting.2026-W12.v3/document.html", "/documents/joint-meeting.2026-W12.v2/manifest.json", "/documents/..%2f..%2flake.json/document.html",
		"/documents/joint-meeting.2026-W12.v2/..%2f..%2f..%2flake.json", "/documents/joint-meeting.2026-W12.v2/", "/documents/reports%2fjoint-meeting%2f2026-W12%2fv2/document.html",
		"/documents/joint-meeting.2026-W12.v2/document.html%00", "/documents/joint-meeting.2026-w12.v2/document.html",
	} {
		text(t, s.get(path), 404)
	}
	if body := text(t, s.get("/documents/quarterly.2025-Q4.v1/facts.jsonl"), 503); strings.Contains(body, "object") || !strings.Contains(s.log.text(), "the object is gone") {
		t.Errorf("a damaged document: %s", body)
	}
	if body := text(t, s.get("/documents", "Accept-Language", "en"), 200); !strings.Contains(body, "superseded") || !strings.Contains(body, "joint-meeting.2026-W12.v1") {
		t.Error("the list of all documents lacks a superseded version")
	}
}

func TestLookingIsCheap(t *testing.T) {
	source := busyShop()
	s := serve(t, source)
	for range 50 {
		text(t, s.get("/"), 200)
	}
	if n := source.reads.Load(); n != 1 {
		t.Errorf("%d readings for 50 looks", n)
	}
	later := noon.Add(6 * time.Second)
	s.at.Store(&later)
	source.hold = make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() { text(t, s.get("/"), 200) })
	for source.reads.Load() < 2 {
		time.Sleep(time.Millisecond)
	}
	text(t, s.get("/"), 200) // the old figures, at once
	close(source.hold)
	wait.Wait()
	if n := source.reads.Load(); n != 2 {
		t.Errorf("%d readings", n)
	}
}

func TestManyWaitForTheFirstReading(t *testing.T) {
	source := busyShop()
	source.hold = make(chan struct{})
	s := serve(t, source)
	var wait sync.WaitGroup
	for range 10 {
		wait.Go(func() { text(t, s.get("/"), 200) })
	}
	time.Sleep(10 * time.Millisecond)
	close(source.hold)
	wait.Wait()
	if n := source.reads.Load(); n != 1 {
		t.Errorf("%d readings", n)
	}
}

func TestWhenNothingCanBeReadThePageSaysSo(t *testing.T) {
	source := busyShop()
	source.err = errors.New("the bucket s3://secret-name does not answer")
	s := serve(t, source)
	for range 3 {
		if body := text(t, s.get("/", "Accept-Language", "en"), 503); !strings.Contains(body, "Nothing can be read") || strings.Contains(body, "secret-name") {
			t.Errorf("page %s", body)
		}
	}
	if n := source.reads.Load(); n != 1 {
		t.Errorf("%d readings of a store that does not answer", n)
	}
	if !strings.Contains(s.log.text(), "secret-name") {
		t.Error("the log does not say why")
	}
	source.mu.Lock()
	source.err = nil
	source.mu.Unlock()
	step := func(d time.Duration) {
		at := s.at.Load().Add(d)
		s.at.Store(&at)
	}
	step(6 * time.Second)
	text(t, s.get("/"), 200)
	source.mu.Lock()
	source.err = errors.New("away again")
	source.mu.Unlock()
	step(6 * time.Second)
	if body := text(t, s.get("/", "Accept-Language", "en"), 200); !strings.Contains(body, "What is shown is of 2026-03-25 12:00") {
		t.Error("old figures are shown as new ones")
	}
}

func TestGroupsAndTablesKeepOrder(t *testing.T) {
	g := groups(busyShop().now.Documents, 0)
	if len(g) != 2 || g[0].Report != "joint-meeting" || len(g[0].Lines) != 3 || !g[0].Lines[1].Superseded || g[0].Lines[2].Superseded {
		t.Errorf("%+v", g)
	}
	cells := busyShop().now.Cells
	slices.Reverse(cells)
	days, tables, hidden := matrixTables(cells, false)
	if hidden != 0 || len(tables) != 2 || tables[1].Feed != "tills/receipts" || len(tables[1].Rows) != 9 || len(days) != 14 || tables[1].Rows[8].Cells[0].State != "" {
		t.Errorf("%d tables, %d hidden", len(tables), hidden)
	}
}

func TestNumbersAndTimesRead(t *testing.T) {
	all, err := loadMessages()
	if err != nil {
		t.Fatal(err)
	}
	s := speaker{all: all, Lang: "en", zone: time.UTC, now: noon}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567", -999: "-999"} {
		if got := s.Number(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "just now", 61 * time.Second: "1 minute ago", 89 * time.Minute: "89 minutes ago", 95 * time.Minute: "2 hours ago", 47 * time.Hour: "47 hours ago",
		-26 * time.Hour: "in 26 hours", 49 * time.Hour: "2 days ago", -30 * time.Second: "now",
	} {
		if got := s.Ago(noon.Add(-d)); got != want {
			t.Errorf("%s: %s", d, got)
		}
	}
}
