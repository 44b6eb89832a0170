package main

import (
	"strconv"
	"strings"

	"github.com/omoflow/omoflow/internal/release"
	"github.com/omoflow/omoflow/transforms"
)

// StocktakeConfig is the policy of counting stock: how long may pass between two counts.
type StocktakeConfig struct {
	Every      string                        `yaml:"every"`      // days such as 90d (the default), or never
	Remind     string                        `yaml:"remind"`     // days before the due day from which it is told; default 7d
	Categories map[string]string             `yaml:"categories"` // "Shoes > Boots": 30d; counted on their own
	Locations  map[string]StocktakeException `yaml:"locations"`
}

// StocktakeException is what differs for one location.
type StocktakeException struct {
	Every      string            `yaml:"every"`
	Categories map[string]string `yaml:"categories"`
}

const (
	usualCount    = "90d"
	usualRemind   = "7d"
	neverCount    = "never"
	mostCountDays = 3660
)

// daysOf reads a number of days such as 90d.
func daysOf(text string, least int) (int, error) {
	digits, isDays := strings.CutSuffix(text, "d")
	days, err := strconv.Atoi(digits)
	if err != nil || !isDays || days < least || days > mostCountDays {
		return 0, strconv.ErrSyntax
	}
	return days, nil
}

// rule is one line of the policy; days is empty for never.
type stocktakeRule struct{ key, location, category, days string }

// rules gives the policy line by line, the general ones first. A key that cannot be read is told with its place.
func (s StocktakeConfig) rules(bad refusal) ([]stocktakeRule, error) {
	var all []stocktakeRule
	add := func(key, location, category, every string) error {
		days, err := daysOf(every, 1)
		if err != nil && every != neverCount {
			return bad(key, "write a number of days such as 90d, or never", "%q is not a number of days from 1d to %dd", every, mostCountDays)
		}
		one := stocktakeRule{key: key, location: location, category: category}
		if every != neverCount {
			one.days = strconv.Itoa(days)
		}
		all = append(all, one)
		return nil
	}
	addOf := func(key, location, every string, categories map[string]string) error {
		if every != "" {
			if err := add(key+".every", location, "", every); err != nil {
				return err
			}
		}
		for _, category := range sortedKeys(categories) {
			at := key + ".categories." + category
			if category == "" || category != strings.TrimSpace(category) {
				return bad(at, `name a category as the product master does, its levels separated by " > "`, "%q is not a category", category)
			}
			if err := add(at, location, category, categories[category]); err != nil {
				return err
			}
		}
		return nil
	}
	every := s.Every
	if every == "" {
		every = usualCount
	}
	if err := addOf("stocktake", "", every, s.Categories); err != nil {
		return nil, err
	}
	for _, location := range sortedKeys(s.Locations) {
		own := s.Locations[location]
		key := "stocktake.locations." + location
		if location == "" || own.Every == "" && len(own.Categories) == 0 {
			return nil, bad(key, "write every: or categories: below the id of a location, or remove it", "says nothing")
		}
		if err := addOf(key, location, own.Every, own.Categories); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// remind is from how many days before the due day a count is told of.
func (s StocktakeConfig) remind() (int, error) {
	if s.Remind == "" {
		return daysOf(usualRemind, 0)
	}
	return daysOf(s.Remind, 0)
}

func (s StocktakeConfig) validate(bad refusal) error {
	if _, err := s.remind(); err != nil {
		return bad("stocktake.remind", "write a number of days such as 7d", "%q is not a number of days from 0d to %dd", s.Remind, mostCountDays)
	}
	_, err := s.rules(bad)
	return err
}

// countPolicy turns the policy into the rows of system.count_policy.
func (c *Config) countPolicy() transforms.Relation {
	relation := transforms.Relation{Columns: []release.Column{
		{Name: "location_id", Type: "VARCHAR"}, {Name: "category", Type: "VARCHAR"}, {Name: "every_days", Type: "BIGINT"},
	}}
	rules, _ := c.Stocktake.rules(func(string, string, string, ...any) error { return nil }) // validated
	for _, r := range rules {
		relation.Rows = append(relation.Rows, []string{r.location, r.category, r.days})
	}
	return relation
}
