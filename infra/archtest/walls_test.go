package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestWalls holds every package of the module against the import table.
func TestWalls(t *testing.T) {
	t.Parallel()
	packages := list(t)
	names := map[string]bool{}
	for _, p := range packages {
		names[p.ImportPath] = true
	}
	for _, must := range []string{module + "/shared/governance", module + "/shared/engine", module + "/shared/ledger", module + "/shared/app/access"} {
		if !names[must] {
			t.Errorf("go list does not know %s: this test looks at nothing", must)
		}
	}
	for _, breach := range breaches(packages) {
		t.Error(breach)
	}
	pure := 0
	for _, p := range packages {
		name, _ := below(p.ImportPath)
		if wall, ok := wallOf(name); ok && wall.pure {
			pure++
			for _, breach := range clocksOf(t, p) {
				t.Error(breach)
			}
		}
	}
	if pure < 2 {
		t.Errorf("only %d pure packages were looked at", pure)
	}
}

// TestOneGuardedCommit: nobody but the ledger commits, or could; what lies above it reads the store at most.
func TestOneGuardedCommit(t *testing.T) {
	t.Parallel()
	looked := 0
	for _, p := range list(t) {
		name, ours := below(p.ImportPath)
		if _, _, adapter := adapterOf(name); !ours || adapter || !ships(name) || name == "shared/ledger" || name == "shared/store" {
			continue
		}
		looked++
		for _, file := range p.GoFiles {
			breaches, err := commitsIn(filepath.Join(p.Dir, file), nil, name != "handlers")
			if err != nil {
				t.Fatal(err)
			}
			for _, breach := range breaches {
				t.Error(breach)
			}
		}
	}
	if looked < 10 {
		t.Errorf("only %d packages were looked at", looked)
	}
	for source, says := range map[string]string{
		`package p; import "latchkey/shared/store"; type a struct { r store.Reader }`:         "",
		`package p; import "latchkey/shared/store"; type a struct { s store.Store }`:          "x.go:1:62 names store.Store",
		`package p; import kept "latchkey/shared/store"; type a interface{ kept.Store }`:      "names store.Store",
		`package p; func f(s interface{ Commit() }) { s.Commit() }`:                           "calls Commit",
		`package p; type committer interface{ Commit() }; var _ = committer.Commit`:           "calls Commit",
		`package p; import "latchkey/shared/store"; var s, _ = any(nil).(interface{ Get() })`: "",
	} {
		found, err := commitsIn("x.go", source, true)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, found, source, says)
	}
}

// commitsIn says where a file commits, or, above the ledger, has what could.
func commitsIn(file string, source any, above bool) ([]string, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("read what may not commit: %w", err)
	}
	store := ""
	for _, spec := range parsed.Imports {
		if imported, _ := strconv.Unquote(spec.Path.Value); imported == module+"/shared/store" {
			if store = "store"; spec.Name != nil {
				store = spec.Name.Name
			}
		}
	}
	var found []string
	ast.Inspect(parsed, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		of, _ := selector.X.(*ast.Ident)
		switch {
		case selector.Sel.Name == "Commit":
			found = append(found, fmt.Sprintf("%s calls Commit, but ledger.Update is the one way to store.", fset.Position(selector.Pos())))
		case above && selector.Sel.Name == "Store" && of != nil && of.Name == store && store != "":
			found = append(found, fmt.Sprintf("%s names store.Store, but what lies above the ledger has a store.Reader at most.", fset.Position(selector.Pos())))
		}
		return true
	})
	return found, nil
}

// list asks go list, once, for every package of the module with all that it links.
func list(t *testing.T) []pkg {
	t.Helper()
	watch(t, filepath.Join("..", ".."))
	command := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Dir,GoFiles,Imports,Deps,Error", "./...")
	command.Dir = filepath.Join("..", "..")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var packages []pkg
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("the answer of go list: %v", err)
		}
		if p.Error != nil && len(p.GoFiles) == 0 {
			t.Errorf("%s cannot be read: %s", p.ImportPath, p.Error.Err)
		}
		packages = append(packages, p)
	}
}

