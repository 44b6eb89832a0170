package queue

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/omoflow/omoflow/internal/fault"
)

// connectTime bounds how long a database may take to answer.
const connectTime = 10 * time.Second

// openPostgres opens the queue in a database that several processes share.
func openPostgres(ctx context.Context, o Options) (*Queue, error) {
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, badURL()
	}
	where := config.ConnConfig.Host + "/" + config.ConnConfig.Database
	if o.Password != "" {
		config.ConnConfig.Password = o.Password
	}
	config.ConnConfig.ConnectTimeout = connectTime
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "omoflow"
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, badURL()
	}
	q, err := build(ctx, riverpgxv5.New(pool), o, where)
	if err != nil {
		pool.Close()
		return nil, fault.Wrap(err, fault.Unavailable, "queue_unreachable", where,
			"see that the database runs, can be reached, and lets its user make tables", "the queue cannot be opened")
	}
	q.close = pool.Close
	return q, nil
}

// badURL says nothing of the URL itself: it might hold a password.
func badURL() error {
	return fault.New(fault.Usage, "bad_queue", "queue", "write postgres://user@host:5432/database, and the password as queue_password: env:NAME", "is not the address of a PostgreSQL database")
}
