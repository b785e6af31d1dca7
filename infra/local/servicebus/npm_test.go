package servicebus_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/infra/local/servicebus"
	"latchkey/shared/bus/memory"
)

// TestNodeClients asks independent clients for a second opinion, when LATCHKEY_NPM names a directory whose node_modules has @azure/service-bus and rhea.
func TestNodeClients(t *testing.T) {
	modules := os.Getenv("LATCHKEY_NPM")
	if modules == "" {
		t.Skip("LATCHKEY_NPM names no directory with node_modules")
	}
	run := func(t *testing.T, script string, arguments ...string) {
		t.Helper()
		command := exec.CommandContext(t.Context(), "node", append([]string{filepath.Join("testdata", script)}, arguments...)...)
		command.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(modules, "node_modules"))
		output, err := command.CombinedOutput()
		if err != nil || strings.TrimSpace(string(output)) != "ok" {
			t.Errorf("%s: %v\n%s", script, err, output)
		}
	}
	configure := func(o *servicebus.Options) {
		o.Clock = nil
		o.Keys = map[string]string{"local": "c2VjcmV0"}
	}
	t.Run("azure", func(t *testing.T) {
		h := openHouse(t, configure)
		run(t, "azure.cjs", h.connectionString())
		h.counts(plain, memory.Counts{})
		h.counts(sessions, memory.Counts{})
	})
	t.Run("rhea", func(t *testing.T) {
		h := openHouse(t, configure)
		host, port, err := net.SplitHostPort(h.address)
		h.must(err)
		run(t, "rhea.cjs", host, port, "c2VjcmV0")
		h.counts(plain, memory.Counts{})
	})
}
