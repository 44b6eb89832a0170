package queue

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"

	"github.com/riverqueue/river/riverdriver/riversqlite"
	"modernc.org/sqlite"

	"github.com/omoflow/omoflow/internal/fault"
)

// What SQLite answers about a file that is damaged, or is none of its own.
const (
	sqliteCorrupt = 11
	sqliteNotADB  = 26
)

// openSQLite opens the queue in a file. A damaged one is made anew, since all that it knows is in the ledger too.
func openSQLite(ctx context.Context, o Options) (*Queue, error) {
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o755); err != nil {
		return nil, fault.Wrap(err, fault.Denied, "queue_unwritable", o.Path, "give this user write permission on the folder", "the queue's file cannot be made")
	}
	q, err := trySQLite(ctx, o)
	var answer *sqlite.Error
	if errors.As(err, &answer) && (answer.Code()&0xff == sqliteCorrupt || answer.Code()&0xff == sqliteNotADB) {
		o.Logger.Warn("the queue's file is damaged and is made anew; the ledger knows what is due", "file", o.Path, "error", err)
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if gone := os.Remove(o.Path + suffix); gone != nil && !errors.Is(gone, os.ErrNotExist) {
				return nil, fault.Wrap(gone, fault.Denied, "queue_unwritable", o.Path, "remove the file", "the queue's file is damaged and cannot be removed")
			}
		}
		q, err = trySQLite(ctx, o)
	}
	return q, fault.Wrap(err, fault.Unavailable, "queue_unreachable", o.Path, "see that the disk has room and the file is not held by another program", "the queue cannot be opened")
}

func trySQLite(ctx context.Context, o Options) (*Queue, error) {
	options := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(NORMAL)"}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: o.Path}).EscapedPath()+"?"+options.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // SQLite has one writer
	q, err := build(ctx, riversqlite.New(db), o, o.Path)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	q.close = func() { _ = db.Close() } // every statement was committed
	return q, nil
}
