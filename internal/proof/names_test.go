package proof

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// proofPrefix begins the line of a promise.
const proofPrefix = "proof: "

// TestEveryProofIsRun finds the functions that print a promise's line: each is a test named TestProof..., which is what `make proof`
// runs, or is called by such tests only.
func TestEveryProofIsRun(t *testing.T) {
	printers, callers := map[string]string{}, map[string][]string{}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, "_test.go") || strings.Contains(string(text), `"`+proofPrefix) {
			file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			functionsOf(file, path, printers, callers)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(printers) < 20 {
		t.Fatalf("only %d functions print a promise: the search is broken", len(printers))
	}
	for name, path := range printers {
		if stray := notRun(name, callers, map[string]bool{}); stray != "" {
			t.Errorf("%s: %s prints a line of %q but %s is no TestProof...: make proof leaves it out", path, name, proofPrefix, stray)
		}
	}
}

// functionsOf adds a file's functions that print a promise, and who calls what, by bare names.
func functionsOf(file *ast.File, path string, printers map[string]string, callers map[string][]string) {
	for _, declared := range file.Decls {
		function, ok := declared.(*ast.FuncDecl)
		if !ok || function.Body == nil {
			continue
		}
		name := function.Name.Name
		ast.Inspect(function.Body, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			called := ""
			switch f := call.Fun.(type) {
			case *ast.Ident:
				called = f.Name
			case *ast.SelectorExpr:
				called = f.Sel.Name
			}
			callers[called] = append(callers[called], name)
			if strings.HasPrefix(called, "Print") && len(call.Args) > 0 {
				if text, ok := call.Args[0].(*ast.BasicLit); ok && strings.HasPrefix(text.Value, `"`+proofPrefix) {
					printers[name] = path
				}
			}
			return true
		})
	}
}

// notRun names a function by which this one is reached without a test named TestProof...; "" when there is none.
func notRun(name string, callers map[string][]string, seen map[string]bool) string {
	if strings.HasPrefix(name, "TestProof") || seen[name] {
		return ""
	}
	seen[name] = true
	if strings.HasPrefix(name, "Test") || len(callers[name]) == 0 {
		return name
	}
	for _, caller := range callers[name] {
		if stray := notRun(caller, callers, seen); stray != "" {
			return stray
		}
	}
	return ""
}
