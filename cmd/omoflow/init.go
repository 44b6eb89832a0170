package main

import (
	"embed"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/omoflow/omoflow/internal/fault"
)

//go:embed project
var projects embed.FS

func (a *app) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "init [DIR]",
		Short:   "Start a project: a commented omoflow.yaml and the folders it names",
		Long:    "Writes omoflow.yaml and its inbox folders. What exists is left as it is, so that init can be repeated.",
		Example: "  omoflow init shop && cd shop && omoflow check",
		Args:    arguments(cobra.MaximumNArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := a.project
			if len(args) == 1 {
				dir = args[0]
			}
			written, err := writeProject("init", dir)
			if err != nil {
				return err
			}
			for _, inbox := range []string{"inbox/tills", "inbox/web", "inbox/masters"} {
				if err := os.MkdirAll(filepath.Join(dir, inbox), 0o755); err != nil {
					return fault.Wrap(err, fault.Denied, "not_writable", dir, "choose a folder that you may write to", "the project cannot be written")
				}
			}
			next := []string{"put exports into " + filepath.Join(dir, "inbox"), "omoflow check -C " + dir, "omoflow run -C " + dir}
			return a.result("init", map[string]any{"dir": dir, "written": written}, nil, next, func() error {
				if len(written) == 0 {
					a.print("%s is a project already; nothing was changed", dir)
				}
				for _, name := range written {
					a.print("wrote %s", filepath.Join(dir, name))
				}
				return nil
			})
		},
	}
}

// writeProject copies an embedded project into dir, leaving files that exist, and lists what it wrote.
func writeProject(name, dir string) ([]string, error) {
	root := "project/" + name
	var written []string
	err := fs.WalkDir(projects, root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative := strings.TrimPrefix(path, root+"/")
		target := filepath.Join(dir, filepath.FromSlash(relative))
		if _, err := os.Stat(target); err == nil {
			return nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		data, err := projects.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		written = append(written, relative)
		return os.WriteFile(target, data, 0o644)
	})
	return written, fault.Wrap(err, fault.Denied, "not_writable", dir, "choose a folder that you may write to", "the project cannot be written")
}
