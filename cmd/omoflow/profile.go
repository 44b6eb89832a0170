package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/retail"
	"github.com/omoflow/omoflow/pipelines/source/profile"
)

func (a *app) profileCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "profile",
		Short: "Find, draft and try the profile that reads an export",
		Long: `A profile says how an export's columns become canonical rows. list shows those that come with omoflow, detect looks at a
file and names the one that reads it or drafts a new one, test shows what a profile makes of a file. Nothing touches the lake.`,
		Example: "  omoflow profile list\n  omoflow profile detect export.csv --write profiles/till.yaml\n  omoflow profile test profiles/till.yaml export.csv",
	}
	list := &cobra.Command{
		Use: "list", Short: "The profiles that come with omoflow", Args: arguments(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error { return a.profileList() },
	}
	var write string
	detect := &cobra.Command{
		Use: "detect FILE", Short: "Look at a file: how it is written, what it holds, which profile reads it", Args: arguments(cobra.ExactArgs(1)),
		RunE: func(command *cobra.Command, args []string) error {
			return a.profileDetect(command.Context(), args[0], write)
		},
	}
	detect.Flags().StringVar(&write, "write", "", "write the drafted profile to this file, which must not exist")
	var f trialFlags
	test := &cobra.Command{
		Use: "test PROFILE FILE", Short: "What a profile makes of a file: rows beside lines, refused records, control totals", Args: arguments(cobra.ExactArgs(2)),
		RunE: func(command *cobra.Command, args []string) error {
			return a.profileTest(command.Context(), args[0], args[1], f)
		},
	}
	test.Flags().IntVar(&f.rows, "rows", 5, "delivered lines to show with what becomes of them")
	test.Flags().IntVar(&f.refused, "refused", 20, "refused records to show")
	test.Flags().StringVar(&f.match, "match", "*", "the feed's match: what {captures} the file name holds")
	test.Flags().StringToStringVar(&f.constants, "constant", nil, "a constant of the feed: location_id=S01")
	test.Flags().StringVar(&f.zone, "zone", "", "zone of times that carry none, instead of the profile's (default: the profile's, the project's, UTC)")
	test.Flags().BoolVar(&f.raw, "raw", false, "show names, phones and addresses as delivered")
	command.AddCommand(list, detect, test)
	return command
}

func (a *app) profileList() error {
	type listed struct {
		Name    string   `json:"name"`
		About   string   `json:"about"`
		Streams []string `json:"streams"`
	}
	var all []listed
	for _, name := range profile.ShippedNames() {
		p, err := profile.Shipped(name)
		if err != nil {
			return err
		}
		all = append(all, listed{name, p.About, sortedKeys(p.Streams)})
	}
	next := []string{"omoflow profile detect FILE", "omoflow profile test PROFILE FILE"}
	return a.result("profiles", all, nil, next, func() error {
		var rows [][]string
		for _, one := range all {
			rows = append(rows, []string{one.Name, strings.Join(one.Streams, ", "), one.About})
		}
		a.table([]string{"profile", "streams", "about"}, rows)
		return nil
	})
}

// aboutPeople tells columns by their names whose values are not shown.
var aboutPeople = regexp.MustCompile(`(?i)customer|cashier|employee|staff|clerk|contact|phone|mobile|e-?mail|address|billing|shipping name|姓名|电话|手机|地址|收款员|收银员|客户|顾客|会员|收货|对方`)

// detected is what `profile detect` found, with the draft for a file that no shipped profile reads well.
type detected struct {
	File string `json:"file"`
	profile.Detection
	Draft   string `json:"draft"`
	Written string `json:"written,omitempty"`
}

