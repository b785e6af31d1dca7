package strict

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the list of docs/rules.md anew")

const (
	rulesFile = "../../../docs/rules.md"
	rulesFrom = "<!-- from the tables of handlers/api/strict: go test ./handlers/api/strict -run TestRulesAreListed -update -->\n"
	rulesTo   = "<!-- end -->\n"
)

// docs/rules.md lists what this release refuses by name, as the tables do.
func TestRulesAreListed(t *testing.T) {
	t.Parallel()
	rows := map[string]string{} // what, and what it waits for
	each(func(_ string, of *Type) {
		if of.Waits != "" {
			rows["`#microsoft.graph."+of.Name+"`"] = of.Waits
		}
		for _, m := range of.Members {
			if m.Waits != "" {
				rows[fmt.Sprintf("`%s` of `%s`", m.Name, of.Name)] = m.Waits
			}
			for value, waits := range m.Waiting {
				rows[fmt.Sprintf("`%s` as `%s` of `%s`", value, m.Name, of.Name)] = waits
			}
		}
	})
	var list strings.Builder
	list.WriteString("| not in this release | waits for |\n|---|---|\n")
	for _, what := range slices.SortedFunc(maps.Keys(rows), func(a, b string) int {
		if c := strings.Compare(rows[a], rows[b]); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	}) {
		fmt.Fprintf(&list, "| %s | %s |\n", what, rows[what])
	}
	data, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), rulesFrom)
	listed, after, ends := strings.Cut(rest, rulesTo)
	if !ok || !ends {
		t.Fatalf("%s has no place for the list", rulesFile)
	}
	if *update {
		if err := os.WriteFile(rulesFile, []byte(before+rulesFrom+list.String()+rulesTo+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if listed != list.String() {
		t.Errorf("%s lists\n%s\nand the tables say\n%s", rulesFile, listed, list.String())
	}
}
