package localfs_test

import (
	"io"
	"syscall"
)

// fullDisk is a body whose copy fails the way a full disk makes it fail.
type fullDisk struct{}

func (fullDisk) Size() int64                  { return 4096 }
func (fullDisk) Open() (io.ReadCloser, error) { return io.NopCloser(full{}), nil }

type full struct{}

func (full) Read([]byte) (int, error) { return 0, syscall.ENOSPC }
