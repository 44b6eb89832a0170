package warehouse

import (
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/duckdb/duckdb-go/v2"
)

// arrowBatchRows is the number of rows of one Arrow record batch.
const arrowBatchRows = 16384

// WriteArrow writes all rows as an Arrow IPC stream. DECIMAL and HUGEINT become decimal128, DATE date32, TIMESTAMP
// microseconds without a zone; nested and rare types become text. It closes rows.
func WriteArrow(rows *Rows, w io.Writer) (err error) {
	defer rows.Close()
	fields := make([]arrow.Field, len(rows.columns))
	for i, column := range rows.columns {
		fields[i] = arrow.Field{Name: column.Name, Type: arrowType(column.Type), Nullable: true}
	}
	schema := arrow.NewSchema(fields, nil)
	builder := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer builder.Release()
	out := ipc.NewWriter(w, ipc.WithSchema(schema))
	defer func() {
		if closing := out.Close(); err == nil && closing != nil {
			err = fmt.Errorf("write arrow: %w", closing)
		}
	}()
	pending := 0
	for rows.Next() {
		for i, value := range rows.values {
			if err := appendArrow(builder.Field(i), value, rows.columns[i].Type); err != nil {
				return fmt.Errorf("write arrow: column %s: %w", rows.columns[i].Name, err)
			}
		}
		if pending++; pending == arrowBatchRows {
			if err := flushArrow(builder, out); err != nil {
				return err
			}
			pending = 0
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if pending > 0 {
		return flushArrow(builder, out)
	}
	return nil
}

func flushArrow(builder *array.RecordBuilder, out *ipc.Writer) error {
	batch := builder.NewRecordBatch()
	defer batch.Release()
	if err := out.Write(batch); err != nil {
		return fmt.Errorf("write arrow: %w", err)
	}
	return nil
}

// arrowType maps an engine type; what Arrow readers rarely know becomes text.
func arrowType(columnType string) arrow.DataType {
	switch columnType {
	case "BOOLEAN":
		return arrow.FixedWidthTypes.Boolean
	case "TINYINT", "SMALLINT", "INTEGER":
		return arrow.PrimitiveTypes.Int32
	case "BIGINT":
		return arrow.PrimitiveTypes.Int64
	case "FLOAT", "DOUBLE":
		return arrow.PrimitiveTypes.Float64
	case "DATE":
		return arrow.FixedWidthTypes.Date32
	case "TIMESTAMP":
		return &arrow.TimestampType{Unit: arrow.Microsecond}
	case "HUGEINT":
		return &arrow.Decimal128Type{Precision: 38, Scale: 0}
	}
	var precision, scale int32
	if n, _ := fmt.Sscanf(columnType, "DECIMAL(%d,%d)", &precision, &scale); n == 2 {
		return &arrow.Decimal128Type{Precision: precision, Scale: scale}
	}
	return arrow.BinaryTypes.String
}

// appendArrow adds one driver value to its column.
func appendArrow(column array.Builder, value any, columnType string) error {
	if value == nil {
		column.AppendNull()
		return nil
	}
	switch b := column.(type) {
	case *array.BooleanBuilder:
		b.Append(value.(bool))
	case *array.Int32Builder:
		switch v := value.(type) {
		case int8:
			b.Append(int32(v))
		case int16:
			b.Append(int32(v))
		case int32:
			b.Append(v)
		}
	case *array.Int64Builder:
		b.Append(value.(int64))
	case *array.Float64Builder:
		if v, narrow := value.(float32); narrow {
			b.Append(float64(v))
		} else {
			b.Append(value.(float64))
		}
	case *array.Date32Builder:
		b.Append(arrow.Date32FromTime(value.(time.Time)))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(value.(time.Time).UnixMicro()))
	case *array.Decimal128Builder:
		return appendDecimal(b, value)
	case *array.StringBuilder:
		b.Append(text(value, columnType))
	default:
		return fmt.Errorf("no rule for type %s", columnType)
	}
	return nil
}

func appendDecimal(column *array.Decimal128Builder, value any) error {
	switch v := value.(type) {
	case duckdb.Decimal:
		column.Append(decimal128.FromBigInt(v.Value))
	case *big.Int:
		if v.BitLen() > 126 { // 38 digits
			return fmt.Errorf("%s has more than 38 digits", v)
		}
		column.Append(decimal128.FromBigInt(v))
	default:
		return fmt.Errorf("unexpected value %T", value)
	}
	return nil
}