// watch looks into every folder of the module, for the sake of go test alone: it takes a result from its cache unless a folder that the test itself has opened has
// changed, and what go list opens it does not see.
func watch(t *testing.T, root string) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && name != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules") {
			return filepath.SkipDir
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a file that somebody deletes meanwhile is no matter
		t.Fatal(err)
	}
}

// clocks are the functions and variables of package time that depend on the moment or the machine.
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Local", "LoadLocation"}

// clocksOf says where the source of a pure package looks at a clock: imports cannot tell, since its types are of package time.
func clocksOf(t *testing.T, p pkg) []string {
	t.Helper()
	var found []string
	for _, file := range p.GoFiles {
		breaches, err := clocksIn(filepath.Join(p.Dir, file), nil)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, breaches...)
	}
	return found
}

func clocksIn(file string, source any) ([]string, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("read the source of a pure package: %w", err)
	}
	names := map[string]bool{}
	for _, spec := range parsed.Imports {
		if imported, _ := strconv.Unquote(spec.Path.Value); imported == "time" {
			name := "time"
			if spec.Name != nil {
				name = spec.Name.Name
			}
			names[name] = true
		}
	}
	var found []string
	ast.Inspect(parsed, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.SelectorExpr:
			if x, ok := node.X.(*ast.Ident); ok && names[x.Name] && slices.Contains(clocks, node.Sel.Name) {
				found = append(found, fmt.Sprintf("%s uses time.%s, but pure code is told the time.", fset.Position(node.Pos()), node.Sel.Name))
			}
		case *ast.GoStmt:
			found = append(found, fmt.Sprintf("%s starts a goroutine, but pure code does one thing after the other.", fset.Position(node.Pos())))
		}
		return true
	})
	if names["."] {
		found = append(found, file+" imports time without its name, so nobody sees what it uses of it.")
	}
	return found, nil
}

