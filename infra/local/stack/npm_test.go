package stack_test

import (
	"bytes"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// Microsoft's JavaScript client is a second opinion on the API. It is not of this repository: LATCHKEY_NPM names a directory whose node_modules has @microsoft/microsoft-graph-client. It sends
// tokens over https only, so there is a proxy with a certificate before the host, as there is on Azure.
func TestJavaScriptClient(t *testing.T) {
	modules := os.Getenv("LATCHKEY_NPM")
	if modules == "" {
		t.Skip("LATCHKEY_NPM names no directory with node_modules")
	}
	s := start(t)
	script, err := os.ReadFile("testdata/client.cjs")
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(s.Endpoints.Host)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	secure := httptest.NewTLSServer(proxy)
	defer secure.Close()
	proxy.ModifyResponse = func(r *http.Response) error { // links lead to the public address, which is the proxy's here
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		body = bytes.ReplaceAll(body, []byte(s.Endpoints.Host), []byte(secure.URL))
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return nil
	}
	boss := hire(t, "")
	arguments := []string{"-", secure.URL, s.Endpoints.Control, newGroup(t)}
	for _, who := range []*actor{administrator(t), person(t, boss.UserPrincipalName), person(t, hire(t, boss.ID).UserPrincipalName)} {
		token, err := who.token()
		if err != nil {
			t.Fatal(err)
		}
		arguments = append(arguments, token)
	}
	authority := filepath.Join(t.TempDir(), "authority.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	// From standard input, so that modules resolve from the directory it runs in.
	command := exec.CommandContext(t.Context(), "node", arguments...)
	command.Dir, command.Stdin, command.Env = modules, bytes.NewReader(script), append(os.Environ(), "NODE_EXTRA_CA_CERTS="+authority)
	if output, err := command.CombinedOutput(); err != nil || string(output) != "ok\n" {
		t.Fatalf("%v\n%s", err, output)
	}
}
