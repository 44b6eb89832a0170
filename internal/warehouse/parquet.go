package warehouse

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/failpoint"
	"github.com/omoflow/omoflow/internal/fault"
)

// DefaultRowGroupSize is the number of rows of a Parquet row group when CopyOptions does not say.
const DefaultRowGroupSize = 122880

// CopyOptions shapes a Parquet file.
type CopyOptions struct {
	FieldIDs     map[string]int // column -> field id; columns left out get none
	RowGroupSize int            // 0: DefaultRowGroupSize
}

// CopyResult is a finished, verified file.
type CopyResult struct {
	Rows, Bytes int64
	SHA256      string // hex
}

// CopyParquet writes the rows of query, in its order, to path as one zstd Parquet file (level 1: for keys made of digests it is smaller than
// the engine's level 3 and a third faster): COPY, fsync, reopen, compare
// the footer's row count with the rows the query gave, hash. The same rows give the same bytes at any number of
// threads when query ends in a total ORDER BY. A failure leaves no file.
func (s session) CopyParquet(ctx context.Context, query, path string, opt CopyOptions) (result CopyResult, err error) {
	defer func() {
		if err != nil {
			_ = os.Remove(path) // nothing may be mistaken for a finished file
		}
	}()
	size := opt.RowGroupSize
	if size == 0 {
		size = DefaultRowGroupSize
	}
	statement := fmt.Sprintf("COPY (\n%s\n) TO %s (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE %d%s)", query, Literal(path), size, fieldIDs(opt.FieldIDs))
	done, err := s.via.ExecContext(ctx, statement)
	if err != nil {
		return CopyResult{}, classify(ctx, err, query)
	}
	if result.Rows, err = done.RowsAffected(); err != nil {
		return CopyResult{}, fmt.Errorf("copy to %s: %w", path, err)
	}
	failpoint.Hit("copy.written")
	if result.Bytes, result.SHA256, err = syncAndHash(path); err != nil {
		return CopyResult{}, classify(ctx, err, "write "+path)
	}
	failpoint.Hit("copy.synced")
	footer, err := s.Count(ctx, "SELECT num_rows FROM parquet_file_metadata("+Literal(path)+")")
	if err != nil {
		return CopyResult{}, err
	}
	if footer != result.Rows {
		return CopyResult{}, fault.New(fault.Damaged, "copy_rows", path, "run it again; if it repeats, look at the disk", "the file holds %d rows, the query gave %d", footer, result.Rows)
	}
	return result, nil
}

// fieldIDs renders the FIELD_IDS option, columns in name order.
func fieldIDs(ids map[string]int) string {
	if len(ids) == 0 {
		return ""
	}
	parts := make([]string, 0, len(ids))
	for _, name := range slices.Sorted(maps.Keys(ids)) {
		parts = append(parts, fmt.Sprintf("%s: %d", Literal(name), ids[name]))
	}
	return ", FIELD_IDS {" + strings.Join(parts, ", ") + "}"
}

// syncAndHash makes a finished file durable and gives its size and sha256. COPY itself never calls fsync.
func syncAndHash(path string) (size int64, hash string, err error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, "", err
	}
	defer func() {
		if closing := file.Close(); err == nil {
			err = closing
		}
	}()
	if err := file.Sync(); err != nil {
		return 0, "", err
	}
	digest := sha256.New()
	if size, err = io.Copy(digest, file); err != nil {
		return 0, "", err
	}
	return size, hex.EncodeToString(digest.Sum(nil)), nil
}
