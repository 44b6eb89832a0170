package portal

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	_ "image/png" // screenshots
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// browser is Chromium without a window, driven through its debugging pipe: no port and no library.
type browser struct {
	t       *testing.T
	to      io.Writer
	answers chan reply
	session string
	next    int
	console []string // what a developer would see in red
}

type reply struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct{ Message string }
}

// patience is how long an answer of the browser may take; machines under test are busy.
const patience = 90 * time.Second

// startBrowser starts Chromium with a profile of its own, or skips the test where there is none.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("there is no Chromium here, so the pages were not looked at in a browser; install chromium to run this test")
	}
	inRead, inWrite, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	profile := t.TempDir()
	command := exec.Command(path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--disable-extensions",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe", "--user-data-dir="+profile, "about:blank")
	command.ExtraFiles = []*os.File{inRead, outWrite}
	var complaints bytes.Buffer
	command.Stderr = &complaints
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = inRead.Close(), outWrite.Close() // the child has them
	b := &browser{t: t, to: inWrite, answers: make(chan reply, 1000)}
	go func() {
		defer close(b.answers)
		from := bufio.NewReaderSize(outRead, 1<<20)
		for {
			message, err := from.ReadBytes(0)
			if err != nil {
				return
			}
			var r reply
			if json.Unmarshal(bytes.TrimSuffix(message, []byte{0}), &r) == nil {
				b.answers <- r
			}
		}
	}()
	t.Cleanup(func() {
		_ = inWrite.Close() // it ends when nobody drives it
		ended := make(chan error, 1)
		go func() { ended <- command.Wait() }()
		for {
			select {
			case <-ended:
				_ = outRead.Close()
				time.Sleep(200 * time.Millisecond) // its helpers let go of the profile
				if t.Failed() {
					t.Logf("Chromium said:\n%.2000s", complaints.String())
				}
				return
			case <-b.answers:
			case <-time.After(20 * time.Second):
				_ = command.Process.Kill()
			}
		}
	})
	var target struct{ TargetID string }
	b.do("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.do("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.do(domain+".enable", nil, nil)
	}
	return b
}

// do sends a command and waits for its answer, noting what the console says meanwhile.
func (b *browser) do(method string, params map[string]any, result any) {
	b.t.Helper()
	b.next++
	id := b.next
	message := map[string]any{"id": id, "method": method}
	if params != nil {
		message["params"] = params
	}
	if b.session != "" {
		message["sessionId"] = b.session
	}
	raw, err := json.Marshal(message)
	if err == nil {
		_, err = b.to.Write(append(raw, 0))
	}
	if err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	b.wait(method, func(r reply) bool {
		if r.ID != id {
			return false
		}
		if r.Error != nil {
			b.t.Fatalf("%s: %s", method, r.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(r.Result, result); err != nil {
				b.t.Fatalf("%s: %v", method, err)
			}
		}
		return true
	})
}

// wait hands on messages until one is the right one.
func (b *browser) wait(what string, right func(reply) bool) {
	b.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case r, open := <-b.answers:
			if !open {
				b.t.Fatalf("%s: the browser ended", what)
			}
			switch r.Method {
			case "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded":
				b.console = append(b.console, string(r.Params))
			}
			if right(r) {
				return
			}
		case <-limit:
			b.t.Fatalf("%s: no answer within %s", what, patience)
		}
	}
}

// open goes to an address and waits for the page.
func (b *browser) open(url string) {
	b.t.Helper()
	var gone struct{ ErrorText string }
	b.do("Page.navigate", map[string]any{"url": url}, &gone)
	if gone.ErrorText != "" {
		b.t.Fatalf("%s: %s", url, gone.ErrorText)
	}
	b.loaded()
}

func (b *browser) loaded() {
	b.t.Helper()
	b.wait("the page", func(r reply) bool { return r.Method == "Page.loadEventFired" })
}

// eval gives the value of an expression on the page.
func (b *browser) eval(expression string, value any) {
	b.t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct{ Text string }
	}
	b.do("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &answer)
	if answer.ExceptionDetails != nil {
		b.t.Fatalf("%.60s: %s", expression, answer.ExceptionDetails.Text)
	}
	if err := json.Unmarshal(answer.Result.Value, value); err != nil {
		b.t.Fatalf("%.60s: %v", expression, err)
	}
}

