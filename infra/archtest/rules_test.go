package archtest

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// module is the module whose walls these are.
const module = "latchkey"

// pkg is a package as go list describes it, without its tests.
type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
	Deps       []string
	Error      *struct{ Err string }
}

// wall is a row of the import table: what a package may import beside the standard library.
type wall struct {
	house  []string // packages of the module, below it; a trailing /... takes in everything below
	others []string // modules and packages of others; likewise
	free   bool     // anything at all
	pure   bool     // no context, clock, I/O or chance either
	rule   string   // the row in words, for who breaks it
}

// sdks says which modules of others an adapter may import: its own SDK, by the folder of the adapter.
var sdks = map[string][]string{
	"shared/store/cosmos":    {"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos/...", azcore},
	"shared/bus/servicebus":  {"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus/...", "github.com/Azure/go-amqp", azcore},
	"shared/directory/graph": {"github.com/microsoftgraph/...", "github.com/microsoft/...", azcore},
}

const azcore = "github.com/Azure/azure-sdk-for-go/sdk/azcore/..."

// ports are the packages whose subfolders are adapters.
var ports = []string{"shared/store", "shared/bus", "shared/directory"}

// wallOf is the row of the import table that a package falls under, given by its path below the module. It covers packages that do not exist yet: whoever adds
// one that no row covers decides here where it belongs.
func wallOf(name string) (wall, bool) {
	if port, adapter, ok := adapterOf(name); ok {
		folder := path.Join(port, adapter)
		if isSuite(folder) {
			return wall{
				house: []string{port, "shared/governance", "shared/platform", folder + "/..."}, others: []string{"github.com/google/go-cmp/..."},
				rule: "a conformance suite imports its port, governance and platform; the adapters import the suite, in their tests",
			}, true
		}
		return wall{
			house: []string{port, "shared/governance", "shared/platform", folder + "/..."}, others: sdks[folder],
			rule: "an adapter imports its port, governance, platform and its own SDK (named in sdks of this test); never app, never another adapter",
		}, true
	}
	switch {
	case name == "shared/governance":
		return wall{others: []string{"golang.org/x/text/unicode/norm"}, pure: true, rule: "governance imports the standard library only, and the normal forms of text"}, true
	case name == "shared/engine", name == "shared/rule":
		return wall{house: []string{"shared/governance"}, pure: true, rule: path.Base(name) + " imports governance and the standard library"}, true
	case slices.Contains(ports, name):
		return wall{house: []string{"shared/governance"}, rule: "a port imports governance and the standard library"}, true
	case name == "shared/ledger":
		return wall{
			house: append([]string{"shared/governance", "shared/engine", "shared/platform"}, ports...),
			rule:  "ledger imports governance, engine, the ports and platform",
		}, true
	case name == "shared/app":
		return wall{rule: "app itself holds nothing but the tests of all areas together"}, true
	case name == "shared/app/authz":
		return wall{house: []string{"shared/governance"}, rule: "authz imports governance, and is told about roles through an interface that handlers wires"}, true
	case strings.HasPrefix(name, "shared/app/"):
		area := strings.Join(strings.Split(name, "/")[:3], "/")
		return wall{
			house: append([]string{"shared/governance", "shared/engine", "shared/rule", "shared/ledger", "shared/platform", "shared/app/authz", "shared/app/notice", area + "/..."}, ports...),
			rule:  "an area imports governance, engine, rule, ledger, authz, notice, the ports and platform, and never another area: what it needs of one it is given through an interface that handlers wires",
		}, true
	case name == "shared/identity":
		return wall{
			house:  []string{"shared/governance", "shared/platform"},
			others: []string{"github.com/golang-jwt/jwt/...", "github.com/MicahParks/keyfunc/...", "github.com/MicahParks/jwkset", "golang.org/x/time/rate"},
			rule:   "identity imports governance, platform, jwt and keyfunc (with the key set and the rate limit that keyfunc takes)",
		}, true
	case name == "shared/ncrontab":
		return wall{pure: true, rule: "ncrontab imports the standard library only"}, true
	case name == "shared/platform":
		return wall{
			house:  []string{"shared/ncrontab"},
			others: []string{"github.com/google/uuid", "go.opentelemetry.io/...", "github.com/Azure/azure-sdk-for-go/sdk/tracing/azotel", azcore},
			rule:   "platform imports nothing of the house but the parser of schedules",
		}, true
	case name == "handlers":
		return wall{house: []string{"shared/...", "handlers/..."}, others: []string{"..."}, rule: "handlers imports everything but infra"}, true
	case strings.HasPrefix(name, "handlers/"):
		return wall{
			house: []string{"shared/app/...", "shared/ledger", "shared/governance", "shared/identity", "shared/platform", "handlers/hostwire", name + "/..."}, others: []string{"golang.org/x/sync/semaphore"},
			rule: "what is below handlers imports app, ledger, governance, identity, platform and the host's envelope; no port, no adapter, no SDK",
		}, true
	case name == "":
		return wall{
			house: []string{"handlers", "shared/platform"}, others: []string{"github.com/Azure/azure-sdk-for-go/sdk/azidentity", azcore},
			rule: "main.go imports handlers and platform, and the credential it makes",
		}, true
	case name == "functions":
		return wall{rule: "functions only embeds its folders"}, true
	case name == "infra" || strings.HasPrefix(name, "infra/"):
		return wall{free: true, rule: "infra may import anything"}, true
	}
	return wall{}, false
}

