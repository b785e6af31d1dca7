package crosscheck

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// dangling names what a text points to and is not there.
func dangling(file, text string) []string {
	var found []string
	for _, at := range regexp.MustCompile(`\b(docs|infra|shared|handlers|functions)/[A-Za-z0-9/_-]+\.(md|sh|ps1|bicep|json|yaml|go)\b`).FindAllStringIndex(text, -1) {
		if _, err := os.Stat(filepath.Join("..", "..", filepath.FromSlash(text[at[0]:at[1]]))); err != nil {
			found = append(found, fmt.Sprintf("%s:%d: points to %s, which does not exist", file, 1+strings.Count(text[:at[0]], "\n"), text[at[0]:at[1]]))
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
	for _, pattern := range []string{"*.md", "infra/*.bicep", "infra/modules/*.bicep", "infra/scripts/*", "infra/entra/setup.*", "infra/emulators/*.yaml", "infra/emulators/*.sh", "docs/*.md", "docs/operate/*.md"} {
		for _, file := range r.glob(pattern) {
			for _, finding := range dangling(file, r.read(file)) {
				t.Error(finding)
			}
		}
	}
	if found := dangling("docs/x.md", "see docs/nowhere.md,\nor [this](nothing.md#part)"); len(found) != 2 || !strings.HasPrefix(found[1], "docs/x.md:2: ") {
		t.Errorf("nothing is found where there is nothing: %q", found)
	}
}
