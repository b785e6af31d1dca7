package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"testing"
)

// clients are what of net/http would follow a redirect, or sends with the client that does.
var clients = []string{"Client", "DefaultClient", "Get", "Head", "Post", "PostForm"}

// TestOneWayToSpeakHTTP: what ships makes its HTTP clients by platform.HTTPClient, which follow no redirect, and hands one to whatever SDK would make one of its own.
func TestOneWayToSpeakHTTP(t *testing.T) {
	t.Parallel()
	looked := 0
	for _, p := range list(t) {
		name, ours := below(p.ImportPath)
		if !ours || !ships(name) {
			continue
		}
		for _, file := range p.GoFiles {
			path := filepath.Join(p.Dir, file)
			parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			looked++
			for _, made := range clientsIn(parsed) {
				if name != "shared/platform" || file != "http.go" {
					t.Errorf("%s: %s follows redirects; make the client by platform.HTTPClient", path, made)
				}
			}
		}
	}
	if looked < 100 {
		t.Errorf("only %d files were looked at", looked)
	}
	broken, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nimport \"net/http\"\nvar a, b, _ = http.Client{}, http.Get, azidentity.NewDefaultAzureCredential(nil)", parser.SkipObjectResolution)
	if found := clientsIn(broken); err != nil || len(found) != 3 {
		t.Errorf("what must not be is not found: %v, %v", found, err)
	}
}

// clientsIn are the clients that a file makes or takes for granted. A pointer to one, as a type, is none.
func clientsIn(file *ast.File) (found []string) {
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.StarExpr:
			return false
		case *ast.SelectorExpr:
			if of, ok := n.X.(*ast.Ident); ok && of.Name == "http" && slices.Contains(clients, n.Sel.Name) {
				found = append(found, "http."+n.Sel.Name)
			}
		case *ast.CallExpr: // without options a credential has azcore's own client
			if to, ok := n.Fun.(*ast.SelectorExpr); ok && len(n.Args) > 0 {
				of, _ := to.X.(*ast.Ident)
				last, isName := n.Args[len(n.Args)-1].(*ast.Ident)
				if of != nil && of.Name == "azidentity" && isName && last.Name == "nil" {
					found = append(found, "azidentity."+to.Sel.Name)
				}
			}
		}
		return true
	})
	return found
}
