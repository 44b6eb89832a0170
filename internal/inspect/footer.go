package inspect

import (
	"encoding/binary"
	"errors"

	"github.com/omoflow/omoflow/internal/thrift"
)

var errFooter = errors.New("its footer is not readable")

// footerRows reads the row count out of a Parquet footer, of which end holds at least the last bytes. known is false when
// the footer is longer than that. Only the count is wanted, so that everything before it is stepped over.
func footerRows(end []byte) (rows int64, known bool, err error) {
	if len(end) < 12 || string(end[len(end)-4:]) != "PAR1" {
		return 0, false, errFooter
	}
	size := int64(binary.LittleEndian.Uint32(end[len(end)-8:]))
	if size > int64(len(end)-8) {
		if len(end) < tailBytes {
			return 0, false, errFooter
		}
		return 0, false, nil
	}
	const rowsField = 3 // FileMetaData.num_rows
	if rows, known = thrift.Find(end[int64(len(end))-8-size:len(end)-8], rowsField); !known {
		return 0, false, errFooter
	}
	return rows, true, nil
}
