package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/world"
)

// demoPlatform is a simulated platform of one of the demo's shops.
type demoPlatform interface {
	http.Handler
	// show lets the shop know what happened before the end of a business day, and sets its clock there.
	show(days int, end time.Time)
	Calls() int
}

// demoKind says how one of the demo's shops is asked over HTTP.
type demoKind struct {
	source, title string
	config        string            // stands in the demo's omoflow.yaml in the place of the shop's files
	secrets       map[string]string // files of the project; they open nothing but the simulator
	open          func(shop world.Shop, url string) demoPlatform
}

// demoKinds are the shops that the demo asks.
func demoKinds() []demoKind {
	return []demoKind{demoShopify(), demoWoo()}
}

// demoShops are the platforms of the demo: simulators on this machine that are asked over HTTP like the real ones. They end
// with the demo.
type demoShops struct {
	start time.Time // first business day
	begin int       // the least number of days that the shops must know of
	all   []*demoShop
}

type demoShop struct {
	kind     demoKind
	platform demoPlatform
	server   *http.Server
}

// demoAsked is what a platform was asked.
type demoAsked struct {
	Platform string `json:"platform"`
	Requests int    `json:"requests"` // that the simulator answered
}

// shopAddress finds the line of omoflow.yaml that says where a shop's simulator listens.
func shopAddress(source string) *regexp.Regexp {
	return regexp.MustCompile(`(?m)(^  ` + source + `:\n(?:    .*\n)*?    url: )http://127\.0\.0\.1:[0-9]+$`)
}

// writeDemo writes the demo's project and tells which of its shops are asked over HTTP: a project that was written before
// and reads a shop's files goes on reading them.
func writeDemo(dir string) (asked []string, err error) {
	written, err := writeProject("demo", dir)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, configName)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	fresh := strings.Contains(strings.Join(written, " "), configName)
	for _, kind := range demoKinds() {
		if fresh {
			if text, err = kind.configure(dir, text); err != nil {
				return nil, err
			}
		}
		if shopAddress(kind.source).Match(text) {
			asked = append(asked, kind.source)
		}
	}
	if !fresh {
		return asked, nil
	}
	return asked, os.WriteFile(path, text, 0o644)
}

// configure puts the shop's API in the place of its files.
func (k demoKind) configure(dir string, text []byte) ([]byte, error) {
	files := regexp.MustCompile(`(?m)^  ` + k.source + `:\n(?:    .*\n)+`).FindIndex(text)
	if files == nil {
		return nil, fault.New(fault.Damaged, "demo_project", filepath.Join(dir, configName), "report this with the version of omoflow", "the demo's project has no shop %s to replace", k.source)
	}
	for name, value := range k.secrets {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value+"\n"), 0o600); err != nil {
			return nil, err
		}
	}
	return append(append(append([]byte{}, text[:files[0]]...), k.config...), text[files[1]:]...), nil
}

// startDemoShops starts the shops that the project asks: none when it reads files.
func (a *app) startDemoShops(ctx context.Context, options world.Options) (*demoShops, error) {
	d := &demoShops{start: options.Start}
	if d.start.IsZero() {
		d.start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if len(options.Asked) == 0 {
		return d, nil
	}
	before, err := a.askedBefore(ctx, options.Asked)
	if err != nil {
		return nil, err
	}
	if before {
		d.begin = options.Days
	}
	shops, err := world.ShopsOf(options)
	if err != nil {
		return nil, err
	}
	for _, kind := range demoKinds() {
		if shop, ok := shops[kind.source]; ok {
			if err := d.open(a.project, kind, shop); err != nil {
				d.close()
				return nil, err
			}
		}
	}
	return d, nil
}

// open starts a simulator and writes its address into the project.
func (d *demoShops) open(dir string, kind demoKind, shop world.Shop) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "cannot_listen", "127.0.0.1", "allow local connections", "the simulated platform cannot be started")
	}
	url := "http://" + listener.Addr().String()
	one := &demoShop{kind: kind, platform: kind.open(shop, url)}
	one.server = &http.Server{Handler: one.platform, ReadHeaderTimeout: headTime}
	d.all = append(d.all, one)
	go func() { _ = one.server.Serve(listener) }() // it ends with close
	path := filepath.Join(dir, configName)
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, shopAddress(kind.source).ReplaceAll(text, []byte("${1}"+url)), 0o644)
	}
	return fault.Wrap(err, fault.Denied, "not_writable", path, "choose a folder that you may write to", "the project cannot be written")
}

// close ends the simulators; what they were doing nobody waits for.
func (d *demoShops) close() {
	for _, one := range d.all {
		_ = one.server.Close() // only its listener could have failed
	}
}

// asked says how many requests each platform answered.
func (d *demoShops) asked() (all []demoAsked) {
	for _, one := range d.all {
		all = append(all, demoAsked{one.kind.title, one.platform.Calls()})
	}
	return all
}

// until lets the shops know what happened before the end of a business day.
func (d *demoShops) until(days int) {
	days = max(days, d.begin)
	for _, one := range d.all {
		one.platform.show(days, d.start.AddDate(0, 0, days).Add(-8*time.Hour)) // Shanghai's midnight
	}
}

// printAsked says of each platform what it answered, and that it is none.
func (a *app) printAsked(all []demoAsked) {
	for _, one := range all {
		a.print("A simulated %s on this machine answered %d requests over HTTP; it has stopped", one.Platform, one.Requests)
	}
}

// askedBefore tells whether an earlier run has asked a shop: its clock must not go back then.
func (a *app) askedBefore(ctx context.Context, sources []string) (bool, error) {
	p, err := a.openProject(ctx, true)
	if err != nil {
		return false, err
	}
	defer p.close()
	var errs []error
	for _, source := range sources {
		_, ok, err := p.lake.StreamLog(source, "orders").Tail(ctx)
		if ok {
			return true, nil
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", source, err))
		}
	}
	return false, errors.Join(errs...)
}
