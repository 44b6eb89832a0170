package alert

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/notify"
)

// uncounted reminds of each count once per location and due day, and tells once more when the day has passed without it.
func uncounted(f Facts) []Finding {
	byDay := map[string][]Count{}
	for _, c := range f.Counts {
		where := c.Location + "/" + c.Due
		byDay[where] = append(byDay[where], c)
	}
	var found []Finding
	for where, counts := range byDay {
		c := counts[0]
		var zh, en []string
		for _, one := range counts {
			own := goods(one)
			zh, en = append(zh, own.ZH), append(en, own.EN)
		}
		slices.Sort(zh)
		slices.Sort(en)
		due, _ := time.Parse(time.DateOnly, c.Due) // a date without a time: zero is "first seen"
		tell := func(where, severity string, since time.Time, zhText, enText string) {
			what := Words{fmt.Sprintf(zhText, c.Location, c.Due, c.Overdue), fmt.Sprintf(enText, c.Location, c.Due, c.Overdue)}
			found = append(found, Finding{Where: where, Severity: severity, Since: since, Once: true,
				What: Words{what.ZH + strings.Join(zh, "；"), what.EN + strings.Join(en, "; ")},
				Next: words("安排 %[1]s 盘点并提交盘点结果；omoflow stocktake due 显示全部应盘点的门店", "have %[1]s count and deliver the result; omoflow stocktake due lists all that is due", c.Location)})
		}
		tell(where, notify.Info, time.Time{}, "%[1]s 应在 %[2]s 前（含当日）完成盘点：", "%[1]s has to count its stock by %[2]s: ")
		if c.Overdue > 0 {
			tell(where+"/overdue", "", due.AddDate(0, 0, 1), "%[1]s 未按期盘点（期限 %[2]s）：", "%[1]s has not counted its stock, which was due by %[2]s: ")
		}
	}
	return found
}

// goods says what is to be counted and since when it was not.
func goods(c Count) Words {
	zh, en := "全部商品", "all goods"
	if c.Part != "" {
		zh, en = c.Part, c.Part
	}
	if c.Last == "" {
		return words("%[1]s（从未盘点，%[2]s 起有库存）", "%[3]s (never counted, in stock since %[2]s)", zh, c.Since, en)
	}
	return words("%[1]s（上次盘点 %[2]s）", "%[3]s (last counted on %[2]s)", zh, c.Last, en)
}
