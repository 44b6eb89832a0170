package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets this test binary stand in for the omoflow program, so that scripts and crash tests run the real command.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"omoflow":     func() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) },
		"barecopy":    func() { child(bareCopy) },
		"benchbuild":  func() { child(benchBuild) },
		"benchreplay": func() { child(benchReplay) },
	})
}

// child runs a part of a benchmark in a process of its own.
func child(part func(first, second string) error) {
	if err := part(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// TestScript runs the behaviours of testdata/script, one file each.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "UTC")
			return nil
		},
	})
}
