package s3

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
)

// ParseURL reads s3://bucket/prefix?region=&endpoint=&path_style=true&profile=&access_key_env=&secret_key_env=&session_token_env=.
// Secrets have no place in it: the last three name environment variables.
func ParseURL(text string) (Options, error) {
	bad := func(hint, format string, args ...any) error {
		return fault.New(fault.Usage, "bad_store_url", redact(text), hint, format, args...)
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.Port() != "" || u.Fragment != "" {
		return Options{}, bad("write s3://bucket/prefix?region=...&endpoint=https://...", "this is not an s3 URL")
	}
	if u.User != nil {
		return Options{}, bad("use access_key_env= and secret_key_env= to name variables", "credentials do not belong in the URL")
	}
	opt := Options{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/")}
	texts := map[string]*string{
		"region": &opt.Region, "endpoint": &opt.Endpoint, "profile": &opt.Profile, "access_key_env": &opt.AccessKeyEnv,
		"secret_key_env": &opt.SecretKeyEnv, "session_token_env": &opt.SessionTokenEnv,
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Options{}, bad("write & between the parameters", "the parameters cannot be read")
	}
	for name, values := range query {
		value := values[len(values)-1]
		if field, ok := texts[name]; ok {
			*field = value
			continue
		}
		if name != "path_style" {
			names := []string{"region", "endpoint", "profile", "access_key_env", "secret_key_env", "session_token_env", "path_style"}
			hint := "known are " + strings.Join(names, ", ")
			if near := fault.Nearest(name, names); near != "" {
				hint = "did you mean " + near + "?"
			}
			return Options{}, bad(hint, "unknown parameter %q", name)
		}
		if opt.PathStyle, err = strconv.ParseBool(value); err != nil {
			return Options{}, bad("write path_style=true", "path_style is neither true nor false")
		}
	}
	if (opt.AccessKeyEnv == "") != (opt.SecretKeyEnv == "") {
		return Options{}, bad("name both variables", "access_key_env and secret_key_env belong together")
	}
	if opt.Endpoint != "" {
		e, err := url.Parse(opt.Endpoint)
		if err != nil || (e.Scheme != "http" && e.Scheme != "https") || e.Host == "" || e.User != nil {
			return Options{}, bad("write endpoint=https://host:port", "the endpoint is not an http or https URL")
		}
	}
	return opt, nil
}

// redact keeps what may be a secret out of messages.
func redact(text string) string {
	text, _, _ = strings.Cut(text, "?")
	if scheme, rest, ok := strings.Cut(text, "://"); ok {
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			return scheme + "://..." + rest[at:]
		}
	}
	return text
}
