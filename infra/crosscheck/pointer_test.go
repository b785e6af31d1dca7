package crosscheck

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// toBeMade is what a page has its reader make.
const toBeMade = "shared/app/companion/action_leaver.go"

// dangling names what a text points to and is not there.
func dangling(file, text string) []string {
	var found []string
	for _, at := range regexp.MustCompile(`\b(docs|infra|shared|handlers|functions)/[A-Za-z0-9/_-]+\.(md|sh|ps1|bicep|json|yaml|go)\b`).FindAllStringIndex(text, -1) {
		if _, err := os.Stat(filepath.Join("..", "..", filepath.FromSlash(text[at[0]:at[1]]))); err != nil && text[at[0]:at[1]] != toBeMade {
			found = append(found, fmt.Sprintf("%s:%d: points to %s, which does not exist", file, 1+strings.Count(text[:at[0]], "\n"), text[at[0]:at[1]]))
		}
	}
	for _, at := range regexp.MustCompile("`((?:docs|infra|shared|handlers|functions)/[a-z_/]+)(?:\\.[A-Z][A-Za-z]+)?`").FindAllStringSubmatchIndex(text, -1) { // a folder, or what is in it
		if _, err := os.Stat(filepath.Join("..", "..", filepath.FromSlash(text[at[2]:at[3]]))); err != nil && strings.HasSuffix(file, ".md") {
			found = append(found, fmt.Sprintf("%s:%d: points to %s, which does not exist", file, 1+strings.Count(text[:at[0]], "\n"), text[at[2]:at[3]]))
		}
	}
	for _, at := range regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`).FindAllStringSubmatchIndex(text, -1) {
		target := filepath.Join("..", "..", filepath.Dir(filepath.FromSlash(file)), filepath.FromSlash(text[at[2]:at[3]]))
		if _, err := os.Stat(target); err != nil && strings.HasSuffix(file, ".md") {
			found = append(found, fmt.Sprintf("%s:%d: links to %s, which does not exist", file, 1+strings.Count(text[:at[0]], "\n"), text[at[2]:at[3]]))
		}
	}
	return found
}

// Each file that an alert, a script, a page or a comment sends people to is there.
func TestPointersLeadSomewhere(t *testing.T) {
	r := repo{t: t}
	for _, pattern := range []string{"*.md", "infra/*.bicep", "infra/modules/*.bicep", "infra/scripts/*", "infra/entra/setup.*", "infra/emulators/*.yaml", "infra/emulators/*.sh", "docs/*.md", "docs/*/*.md"} {
		for _, file := range r.glob(pattern) {
			for _, finding := range dangling(file, r.read(file)) {
				t.Error(finding)
			}
		}
	}
	if found := dangling("docs/x.md", "see docs/nowhere.md,\nor [this](nothing.md#part), `shared/nowhere` and `shared/nothing.Type`, not `shared/app`"); len(found) != 4 || !strings.HasPrefix(found[3], "docs/x.md:2: ") {
		t.Errorf("nothing is found where there is nothing: %q", found)
	}
}
