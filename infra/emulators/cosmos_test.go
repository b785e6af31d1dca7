// Package emulators_test runs cosmos.sh against the account of infra/local, which checks the signature of each request as the emulator does.
package emulators_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"latchkey/infra/local/cosmos"
	"latchkey/shared/store"
)

func TestCosmosScriptMakesTheContainersOnce(t *testing.T) {
	if _, err := os.Stat("cosmos.sh"); err != nil { // also tells go test that a result of before is none of a changed script
		t.Fatal(err)
	}
	server := httptest.NewServer(cosmos.New(cosmos.Options{Databases: []cosmos.Database{}}))
	defer server.Close()
	for _, want := range []string{"changed  created ", "found    "} {
		out, err := exec.CommandContext(t.Context(), "bash", "cosmos.sh", server.URL).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		names := []string{"latchkey"}
		for _, container := range store.Containers() {
			names = append(names, string(container))
		}
		for _, name := range names {
			if !strings.Contains(string(out), want+name+"\n") {
				t.Errorf("it does not say %q:\n%s", want+name, out)
			}
		}
	}
}

func TestCosmosScriptSaysWhatFails(t *testing.T) {
	server := httptest.NewServer(cosmos.New(cosmos.Options{Key: "b3RoZXI=", Databases: []cosmos.Database{}}))
	defer server.Close()
	out, err := exec.CommandContext(t.Context(), "bash", "cosmos.sh", server.URL).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "answered 401; is the emulator up") {
		t.Errorf("%v\n%s", err, out)
	}
}

// An emulator that is up answers 503 for a while.
func TestCosmosScriptWaitsForTheEmulator(t *testing.T) {
	account := cosmos.New(cosmos.Options{Databases: []cosmos.Database{}})
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		account.ServeHTTP(w, r)
	}))
	defer server.Close()
	out, err := exec.CommandContext(t.Context(), "bash", "cosmos.sh", server.URL).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "changed  created latchkey\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestCosmosScriptGivesUp(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	command := exec.CommandContext(t.Context(), "bash", "cosmos.sh", server.URL)
	command.Env = append(os.Environ(), "COSMOS_PATIENCE=-1")
	out, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "answered 000; is the emulator up") {
		t.Errorf("%v\n%s", err, out)
	}
}
