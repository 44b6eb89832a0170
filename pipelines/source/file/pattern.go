package file

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
)

// Pattern matches file names and captures parts of them: "receipts-{store}-{date}.csv*".
//
// * and ? stay within a folder, ** crosses folders, {name} captures one or more characters of a name and is as short as
// possible. A pattern without a slash matches the last element of a name in any folder. What stands behind ".zip/" is a
// pattern for the files within the archive: "daily-{date}.zip/receipts-{store}.csv".
type Pattern struct {
	text  string
	re    *regexp.Regexp
	names []string
	base  bool
	inner *Pattern // of files within an archive; nil: all
}

const withinZip = ".zip/"

var captureName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// ParsePattern reads a pattern; a wrong one is fault.Usage.
func ParsePattern(text string) (*Pattern, error) {
	outer, inner, archived := strings.Cut(text, withinZip)
	if !archived {
		return parsePattern(text)
	}
	p, err := parsePattern(outer + strings.TrimSuffix(withinZip, "/"))
	if err != nil {
		return nil, err
	}
	if p.inner, err = parsePattern(inner); err != nil {
		return nil, err
	}
	for _, name := range p.inner.names {
		if slices.Contains(p.names, name) {
			return nil, fault.New(fault.Usage, "invalid_pattern", text, "write captures as {store}: lower-case letters, digits and _, each once", "the file pattern has a wrong capture")
		}
	}
	return p, nil
}

func parsePattern(text string) (*Pattern, error) {
	p := &Pattern{text: text, base: !strings.Contains(text, "/")}
	var b strings.Builder
	for rest := text; rest != ""; {
		switch {
		case strings.HasPrefix(rest, "**/"):
			b.WriteString("(?:.*/)?")
			rest = rest[3:]
		case strings.HasPrefix(rest, "**"):
			b.WriteString(".*")
			rest = rest[2:]
		case rest[0] == '*':
			b.WriteString("[^/]*")
			rest = rest[1:]
		case rest[0] == '?':
			b.WriteString("[^/]")
			rest = rest[1:]
		case rest[0] == '{':
			end := strings.IndexByte(rest, '}')
			if end < 0 || !captureName.MatchString(rest[1:end]) || slices.Contains(p.names, rest[1:end]) {
				return nil, fault.New(fault.Usage, "invalid_pattern", text, "write captures as {store}: lower-case letters, digits and _, each once", "the file pattern has a wrong capture")
			}
			p.names = append(p.names, rest[1:end])
			b.WriteString("([^/]+?)")
			rest = rest[end+1:]
		default:
			b.WriteString(regexp.QuoteMeta(rest[:1]))
			rest = rest[1:]
		}
	}
	re, err := regexp.Compile("^" + b.String() + "$")
	if err != nil || text == "" {
		return nil, fault.New(fault.Usage, "invalid_pattern", text, "write a name with * ? and {captures}", "the file pattern cannot be read")
	}
	p.re = re
	return p, nil
}

// Captures lists the names captured.
func (p *Pattern) Captures() []string {
	if p.inner == nil {
		return slices.Clone(p.names)
	}
	return append(slices.Clone(p.names), p.inner.names...)
}

// Chooses tells whether the pattern names files within archives: then even an archive of one file is unpacked.
func (p *Pattern) Chooses() bool { return p.inner != nil }

// Within gives the captures of a file of an archive: those of the archive's name and those of its own.
func (p *Pattern) Within(archive, name string) (captures map[string]string, ok bool) {
	captures, ok = p.Match(archive)
	if !ok || p.inner == nil {
		return captures, ok
	}
	own, ok := p.inner.Match(name)
	maps.Copy(captures, own)
	return captures, ok
}

// Match gives the captures of a name, which is an archive's when the pattern chooses within archives.
func (p *Pattern) Match(name string) (captures map[string]string, ok bool) {
	if p.base {
		name = path.Base(name)
	}
	found := p.re.FindStringSubmatch(name)
	if found == nil {
		return nil, false
	}
	captures = make(map[string]string, len(p.names))
	for i, n := range p.names {
		captures[n] = found[i+1]
	}
	return captures, true
}