// key presses a key.
func (b *browser) key(name string, code int) {
	b.t.Helper()
	text := ""
	if name == "Enter" {
		text = "\r"
	}
	b.do("Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "key": name, "code": name, "windowsVirtualKeyCode": code, "text": text}, nil)
	b.do("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": name, "code": name, "windowsVirtualKeyCode": code}, nil)
}

// window sets size and colours.
func (b *browser) window(width, height int, scheme string) {
	b.t.Helper()
	b.do("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	b.do("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// picture takes a screenshot of the whole page, refuses an empty one and keeps it where OMOFLOW_SCREENSHOTS says.
func (b *browser) picture(name string) {
	b.t.Helper()
	var shot struct{ Data string }
	b.do("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &shot)
	raw, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	picture, _, err := image.Decode(bytes.NewReader(raw))
	if err != nil {
		b.t.Fatal(err)
	}
	colours := map[[3]uint32]bool{}
	for y := picture.Bounds().Min.Y; y < picture.Bounds().Max.Y; y += 3 {
		for x := picture.Bounds().Min.X; x < picture.Bounds().Max.X; x += 3 {
			r, g, bl, _ := picture.At(x, y).RGBA()
			colours[[3]uint32{r >> 12, g >> 12, bl >> 12}] = true
		}
	}
	if len(colours) < 8 {
		b.t.Errorf("%s: the page is empty: %d colours", name, len(colours))
	}
	if dir := os.Getenv("OMOFLOW_SCREENSHOTS"); dir != "" {
		err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, name+".png"), raw, 0o644))
		if err != nil {
			b.t.Fatal(err)
		}
	}
}

// calm fails the test when the console complained.
func (b *browser) calm(what string) {
	b.t.Helper()
	for _, line := range b.console {
		b.t.Errorf("%s: the console says %.400s", what, line)
	}
	b.console = nil
}

// tabs presses Tab until the focus comes round and gives what was reached.
func (b *browser) tabs() (reached []string) {
	b.t.Helper()
	seen := map[string]bool{}
	for range 400 {
		b.key("Tab", 9)
		var now struct {
			Name    string
			Outline bool
		}
		b.eval(`(() => { const e = document.activeElement; if (!e || e === document.body) return {Name: "", Outline: true};
			const all = [...document.querySelectorAll("*")]; const s = getComputedStyle(e);
			return {Name: all.indexOf(e) + " " + e.tagName + " " + (e.getAttribute("href") || e.getAttribute("aria-labelledby") || e.textContent || "").trim().slice(0, 80),
				Outline: s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2} })()`, &now)
		if now.Name == "" || seen[now.Name] {
			return reached
		}
		if !now.Outline {
			b.t.Errorf("the focus on %s cannot be seen", now.Name)
		}
		seen[now.Name] = true
		reached = append(reached, now.Name)
	}
	return reached
}

// contrast lists texts that stand out too little from what is behind them (WCAG 2 asks for 4.5, large or bold large for 3).
const contrast = `(() => {
	const rgb = c => { const m = c.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m };
	const light = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 }); return .2126 * r + .7152 * g + .0722 * b };
	const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c.slice(0, 3) } return [255, 255, 255] };
	const poor = new Set(); let n = 0;
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walk.nextNode()) {
		const e = walk.currentNode.parentElement, text = walk.currentNode.textContent.trim();
		if (!text || e.closest(".hidden, .skip, style")) continue;
		n++;
		const s = getComputedStyle(e), a = light(rgb(s.color).slice(0, 3)), b = light(behind(e));
		const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05), large = parseFloat(s.fontSize) >= 24;
		if (ratio < (large ? 3 : 4.5)) poor.add(text.slice(0, 30) + " " + ratio.toFixed(2));
	}
	return [String(n), ...poor];
})()`

func (b *browser) readable(what string) {
	b.t.Helper()
	var poor []string
	b.eval(contrast, &poor)
	if len(poor) != 1 || poor[0] == "0" {
		b.t.Errorf("%s: hard to read: %s", what, strings.Join(poor, "; "))
	}
}

// fits fails when the page is wider than its window.
func (b *browser) fits(what string) {
	b.t.Helper()
	var width [2]int
	b.eval(`[document.documentElement.scrollWidth, document.documentElement.clientWidth]`, &width)
	if width[0] > width[1] {
		var wide []string
		b.eval(`[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !e.closest(".scroll")).map(e => e.outerHTML.slice(0, 80))`, &wide)
		b.t.Errorf("%s: %d pixels wide in a window of %d: %v", what, width[0], width[1], wide)
	}
}

func name(parts ...any) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(parts...), " ", "-"), "-")
}
