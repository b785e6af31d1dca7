package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What the pages say to try works as it is written, with the line that the stack prints to sign in, and works again when it is pasted again.
func TestThePagesWorkAsWritten(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl", "sed"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the pages need %s", tool)
		}
	}
	for page, comesTo := range map[string]map[string]int{
		"api.md": {`"state":"delivered","status":"Fulfilled"`: 1, `"displayName":"Rui Report"`: 1, `"state":"expired"`: 1, `"value":[]`: 1, "204\n412\n": 1},
		"companion/README.md": {
			"A Temporary Access Pass for Rui Report was issued": 2, `"subject": "Temporary Access Pass for Rui Report"`: 1, `"short_description": "Laptop for Rui Report"`: 1,
			"The laptop is on its way.": 1, `"value":[{"@odata.type":"#microsoft.graph.user"`: 1, `"value":[]`: 1, `"findings":[]`: 3,
		},
	} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
			if err != nil {
				t.Fatal(err)
			}
			block := regexp.MustCompile("(?s)```sh\n(.*?)```").FindSubmatch(text)
			if block == nil {
				t.Fatal("the page has nothing to try")
			}
			r := run(t)
			script := strings.NewReplacer("http://127.0.0.1:7070", r.Control, "http://127.0.0.1:7071", r.Host, "http://127.0.0.1:7072", r.Graph, "http://127.0.0.1:7073", r.Token).Replace(string(block[1]))
			if strings.Contains(script, ":707") {
				t.Fatalf("a port of the default is left:\n%s", script)
			}
			signIn := `TOKEN=$(curl -s -d grant_type=password -d username=` + administrator + ` -d password=any -d client_id=any -d scope=` + r.Audience + `/.default ` +
				r.Token + "/" + r.TenantID + `/oauth2/v2.0/token | sed 's/.*"access_token":"\([^"]*\)".*/\1/')` + "\n"
			for range 2 {
				output, err := exec.CommandContext(t.Context(), "bash", "-euc", signIn+script).CombinedOutput()
				if err != nil {
					t.Fatalf("%v\n%s", err, output)
				}
				for part, times := range comesTo {
					if strings.Count(string(output), part) < times {
						t.Errorf("it does not come to %q", part)
					}
				}
				if strings.Contains(string(output), `"error"`) || t.Failed() {
					t.Fatalf("what came of it:\n%s", output)
				}
			}
		})
	}
}
