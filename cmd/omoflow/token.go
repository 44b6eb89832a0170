package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/access"
	"github.com/omoflow/omoflow/internal/fault"
)

func (a *app) tokenCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "token",
		Short: "Give and take access to what omoflow serve shows",
		Long: `A token lets a person or a program in at omoflow serve: people sign in with it at /login, programs send it as
Authorization: Bearer. It has a role: a viewer reads, an operator also runs and repeats work, an admin also gives access. The
lake keeps who gave which token to whom until when, and never the token itself.`,
		Example: "  omoflow token create \"head office\" --role viewer\n  omoflow token list\n  omoflow token revoke \"head office\"",
		Args:    arguments(cobra.NoArgs),
		RunE:    func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(a.tokenCreateCommand(), a.tokenListCommand(), a.tokenRevokeCommand())
	return command
}

// mostDays bounds how long a token may last unless it is meant to last for ever.
const mostDays = 3660

// lifetime reads 90d, 12h or never; a zero duration means never.
func lifetime(text string) (time.Duration, error) {
	bad := fault.New(fault.Usage, "bad_lifetime", "--expires "+text, "write days such as 90d (at most 3660d), hours such as 12h, or never", "is no lifetime of a token")
	if text == "never" {
		return 0, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 1 || n > mostDays {
			return 0, bad
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Minute || d > mostDays*24*time.Hour {
		return 0, bad
	}
	return d, nil
}

// register opens the tokens of the project's lake, which is made when create is set.
func (a *app) register(ctx context.Context, create bool) (*access.Register, func(), error) {
	p, err := a.openProject(ctx, create)
	if err != nil {
		return nil, func() {}, err
	}
	return access.Open(p.lake.Bucket, "", time.Now), p.close, nil
}

func (a *app) tokenCreateCommand() *cobra.Command {
	var role, expires string
	command := &cobra.Command{
		Use: "create NAME", Short: "Make a token and show it once", Args: arguments(cobra.ExactArgs(1)),
		Long:    "Makes a token. It is shown now and never again: hand it over by a safe way. Whoever may write to the lake may do this.",
		Example: "  omoflow token create \"head office\" --role viewer --expires 90d\n  omoflow token create prometheus --expires never --json",
		RunE: func(command *cobra.Command, args []string) error {
			var r access.Role
			if err := r.UnmarshalText([]byte(role)); err != nil {
				return err
			}
			life, err := lifetime(expires)
			if err != nil {
				return err
			}
			register, closing, err := a.register(command.Context(), true)
			defer closing()
			if err != nil {
				return err
			}
			var end time.Time
			if life > 0 {
				end = time.Now().Add(life).Truncate(time.Second)
			}
			token, secret, err := register.Issue(command.Context(), args[0], r, end, userName())
			if err != nil {
				return err
			}
			made := struct {
				access.Token
				Secret string `json:"secret"`
			}{token, secret}
			return a.result("token_create", made, nil, nil, func() error {
				a.print("%s", secret)
				a.print("")
				a.print("This is the token of %s, a %s, %s. It is not shown again.", token.Name, token.Role, ends(token))
				return nil
			})
		},
	}
	command.Flags().StringVar(&role, "role", "viewer", "viewer, operator or admin")
	command.Flags().StringVar(&expires, "expires", "90d", "days such as 90d, hours such as 12h, or never")
	return command
}

func ends(t access.Token) string {
	if t.Expires.IsZero() {
		return "valid until it is revoked"
	}
	return "valid until " + t.Expires.Format("2006-01-02 15:04 MST")
}

// tokenState tells whether a token is in force.
func tokenState(t access.Token, now time.Time) string {
	switch {
	case !t.Revoked.IsZero():
		return "revoked " + t.Revoked.Format(time.DateOnly) + " by " + t.RevokedBy
	case t.Live(now) != nil:
		return "expired"
	}
	return "in force"
}

func (a *app) tokenListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Every token with its role and state", Args: arguments(cobra.NoArgs),
		Long:    "Lists all tokens ever made: whose, with which role, until when, by whom, and on which day last used (UTC).",
		Example: "  omoflow token list\n  omoflow token list --json",
		RunE: func(command *cobra.Command, _ []string) error {
			register, closing, err := a.register(command.Context(), false)
			defer closing()
			if err != nil {
				return err
			}
			tokens, err := register.List(command.Context())
			if err != nil {
				return err
			}
			if tokens == nil {
				tokens = []access.Token{}
			}
			return a.result("token_list", tokens, nil, nil, func() error {
				var rows [][]string
				for _, t := range tokens {
					until := "for ever"
					if !t.Expires.IsZero() {
						until = t.Expires.Format("2006-01-02 15:04")
					}
					used := t.LastUsed
					if used == "" {
						used = "never"
					}
					rows = append(rows, []string{t.Name, t.ID, t.Role.String(), tokenState(t, time.Now()), until, used, t.Created.Format(time.DateOnly), t.CreatedBy})
				}
				a.table([]string{"name", "id", "role", "state", "until (UTC)", "last used", "made", "by"}, rows)
				return nil
			})
		},
	}
}

func (a *app) tokenRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "revoke NAME|ID", Short: "End a token and every session that began with it", Args: arguments(cobra.ExactArgs(1)),
		Long:    "Ends a token at once and for good. Processes that serve know it within two seconds; sessions that began with it end then.",
		Example: "  omoflow token revoke \"head office\"",
		RunE: func(command *cobra.Command, args []string) error {
			register, closing, err := a.register(command.Context(), false)
			defer closing()
			if err != nil {
				return err
			}
			token, changed, err := register.Revoke(command.Context(), args[0], userName())
			if err != nil {
				return err
			}
			return a.result("token_revoke", map[string]any{"token": token, "changed": changed}, nil, nil, func() error {
				if !changed {
					a.print("%s (%s) was revoked already; nothing was changed", token.Name, token.ID)
					return nil
				}
				a.print("%s (%s) is revoked", token.Name, token.ID)
				return nil
			})
		},
	}
}
