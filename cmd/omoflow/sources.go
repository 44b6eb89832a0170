package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/ingest"
	"github.com/omoflow/omoflow/pipelines/source"
	"github.com/omoflow/omoflow/pipelines/source/odoo"
	"github.com/omoflow/omoflow/pipelines/source/pinduoduo"
	"github.com/omoflow/omoflow/pipelines/source/profile"
	"github.com/omoflow/omoflow/pipelines/source/shopify"
	"github.com/omoflow/omoflow/pipelines/source/taobao"
	"github.com/omoflow/omoflow/pipelines/source/woocommerce"
)

// platforms lists the APIs that omoflow can pull from: one folder below pipelines/source each, and one line here.
func platforms() []source.Platform {
	return []source.Platform{
		shopify.Platform(),
		woocommerce.Platform(),
		taobao.Platform(),
		pinduoduo.Platform(),
		odoo.Platform(),
	}
}

// platform finds a kind of source; ok is false for files and for kinds that do not exist.
func platform(kind string) (source.Platform, bool) {
	all := platforms()
	i := slices.IndexFunc(all, func(p source.Platform) bool { return p.Declaration.Name == kind })
	if i < 0 {
		return source.Platform{}, false
	}
	return all[i], true
}

// kinds lists what may stand under kind.
func kinds() []string {
	names := []string{"files"}
	for _, p := range platforms() {
		names = append(names, p.Declaration.Name)
	}
	return names
}

// UnmarshalYAML reads the keys of files strictly; what the kind's platform declares is checked by validate.
func (s *SourceConfig) UnmarshalYAML(decode func(any) error) error {
	var keys map[string]any
	if err := decode(&keys); err != nil {
		return err
	}
	if kind, _ := keys["kind"].(string); kind != "" && kind != "files" {
		s.Kind = kind
		delete(keys, "kind")
		s.api = keys
		return nil
	}
	type files SourceConfig
	return decode((*files)(s))
}

// settings checks the values of an API source against its platform's declaration.
func (c *Config) settings(name string) (source.Settings, source.Platform, error) {
	configured := c.Sources[name]
	p, ok := platform(configured.Kind)
	if !ok {
		hint := "the kinds are " + strings.Join(kinds(), ", ")
		if near := fault.Nearest(configured.Kind, kinds()); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return source.Settings{}, p, fault.New(fault.Usage, "invalid_config", c.path+": sources."+name+".kind", hint, "kind %q is not known", configured.Kind)
	}
	s, err := p.Declaration.Parse(c.path+": sources."+name, configured.api)
	s.Name, s.Zone, s.Secrets = name, c.Company.Zone, secret.Resolver{LookupEnv: os.LookupEnv, Dir: c.dir}
	return s, p, err
}

// openAPI opens a configured API source and gives its feeds for ingest.
func (c *Config) openAPI(ctx context.Context, name, recordTo string) (source.API, []ingest.Feed, error) {
	settings, p, err := c.settings(name)
	if err != nil {
		return nil, nil, err
	}
	settings.RecordTo = recordTo
	api, err := p.Open(ctx, settings)
	if err != nil {
		return nil, nil, fmt.Errorf("source %s: %w", name, err)
	}
	var feeds []ingest.Feed
	for _, f := range api.Feeds() {
		mapping, err := profile.Parse(p.Declaration.Name+"-"+f.Stream, f.Profile)
		if err != nil {
			api.Close()
			return nil, nil, err
		}
		// A page is refused record by record only: the others of it are good.
		feeds = append(feeds, ingest.Feed{Source: name, Name: f.Stream, API: &f, Profile: mapping, RefuseOver: 1_000_000, Constants: settings.Map("constants")})
	}
	return api, feeds, nil
}

// checkAPI asks an API whether everything is allowed that its feeds need.
func (a *app) checkAPI(ctx context.Context, config *Config, name string, add func(what, note string, err error)) {
	api, feeds, err := config.openAPI(ctx, name, "")
	add("source "+name, fmt.Sprintf("%s, %d feeds", config.Sources[name].Kind, len(feeds)), err)
	if err != nil {
		return
	}
	defer api.Close()
	for _, feed := range feeds {
		_, err := feed.Profile.Compile(&profile.Bind{Constants: feed.Constants, Captures: feed.API.Captures})
		add("feed "+name+"."+feed.Name, "profile "+feed.Profile.Name, err)
	}
	for _, probe := range api.Check(ctx) {
		if fault.KindOf(probe.Err) == fault.Findings && probe.Err != nil {
			add(name+": "+probe.What, "note: "+probe.Err.Error(), nil)
			continue
		}
		add(name+": "+probe.What, probe.Note, probe.Err)
	}
}
