package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/delivery"
	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/notify/channel"
	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/alert"
)

// alerts makes the plan of the configuration. No secret is read.
func (c *Config) alerts() (*alert.Plan, error) {
	zone, err := time.LoadLocation(c.Company.Zone)
	if err != nil {
		return nil, fault.Wrap(err, fault.Usage, "invalid_config", c.path+": company.zone", "write an IANA zone such as Asia/Shanghai", "is not a time zone")
	}
	return alert.Compile(c.Alerts, alert.Options{
		Path: c.path, Zone: zone, Company: c.Company.Name, Channel: channel.Options{Secrets: c.secrets()},
	})
}

func (c *Config) secrets() secret.Resolver {
	return secret.Resolver{LookupEnv: os.LookupEnv, Dir: c.dir}
}

// checkSecrets reads the secrets of all channels once, so that a missing one is known before it is needed.
func (c *Config) checkSecrets(ctx context.Context) error {
	for _, name := range sortedKeys(c.Alerts.Channels) {
		one := c.Alerts.Channels[name]
		for key, reference := range map[string]string{"url": one.URL, "secret": one.Secret, "password": one.Password} {
			subject := c.path + ": alerts.channels." + name + "." + key
			if secret.Check(subject, reference) != nil {
				continue // none, or an address in the open
			}
			if _, err := c.secrets().Read(ctx, subject, reference); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *app) alertCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "alert",
		Short: "See what is wrong, and who is told of it",
		Long: `Rules look at silent feeds, missing files, unusual volumes, quarantine, waiting data, failed checks, failed jobs, disks, undelivered
messages and counts of stock that are due. What begins, lasts or ends is told through the channels and routes under alerts in omoflow.yaml; each recipient is told
once. The scheduled job "alerts" runs ` + "`omoflow alert run`" + ` every quarter of an hour, "stocktake.reminder" every morning.`,
		Example: "  omoflow alert list\n  omoflow alert test\n  omoflow alert run",
		Args:    arguments(cobra.NoArgs),
		RunE:    func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(a.alertRunCommand(), a.alertListCommand(), a.alertTestCommand())
	return command
}

// keeper opens the project with its alerts.
func (a *app) keeper(ctx context.Context) (*project, *alert.Keeper, error) {
	p, err := a.openProject(ctx, false)
	if err != nil {
		return nil, nil, err
	}
	plan, err := p.config.alerts()
	if err != nil {
		p.close()
		return nil, nil, err
	}
	return p, &alert.Keeper{Plan: plan, Bucket: p.lake.Bucket, Writer: workerName()}, nil
}

func (a *app) alertRunCommand() *cobra.Command {
	var only, except []string
	command := &cobra.Command{
		Use: "run", Short: "Evaluate the rules once and tell what is to be told", Args: arguments(cobra.NoArgs),
		Long: `Evaluates every rule, notes what began and ended, and delivers the messages that are due. What cannot be delivered now is tried again by
the next run; that is exit code 3. A run that finds nothing new writes nothing. With --only or --except, alerts of the other kinds of rules
stay as they are: reminders of counts are for the morning, not for the minute in which the date changes.`,
		Example: "  omoflow alert run\n  omoflow alert run --except stocktake\n  omoflow alert run --only stocktake --json",
		RunE: func(command *cobra.Command, _ []string) error {
			wanted, err := alertKinds(only, except)
			if err != nil {
				return err
			}
			return a.alertRun(command.Context(), wanted)
		},
	}
	command.Flags().StringSliceVar(&only, "only", nil, "kinds of rules to evaluate, such as stocktake (default: all)")
	command.Flags().StringSliceVar(&except, "except", nil, "kinds of rules to leave out")
	return command
}

// alertKinds reads which kinds of rules are wanted.
func alertKinds(only, except []string) (map[string]bool, error) {
	wanted := map[string]bool{}
	for _, kind := range alert.Kinds() {
		wanted[kind] = (len(only) == 0 || slices.Contains(only, kind)) && !slices.Contains(except, kind)
	}
	for _, kind := range slices.Concat(only, except) {
		if _, known := wanted[kind]; !known {
			return nil, fault.New(fault.Usage, "unknown_kind", kind, "write one of "+strings.Join(alert.Kinds(), ", "), "is not a kind of rule")
		}
	}
	return wanted, nil
}

func (a *app) alertRun(ctx context.Context, wanted map[string]bool) error {
	p, k, err := a.keeper(ctx)
	if err != nil {
		return err
	}
	defer p.close()
	facts, err := a.facts(ctx, p, wanted)
	if err != nil {
		return err
	}
	told := facts.Unknown
	facts.Unknown = unasked(told, wanted)
	run, err := k.Once(ctx, facts)
	if err != nil {
		return err
	}
	data := struct {
		alert.Run
		Unknown map[string]string `json:"unknown,omitempty"` // kinds of rules whose facts could not be had
	}{run, told}
	next := []string{}
	if len(run.Firing) > 0 {
		next = append(next, "omoflow alert list")
	}
	err = a.result("alert_run", data, nil, next, func() error {
		a.print("%d alerts fire, %d messages new, %d deliveries", len(run.Firing), len(run.Notices), len(run.Deliveries))
		for _, kind := range sortedKeys(told) {
			a.print("not evaluated: %s: %s", kind, told[kind])
		}
		for _, r := range run.Deliveries {
			a.print("%s", deliveryLine(r))
		}
		return nil
	})
	if err == nil && run.Undone > 0 {
		err = fault.New(fault.Partial, "alerts_undelivered", "", "the next run tries again; `omoflow alert list` tells why", "%d messages are still to be delivered", run.Undone)
	}
	return err
}

// unasked adds the kinds of rules that are not wanted to those of which nothing is known: their alerts stay as they are.
func unasked(unknown map[string]string, wanted map[string]bool) map[string]string {
	all := map[string]string{}
	for kind, why := range unknown {
		all[kind] = why
	}
	for kind, asked := range wanted {
		if !asked {
			all[kind] = "not asked for"
		}
	}
	return all
}

func deliveryLine(r delivery.Record) string {
	line := fmt.Sprintf("%s %s: %s", r.Channel, r.Recipient, r.Status)
	if r.Attempt > 1 {
		line += fmt.Sprintf(" (attempt %d)", r.Attempt)
	}
	if r.Note != "" {
		line += ": " + r.Note
	}
	return line
}

// listedAlert is one line of omoflow alert list.
type listedAlert struct {
	alert.Alert
	Deliveries []delivery.Record `json:"deliveries"` // of the last notice of each route
}

func (a *app) alertListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "What fires, since when, and whom it was told", Args: arguments(cobra.NoArgs),
		Long:    "Lists what fired when the rules were last evaluated, whom it was told when, and the deliveries that failed or are in doubt. It evaluates nothing.",
		Example: "  omoflow alert list\n  omoflow alert list --json",
		RunE:    func(command *cobra.Command, _ []string) error { return a.alertList(command.Context()) },
	}
}

