package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/retail"
	"github.com/omoflow/omoflow/internal/strictyaml"
	"github.com/omoflow/omoflow/pipelines/alert"
)

// configName is the file that makes a folder an omoflow project.
const configName = "omoflow.yaml"

// Config is omoflow.yaml: where the lake is, who the company is, which sources feed it.
type Config struct {
	Version   int                     `yaml:"version"`
	Lake      string                  `yaml:"lake"`
	Company   Company                 `yaml:"company"`
	Engine    Engine                  `yaml:"engine"`
	Sources   map[string]SourceConfig `yaml:"sources"`
	Locations map[string]Location     `yaml:"locations"`
	Models    string                  `yaml:"models"`
	Alerts    alert.Config            `yaml:"alerts"`
	Stocktake StocktakeConfig         `yaml:"stocktake"`
	HTTP      HTTPConfig              `yaml:"http"`

	Queue         string        `yaml:"queue"`          // postgres://user@host/database; without it a file beside the lake
	QueuePassword string        `yaml:"queue_password"` // a reference such as env:NAME
	History       HistoryConfig `yaml:"history"`

	dir  string // folder of the file; relative paths start here
	path string // the file itself, for messages
}

// Company says whose figures these are.
type Company struct {
	Name         string `yaml:"name"`
	HomeCurrency string `yaml:"home_currency"`
	Zone         string `yaml:"zone"`
	Calendar     string `yaml:"calendar"`
}

// Engine bounds what DuckDB may use; empty values mean half of the memory and every core.
type Engine struct {
	Memory    string `yaml:"memory"`
	Threads   int    `yaml:"threads"`
	TempDir   string `yaml:"temp_dir"`
	TempLimit string `yaml:"temp_limit"`
}

// SourceConfig is one place that files arrive at, or an API.
type SourceConfig struct {
	Kind  string                `yaml:"kind"`
	Path  string                `yaml:"path"`
	SFTP  *SFTPConfig           `yaml:"sftp"` // of a path sftp://user@host/folder
	Feeds map[string]FeedConfig `yaml:"feeds"`

	api map[string]any // of an API: what its platform declares
}

// FeedConfig is one kind of file of a source.
type FeedConfig struct {
	Match      string            `yaml:"match"`
	Profile    string            `yaml:"profile"`
	Zone       string            `yaml:"zone"` // of times that carry none, instead of the profile's
	Settle     string            `yaml:"settle"`
	Marker     string            `yaml:"marker"`
	RefuseOver string            `yaml:"refuse_over"`
	Constants  map[string]string `yaml:"constants"`
	Expect     *Expectation      `yaml:"expect"`
}

// Location overrides the zone and the business-day cut-over of one location.
type Location struct {
	Zone    string `yaml:"zone"`
	Cutover string `yaml:"cutover"`
}

// loadConfig reads and validates dir's omoflow.yaml.
func loadConfig(dir string) (*Config, error) {
	path := filepath.Join(dir, configName)
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.New(fault.Usage, "config_missing", path, "run `omoflow init` here, or name the project with --project DIR", "there is no configuration")
	case err != nil:
		return nil, fault.Wrap(err, fault.Usage, "config_unreadable", path, "give the file read permission for this user", "the configuration cannot be read")
	}
	config := &Config{}
	if err := strictyaml.Decode(path, 1, data, config); err != nil {
		return nil, err
	}
	config.dir, config.path = dir, path // after decoding: an empty file empties the whole value
	config.fillDefaults()
	return config, config.validate()
}

func (c *Config) fillDefaults() {
	if c.Lake == "" {
		c.Lake = "./lake"
	}
	if c.Company.Calendar == "" {
		c.Company.Calendar = "gregorian"
	}
	if c.Engine.Threads == 0 {
		c.Engine.Threads = runtime.NumCPU()
	}
	if c.Engine.TempLimit == "" {
		c.Engine.TempLimit = "50GiB"
	}
	for name, source := range c.Sources {
		if source.Kind == "" {
			source.Kind = "files"
		}
		for feedName, feed := range source.Feeds {
			if feed.RefuseOver == "" {
				feed.RefuseOver = "2%"
			}
			if feed.Settle == "" {
				feed.Settle = "2s"
			}
			source.Feeds[feedName] = feed
		}
		c.Sources[name] = source
	}
}

