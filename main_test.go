package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// What the shipped binary may be (issue 2, "What it must reach").
const (
	maxBinary   = 30 << 20
	maxResident = 30 << 20
)

// empty is the yardstick of a start: the least that a custom handler in Go can be.
const empty = `package main

import (
	"net"
	"net/http"
	"os"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("FUNCTIONS_CUSTOMHANDLER_PORT"))
	if err != nil {
		panic(err)
	}
	panic(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })))
}
`

// built holds the binaries, made once for all tests; TestMain removes it.
var built struct {
	sync.Once
	folder, latchkey, empty string
	err                     error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.folder != "" {
		_ = os.RemoveAll(built.folder)
	}
	os.Exit(code)
}

// binaries builds Latchkey as it is shipped, stripped, and the empty handler in the same way.
func binaries(t testing.TB) (latchkey, emptyHandler string) {
	t.Helper()
	built.Do(func() {
		if built.folder, built.err = os.MkdirTemp("", "latchkey-start-"); built.err != nil {
			return
		}
		source := filepath.Join(built.folder, "empty.go")
		if built.err = os.WriteFile(source, []byte(empty), 0o600); built.err != nil {
			return
		}
		built.latchkey, built.empty = filepath.Join(built.folder, "latchkey"), filepath.Join(built.folder, "empty")
		for target, what := range map[string]string{built.latchkey: ".", built.empty: source} {
			if output, err := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", target, what).CombinedOutput(); err != nil {
				built.err = fmt.Errorf("build %s: %w: %s", what, err, output)
				return
			}
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.latchkey, built.empty
}

// settings are enough for a start. Nothing answers at these addresses: a start asks nobody.
func settings(port string) map[string]string {
	return map[string]string{
		"FUNCTIONS_CUSTOMHANDLER_PORT": port,
		"TenantId":                     "7e5a1c3b-0000-4000-8000-000000000001",
		"Audience":                     "api://latchkey",
		"TokenAuthority":               "http://127.0.0.1:1",
		"GraphEndpoint":                "http://127.0.0.1:1/v1.0",
		"CosmosConnection":             "AccountEndpoint=http://127.0.0.1:1/;AccountKey=a2V5;",
		"ServiceBusConnection":         "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=local;UseDevelopmentEmulator=true;",
		"IDENTITY_ENDPOINT":            "http://127.0.0.1:1/msi/token",
		"IDENTITY_HEADER":              "header",
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// knock is how often a start is knocked at; it bounds how exactly a start is measured.
const knock = 100 * time.Microsecond

// patience is how long a test waits for what should take milliseconds.
const patience = 30 * time.Second

// start runs a binary and returns when it has answered GET / for the first time, with how long that took.
func start(t testing.TB, binary string) (process *exec.Cmd, took time.Duration) {
	t.Helper()
	port := freePort(t)
	process = exec.Command(binary)
	for name, value := range settings(port) {
		process.Env = append(process.Env, name+"="+value)
	}
	began := time.Now()
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	ticker := time.NewTicker(knock)
	defer ticker.Stop()
	for ; time.Since(began) < patience; <-ticker.C {
		connection, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		answered := make([]byte, len("HTTP/1.1 200"))
		_, err = io.WriteString(connection, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		if err == nil {
			_, err = io.ReadFull(connection, answered)
		}
		took = time.Since(began)
		_ = connection.Close()
		if err != nil || string(answered) != "HTTP/1.1 200" {
			end(t, process)
			t.Fatalf("GET / was answered with %q, %v", answered, err)
		}
		return process, took
	}
	end(t, process)
	t.Fatalf("%s did not answer within %v", filepath.Base(binary), patience)
	return nil, 0
}

func end(t testing.TB, process *exec.Cmd) {
	t.Helper()
	_ = process.Process.Kill()
	_ = process.Wait() // killed
}

// resident is the memory of a process that is in RAM, now.
func resident(t testing.TB, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmRSS:" {
			kilobytes, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kilobytes << 10
		}
	}
	t.Fatal("the kernel does not say how much memory is resident")
	return 0
}

func size(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestBinaryIsSmallAtRest(t *testing.T) {
	latchkey, _ := binaries(t)
	if is := size(t, latchkey); is > maxBinary {
		t.Errorf("the stripped binary has %d bytes; it may have %d", is, maxBinary)
	}
	process, _ := start(t, latchkey)
	defer end(t, process)
	if is := resident(t, process.Process.Pid); is > maxResident {
		t.Errorf("%d bytes are resident after the first answer; it may be %d", is, maxResident)
	}
}

// BenchmarkColdStart measures from the start of the process to the first answered GET /, in turns with an empty net/http handler:
//
//	go test -run xxx -bench ColdStart -benchtime 100x .
//
// It reports the medians, their ratio (at most 5 is wanted), and what is resident after the first answer.
func BenchmarkColdStart(b *testing.B) {
	latchkey, emptyHandler := binaries(b)
	sample := func(binary string) (time.Duration, int64) {
		process, took := start(b, binary)
		defer end(b, process)
		return took, resident(b, process.Process.Pid)
	}
	sample(latchkey) // into the page cache
	sample(emptyHandler)
	var ours, theirs []time.Duration
	var memory, emptyMemory []int64
	for b.Loop() {
		took, rss := sample(latchkey)
		ours, memory = append(ours, took), append(memory, rss)
		took, rss = sample(emptyHandler)
		theirs, emptyMemory = append(theirs, took), append(emptyMemory, rss)
	}
	milliseconds := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	megabytes := func(n int64) float64 { return float64(n) / (1 << 20) }
	b.ReportMetric(0, "ns/op") // of both, and of their ends: says nothing
	b.ReportMetric(milliseconds(median(ours)), "ms")
	b.ReportMetric(milliseconds(median(theirs)), "empty-ms")
	b.ReportMetric(float64(median(ours))/float64(median(theirs)), "ratio")
	b.ReportMetric(megabytes(median(memory)), "MB-RSS")
	b.ReportMetric(megabytes(median(emptyMemory)), "empty-MB-RSS")
	b.ReportMetric(megabytes(size(b, latchkey)), "MB-binary")
}

func median[T int64 | time.Duration](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}

// lookup is an environment.
func lookup(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func TestRunNamesEverySettingThatIsMissing(t *testing.T) {
	err := run(t.Context(), lookup(nil))
	if err == nil {
		t.Fatal("it runs without settings")
	}
	for _, name := range []string{"TenantId", "Audience", "CosmosConnection__accountEndpoint", "ServiceBusConnection__fullyQualifiedNamespace"} {
		if !strings.Contains(err.Error(), "setting "+name+" is missing") {
			t.Errorf("the error does not name %s: %v", name, err)
		}
	}
}

func TestRunRefusesWrongSettingsWithoutTheirSecrets(t *testing.T) {
	const secret = "dG9wc2VjcmV0"
	for name, value := range map[string]string{
		"FUNCTIONS_CUSTOMHANDLER_PORT": "eighty",
		"TenantId":                     "contoso",
		"TokenAuthority":               "http://login.example",
		"CosmosConnection":             "AccountKey=" + secret,
		"ServiceBusConnection":         "SharedAccessKey=" + secret,
		"LogLevel":                     "loud",
	} {
		t.Run(name, func(t *testing.T) {
			given := settings("0")
			given[name] = value
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // should it run after all, it ends
			err := run(ctx, lookup(given))
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s=%s: the error is %v", name, value, err)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
}

func TestRunSaysWhichPortIsTaken(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	err = run(t.Context(), lookup(settings(port)))
	if err == nil || !strings.Contains(err.Error(), "FUNCTIONS_CUSTOMHANDLER_PORT") || !strings.Contains(err.Error(), port) {
		t.Errorf("the error is %v", err)
	}
}

// child is a running binary with what it has written.
type child struct {
	*exec.Cmd
	port           string
	stdout, stderr strings.Builder
	ended          bool
}

func launch(t *testing.T, given map[string]string) *child {
	t.Helper()
	latchkey, _ := binaries(t)
	c := &child{Cmd: exec.Command(latchkey), port: given["FUNCTIONS_CUSTOMHANDLER_PORT"]}
	for name, value := range given {
		c.Env = append(c.Env, name+"="+value)
	}
	c.Stdout, c.Stderr = &c.stdout, &c.stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !c.ended {
			end(t, c.Cmd)
		}
	})
	c.await(t, func() bool { return c.listens(t) }, "it does not listen")
	return c
}

func (c *child) listens(t *testing.T) bool {
	t.Helper()
	connection, err := net.Dial("tcp", "127.0.0.1:"+c.port)
	if err != nil {
		return false
	}
	_ = connection.Close()
	return true
}

func (c *child) await(t *testing.T, holds func() bool, otherwise string) {
	t.Helper()
	ticker := time.NewTicker(10 * knock)
	defer ticker.Stop()
	for began := time.Now(); !holds(); <-ticker.C {
		if time.Since(began) > patience {
			t.Fatal(otherwise)
		}
	}
}

func (c *child) terminate(t *testing.T) {
	t.Helper()
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// farewell reads how it ended.
func (c *child) farewell(t *testing.T) {
	t.Helper()
	err := c.Wait()
	c.ended = true
	if code := c.ProcessState.ExitCode(); code != 1 {
		t.Errorf("it ended with code %d (%v); an old host starts again only what ended with another than 0", code, err)
	}
	if c.stderr.String() != "latchkey: stopped\n" {
		t.Errorf("its last words are %q", c.stderr.String())
	}
	for line := range strings.Lines(c.stdout.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line on stdout is no JSON: %s", line)
		}
	}
}

const catalogs = "/api/v1.0/identityGovernance/entitlementManagement/catalogs"

// The process as the host sees it: it answers probes, speaks JSON on stdout alone, and ends by SIGTERM with a code that lets the host start it again.
func TestProcessAnswersAndEndsWhenTold(t *testing.T) {
	c := launch(t, settings(freePort(t)))
	for path, want := range map[string]int{"/": http.StatusOK, catalogs: http.StatusUnauthorized} {
		response, err := http.Get("http://127.0.0.1:" + c.port + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("GET %s is answered with %d, not %d", path, response.StatusCode, want)
		}
	}
	c.terminate(t)
	c.farewell(t)
}

// A request that is in hand when the host says stop is answered, though no new one is taken.
func TestProcessAnswersWhatItHasInHandBeforeItEnds(t *testing.T) {
	asked, release := make(chan struct{}, 1), make(chan struct{})
	azure := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		select {
		case <-release:
		case <-r.Context().Done():
		}
		w.WriteHeader(http.StatusBadRequest)
	}))
	defer azure.Close()
	given := settings(freePort(t))
	given["CosmosConnection"] = "AccountEndpoint=" + azure.URL + "/;AccountKey=a2V5;"
	given["GraphEndpoint"], given["IDENTITY_ENDPOINT"] = azure.URL+"/v1.0", azure.URL+"/msi/token"
	c := launch(t, given)
	type outcome struct {
		status int
		err    error
	}
	answered := make(chan outcome, 1)
	go func() {
		response, err := http.Get("http://127.0.0.1:" + c.port + "/api/v1.0/operations/health")
		if err != nil {
			answered <- outcome{err: err}
			return
		}
		answered <- outcome{response.StatusCode, response.Body.Close()}
	}()
	select {
	case <-asked: // about its health: the request is in hand
	case got := <-answered:
		t.Fatalf("it was answered without asking anybody: %+v", got)
	}
	c.terminate(t)
	c.await(t, func() bool { return !c.listens(t) }, "it takes requests after it was told to stop")
	close(release)
	if got := <-answered; got.err != nil || got.status != http.StatusServiceUnavailable {
		t.Errorf("the request in hand got %d, %v", got.status, got.err)
	}
	c.farewell(t)
}

func TestRunNeedsEachSettingThatHasNoDefault(t *testing.T) {
	for _, without := range []string{"TenantId", "Audience", "CosmosConnection", "ServiceBusConnection"} {
		given := settings("0")
		delete(given, without)
		if err := run(t.Context(), lookup(given)); err == nil || !strings.Contains(err.Error(), without) {
			t.Errorf("without %s: %v", without, err)
		}
	}
}