// TestWallsCanBeBroken shows that each rule is able to fail, and that it names who imports what and why not.
func TestWallsCanBeBroken(t *testing.T) {
	t.Parallel()
	const sdk = "github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"
	for _, test := range []struct {
		name, importer, imported string
		says                     string // empty: allowed
	}{
		{"governance, standard library", "shared/governance", "encoding/json", ""},
		{"governance, engine", "shared/governance", "latchkey/shared/engine", "governance imports the standard library only"},
		{"governance, library", "shared/governance", "github.com/google/uuid", "governance imports the standard library only"},
		{"governance, context", "shared/governance", "context", "pure code has no use for cancellation"},
		{"engine, governance", "shared/engine", "latchkey/shared/governance", ""},
		{"engine, os", "shared/engine", "os", "pure code has no use for the machine"},
		{"engine, os/exec", "shared/engine", "os/exec", "pure code has no use for the machine"},
		{"engine, net/http", "shared/engine", "net/http", "pure code has no use for the network"},
		{"engine, chance", "shared/engine", "math/rand/v2", "pure code has no use for chance"},
		{"engine, platform", "shared/engine", "latchkey/shared/platform", "engine imports governance and the standard library"},
		{"engine, store", "shared/engine", "latchkey/shared/store", "engine imports governance and the standard library"},
		{"rule, governance", "shared/rule", "latchkey/shared/governance", ""},
		{"rule, context", "shared/rule", "context", "pure code has no use for cancellation"},
		{"rule, engine", "shared/rule", "latchkey/shared/engine", "rule imports governance and the standard library"},
		{"port, governance", "shared/directory", "latchkey/shared/governance", ""},
		{"port, context", "shared/store", "context", ""},
		{"port, platform", "shared/store", "latchkey/shared/platform", "a port imports governance"},
		{"port, its adapter", "shared/store", "latchkey/shared/store/memory", "adapters of shared/store are named in handlers alone"},
		{"area, port", "shared/app/access", "latchkey/shared/bus", ""},
		{"area, rule", "shared/app/access", "latchkey/shared/rule", ""},
		{"area, adapter", "shared/app/access", "latchkey/shared/store/memory", "adapters of shared/store are named in handlers alone: an area imports"},
		{"area, identity", "shared/app/access", "latchkey/shared/identity", "an area imports governance, engine"},
		{"area, handlers", "shared/app/access", "latchkey/handlers/api", "an area imports governance, engine"},
		{"area, library", "shared/app/access", "github.com/google/uuid", "an area imports governance, engine"},
		{"adapter, port", "shared/store/cosmos", "latchkey/shared/store", ""},
		{"adapter, SDK", "shared/store/cosmos", sdk, ""},
		{"adapter, part of the SDK", "shared/store/cosmos", "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy", ""},
		{"area, ledger", "shared/app/access", "latchkey/shared/ledger", ""},
		{"area, authz", "shared/app/access", "latchkey/shared/app/authz", ""},
		{"area, notice", "shared/app/access", "latchkey/shared/app/notice", ""},
		{"area, part of its own", "shared/app/access", "latchkey/shared/app/access/inner", ""},
		{"area, another area", "shared/app/access", "latchkey/shared/app/catalog", "never another area"},
		{"part of an area, another area", "shared/app/access/inner", "latchkey/shared/app/catalog", "never another area"},
		{"area, part of another", "shared/app/access", "latchkey/shared/app/catalog/inner", "never another area"},
		{"authz, ledger", "shared/app/authz", "latchkey/shared/ledger", "authz imports governance"},
		{"ledger, engine", "shared/ledger", "latchkey/shared/engine", ""},
		{"ledger, area", "shared/ledger", "latchkey/shared/app/access", "ledger imports governance"},
		{"engine, ledger", "shared/engine", "latchkey/shared/ledger", "engine imports governance"},
		{"what holds the tests", "shared/app", "latchkey/shared/ledger", "nothing but the tests"},
		{"adapter, part of its own", "shared/store/memory", "latchkey/shared/store/memory/rawjson", ""},
		{"adapter, SDK of another", "shared/bus/servicebus", sdk, "its own SDK"},
		{"adapter, app", "shared/store/cosmos", "latchkey/shared/app/access", "never app, never another adapter"},
		{"adapter, adapter", "shared/store/cosmos", "latchkey/shared/store/memory", "never another adapter"},
		{"adapter, other port", "shared/store/cosmos", "latchkey/shared/bus", "an adapter imports its port"},
		{"adapter to come", "shared/store/postgres", "github.com/jackc/pgx/v5", "named in sdks of this test"},
		{"part of an adapter, app", "shared/store/memory/rawjson", "latchkey/shared/app/access", "never app"},
		{"suite, port", "shared/store/storetest", "latchkey/shared/store", ""},
		{"suite, testing", "shared/store/storetest", "testing", ""},
		{"suite, adapter", "shared/store/storetest", "latchkey/shared/store/memory", "a conformance suite imports its port"},
		{"identity, keyfunc", "shared/identity", "github.com/MicahParks/keyfunc/v3", ""},
		{"identity, app", "shared/identity", "latchkey/shared/app/access", "identity imports governance"},
		{"identity, SDK", "shared/identity", "github.com/Azure/azure-sdk-for-go/sdk/azidentity", "identity imports governance"},
		{"platform, ids", "shared/platform", "github.com/google/uuid", ""},
		{"platform, schedules", "shared/platform", "latchkey/shared/ncrontab", ""},
		{"platform, governance", "shared/platform", "latchkey/shared/governance", "platform imports nothing of the house"},
		{"handlers, adapter", "handlers", "latchkey/shared/store/cosmos", ""},
		{"handlers, SDK", "handlers", sdk, ""},
		{"handlers, infra", "handlers", "latchkey/infra/local/fault", "nothing outside infra imports infra"},
		{"api, app", "handlers/api", "latchkey/shared/app/access", ""},
		{"triggers, envelope", "handlers/triggers", "latchkey/handlers/hostwire", ""},
		{"api, triggers", "handlers/api", "latchkey/handlers/triggers", "no port, no adapter, no SDK"},
		{"api, engine", "handlers/api", "latchkey/shared/engine", "no port, no adapter, no SDK"},
		{"api, port", "handlers/api", "latchkey/shared/store", "no port, no adapter, no SDK"},
		{"api, adapter", "handlers/api", "latchkey/shared/store/memory", "adapters of shared/store are named in handlers alone"},
		{"api, SDK", "handlers/api", sdk, "no port, no adapter, no SDK"},
		{"api, infra", "handlers/api", "latchkey/infra/local", "nothing outside infra imports infra"},
		{"main, handlers", "", "latchkey/handlers", ""},
		{"main, credential", "", "github.com/Azure/azure-sdk-for-go/sdk/azidentity", ""},
		{"main, app", "", "latchkey/shared/app/access", "main.go imports handlers and platform"},
		{"main, SDK", "", sdk, "main.go imports handlers and platform"},
		{"functions", "functions", "latchkey/handlers", "functions only embeds its folders"},
		{"infra, anything", "infra/local", "latchkey/shared/store/memory", ""},
		{"a package of no row", "shared/util", "fmt", "latchkey/shared/util is in no row of the import table"},
		{"another of no row", "pkg", "fmt", "latchkey/pkg is in no row of the import table"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			expect(t, breaches([]pkg{{ImportPath: strings.TrimSuffix(module+"/"+test.importer, "/"), Imports: []string{test.imported}}}), test.imported, test.says)
		})
	}
}