var (
	namePattern     = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	currencyPattern = regexp.MustCompile(`^[A-Z]{3}$`)
	cutoverPattern  = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
)

// validate refuses what would go wrong later, naming the key.
func (c *Config) validate() error {
	bad := func(key, hint, format string, args ...any) error {
		return fault.New(fault.Usage, "invalid_config", c.path+": "+key, hint, format, args...)
	}
	if c.Version != 1 {
		return bad("version", "write `version: 1`", "version %d is not known", c.Version)
	}
	if !currencyPattern.MatchString(c.Company.HomeCurrency) {
		return bad("company.home_currency", "write an ISO 4217 code such as CNY", "%q is not a currency code", c.Company.HomeCurrency)
	}
	if _, err := time.LoadLocation(c.Company.Zone); err != nil || c.Company.Zone == "" {
		return bad("company.zone", "write an IANA zone such as Asia/Shanghai", "%q is not a time zone", c.Company.Zone)
	}
	if c.Company.Calendar != "gregorian" {
		return bad("company.calendar", "write gregorian", "calendar %q is not known", c.Company.Calendar)
	}
	if c.Engine.Threads < 0 {
		return bad("engine.threads", "leave it out for every core", "%d is negative", c.Engine.Threads)
	}
	if err := c.validateService(bad); err != nil {
		return err
	}
	for id, location := range c.Locations {
		if location.Zone != "" {
			zone, err := retail.Zone(location.Zone)
			if err != nil {
				return bad("locations."+id+".zone", "write an IANA zone such as Asia/Shanghai", "%q is not a time zone", location.Zone)
			}
			location.Zone = zone
			c.Locations[id] = location
		}
		if location.Cutover != "" && !cutoverPattern.MatchString(location.Cutover) {
			return bad("locations."+id+".cutover", "write HH:MM", "%q is not a time of day", location.Cutover)
		}
	}
	if err := c.Stocktake.validate(bad); err != nil {
		return err
	}
	if err := c.HTTP.validate(bad); err != nil {
		return err
	}
	for _, name := range sortedKeys(c.Sources) {
		if err := c.validateSource(name, bad); err != nil {
			return err
		}
	}
	_, err := c.alerts()
	return err
}

func (c *Config) validateSource(name string, bad func(key, hint, format string, args ...any) error) error {
	source, key := c.Sources[name], "sources."+name
	if !namePattern.MatchString(name) {
		return bad(key, "use lower-case letters, digits and _", "%q is not a source name", name)
	}
	if source.Kind != "files" {
		_, _, err := c.settings(name)
		return err
	}
	if source.Path == "" {
		return bad(key+".path", "name the folder or s3:// prefix that files arrive at", "is missing")
	}
	if err := source.validateSFTP(key, bad); err != nil {
		return err
	}
	if len(source.Feeds) == 0 {
		return bad(key+".feeds", "declare at least one feed", "is empty")
	}
	for _, feedName := range sortedKeys(source.Feeds) {
		feed, key := source.Feeds[feedName], key+".feeds."+feedName
		if !namePattern.MatchString(feedName) {
			return bad(key, "use lower-case letters, digits and _", "%q is not a feed name", feedName)
		}
		if feed.Match == "" || feed.Profile == "" {
			return bad(key, "write match (a file pattern) and profile", "match or profile is missing")
		}
		if settle, err := time.ParseDuration(feed.Settle); err != nil || settle < 0 {
			return bad(key+".settle", "write a duration such as 10s", "%q is not a duration", feed.Settle)
		}
		if _, err := parseShare(feed.RefuseOver); err != nil {
			return bad(key+".refuse_over", "write a share such as 2%%", "%q is not a share from 0%% to 100%%", feed.RefuseOver)
		}
		if feed.Expect != nil {
			if err := feed.Expect.validate(key+".expect", bad); err != nil {
				return err
			}
		}
	}
	return nil
}

// resolve makes a configured path absolute, relative to the project; URLs stay.
func (c *Config) resolve(path string) string {
	if path == "" || strings.Contains(path, "://") || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.dir, path)
}

// parseShare reads "2%" or "0.02" as parts per million.
func parseShare(text string) (int64, error) {
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	value, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, err
	}
	if percent {
		value /= 100
	}
	if !(value >= 0 && value <= 1) { // not a number is neither
		return 0, strconv.ErrRange
	}
	return int64(value*1e6 + 0.5), nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