func (a *app) profileDetect(ctx context.Context, path, write string) error {
	found, err := profile.Detect(ctx, path, profile.Limits{})
	if err != nil {
		return refusedFault(path, err)
	}
	base := filepath.Base(path)
	done := detected{File: path, Detection: found, Draft: found.Draft(strings.TrimSuffix(base, filepath.Ext(base)))}
	for i := range done.Columns {
		done.Columns[i].Example = maskContacts(done.Columns[i].Example)
		if aboutPeople.MatchString(done.Columns[i].Name) {
			done.Columns[i].Example, done.Columns[i].Words = maskValue(done.Columns[i].Example, ""), nil
		}
	}
	if _, err := profile.Parse("draft.yaml", []byte(done.Draft)); err != nil {
		return fmt.Errorf("draft a profile: %w", err) // a defect of ours
	}
	next := []string{"omoflow profile detect " + path + " --write profiles/my-till.yaml", "omoflow profile test profiles/my-till.yaml " + path}
	if len(found.Candidates) > 0 {
		next = append([]string{"omoflow profile test " + found.Candidates[0].Profile + " " + path}, next...)
	}
	if write != "" {
		if err := writeNew(write, done.Draft); err != nil {
			return err
		}
		done.Written = write
		next = []string{"omoflow profile test " + write + " " + path}
	}
	return a.result("profile_detected", done, nil, next, func() error {
		a.printDetected(done)
		return nil
	})
}

func (a *app) printDetected(d detected) {
	l := d.Layout
	switch l.Format {
	case "csv":
		a.print("%s: text, %s, cells separated by %q, header in line %d, %d columns", d.File, l.Encoding, l.Delimiter, l.HeaderLine, len(d.Columns))
	case "xlsx":
		a.print("%s: workbook, sheets %s, header in row %d, %d columns", d.File, strings.Join(d.Sheets, ", "), l.HeaderLine, len(d.Columns))
	default:
		a.print("%s: JSON, %d values per record", d.File, len(d.Columns))
	}
	more := ""
	if !d.Whole {
		more = " (the first ones; the file has more)"
	}
	a.print("looked at %d records%s\n", d.Records, more)
	var rows [][]string
	for _, c := range d.Columns {
		rows = append(rows, []string{c.Name, c.Kind, fmt.Sprint(c.Filled), fmt.Sprint(c.Negative), c.Example})
	}
	a.table([]string{"column", "kind", "filled", "negative", "first value"}, rows)
	a.print("\ndate order: %s (%s)\ndecimal mark: %s (%s)", d.Dates.Value, d.Dates.Evidence, d.Decimal.Value, d.Decimal.Evidence)
	if len(d.Currencies) > 0 {
		a.print("currency signs: %s", strings.Join(d.Currencies, " "))
	}
	for _, sign := range d.Signs {
		a.print("sign: %s", sign)
	}
	for _, note := range d.Notes {
		a.print("note: %s", note)
	}
	if len(d.Candidates) == 0 {
		a.print("\nno shipped profile reads it")
	}
	for i, c := range d.Candidates {
		if i == 3 {
			break
		}
		a.print("\nprofile %s reads it: %s\n  %d of its %d columns are there, %d columns of the file stay in attributes", c.Profile, c.About, c.Found, c.Of, c.Unused)
	}
	if d.Written != "" {
		a.print("\na draft was written to %s", d.Written)
	} else if len(d.Candidates) == 0 {
		a.print("\ndraft:\n\n%s", d.Draft)
	}
}

// refusedFault says why a file cannot be read.
func refusedFault(path string, err error) error {
	var refused *profile.RefusedFile
	if !errors.As(err, &refused) {
		return fault.Wrap(err, fault.Usage, "file_unreadable", path, "name a file that exists and that this user may read", "the file cannot be opened")
	}
	subject := path
	if refused.Line > 0 {
		subject = fmt.Sprintf("%s:%d", path, refused.Line)
	}
	return fault.New(fault.Findings, refused.Code, subject, refused.Hint, "the file is refused: %s", refused.Message)
}

// writeNew writes a file that is not there yet.
func writeNew(path, text string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fault.Wrap(err, fault.Usage, "not_written", path, "name a new file in a folder that exists", "the draft cannot be written")
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}

// personal tells columns whose values a person would not want on a screen.
func personal(stream, column string) bool {
	s, _ := retail.StreamNamed(stream)
	c, ok := s.Column(column)
	return column == retail.Attributes || ok && c.PII
}