func (a *app) alertList(ctx context.Context) error {
	p, k, err := a.keeper(ctx)
	if err != nil {
		return err
	}
	defer p.close()
	state, seq, err := k.State(ctx)
	if err != nil {
		return err
	}
	records, err := k.Deliveries(ctx, state)
	if err != nil {
		return err
	}
	data := struct {
		Alerts  []listedAlert     `json:"alerts"`
		Trouble []delivery.Record `json:"undelivered"`
	}{[]listedAlert{}, []delivery.Record{}}
	for _, one := range state.Alerts {
		line := listedAlert{Alert: one, Deliveries: []delivery.Record{}}
		for _, told := range one.Told {
			for _, r := range records {
				if r.Subject == alert.Subject(told.Notice) {
					line.Deliveries = append(line.Deliveries, r)
				}
			}
		}
		sortRecords(line.Deliveries)
		data.Alerts = append(data.Alerts, line)
	}
	for _, r := range records {
		if r.Status != delivery.Sent {
			data.Trouble = append(data.Trouble, r)
		}
	}
	sortRecords(data.Trouble)
	next := []string{}
	if seq == 0 {
		next = append(next, "omoflow alert run")
	}
	return a.result("alerts", data, nil, next, func() error {
		a.printAlerts(k.Plan.Clock, data.Alerts, data.Trouble)
		return nil
	})
}

