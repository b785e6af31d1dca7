package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mostMethods is how many methods a struct of an area has at most: one with more is several.
const mostMethods = 20

// methods are how many methods each type of some packages has of its own, and what it embeds, by the folder and the name.
type methods struct {
	own    map[string]int
	embeds map[string][]string
}

// of counts the methods of a type, those that it gets from what it embeds with them.
func (m methods) of(name string) int {
	n := m.own[name]
	for _, embedded := range m.embeds[name] {
		n += m.of(embedded)
	}
	return n
}

// read adds the types of a file of a folder.
func (m methods) read(folder string, file *ast.File) {
	from := map[string]string{"": folder}
	for _, spec := range file.Imports {
		if inner, ours := below(strings.Trim(spec.Path.Value, `"`)); ours {
			from[path.Base(inner)] = inner
		}
	}
	named := func(of ast.Expr) string {
		if selector, ok := of.(*ast.SelectorExpr); ok {
			return from[receiver(selector.X)] + "." + selector.Sel.Name
		}
		return folder + "." + receiver(of)
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.FuncDecl:
			if node.Recv != nil {
				m.own[named(node.Recv.List[0].Type)]++
			}
		case *ast.TypeSpec:
			name := folder + "." + node.Name.Name
			var fields *ast.FieldList
			switch of := node.Type.(type) {
			case *ast.StructType:
				fields = of.Fields
			case *ast.InterfaceType:
				fields = of.Methods
				for _, method := range fields.List {
					m.own[name] += len(method.Names)
				}
			default:
				return true
			}
			for _, field := range fields.List {
				if len(field.Names) > 0 {
					continue
				}
				of := field.Type
				if pointer, ok := of.(*ast.StarExpr); ok {
					of = pointer.X
				}
				m.embeds[name] = append(m.embeds[name], named(of))
			}
		}
		return true
	})
}

// TestAreasAreSmallStructs: nothing that everything hangs on grows again.
func TestAreasAreSmallStructs(t *testing.T) {
	t.Parallel()
	all := methods{map[string]int{}, map[string][]string{}}
	counts := map[string]int{}
	for _, p := range list(t) {
		folder, ours := below(p.ImportPath)
		if !ours || !strings.HasPrefix(folder, "shared/") {
			continue
		}
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			all.read(folder, file)
		}
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(all.own)), slices.Collect(maps.Keys(all.embeds))) {
		if strings.HasPrefix(name, "shared/app/") {
			counts[name] = all.of(name)
		}
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
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", `package x; import "latchkey/y"; type a struct{ *b; y.C }; type b struct{}; func (b) one() {}; func (a) two() {}`, 0)
	if err != nil {
		t.Fatal(err)
	}
	some := methods{map[string]int{"y.C": 3}, map[string][]string{}}
	if some.read("x", file); some.of("x.a") != 5 {
		t.Errorf("of five methods, three and one of them embedded, it counts %d", some.of("x.a"))
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
	{"shared/ncrontab"},
	{"shared/governance", "shared/platform"},
	{"shared/engine", "shared/rule", "shared/store", "shared/bus", "shared/directory", "shared/identity"},
	{"shared/ledger", "shared/app/authz"},
	{"shared/app/notice"},
	{"shared/app/access", "shared/app/automatic", "shared/app/catalog", "shared/app/companion", "shared/app/evidence", "shared/app/lifecycle", "shared/app/operate", "shared/app/review"},
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
