// Package sql holds the shipped models: every table, report section and check as one SQL file that declares itself in
// its header. Tests of the models lie beside them and stay out of the binary.
package sql

import "embed"

// Files is the tree of models: staging, intermediate, marts, reports and checks, each with one more level of folders.
//
//go:embed */*/*.sql
var Files embed.FS
