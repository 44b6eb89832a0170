package profile

import (
	"archive/zip"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Member is a file of an archive.
type Member struct {
	Name string // as the archive has it, with slashes; data, never a path to write to
	Path string // where its bytes are
	Size int64
}

// Unpack writes the files of a zip into dir. It gives none for a file that is read as it is: no zip, a workbook, or a zip of
// one file unless single is set. An archive that breaks a limit or may mean harm is a *RefusedFile and leaves nothing to use.
func Unpack(file, dir string, limits Limits, single bool) ([]Member, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close() //nolint:errcheck // only read
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	head := make([]byte, 4)
	if n, _ := io.ReadFull(in, head); !strings.HasPrefix(string(head[:n]), "PK\x03\x04") {
		return nil, nil
	}
	archive, err := zip.NewReader(in, info.Size())
	if err != nil {
		return nil, nil //nolint:nilerr // whoever reads it says what is wrong
	}
	entries, err := members(archive, limits.filled())
	if err != nil || entries == nil || len(entries) == 1 && !single && !strings.HasSuffix(strings.ToLower(entries[0].name), ".xlsx") {
		return nil, err
	}
	return extract(entries, dir, info.Size(), limits.filled())
}

// entry is a file of an archive with its name made readable.
type entry struct {
	*zip.File
	name string
}

// members lists the files of an archive by name; none for a workbook. Names and kinds that no export has are refused:
// nothing here writes to a name, but the next program that meets it may.
func members(archive *zip.Reader, limits Limits) ([]entry, error) {
	if len(archive.File) > limits.Entries {
		return nil, refuse("too_many_entries", "check where the file comes from", "the zip has %d entries", len(archive.File))
	}
	if holdsWorkbook(archive) {
		return nil, nil
	}
	var all []entry
	for _, f := range archive.File {
		e := entry{f, memberName(f)}
		folder := strings.HasSuffix(e.name, "/")
		elements := strings.Split(strings.TrimSuffix(e.name, "/"), "/")
		switch {
		case slices.Contains(elements, "..") || slices.Contains(elements, "") || strings.Contains(e.name, "\x00") || len(e.name) > 1 && e.name[1] == ':':
			return nil, refuse("archive_traversal", "check where the file comes from", "the zip holds the name %q, which leads out of it", f.Name)
		case f.Mode()&fs.ModeType != 0 && !folder:
			return nil, refuse("archive_link", "deliver the files themselves", "the zip holds %q, which is a link or a device and no file", f.Name)
		case folder || elements[0] == "__MACOSX" || path.Base(e.name) == ".DS_Store" || path.Base(e.name) == "Thumbs.db":
			continue
		case f.Flags&1 != 0:
			return nil, refuse("archive_locked", "deliver it without a password", "the zip holds %q, which needs a password", f.Name)
		}
		all = append(all, e)
	}
	slices.SortStableFunc(all, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	for i := 1; i < len(all); i++ {
		if all[i].name == all[i-1].name {
			return nil, refuse("archive_twice", "pack it again with each file once", "the zip holds %q twice", all[i].name)
		}
	}
	return all, nil
}

// memberName gives an entry's name with slashes. Chinese Windows writes GBK without saying so.
func memberName(f *zip.File) string {
	name := f.Name
	if !utf8.ValidString(name) {
		if decoded, err := simplifiedchinese.GB18030.NewDecoder().String(name); err == nil {
			name = decoded
		}
		name = strings.ToValidUTF8(name, "?")
	}
	return strings.ReplaceAll(name, `\`, "/")
}

// extract writes the files into dir, or with dir "" only reads them. The limits hold for all of them together.
func extract(entries []entry, dir string, size int64, limits Limits) ([]Member, error) {
	all := make([]Member, len(entries))
	bound := &limited{size: max(size, 1), limits: limits, packed: true}
	for i, e := range entries {
		m := Member{Name: e.name}
		if dir != "" {
			m.Path = filepath.Join(dir, "member-"+strconv.Itoa(i))
		}
		var err error
		if m.Size, err = extractOne(e, m.Path, bound); err != nil {
			var refused *RefusedFile
			if errors.As(err, &refused) {
				refused = &RefusedFile{Code: refused.Code, Message: e.name + ": " + refused.Message, Hint: refused.Hint}
				return nil, refused
			}
			return nil, err
		}
		all[i] = m
	}
	return all, nil
}

func extractOne(e entry, to string, bound *limited) (n int64, err error) {
	in, err := e.Open()
	if err != nil {
		return 0, refuse("damaged", "deliver the file again", "the zip entry cannot be read: %v", err)
	}
	defer in.Close() //nolint:errcheck // only read
	head := make([]byte, 30)
	bound.r = in
	had, err := io.ReadFull(bound, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return 0, err
	}
	if head = head[:had]; isArchive(head) && !strings.HasSuffix(strings.ToLower(e.name), ".xlsx") {
		return 0, refuse("nested_archive", "unpack it once and deliver what was inside", "is an archive within an archive")
	}
	out := io.Writer(io.Discard)
	if to != "" {
		file, err := os.Create(to)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		out = file
	}
	if _, err := out.Write(head); err != nil {
		return 0, err
	}
	rest, err := io.Copy(out, bound)
	return int64(had) + rest, err
}
