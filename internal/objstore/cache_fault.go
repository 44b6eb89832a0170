package objstore

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/omoflow/omoflow/internal/fault"
)

// cacheFault tells a full or forbidden cache directory from other failures.
func cacheFault(err error, dir string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.Wrap(err, fault.Exhausted, "cache_full", dir, "free space on the cache's disk, or delete the cache directory", "the local cache cannot be written")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fault.Wrap(err, fault.Denied, "cache_permission", dir, "give this user write access to the cache directory", "the local cache cannot be written")
	}
	return err
}
