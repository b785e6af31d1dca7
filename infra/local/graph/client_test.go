package graph_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"latchkey/infra/local/graph"
	"latchkey/shared/governance"
)

// An independent client must be satisfied too. It is not of this repository: LATCHKEY_NPM names a directory whose node_modules has @microsoft/microsoft-graph-client.
func TestJavaScriptClient(t *testing.T) {
	npm := os.Getenv("LATCHKEY_NPM")
	if npm == "" {
		t.Skip("LATCHKEY_NPM names no directory with node_modules")
	}
	script, err := os.ReadFile("testdata/client.cjs")
	if err != nil {
		t.Fatal(err)
	}
	for name, serve := range map[string]func(http.Handler) *httptest.Server{
		"http":  httptest.NewServer, // where it sends no token
		"https": httptest.NewTLSServer,
	} {
		t.Run(name, func(t *testing.T) {
			var tokens atomic.Int64
			server := graph.New(graph.Options{RequireToken: name == "https", ValidateToken: func(token string) ([]string, error) {
				tokens.Add(1)
				if token != "a-token" {
					return nil, errors.New("another token")
				}
				return []string{"Directory.ReadWrite.All", "User.DeleteRestore.All", "Mail.Send"}, nil
			}})
			tenant := server.Directory()
			for n := range 30 {
				tenant.PutUser(user(n))
			}
			tenant.PutGroup(governance.Group{ID: groupID(1), DisplayName: "Sales", SecurityEnabled: true})
			if err := tenant.SetManager(user(1).ID, user(2).ID); err != nil {
				t.Fatal(err)
			}
			web := serve(server)
			defer web.Close()
			// From standard input, so that modules resolve from the directory it runs in.
			command := exec.CommandContext(t.Context(), "node", "-", web.URL, user(1).ID, user(2).ID, groupID(1))
			command.Dir, command.Stdin = npm, bytes.NewReader(script)
			if certificate := web.Certificate(); certificate != nil {
				authority := filepath.Join(t.TempDir(), "authority.pem")
				if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}), 0o600); err != nil {
					t.Fatal(err)
				}
				command.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+authority)
			}
			output, err := command.CombinedOutput()
			if err != nil || string(output) != "ok\n" {
				t.Fatalf("%v\n%s", err, output)
			}
			mails := server.Mail("bo@contoso.example")
			if len(mails) != 1 || mails[0].Text != "Hello you" {
				t.Errorf("mail is %+v", mails)
			}
			if sent := tokens.Load() > 0; sent != (name == "https") {
				t.Errorf("a token was sent: %v", sent)
			}
		})
	}
}
