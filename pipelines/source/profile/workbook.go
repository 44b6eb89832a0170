package profile

import (
	"archive/zip"
	"encoding/xml"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
)

// findSheet gives the part of the named, numbered or first visible sheet.
func (s *sheetSource) findSheet(wanted string) (string, error) {
	var book struct {
		Properties struct {
			Date1904 string `xml:"date1904,attr"`
		} `xml:"workbookPr"`
		Sheets []struct {
			Name  string `xml:"name,attr"`
			State string `xml:"state,attr"`
			ID    string `xml:"http://schemas.openxmlformats.org/officeDocument/2006/relationships id,attr"`
		} `xml:"sheets>sheet"`
	}
	var relations struct {
		All []struct {
			ID     string `xml:"Id,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	if err := s.decode("xl/workbook.xml", &book); err != nil {
		return "", err
	}
	if err := s.decode("xl/_rels/workbook.xml.rels", &relations); err != nil {
		return "", err
	}
	s.epoch04 = book.Properties.Date1904 == "1" || book.Properties.Date1904 == "true"
	found := make([]string, 0, len(book.Sheets))
	defer func() { s.sheets = found }()
	for i, sheet := range book.Sheets {
		if found = append(found, sheet.Name); sheet.State != "" && sheet.State != "visible" {
			found[i] = "(" + sheet.Name + ", hidden)"
		}
		number, err := strconv.Atoi(wanted)
		if wanted == "" && sheet.State != "" && sheet.State != "visible" ||
			wanted != "" && sheet.Name != wanted && (err != nil || number != i+1) {
			continue
		}
		for _, r := range relations.All {
			if r.ID == sheet.ID {
				if strings.HasPrefix(r.Target, "/") {
					return r.Target[1:], nil
				}
				return path.Join("xl", r.Target), nil
			}
		}
	}
	return "", refuse("no_sheet", "write sheet: with one of these names in the profile", "the workbook has no sheet %q; it has %s", wanted, quoted(found, ", "))
}

func (s *sheetSource) readStyles() error {
	var styles struct {
		Formats []struct {
			ID   int    `xml:"numFmtId,attr"`
			Code string `xml:"formatCode,attr"`
		} `xml:"numFmts>numFmt"`
		Cells []struct {
			Format int `xml:"numFmtId,attr"`
		} `xml:"cellXfs>xf"`
	}
	if !slices.ContainsFunc(s.xlsx.File, func(f *zip.File) bool { return f.Name == "xl/styles.xml" }) {
		return nil
	}
	if err := s.decode("xl/styles.xml", &styles); err != nil {
		return err
	}
	custom := map[int]bool{}
	for _, f := range styles.Formats {
		custom[f.ID] = dateFormat(f.Code)
	}
	for _, c := range styles.Cells {
		isDate, own := custom[c.Format]
		if n := c.Format; !own {
			isDate = n >= 14 && n <= 22 || n >= 27 && n <= 36 || n >= 45 && n <= 47 || n >= 50 && n <= 58
		}
		s.dates = append(s.dates, isDate)
	}
	return nil
}

// dateFormat tells whether a number format shows a date or time.
func dateFormat(code string) bool {
	quotedText, bracket := false, false
	for i := 0; i < len(code); i++ {
		switch c := code[i]; {
		case c == '\\':
			i++
		case c == '"':
			quotedText = !quotedText
		case c == '[':
			bracket = true
		case c == ']':
			bracket = false
		case quotedText || bracket:
		case c == ';':
			return false
		case strings.IndexByte("ymdhsYMDHS", c) >= 0:
			return true
		}
	}
	return false
}

func (s *sheetSource) readShared() error {
	if !slices.ContainsFunc(s.xlsx.File, func(f *zip.File) bool { return f.Name == "xl/sharedStrings.xml" }) {
		return nil
	}
	r, err := s.part("xl/sharedStrings.xml")
	if err != nil {
		return err
	}
	defer r.Close()
	decoder := xml.NewDecoder(r)
	held := int64(0)
	for {
		t, err := decoder.Token()
		if err == io.EOF {
			return nil
		} else if err != nil {
			return damagedBook(err)
		}
		if start, ok := t.(xml.StartElement); ok && start.Name.Local == "si" {
			var item richText
			if err := decoder.DecodeElement(&item, &start); err != nil {
				return damagedBook(err)
			}
			text := item.text()
			if held += int64(len(text)); held > maxShared {
				return refuse("too_large", "deliver it as CSV", "the words of the workbook take more than %d bytes", int64(maxShared))
			}
			s.shared = append(s.shared, text)
		}
	}
}

// richText is a string, plain or in runs; phonetic guides are left out.
type richText struct {
	Plain string `xml:"t"`
	Runs  []struct {
		Text string `xml:"t"`
	} `xml:"r"`
}

func (r richText) text() string {
	s := r.Plain
	for _, run := range r.Runs {
		s += run.Text
	}
	return s
}
