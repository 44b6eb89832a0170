package objstore

import (
	"strings"
	"unicode/utf8"

	"github.com/omoflow/omoflow/internal/fault"
)

// The bounds of a key: what S3 allows as a whole, what file systems allow between slashes.
const (
	maxKeyBytes       = 1024
	maxComponentBytes = 255
)

// Reserved is the first component that no key may have; localfs keeps its temporary files and locks there.
const Reserved = ".omoflow"

// CheckKey refuses keys that some store could not hold or could take for a path outside of it: empty, over
// 1,024 bytes, not UTF-8, with a backslash or control character, or with a component that is empty, ".", ".."
// or over 255 bytes. The error is fault.Usage.
func CheckKey(key string) error {
	bad := func(why string) error {
		return fault.New(fault.Usage, "bad_key", strings.ToValidUTF8(key, "?"), "give the object another name", "not an object key: %s", why)
	}
	switch {
	case key == "":
		return bad("it is empty")
	case len(key) > maxKeyBytes:
		return bad("it is longer than 1024 bytes")
	case !utf8.ValidString(key):
		return bad("it is not UTF-8")
	}
	for _, r := range key {
		if r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == '\\' {
			return bad("it has a control character or a backslash")
		}
	}
	for i, part := range strings.Split(key, "/") {
		switch {
		case part == "" || part == "." || part == "..":
			return bad("it has an empty component, \".\" or \"..\"")
		case len(part) > maxComponentBytes:
			return bad("a component is longer than 255 bytes")
		case i == 0 && strings.EqualFold(part, Reserved):
			return bad("it begins with the reserved name " + Reserved)
		}
	}
	return nil
}

// checkRange refuses a negative offset.
func checkRange(key string, offset int64) error {
	if offset < 0 {
		return fault.New(fault.Usage, "bad_range", key, "", "the offset %d is negative", offset)
	}
	return nil
}

// CheckGet validates the arguments of a Get.
func CheckGet(key string, offset int64) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	return checkRange(key, offset)
}
