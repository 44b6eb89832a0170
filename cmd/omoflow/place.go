package main

import (
	"context"
	"os"
	"strings"

	"github.com/omoflow/omoflow/internal/fault"
	"github.com/omoflow/omoflow/internal/secret"
	"github.com/omoflow/omoflow/pipelines/source/file"
	"github.com/omoflow/omoflow/pipelines/source/sftp"
)

// SFTPConfig says how an SFTP server is recognised and how to log in; one of each is mandatory.
type SFTPConfig struct {
	HostKey    string `yaml:"host_key"`    // fingerprints SHA256:..., separated by blanks
	KnownHosts string `yaml:"known_hosts"` // file in OpenSSH's form
	Key        string `yaml:"key"`         // reference to the private key
	Passphrase string `yaml:"passphrase"`  // reference, when the key is encrypted
	Password   string `yaml:"password"`    // reference
}

const sftpScheme = "sftp://"

func (s SourceConfig) validateSFTP(key string, bad func(key, hint, format string, args ...any) error) error {
	remote := strings.HasPrefix(s.Path, sftpScheme)
	switch c := s.SFTP; {
	case c == nil && remote:
		return bad(key+".sftp", "write sftp: {host_key: \"SHA256:...\", key: \"file:...\"}", "is missing: nothing says how the server is recognised and how to log in")
	case c == nil:
		return nil
	case !remote:
		return bad(key+".sftp", "write path: sftp://user@host/folder, or take sftp out", "belongs to a path on an SFTP server")
	case c.HostKey == "" && c.KnownHosts == "":
		return bad(key+".sftp.host_key", "ask the server's owner for the fingerprint and write SHA256:..., or name a file under known_hosts", "is missing: a server is not trusted because it answers")
	case c.Key == "" && c.Password == "":
		return bad(key+".sftp.key", "write file:PATH of the private key, or password: env:NAME", "is missing")
	default:
		for name, reference := range map[string]string{"key": c.Key, "passphrase": c.Passphrase, "password": c.Password} {
			if reference == "" {
				continue
			}
			if err := secret.Check(key+".sftp."+name, reference); err != nil {
				return bad(key+".sftp."+name, fault.HintOf(err), "is not a reference to a secret")
			}
		}
		return nil
	}
}

// openPlace opens where the files of a source arrive. A place with a Close method is to be closed.
func (c *Config) openPlace(ctx context.Context, source string) (file.Place, error) {
	configured := c.Sources[source]
	url := c.resolve(configured.Path)
	switch {
	case strings.HasPrefix(url, sftpScheme):
		return c.openSFTP(ctx, "sources."+source+".sftp.", configured)
	case !strings.Contains(url, "://"):
		return file.Dir(url), nil
	}
	bucket, err := openBucket(ctx, url, false)
	if err != nil {
		return nil, err
	}
	return file.Bucket(bucket, ""), nil
}

func (c *Config) openSFTP(ctx context.Context, key string, s SourceConfig) (file.Place, error) {
	secrets := secret.Resolver{LookupEnv: os.LookupEnv, Dir: c.dir}
	options := sftp.Options{URL: s.Path, HostKeys: strings.Fields(s.SFTP.HostKey), KnownHosts: c.resolve(s.SFTP.KnownHosts)}
	for _, one := range []struct {
		name, reference string
		to              *secret.Value
	}{{"key", s.SFTP.Key, &options.Key}, {"passphrase", s.SFTP.Passphrase, &options.Passphrase}, {"password", s.SFTP.Password, &options.Password}} {
		if one.reference == "" {
			continue
		}
		value, err := secrets.Read(ctx, key+one.name, one.reference)
		if err != nil {
			return nil, err
		}
		*one.to = value
	}
	return sftp.New(options)
}
