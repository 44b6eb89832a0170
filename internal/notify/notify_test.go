package notify_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/omoflow/omoflow/internal/notify"
)

func TestCutEndsBetweenCharactersAndCounts(t *testing.T) {
	if got := notify.Cut("门店缺货", 12, ""); got != "门店缺货" {
		t.Errorf("a text that fits was changed: %q", got)
	}
	text := strings.Repeat("门店", 50) // 300 bytes
	got := notify.Cut(text, 100, "（另有 %d 字）")
	kept := strings.Count(got, "门") + strings.Count(got, "店")
	if want := fmt.Sprintf("… （另有 %d 字）", 100-kept); !strings.HasSuffix(got, want) {
		t.Errorf("%q does not end in %q", got, want)
	}
	if len(got) > 100 || len(got) < 96 {
		t.Errorf("%d bytes of 100", len(got))
	}
	for _, whole := range []string{"👨‍👩‍👧", "é", "❤️", "👍🏽"} {
		for limit := range 60 {
			if cut := notify.Cut(strings.Repeat(whole, 20), limit, ""); len(cut) > limit || !utf8.ValidString(cut) || strings.Contains(strings.ReplaceAll(strings.Split(cut, "…")[0], whole, ""), "\u200d") {
				t.Errorf("%q cut at %d is %q", whole, limit, cut)
			} else if rest := strings.ReplaceAll(strings.Split(cut, "…")[0], whole, ""); rest != "" {
				t.Errorf("%q cut at %d leaves a part: %q", whole, limit, rest)
			}
		}
	}
}

func FuzzCut(f *testing.F) {
	f.Add("门店缺货 S03", 9)
	f.Add("\xff\xfe", 1)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if limit < 0 || limit > 1<<20 {
			return
		}
		got := notify.Cut(text, limit, "")
		if len(got) > limit || utf8.ValidString(text) && !utf8.ValidString(got) {
			t.Errorf("%q at %d gives %q", text, limit, got)
		}
	})
}

func TestLineHoldsNoBreaks(t *testing.T) {
	if got := notify.Line("a\r\nBcc: x\u2028y\x00 z"); got != "a Bcc: x y z" {
		t.Errorf("got %q", got)
	}
}

func TestOutcomeOfAnUnclassifiedErrorIsUnknown(t *testing.T) {
	if o, _ := notify.OutcomeOf(errors.New("boom")); o != notify.Unknown {
		t.Error(o)
	}
	wrapped := fmt.Errorf("send: %w", &notify.Error{Outcome: notify.Again, Wait: time.Minute, Err: errors.New("busy")})
	if o, wait := notify.OutcomeOf(wrapped); o != notify.Again || wait != time.Minute {
		t.Error(o, wait)
	}
}
