package warehouse

import (
	"context"
	"errors"
	"strings"
	"syscall"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/omoflow/omoflow/internal/fault"
)

// classify gives an engine error its kind. The statement becomes the subject, shortened, so that a log line stays a line.
func classify(ctx context.Context, err error, statement string) error {
	if err == nil {
		return nil
	}
	subject := shorten(statement)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fault.Wrap(err, fault.Exhausted, "sql_deadline", subject, "allow more time, or ask for less", "time ran out")
	}
	if errors.Is(err, context.Canceled) || ctx.Err() != nil {
		return fault.Wrap(err, fault.Interrupted, "interrupted", subject, "run it again", "interrupted")
	}
	var engine *duckdb.Error
	if !errors.As(err, &engine) {
		if errors.Is(err, syscall.ENOSPC) {
			return diskFull(err, subject)
		}
		return fault.Wrap(err, fault.Internal, "sql_failed", subject, "", "query")
	}
	return classifyEngine(engine, err, subject)
}

// classifyEngine maps the engine's own error types; some conditions show only in the message.
func classifyEngine(engine *duckdb.Error, err error, subject string) error {
	message := engine.Msg
	for _, mark := range []string{"No space left on device", "max_temp_directory_size"} {
		if strings.Contains(message, mark) {
			return diskFull(err, subject)
		}
	}
	for _, mark := range []string{"No magic bytes found", "too small to be a Parquet file", "TProtocolException", "ecompression failure", "Footer length", "not a valid Parquet", "Corrupt"} {
		if strings.Contains(message, mark) {
			return fault.Wrap(err, fault.Damaged, "parquet_damaged", subject, "run `omoflow repair`; it makes damaged files again", "a Parquet file cannot be read")
		}
	}
	switch engine.Type {
	case duckdb.ErrorTypeOutOfMemory:
		return fault.Wrap(err, fault.Exhausted, "sql_memory", subject, "raise engine.memory in omoflow.yaml, or give engine.temp_dir more room", "memory ran out")
	case duckdb.ErrorTypeInterrupt:
		return fault.Wrap(err, fault.Interrupted, "interrupted", subject, "run it again", "interrupted")
	case duckdb.ErrorTypeParser, duckdb.ErrorTypeSyntax, duckdb.ErrorTypeBinder, duckdb.ErrorTypeCatalog, duckdb.ErrorTypeExpression,
		duckdb.ErrorTypeParameterNotResolved, duckdb.ErrorTypeParameterNotAllowed, duckdb.ErrorTypePermission, duckdb.ErrorTypeNotImplemented:
		return fault.Wrap(err, fault.Usage, "sql_wrong", subject, "correct the SQL", "the statement is refused")
	case duckdb.ErrorTypeConversion, duckdb.ErrorTypeOutOfRange, duckdb.ErrorTypeInvalidInput, duckdb.ErrorTypeDivideByZero, duckdb.ErrorTypeMismatchType:
		return fault.Wrap(err, fault.Usage, "sql_value", subject, "guard the conversion or widen the type", "a value does not fit")
	default:
		return fault.Wrap(err, fault.Internal, "sql_failed", subject, "", "query")
	}
}

func diskFull(err error, subject string) error {
	return fault.Wrap(err, fault.Exhausted, "disk_full", subject, "free space, or raise engine.temp_limit in omoflow.yaml", "disk space ran out")
}

// shorten keeps a statement's first line, at most 120 bytes of it.
func shorten(statement string) string {
	first, _, more := strings.Cut(strings.TrimSpace(statement), "\n")
	if len(first) > 120 {
		first, more = strings.ToValidUTF8(first[:120], ""), true
	}
	if more {
		first += " …"
	}
	return first
}
