package main

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/objstore"
	"github.com/omoflow/omoflow/internal/queue"
	"github.com/omoflow/omoflow/internal/secret"
)

// HistoryConfig says how long the history of runs is kept.
type HistoryConfig struct {
	Keep string `yaml:"keep"` // days such as 400d, the default
}

// keep gives how long runs are kept.
func (h HistoryConfig) keep() (time.Duration, error) {
	const least, most = 1, 36600
	if h.Keep == "" {
		return 400 * 24 * time.Hour, nil
	}
	digits, isDays := strings.CutSuffix(h.Keep, "d")
	days, err := strconv.Atoi(digits)
	if err != nil || !isDays || days < least || days > most {
		return 0, strconv.ErrSyntax
	}
	return time.Duration(days) * 24 * time.Hour, nil
}

// validateService checks the keys that only omoflow serve and the history need.
func (c *Config) validateService(bad func(key, hint, format string, args ...any) error) error {
	if _, err := c.History.keep(); err != nil {
		return bad("history.keep", "write a number of days such as 400d", "%q is not a number of days from 1d to 36600d", c.History.Keep)
	}
	if c.QueuePassword != "" {
		if err := secret.Check(c.path+": queue_password", c.QueuePassword); err != nil {
			return err
		}
	}
	if c.Queue == "" {
		return nil
	}
	at, err := url.Parse(c.Queue)
	if err != nil || at.Scheme != "postgres" && at.Scheme != "postgresql" || at.Host == "" && at.Query().Get("host") == "" || strings.Trim(at.Path, "/") == "" {
		return bad("queue", "write postgres://user@host:5432/database, or remove the key to use a file", "is not the address of a PostgreSQL database")
	}
	_, hasPassword := at.User.Password()
	if hasPassword || at.Query().Has("password") {
		return bad("queue", "remove it there and name it with queue_password: env:NAME", "holds a password in clear")
	}
	return nil
}

// queueOptions says where the queue of the project is.
func (p *project) queueOptions(ctx context.Context) (queue.Options, error) {
	options := queue.Options{URL: p.config.Queue, Name: p.lake.ID}
	if p.config.QueuePassword != "" {
		password, err := (secret.Resolver{Dir: p.config.dir}).Read(ctx, p.config.path+": queue_password", p.config.QueuePassword)
		if err != nil {
			return options, err
		}
		options.Password = password.Reveal()
	}
	at := p.config.resolve(p.config.Lake)
	if strings.Contains(at, "://") {
		cache, err := os.UserCacheDir()
		if err != nil {
			cache = os.TempDir()
		}
		options.Path = filepath.Join(cache, "omoflow", p.lake.ID, "queue.db")
		return options, nil
	}
	path, err := filepath.Abs(filepath.Join(at, objstore.Reserved, "queue.db"))
	options.Path = path
	return options, err
}