// adapterOf splits shared/store/cosmos/x into the port and the name of the adapter.
func adapterOf(name string) (port, adapter string, ok bool) {
	for _, port := range ports {
		if rest, below := strings.CutPrefix(name, port+"/"); below {
			adapter, _, _ = strings.Cut(rest, "/")
			return port, adapter, true
		}
	}
	return "", "", false
}

// isSuite says whether a folder is a port's conformance suite: storetest, bustest, directorytest.
func isSuite(folder string) bool { return strings.HasSuffix(folder, "test") }

// impure are the packages of the standard library that pure code does without, each with what it would bring in.
var impure = map[string]string{
	"context":      "cancellation, which makes an answer depend on when it is asked for",
	"os":           "the machine",
	"io/fs":        "files",
	"io/ioutil":    "files",
	"embed":        "files",
	"net":          "the network",
	"log":          "output",
	"log/slog":     "output",
	"syscall":      "the machine",
	"runtime":      "the machine",
	"math/rand":    "chance",
	"crypto/rand":  "chance",
	"sync":         "state shared between calls",
	"unsafe":       "everything",
	"plugin":       "the machine",
	"database/sql": "a database",
	"testing":      "tests",
}

// unlinked are the packages that the shipped binary never links, each with the reason.
var unlinked = map[string]string{
	"text/template": "templates call methods by name, so the linker keeps every exported method of every type: 10 MB with the Graph models",
	"html/template": "templates call methods by name, so the linker keeps every exported method of every type: 10 MB with the Graph models",
	"github.com/microsoftgraph/msgraph-sdk-go": "the root of the Graph SDK links every request builder there is: 24 MB instead of 8",
	"google.golang.org/protobuf/proto":         "its descriptors call methods by name, so the linker keeps every exported method of every type: 38 MB instead of 15 with the Graph models",
	"testing":                                  "tests and their flags have no place in production",
}

// breaches says, in sentences, where packages break through a wall.
func breaches(packages []pkg) []string {
	var found []string
	for _, p := range packages {
		name, ours := below(p.ImportPath)
		if !ours {
			continue
		}
		wall, ok := wallOf(name)
		if !ok {
			found = append(found, fmt.Sprintf("%s is in no row of the import table; decide in wallOf of this test where it belongs.", p.ImportPath))
			continue
		}
		for _, imported := range p.Imports {
			if why := forbidden(name, wall, imported); why != "" {
				found = append(found, fmt.Sprintf("%s imports %s, but %s.", p.ImportPath, imported, why))
			}
		}
		if !ships(name) {
			continue
		}
		for _, dep := range p.Deps {
			if reason, banned := unlinked[dep]; banned {
				found = append(found, fmt.Sprintf("%s links %s%s, but %s.", p.ImportPath, dep, through(p, dep, packages), reason))
			}
			if inner, ours := below(dep); ours && (inner == "infra" || strings.HasPrefix(inner, "infra/")) {
				found = append(found, fmt.Sprintf("%s links %s%s, but nothing of infra is ever in the shipped binary.", p.ImportPath, dep, through(p, dep, packages)))
			}
		}
	}
	slices.Sort(found)
	return found
}

// forbidden says why a package may not import another, or nothing.
func forbidden(name string, w wall, imported string) string {
	inner, ours := below(imported)
	switch {
	case w.free:
		return ""
	case ours && matches(w.house, inner):
		return ""
	case ours && (inner == "infra" || strings.HasPrefix(inner, "infra/")):
		return "nothing outside infra imports infra: " + w.rule
	case ours:
		if port, _, adapter := adapterOf(inner); adapter && name != "handlers" {
			return fmt.Sprintf("adapters of %s are named in handlers alone: %s", port, w.rule)
		}
		return w.rule
	case isStandard(imported):
		if !w.pure {
			return ""
		}
		for banned, brings := range impure {
			if imported == banned || strings.HasPrefix(imported, banned+"/") {
				return fmt.Sprintf("pure code has no use for %s", brings)
			}
		}
		return ""
	case matches(w.others, imported):
		return ""
	}
	return w.rule
}

// ships says whether a package may be part of the shipped binary.
func ships(name string) bool {
	if port, adapter, ok := adapterOf(name); ok {
		return !isSuite(path.Join(port, adapter))
	}
	if strings.HasSuffix(name, "test") { // what tests share
		return false
	}
	return name == "" || name == "handlers" || strings.HasPrefix(name, "handlers/") || strings.HasPrefix(name, "shared/")
}

// through names the direct import by which a package comes to link another.
func through(p pkg, dep string, packages []pkg) string {
	if slices.Contains(p.Imports, dep) {
		return ""
	}
	for _, other := range packages {
		if slices.Contains(p.Imports, other.ImportPath) && slices.Contains(other.Deps, dep) {
			return " through " + other.ImportPath
		}
	}
	return " through what it imports"
}

// below is an import path as seen from the module, and whether it is of the module at all.
func below(importPath string) (string, bool) {
	if importPath == module {
		return "", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// isStandard says whether an import path is of the standard library: only there the first element has no dot.
func isStandard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

// matches says whether name is one of patterns, of which a trailing ... takes in everything that begins so.
func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if folder, all := strings.CutSuffix(pattern, "..."); all {
			return strings.HasPrefix(name+"/", folder)
		}
		return name == pattern
	})
}
