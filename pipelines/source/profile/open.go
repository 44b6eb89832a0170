package profile

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// Limits bound what a compressed file may become.
type Limits struct {
	Bytes   int64 // after decompression; 0 is 64 GiB
	Ratio   int64 // decompressed to delivered, beyond the first 64 MiB; 0 is 100
	Entries int   // of a zip; 0 is 10,000
}

func (l Limits) filled() Limits {
	if l.Bytes == 0 {
		l.Bytes = 64 << 30
	}
	if l.Ratio == 0 {
		l.Ratio = 100
	}
	if l.Entries == 0 {
		l.Entries = 10000
	}
	return l
}

// RefusedFile is a whole file that cannot be read with certainty. Nothing of it is used.
type RefusedFile struct {
	Code    string
	Line    int64 // 0 when it is not about a line
	Message string
	Hint    string
}

// Error gives the message and the next step.
func (r *RefusedFile) Error() string {
	if r.Hint == "" {
		return r.Message
	}
	return r.Message + "; " + r.Hint
}

func refuse(code, hint, format string, args ...any) *RefusedFile {
	return &RefusedFile{Code: code, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// freeBytes is up to where no ratio is asked for: the same row a thousand times over packs better than any bomb, and harms nobody. Of
// larger tables even those of one till and three products stay below 100.
const freeBytes = 64 << 20

// limited refuses a stream that outgrows its limits and tells a truncated one from an ended one.
type limited struct {
	r          io.Reader
	read, size int64
	limits     Limits
	packed     bool
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	l.read += int64(n)
	switch {
	case !l.packed:
	case l.read > l.limits.Bytes:
		return n, refuse("too_large", "raise the limit or split the file", "decompresses to more than %d bytes", l.limits.Bytes)
	case l.read > freeBytes && l.read > l.size*l.limits.Ratio:
		return n, refuse("decompression_bomb", "check where the file comes from; when it is right, deliver it unpacked", "decompresses to more than %d times its size", l.limits.Ratio)
	case err != nil && err != io.EOF:
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return n, refuse("truncated", "deliver the file again, whole", "the compressed data ends too early")
		}
		return n, refuse("damaged", "deliver the file again", "the compressed data is damaged: %v", err)
	}
	return n, err
}

// opened is a delivered file, decompressed.
type opened struct {
	*bufio.Reader
	close []func() error
	xlsx  *zip.Reader // set instead of the stream for a workbook
	size  int64
	path  string
	small int // size of a little file that is not packed
}

func (o *opened) Close() error {
	var first error
	for i := len(o.close) - 1; i >= 0; i-- {
		if err := o.close[i](); err != nil && first == nil {
			first = err
		}
	}
	return first
}

const sampleBytes = 256 << 10

// openPath opens a delivered file by what its bytes are, whatever its name says.
func openPath(path string, limits Limits) (*opened, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	o := &opened{close: []func() error{file.Close}, path: path}
	fail := func(err error) (*opened, error) {
		o.Close()
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return fail(err)
	}
	o.size = info.Size()
	head := make([]byte, 8)
	n, _ := io.ReadFull(file, head)
	head = head[:n]
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fail(err)
	}
	var stream io.Reader = file
	packed := true
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(bufio.NewReaderSize(file, 1<<16))
		if err != nil {
			return fail(refuse("truncated", "deliver the file again, whole", "the gzip header is incomplete"))
		}
		stream = z
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return fail(refuse("damaged", "deliver the file again", "the zstd header is damaged"))
		}
		o.close = append(o.close, func() error { z.Close(); return nil })
		stream = z
	case bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")):
		inner, err := o.openZip(file, limits.filled())
		if err != nil {
			return fail(err)
		}
		if o.xlsx != nil {
			return o, nil
		}
		stream = inner
	case bytes.HasPrefix(head, []byte{0xD0, 0xCF, 0x11, 0xE0}):
		return fail(o.compound(file))
	default:
		packed = false
	}
	o.Reader = bufio.NewReaderSize(&limited{r: stream, size: max(o.size, 1), limits: limits.filled(), packed: packed}, sampleBytes)
	if !packed && o.size < sampleBytes {
		o.small = int(o.size)
		o.Reader = bufio.NewReaderSize(file, o.small+16)
	}
	if inner, _ := o.Peek(4); packed && isArchive(inner) { // what Peek met is met again by whoever reads
		return fail(refuse("nested_archive", "unpack it once and deliver what was inside", "is an archive within an archive"))
	}
	return o, nil
}

// isArchive tells an archive or a workbook by its first bytes. Only one layer is unpacked: deeper ones are how bombs are built.
func isArchive(head []byte) bool {
	for _, magic := range []string{"\x1f\x8b", "\x28\xb5\x2f\xfd", "PK\x03\x04", "PK\x05\x06", "\xD0\xCF\x11\xE0"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	return false
}

// sample is how many bytes to look at: little for a little file, decoded text being at most three times as long.
func (o *opened) sample() int {
	if o.small > 0 {
		return min(3*o.small+16, sampleBytes)
	}
	return sampleBytes
}

// openZip opens the one data file of an archive, or notes that the archive is a workbook.
func (o *opened) openZip(file *os.File, limits Limits) (io.Reader, error) {
	archive, err := zip.NewReader(file, o.size)
	if err != nil {
		return nil, refuse("truncated", "deliver the file again, whole", "the zip directory cannot be read")
	}
	data, err := members(archive, limits)
	switch {
	case err != nil:
		return nil, err
	case data == nil && holdsWorkbook(archive):
		o.xlsx = archive
		return nil, nil
	case len(data) > 1: // one that holds good files was unpacked before
		if _, err := extract(data, "", o.size, limits); err != nil {
			return nil, err
		}
		fallthrough
	case len(data) != 1:
		return nil, refuse("zip_not_one_file", "unpack it, or deliver one file per zip", "the zip holds %d files", len(data))
	}
	inner, err := data[0].Open()
	if err != nil {
		return nil, refuse("damaged", "deliver the file again", "the zip entry cannot be read: %v", err)
	}
	o.close = append(o.close, inner.Close)
	return inner, nil
}

func holdsWorkbook(archive *zip.Reader) bool {
	return slices.ContainsFunc(archive.File, func(f *zip.File) bool { return f.Name == "xl/workbook.xml" })
}

// compound tells a workbook with a password from one of Excel 97: both stand in a compound file, the former under a name
// of its own in its directory, whose place the header tells.
func (o *opened) compound(file io.ReaderAt) *RefusedFile {
	head, directory := make([]byte, 64), make([]byte, 8<<10)
	if n, _ := file.ReadAt(head, 0); n == len(head) {
		sector := int64(1) << (binary.LittleEndian.Uint16(head[30:]) & 15)
		n, _ := file.ReadAt(directory, (int64(binary.LittleEndian.Uint32(head[48:]))+1)*sector) // what is there
		if bytes.Contains(directory[:n], []byte("E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e\x00")) {
			return refuse("password", "save it without a password (File > Info > Protect Workbook), or export it as CSV", "the workbook is protected by a password")
		}
	}
	return refuse("old_excel", "save it as .xlsx or CSV", "is an Excel 97 workbook or an encrypted one")
}
