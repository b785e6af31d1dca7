package crosscheck

import (
	"cmp"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tests of each rule into docs/rules.md anew")

const (
	rulesPage = "docs/rules.md"
	shownAt   = 3 // tests that a row names
)

var (
	ruleID   = regexp.MustCompile(`\b(OBJ|CAT|ROL|RES|POL|QUE|APR|REQ|LIF|AUT|EXT|SOD|EXU|REV|NOT|AUD|REP|LIM|PRV|LIC|MSC|BEY)-(\d\d)(?: to (?:[A-Z]{3})-(\d\d))?`)
	ruleRow  = regexp.MustCompile(`(?m)^\| ([A-Z]{3}-\d\d) \| ([^|\n]+) \| ([^|\n]*) \|$`)
	proof    = regexp.MustCompile(`(?m)^//(?:.* )?rules: (.*)\n(?://.*\n)*func (?:\([^)]*\) )?(\w+)`)
	foreign  = regexp.MustCompile(`\b(RULES|DESIGN|WIRE|BEYOND|RULELANG|CLIENTS|LIBRARIES|FUNCTIONS_HOST)(\.md| ?[0-9]| section\b| [A-Z]{3}-)`)
	shipping = []string{"main.go", "handlers", "functions", "shared", "infra", "tools"}
)

// rulesOf lists the rules that a text speaks of, ranges with all that is in them.
func rulesOf(text string) []string {
	var found []string
	for _, m := range ruleID.FindAllStringSubmatch(text, -1) {
		for id := m[1] + "-" + m[2]; id <= m[1]+"-"+cmp.Or(m[3], m[2]); id = next(id) {
			found = append(found, id)
		}
	}
	return found
}

func next(id string) string {
	var n int
	_, _ = fmt.Sscanf(id[4:], "%d", &n)
	return fmt.Sprintf("%s-%02d", id[:3], n+1)
}

// goFiles lists every Go file, tests too.
func goFiles(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, top := range shipping {
		err := filepath.WalkDir(filepath.Join("..", "..", top), func(name string, _ fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(name, ".go") {
				found = append(found, strings.TrimPrefix(filepath.ToSlash(name), "../../"))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// cited are the rules that code or a test speaks of, each with a place, and the tests that show each.
func cited(r repo) (places map[string]string, shown map[string][]string) {
	places, shown = map[string]string{}, map[string][]string{}
	for _, file := range goFiles(r.t) {
		text := r.read(file)
		if !strings.HasSuffix(file, "_test.go") {
			for i, line := range strings.Split(text, "\n") {
				if _, comment, ok := strings.Cut(line, "//"); ok && !strings.Contains(comment, " rules: ") {
					for _, id := range rulesOf(comment) {
						places[id] = cmp.Or(places[id], fmt.Sprintf("%s:%d", file, i+1))
					}
				}
			}
		}
		for _, m := range proof.FindAllStringSubmatch(text, -1) {
			for _, id := range rulesOf(m[1]) {
				shown[id] = append(shown[id], fmt.Sprintf("`%s.%s`", path.Base(path.Dir(file)), m[2]))
			}
		}
	}
	for id := range shown {
		places[id] = cmp.Or(places[id], shown[id][0])
	}
	return places, shown
}

// tests is the third column of a rule.
func tests(shown []string) string {
	slices.Sort(shown)
	shown = slices.Compact(shown)
	return strings.Join(shown[:min(len(shown), shownAt)], ", ")
}

// unwritten compares the page with the rules that are cited and shown.
func unwritten(page string, places map[string]string, shown map[string][]string) []string {
	var found []string
	rows := map[string]bool{}
	for _, m := range ruleRow.FindAllStringSubmatch(page, -1) {
		id := m[1]
		switch {
		case rows[id]:
			found = append(found, fmt.Sprintf("%s: %s has two rows", rulesPage, id))
		case len(shown[id]) == 0:
			found = append(found, fmt.Sprintf("%s: no test shows %s (say `// rules: %s` above one that does)", rulesPage, id, id))
		case m[3] != tests(shown[id]):
			found = append(found, fmt.Sprintf("%s: %s is shown by %s (go test ./infra/crosscheck -run TestRulesAreWritten -update)", rulesPage, id, tests(shown[id])))
		}
		rows[id] = true
	}
	for _, id := range slices.Sorted(maps.Keys(places)) {
		if !rows[id] {
			found = append(found, fmt.Sprintf("%s: %s has no row, and %s speaks of it", rulesPage, id, places[id]))
		}
	}
	return found
}

// Each rule that the code cites, or a test says it shows, stands in docs/rules.md in our own words with the tests that show it.
func TestRulesAreWritten(t *testing.T) {
	t.Parallel()
	r := repo{t: t}
	places, shown := cited(r)
	if *update {
		text := ruleRow.ReplaceAllStringFunc(r.read(rulesPage), func(row string) string {
			m := ruleRow.FindStringSubmatch(row)
			return fmt.Sprintf("| %s | %s | %s |", m[1], m[2], tests(shown[m[1]]))
		})
		if err := os.WriteFile(filepath.Join("..", "..", rulesPage), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	text := r.read(rulesPage)
	for _, finding := range unwritten(text, places, shown) {
		t.Error(finding)
	}
	for _, m := range ruleRow.FindAllStringSubmatch(text, -1)[:3] { // what is spoilt is found
		for _, spoilt := range []string{strings.Replace(text, m[0]+"\n", "", 1), strings.Replace(text, m[0], m[0]+"\n"+m[0], 1), strings.Replace(text, m[3], "`x.TestNothing`", 1)} {
			if len(unwritten(spoilt, places, shown)) == 0 {
				t.Errorf("%s is spoilt at %s, and nothing is found", rulesPage, m[1])
			}
		}
	}
}

// No comment sends its reader to a document that is not in the repository.
func TestCommentsPointIntoTheRepository(t *testing.T) {
	t.Parallel()
	r := repo{t: t}
	for _, file := range goFiles(t) {
		if strings.HasSuffix(file, "crosscheck/rule_test.go") {
			continue
		}
		text := r.read(file)
		for _, at := range foreign.FindAllStringIndex(text, -1) {
			t.Errorf("%s:%d: %q is no document of this repository", file, 1+strings.Count(text[:at[0]], "\n"), text[at[0]:at[1]])
		}
		for _, finding := range dangling(file, text) {
			if !strings.HasSuffix(file, "_test.go") {
				t.Error(finding)
			}
		}
	}
	for _, spoilt := range []string{"RULES APR-03", "DESIGN section 3", "DESIGN.md", "WIRE 7.1"} {
		if !foreign.MatchString(spoilt) {
			t.Errorf("%q is not found", spoilt)
		}
	}
}
