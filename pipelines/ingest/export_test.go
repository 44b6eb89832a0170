package ingest

import "context"

// SetDirect sets the size from which files are read directly.
func (o *Options) SetDirect(bytes int64) { o.directBytes = bytes }

// Packer packs one file at a time.
type Packer func(ctx context.Context, from, to string) (sha string, size int64, err error)

// NewPacker gives a packer that has packed nothing yet.
func NewPacker() Packer { return newPacker().pack }
