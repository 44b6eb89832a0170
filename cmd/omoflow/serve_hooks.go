package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/warehouse"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/webhook"
)

// hookService takes webhooks, pulls, and releases.
type hookService struct {
	app     *app
	project *project
	flags   serveFlags
	names   []string // of the sources with webhooks
	pulled  []string // of all API sources
	apis    []source.API
	db      *warehouse.DB
	boxes   map[string]*ingest.Inbox // by source and stream
	server  *webhook.Server
	dirty   chan struct{}   // something was committed
	urgent  chan struct{}   // stock was committed
	stock   map[string]bool // logs, by name, that bring stock and nothing else
	hinted  hinted
	release atomic.Int64

	badReleases, badPulls, badHints atomic.Int64 // in a row
}

func (a *app) newHooks(ctx context.Context, p *project, f serveFlags) (_ *hookService, err error) {
	s := &hookService{app: a, project: p, flags: f, boxes: map[string]*ingest.Inbox{}, dirty: make(chan struct{}, 1), urgent: make(chan struct{}, 1), stock: map[string]bool{}, hinted: hinted{more: make(chan struct{}, 1), boxes: map[string]bool{}}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	engine := p.engine()
	engine.MemoryLimit, engine.Threads = inboxMemory, 1 // a release needs the rest
	if s.db, err = warehouse.Open(ctx, engine); err != nil {
		return nil, err
	}
	shops := map[string]webhook.Shop{}
	for _, name := range sortedKeys(p.config.Sources) {
		if p.config.Sources[name].Kind == "files" {
			continue
		}
		s.pulled = append(s.pulled, name)
		shop, err := s.openShop(ctx, name)
		if err != nil {
			return nil, err
		}
		if shop != nil {
			shops[name], s.names = *shop, append(s.names, name)
		}
	}
	if len(shops) == 0 {
		return nil, fault.New(fault.Usage, "no_webhooks", p.config.path+": sources", "set webhook_secret on a source of an API, by reference such as env:SHOP_WEBHOOK_SECRET", "no source takes webhooks")
	}
	s.server = webhook.New(webhook.Options{Shops: shops, Commit: s.commit, MaxBody: f.maxBody, Log: a.note})
	return s, nil
}

// takesWebhooks tells whether any source has a webhook_secret.
func (c *Config) takesWebhooks() (bool, error) {
	for _, name := range sortedKeys(c.Sources) {
		if c.Sources[name].Kind == "files" {
			continue
		}
		settings, _, err := c.settings(name)
		if err != nil || webhook.Secrets(settings) != nil {
			return err == nil, err
		}
	}
	return false, nil
}

// inboxMemory bounds the engine that stages webhooks.
const inboxMemory = "1GiB"

// openShop opens one source with the inboxes of its streams; nil when it takes no webhooks.
func (s *hookService) openShop(ctx context.Context, name string) (*webhook.Shop, error) {
	settings, _, err := s.project.config.settings(name)
	if err != nil {
		return nil, err
	}
	secrets := webhook.Secrets(settings)
	if secrets == nil {
		return nil, nil
	}
	if _, err := secrets(ctx); err != nil {
		return nil, err
	}
	api, feeds, err := s.project.config.openAPI(ctx, name, "")
	if err != nil {
		return nil, err
	}
	s.apis = append(s.apis, api)
	hooked, ok := api.(webhook.Hooked)
	if !ok {
		return nil, fault.New(fault.Usage, "no_webhooks", name, "remove webhook_secret", "a %s sends no webhooks that omoflow takes", s.project.config.Sources[name].Kind)
	}
	options := s.project.ingestOptions(s.app, s.db)
	options.Progress = nil
	for _, feed := range feeds {
		box, err := ingest.NewInbox(options, feed)
		if err != nil {
			return nil, err
		}
		s.boxes[name+"."+feed.Name] = box
		s.sortOut(name, feed.Name)
		if feed.API.Ask != nil {
			s.hinted.add(name + "." + feed.Name) // an earlier process may have left some
		}
	}
	return &webhook.Shop{API: hooked, Secrets: secrets}, nil
}

// close frees what newHooks opened.
func (s *hookService) close() {
	for _, api := range s.apis {
		api.Close()
	}
	if s.db != nil {
		_ = s.db.Close() // in memory
	}
}

// commit makes deliveries durable and asks for a release.
func (s *hookService) commit(ctx context.Context, name, stream string, deliveries []source.Delivery) error {
	result, err := s.boxes[name+"."+stream].Take(ctx, deliveries)
	s.app.counted(result)
	if len(result.Batches) > 0 {
		s.news(name, stream)
	}
	if slices.ContainsFunc(deliveries, func(d source.Delivery) bool { return d.Hint != nil }) {
		s.hinted.add(name + "." + stream)
	}
	return err
}

func (s *hookService) touch() {
	select {
	case s.dirty <- struct{}{}:
	default: // a release is due already
	}
}

// work pulls, answers and releases until ctx ends.
func (s *hookService) work(ctx context.Context) {
	var workers sync.WaitGroup
	workers.Go(func() { s.releases(ctx) })
	workers.Go(func() { s.pulls(ctx) })
	workers.Go(func() { s.answers(ctx) })
	workers.Wait()
}

// failing names what did not work the last time.
func (s *hookService) failing() (names []string) {
	for name, count := range map[string]*atomic.Int64{"release": &s.badReleases, "pull": &s.badPulls, "hints": &s.badHints} {
		if count.Load() > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// pulls reads the API sources at the start and regularly.
func (s *hookService) pulls(ctx context.Context) {
	s.touch() // what was committed before the last end
	if s.flags.pull <= 0 {
		return // the jobs pull
	}
	ticker := time.NewTicker(s.flags.pull)
	defer ticker.Stop()
	for {
		done, err := s.project.ingest(ctx, s.app, s.pulled, past{})
		if ctx.Err() != nil {
			return
		}
		if done.Files > 0 {
			s.touch()
		}
		s.failed("pull", &s.badPulls, err)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// failed tells whether work failed, and says so.
func (s *hookService) failed(what string, inARow *atomic.Int64, err error) bool {
	if err == nil {
		inARow.Store(0)
		return false
	}
	inARow.Add(1)
	s.app.note("%s: %v (%s)", what, err, fault.HintOf(err))
	return true
}
