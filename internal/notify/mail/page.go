package mail

import (
	"html/template"
	"strings"

	"github.com/omoflow/omoflow/internal/notify"
)

// pageText is simple on purpose: mail programs drop scripts, style sheets and most of CSS.
const pageText = `<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>{{.Title}}</title></head>
<body style="font-family:sans-serif;font-size:14px;line-height:1.5;color:#222222;margin:16px">
<h2 style="font-size:18px;border-left:6px solid {{.Colour}};padding-left:10px;margin:0 0 12px 0">{{.Title}}</h2>
{{range .Blocks}}{{if .Title}}<h3 style="font-size:15px;margin:14px 0 4px 0">{{.Title}}</h3>
{{end}}{{if .Lines}}<ul style="margin:0;padding-left:20px">
{{range .Lines}}<li>{{.}}</li>
{{end}}</ul>
{{end}}{{end}}{{if .Footer}}<p style="color:#666666;font-size:12px;margin-top:18px">{{.Footer}}</p>
{{end}}</body></html>
`

// page is the message as HTML. Whatever the texts hold is text there.
func page(m notify.Message) (string, error) {
	parsed, err := template.New("mail").Parse(pageText)
	if err != nil {
		return "", err
	}
	colours := map[string]string{notify.OK: "#1a7f37", notify.Info: "#0969da", notify.Warning: "#bf8700", notify.Critical: "#cf222e"}
	var b strings.Builder
	err = parsed.Execute(&b, struct {
		notify.Message
		Colour template.CSS
	}{m, template.CSS(colours[m.Level])})
	return b.String(), err
}