func sortRecords(records []delivery.Record) {
	slices.SortFunc(records, func(x, y delivery.Record) int {
		return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.Channel, y.Channel), cmp.Compare(x.Key, y.Key))
	})
}

func (a *app) printAlerts(clock func(time.Time) string, alerts []listedAlert, trouble []delivery.Record) {
	if len(alerts) == 0 {
		a.print("nothing fires")
	} else {
		var rows [][]string
		for _, one := range alerts {
			status := one.Severity
			if !one.Resolved.IsZero() {
				status = "over since " + clock(one.Resolved)
			}
			var told []string
			for _, route := range sortedKeys(one.Told) {
				told = append(told, route+" "+clock(one.Told[route].Last))
			}
			for _, r := range one.Deliveries {
				told = append(told, "  "+r.Channel+" "+r.Recipient+" "+r.Status)
			}
			rows = append(rows, []string{status, one.Rule, one.Where, clock(one.Since), wrapLines(one.What.EN, 60) + "\nnext: " + wrapLines(one.Next.EN, 60), strings.Join(told, "\n")})
		}
		a.table([]string{"severity", "rule", "where", "since", "what", "told"}, rows)
	}
	for _, r := range trouble {
		a.print("not delivered: %s %s", clock(r.At), deliveryLine(r))
	}
}

func (a *app) alertTestCommand() *cobra.Command {
	return &cobra.Command{
		Use: "test [CHANNEL]", Short: "Send a test message through one channel or all", Args: arguments(cobra.MaximumNArgs(1)),
		Long: `Sends a test message to every recipient of a channel, or of all channels, past rules, routes and quiet hours. What the other side answered, or
why it refused, is printed; a message that did not arrive is exit code 3.`,
		Example: "  omoflow alert test\n  omoflow alert test ops_mail",
		RunE:    func(command *cobra.Command, args []string) error { return a.alertTest(command.Context(), args) },
	}
}

func (a *app) alertTest(ctx context.Context, args []string) error {
	p, k, err := a.keeper(ctx)
	if err != nil {
		return err
	}
	defer p.close()
	names := sortedKeys(k.Plan.Channels())
	if len(names) == 0 {
		return fault.New(fault.Usage, "no_channels", p.config.path+": alerts.channels", "add one, such as `ops: {kind: wecom, url: env:WECOM_URL}`", "no channel is configured")
	}
	if len(args) == 1 {
		if !slices.Contains(names, args[0]) {
			hint := "the channels are " + strings.Join(names, ", ")
			if near := fault.Nearest(args[0], names); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			return fault.New(fault.Usage, "unknown_channel", args[0], hint, "is not a channel of this project")
		}
		names = args
	}
	all, failed := []delivery.Record{}, 0
	for _, name := range names {
		records, err := k.Test(ctx, name)
		if err != nil {
			return err
		}
		for _, r := range records {
			if r.Status != delivery.Sent {
				failed++
			}
		}
		all = append(all, records...)
	}
	err = a.result("alert_test", all, nil, nil, func() error {
		for _, r := range all {
			a.print("%s", deliveryLine(r))
		}
		return nil
	})
	if err == nil && failed > 0 {
		err = fault.New(fault.Partial, "test_undelivered", "", "the lines above tell why", "%d of %d test messages did not surely arrive", failed, len(all))
	}
	return err
}
