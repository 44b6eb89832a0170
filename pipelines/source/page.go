package source

import (
	"fmt"
	"strings"
)

// Page is the manual page of an API source, in Markdown: docs/sources/<name>.md.
func (d Declaration) Page() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s.\n\n<!-- Made from the declaration of the source; a test fails when it is stale. -->\n\n", d.Name, strings.ToUpper(d.About[:1])+d.About[1:])
	fmt.Fprintf(&b, "```yaml\nsources:\n  shop:\n    kind: %s\n", d.Name)
	for _, f := range d.Fields {
		if f.Required {
			fmt.Fprintf(&b, "    %s: %s\n", f.Name, example(f))
		}
	}
	b.WriteString("```\n\n## Credentials and permissions\n\n" + d.Guide.Credentials + "\n\n## Streams\n\n| stream | holds | fills | permission |\n|---|---|---|---|\n")
	for _, s := range d.Streams {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", s.Name, s.About, strings.Join(s.Fills, ", "), s.Permission)
	}
	b.WriteString("\n## Settings\n\n| key | type | default | meaning |\n|---|---|---|---|\n")
	for _, f := range d.Fields {
		value := f.Default
		if f.Required {
			value = "required"
		}
		kind := f.Type
		if f.Secret {
			kind = "reference: env:NAME, file:/path or command:program"
		}
		if between := f.Range(); between != "" {
			kind += ", " + between
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Name, kind, value, strings.ReplaceAll(f.Help, "|", `\|`))
	}
	b.WriteString("\n## The past\n\n`omoflow run --source shop --from 2024-01-01 --plan` shows the windows and the calls they take; without `--plan` they are read, " +
		"window by window. An interrupted reading goes on where it stopped, and what the ordinary run has read up to is not touched.\n")
	b.WriteString("\n## What is promised\n\n" + d.Guide.Completeness + "\n\n## What this API does not give\n\n" + d.Guide.Missing + "\n")
	return b.String()
}

func example(f Field) string {
	switch {
	case f.Secret:
		return "env:SHOP_" + strings.ToUpper(f.Name)
	case f.Type == "url":
		return "https://shop.example"
	}
	return "..."
}
