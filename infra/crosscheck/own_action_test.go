package crosscheck

import (
	"encoding/json"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The action of docs/companion/own-action.md is in no folder, and still does what the page promises: laid over the sources, with its line in the table of the tests, it passes the contract of all
// actions; without the line the tests name it.
func TestTheActionOfOnesOwnPassesTheContract(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "companion", "own-action.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(page, -1)
	if len(blocks) != 2 {
		t.Fatalf("the page has %d pieces of Go, and should have the action and its line", len(blocks))
	}
	action, line := blocks[0][1], string(blocks[1][1])
	if formatted, err := format.Source(action); err != nil || string(formatted) != string(action) {
		t.Errorf("the action is not formatted: %v", err)
	}
	table := filepath.Join(root, "shared", "app", "companion", "task_test.go")
	tests, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	const first = "\t\"temporaryAccessPass\": {\n\t\tgood:"
	if strings.Count(string(tests), first) != 1 {
		t.Fatal("the table of kinds does not begin as it did")
	}
	folder := t.TempDir()
	over := func(name, path, text string, replace map[string]string) {
		t.Helper()
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[path] = file
	}
	run := func(replace map[string]string) (string, error) {
		t.Helper()
		data, err := json.Marshal(map[string]any{"Replace": replace})
		if err != nil {
			t.Fatal(err)
		}
		overlay := filepath.Join(folder, "overlay.json")
		if err := os.WriteFile(overlay, data, 0o600); err != nil {
			t.Fatal(err)
		}
		command := exec.CommandContext(t.Context(), "go", "test", "-overlay", overlay, "-run", "Kind|Settings|Crash|Rehears|Said|Again", "./shared/app/companion")
		command.Dir = root
		output, err := command.CombinedOutput()
		return string(output), err
	}
	replace := map[string]string{}
	over("action.go", filepath.Join(root, "shared", "app", "companion", "action_leaver.go"), string(action), replace)
	if output, err := run(replace); err == nil || !strings.Contains(output, "the action blockLeaver is not in the table of these tests") {
		t.Errorf("without its line: %v\n%s", err, output)
	}
	over("table.go", table, strings.Replace(string(tests), first, line+first, 1), replace)
	if output, err := run(replace); err != nil {
		t.Errorf("with its line: %v\n%s", err, output)
	}
}
