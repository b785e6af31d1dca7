package cosmos_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"latchkey/infra/local/cosmos"
)

// TestNodeClient lets Microsoft's JavaScript client, which shares no code with the Go SDK, have its say.
func TestNodeClient(t *testing.T) {
	modules := os.Getenv("LATCHKEY_NPM")
	if modules == "" {
		t.Skip("LATCHKEY_NPM names no directory with node_modules/@azure/cosmos: the JavaScript client was not run")
	}
	account := cosmos.New(cosmos.Options{})
	server := httptest.NewServer(account)
	defer server.Close()
	command := exec.CommandContext(t.Context(), "node", "testdata/client.mjs")
	command.Env = append(os.Environ(), "COSMOS_ENDPOINT="+server.URL, "COSMOS_KEY="+account.Key(), "COSMOS_MODULE="+modules)
	output, err := command.CombinedOutput()
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(output)), "ok") {
		t.Fatalf("%v\n%s", err, output)
	}
}
