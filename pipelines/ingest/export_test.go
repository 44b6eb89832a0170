package ingest

// SetDirect sets the size from which files are read directly.
func (o *Options) SetDirect(bytes int64) { o.directBytes = bytes }
