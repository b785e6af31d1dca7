package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What docs/companion says to try works as it is written, with the line that the stack prints to sign in.
func TestTheCompanionsPageWorksAsWritten(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl", "sed"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the page needs %s", tool)
		}
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "companion", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```sh\n(.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("the page has nothing to try")
	}
	r := run(t)
	script := strings.NewReplacer("http://127.0.0.1:7070", r.Control, "http://127.0.0.1:7071", r.Host, "http://127.0.0.1:7072", r.Graph).Replace(string(block[1]))
	if strings.Contains(script, ":707") {
		t.Fatalf("a port of the default is left:\n%s", script)
	}
	signIn := `TOKEN=$(curl -s -d grant_type=password -d username=` + administrator + ` -d password=any -d client_id=any -d scope=` + r.Audience + `/.default ` +
		r.Token + "/" + r.TenantID + `/oauth2/v2.0/token | sed 's/.*"access_token":"\([^"]*\)".*/\1/')` + "\n"
	output, err := exec.CommandContext(t.Context(), "bash", "-euc", signIn+script).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for _, part := range []string{
		"A Temporary Access Pass for Rui Report was issued", `"subject": "Temporary Access Pass for Rui Report"`, `"short_description": "Laptop for Rui Report"`, "The laptop is on its way.",
		`"value":[{"@odata.type":"#microsoft.graph.user"`, `"value":[]`,
	} {
		if !strings.Contains(string(output), part) {
			t.Errorf("it does not come to %q", part)
		}
	}
	if strings.Contains(string(output), `"error"`) || strings.Count(string(output), `"findings":[]`) != 3 || t.Failed() {
		t.Errorf("what came of it:\n%s", output)
	}
}
