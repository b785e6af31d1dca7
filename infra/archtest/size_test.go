package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mostMethods is how many methods a struct of an area has at most: one with more is several.
const mostMethods = 20

// TestAreasAreSmallStructs: nothing that everything hangs on grows again.
func TestAreasAreSmallStructs(t *testing.T) {
	t.Parallel()
	counts := map[string]int{}
	root := filepath.Join("..", "..", "shared", "app")
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return err
		}
		for _, declared := range file.Decls {
			if method, ok := declared.(*ast.FuncDecl); ok && method.Recv != nil {
				counts[filepath.Dir(name)+"."+receiver(method.Recv.List[0].Type)]++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(counts) < 10 {
		t.Fatalf("only %d types have methods: this test looks at nothing", len(counts))
	}
	for _, breach := range tooLarge(counts) {
		t.Error(breach)
	}
	if found := tooLarge(map[string]int{"small": mostMethods, "large": mostMethods + 1}); len(found) != 1 {
		t.Errorf("of a small and a large struct %q are too large", found)
	}
}

func receiver(of ast.Expr) string {
	switch of := of.(type) {
	case *ast.StarExpr:
		return receiver(of.X)
	case *ast.IndexExpr:
		return receiver(of.X)
	case *ast.Ident:
		return of.Name
	}
	return "?"
}

func tooLarge(counts map[string]int) []string {
	var found []string
	for name, methods := range counts {
		if methods > mostMethods {
			found = append(found, fmt.Sprintf("%s has %d methods, at most %d: it is several structs.", name, methods, mostMethods))
		}
	}
	slices.Sort(found)
	return found
}

// order is that of the packages, from the bottom: one imports only what is before it. Those of a line know nothing of one another.
var order = [][]string{
	{"shared/governance", "shared/platform"},
	{"shared/engine", "shared/rule", "shared/store", "shared/bus", "shared/directory", "shared/identity"},
	{"shared/ledger", "shared/app/authz"},
	{"shared/app/notice"},
	{"shared/app/access", "shared/app/catalog", "shared/app/companion", "shared/app/evidence", "shared/app/lifecycle", "shared/app/operate"},
	{"handlers/hostwire"},
	{"handlers/api/strict"},
	{"handlers/api", "handlers/triggers"},
	{"handlers"},
	{""},
}

// TestNoImportRunsBackUp holds the order of the packages; a new area takes its place in it.
func TestNoImportRunsBackUp(t *testing.T) {
	t.Parallel()
	packages := list(t)
	for _, breach := range backwards(packages) {
		t.Error(breach)
	}
	up := pkg{ImportPath: module + "/shared/ledger", Imports: []string{module + "/shared/app/access"}}
	beside := pkg{ImportPath: module + "/shared/app/access", Imports: []string{module + "/shared/app/catalog"}}
	if found := backwards([]pkg{up, beside}); len(found) != 2 {
		t.Errorf("an import up and one sideways are told as %q", found)
	}
}

func backwards(packages []pkg) []string {
	level := func(name string) int {
		return slices.IndexFunc(order, func(line []string) bool { return slices.Contains(line, name) })
	}
	var found []string
	for _, p := range packages {
		name, ours := below(p.ImportPath)
		_, _, isAdapter := adapterOf(name)
		if !ours || isAdapter || !ships(name) || name == "shared/app" {
			continue
		}
		from := level(name)
		if from < 0 {
			found = append(found, fmt.Sprintf("%s has no place in the order of the packages.", p.ImportPath))
			continue
		}
		for _, imported := range p.Imports {
			if inner, ours := below(imported); ours && level(inner) >= from {
				found = append(found, fmt.Sprintf("%s imports %s, which does not come before it.", p.ImportPath, imported))
			}
		}
	}
	return found
}