func TestWhatShipsLinksNoBallast(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, linker, linked, says string }{
		{"templates", "", "text/template", "latchkey links text/template through latchkey/x, but templates call"},
		{"templates for pages", "handlers/api", "html/template", "templates call methods by name"},
		{"templates in an adapter", "shared/directory/graph", "text/template", "templates call methods by name"},
		{"all of Graph", "", "github.com/microsoftgraph/msgraph-sdk-go", "the root of the Graph SDK"},
		{"part of Graph", "", "github.com/microsoftgraph/msgraph-sdk-go/users", ""},
		{"infra", "", "latchkey/infra/local/fault", "nothing of infra is ever in the shipped binary"},
		{"testing", "shared/store/cosmos", "testing", "no place in production"},
		{"testing in a suite", "shared/store/storetest", "testing", ""},
		{"templates in a tool", "infra/bundle", "text/template", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			linker := pkg{ImportPath: strings.TrimSuffix(module+"/"+test.linker, "/"), Imports: []string{"latchkey/x"}, Deps: []string{"latchkey/x", test.linked}}
			var found []string
			for _, breach := range breaches([]pkg{linker, {ImportPath: "latchkey/x", Deps: []string{test.linked}}}) {
				if strings.Contains(breach, " links ") {
					found = append(found, breach)
				}
			}
			expect(t, found, test.linked, test.says)
		})
	}
}

func TestPureCodeIsToldTheTime(t *testing.T) {
	t.Parallel()
	for source, says := range map[string]string{
		`package p; import "time"; func f(now time.Time) time.Time { return now.Add(time.Hour) }`:      "",
		`package p; import "time"; var now = time.Now()`:                                               "x.go:1:37 uses time.Now, but pure code is told the time",
		`package p; import "time"; var clock = time.Now`:                                               "uses time.Now",
		`package p; import clock "time"; func f() { clock.Sleep(1) }`:                                  "uses time.Sleep",
		`package p; import "time"; var zone = time.Local`:                                              "uses time.Local",
		`package p; import . "time"; var now = Now()`:                                                  "imports time without its name",
		`package p; func f() { go f() }`:                                                               "starts a goroutine",
		`package p; type clock struct{}; func (clock) Now() int { return 0 }; var now = clock{}.Now()`: "",
	} {
		found, err := clocksIn("x.go", source)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, found, source, says)
	}
}

// expect checks that there is one breach which says so, or none if nothing is to be said.
func expect(t *testing.T, found []string, what, says string) {
	t.Helper()
	switch {
	case says == "" && len(found) > 0:
		t.Errorf("%s is allowed, but: %s", what, found)
	case says != "" && (len(found) != 1 || !strings.Contains(found[0], says)):
		t.Errorf("about %s it says %q, want one sentence with %q", what, found, says)
	}
}
