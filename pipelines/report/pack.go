package report

import (
	"archive/zip"
	"bytes"
	"fmt"
	"html"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"
)

// repack writes the parts of a workbook in the order of their names, without times and with the entries of the
// content-type list sorted, so that the same cells give the same bytes. It also fills the caches of charts,
// which viewers without a formula engine draw from.
func repack(book []byte, values map[string]map[string]string) ([]byte, error) {
	r, err := zip.NewReader(bytes.NewReader(book), int64(len(book)))
	if err != nil {
		return nil, fmt.Errorf("reopen the workbook: %w", err)
	}
	files := slices.Clone(r.File)
	slices.SortFunc(files, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range files {
		content, err := readPart(f)
		if err != nil {
			return nil, fmt.Errorf("read %s of the workbook: %w", f.Name, err)
		}
		switch {
		case f.Name == "[Content_Types].xml":
			content = sortContentTypes(content)
		case strings.HasPrefix(f.Name, "xl/charts/"):
			content = fillCaches(content, values)
		}
		part, err := w.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate})
		if err != nil {
			return nil, fmt.Errorf("pack the workbook: %w", err)
		}
		if _, err := part.Write(content); err != nil {
			return nil, fmt.Errorf("pack the workbook: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack the workbook: %w", err)
	}
	return out.Bytes(), nil
}

func readPart(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// sortContentTypes orders the entries of the content-type list, which the writer keeps in a map.
func sortContentTypes(content []byte) []byte {
	entry := regexp.MustCompile(`<(?:Default|Override)\b[^>]*?(?:/>|></(?:Default|Override)>)`)
	found := entry.FindAllIndex(content, -1)
	if len(found) == 0 {
		return content
	}
	var entries []string
	for _, at := range found {
		entries = append(entries, string(content[at[0]:at[1]]))
	}
	slices.Sort(entries)
	first, last := found[0][0], found[len(found)-1][1]
	return slices.Concat(content[:first], []byte(strings.Join(entries, "")), content[last:])
}

// fillCaches writes the values a chart refers to into its references.
func fillCaches(content []byte, values map[string]map[string]string) []byte {
	ref := regexp.MustCompile(`<(num|str)Ref><f>([^<]*)</f>(?:<(?:num|str)Cache>.*?</(?:num|str)Cache>)?</(?:num|str)Ref>`)
	return ref.ReplaceAllFunc(content, func(match []byte) []byte {
		part := ref.FindSubmatch(match)
		kind, formula := string(part[1]), html.UnescapeString(string(part[2]))
		cells := referred(formula, values)
		if cells == nil {
			return match
		}
		var b strings.Builder
		fmt.Fprintf(&b, `<%sRef><f>%s</f><%sCache>`, kind, part[2], kind)
		if kind == "num" {
			b.WriteString(`<formatCode>General</formatCode>`)
		}
		fmt.Fprintf(&b, `<ptCount val="%d"/>`, len(cells))
		for i, v := range cells {
			if v == "" || kind == "num" && !parse(v).ok {
				continue
			}
			fmt.Fprintf(&b, `<pt idx="%d"><v>%s</v></pt>`, i, html.EscapeString(v))
		}
		fmt.Fprintf(&b, `</%sCache></%sRef>`, kind, kind)
		return []byte(b.String())
	})
}

// referred lists the texts of the cells that a reference to one column names.
func referred(formula string, values map[string]map[string]string) []string {
	sheet, span, ok := strings.Cut(strings.TrimPrefix(formula, "'"), "'!")
	if !ok {
		return nil
	}
	cells := values[strings.ReplaceAll(sheet, "''", "'")]
	from, to, ranged := strings.Cut(strings.ReplaceAll(span, "$", ""), ":")
	if !ranged {
		to = from
	}
	column, first, err1 := excelize.SplitCellName(from)
	_, last, err2 := excelize.SplitCellName(to)
	if cells == nil || err1 != nil || err2 != nil {
		return nil
	}
	var list []string
	for row := first; row <= last; row++ {
		list = append(list, cells[column+strconv.Itoa(row)])
	}
	return list
}
