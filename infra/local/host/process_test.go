package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"latchkey/infra/local/fault"
	"latchkey/shared/bus"
)

// built is the handler under testdata, compiled once for all tests.
var built = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "latchkey-handler-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "handler")
	if out, err := exec.Command("go", "build", "-o", path, "./testdata/handler").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := built(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// child is a stand with a real child process.
func child(t *testing.T, change func(*Options)) (s *stand, notes func() []string) {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	log := filepath.Join(folder, "log")
	s = newStand(t, true, nil, func(o *Options) {
		o.HandlerPath = path
		o.Settings["LOG"] = log
		o.Settings["CRASHED"] = filepath.Join(folder, "crashed")
		if change != nil {
			change(o)
		}
	})
	return s, func() []string {
		raw, err := os.ReadFile(log)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(raw)), "\n")
	}
}

func (s *stand) pid() int {
	s.t.Helper()
	status, body := s.call("GET", "/api/v1.0/things/pid", "", "")
	pid, err := strconv.Atoi(strings.Fields(body + " x")[0])
	if status != 200 || err != nil {
		s.t.Fatalf("%d %s", status, body)
	}
	return pid
}

// shoot ends the child as kill -9 does, and returns when the host knows.
func (s *stand) shoot() {
	s.t.Helper()
	pid := s.pid()
	at, err := s.worker.endpoint(s.t.Context())
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	<-at.gone.Done()
}

func TestChildServesAndLogs(t *testing.T) {
	t.Parallel()
	s, notes := child(t, nil)
	s.start()
	s.send(sessionsQ, bus.Message{ID: "m-1", SessionID: "s", Body: []byte("fine")})
	s.drain()
	if got := notes(); len(got) != 1 || got[0] != "m-1 1 fine" {
		t.Errorf("%q", got)
	}
	if status, body := s.call("POST", "/api/v1.0/things/1?a=b", "", "body"); status != 200 || !strings.HasSuffix(body, " /api/v1.0/things/1?a=b body") {
		t.Errorf("%d %s", status, body)
	}
	for _, line := range []string{
		`level=INFO msg="hello from standard output"`, `level=ERROR msg="an error line"`, `level=WARN msg="a Warning line"`,
	} {
		if !strings.Contains(s.log.String(), line) {
			t.Errorf("the log lacks %s:\n%s", line, s.log)
		}
	}
	pid := s.pid()
	s.Stop(context.Background())
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the child outlives the host: %v", err)
	}
}

func TestCrashAmidAnInvocationIsRedelivered(t *testing.T) {
	t.Parallel()
	s, notes := child(t, nil)
	s.start()
	first := s.pid()
	s.send(sessionsQ, bus.Message{ID: "m-1", SessionID: "s", Body: []byte("crash")}, bus.Message{ID: "m-2", SessionID: "s", Body: []byte("after")})
	s.drain()
	if got := strings.Join(notes(), "|"); got != "m-1 1 crash|m-1 2 crash|m-2 1 after" {
		t.Errorf("%s\n%s", got, s.log)
	}
	if m := s.Metrics(); m.Crashes != 1 || m.Restarts != 1 || s.pid() == first {
		t.Errorf("%+v", m)
	}
}

func TestKillMinus9(t *testing.T) {
	t.Parallel()
	s, notes := child(t, func(o *Options) { o.UnlimitedRestarts = true })
	s.start()
	for round := range 4 { // more than the three that a host on Azure would survive
		pid := s.pid()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		s.send(sessionsQ, bus.Message{ID: fmt.Sprint("m-", round), SessionID: "s", Body: []byte("fine")})
		s.drain()
		if s.pid() == pid {
			t.Fatal("the same process")
		}
	}
	if got := notes(); len(got) != 4 || s.dead(sessionsQ) != 0 || s.Metrics().Crashes != 4 {
		t.Errorf("%q, %d dead, %+v", got, s.dead(sessionsQ), s.Metrics())
	}
}

func TestTimeoutKillsTheChild(t *testing.T) {
	t.Parallel()
	s, notes := child(t, func(o *Options) { o.Settings["AzureFunctionsJobHost__functionTimeout"] = "00:00:00.3" })
	s.start()
	first := s.pid()
	s.send(sessionsQ, bus.Message{ID: "m-1", SessionID: "s", Body: []byte("hang")})
	s.drain()
	if got := strings.Join(notes(), "|"); got != "m-1 1 hang|m-1 2 hang" {
		t.Errorf("%s", got)
	}
	if m := s.Metrics(); m.Crashes != 0 || m.Restarts != 1 || m.Functions["work"].Timeouts != 1 || s.pid() == first {
		t.Errorf("%+v", m)
	}
}

func TestStopOfAHostThatNeverStarted(t *testing.T) {
	s, _ := child(t, nil)
	s.Stop(t.Context())
	if err := s.Drain(t.Context()); !errors.Is(err, ErrStopped) {
		t.Errorf("drain: %v", err)
	}
}

func TestThreeCrashesEndTheHost(t *testing.T) {
	t.Parallel()
	s, _ := child(t, func(o *Options) { o.Settings["EXIT"] = "1" })
	err := s.Start(t.Context())
	if !errors.Is(err, ErrStopped) || !strings.Contains(err.Error(), "crashed 3 times") || !strings.Contains(err.Error(), "cannot go on") {
		t.Errorf("%v", err)
	}
	<-s.Done()
	if s.Err() == nil || s.Metrics().Crashes != 3 {
		t.Errorf("%v, %+v", s.Err(), s.Metrics())
	}
}

// TestCrashesEndTheHostWhileItWorks: what is queued stays queued, with its delivery counts.
func TestCrashesEndTheHostWhileItWorks(t *testing.T) {
	t.Parallel()
	s, _ := child(t, nil)
	s.start()
	for range 3 {
		s.shoot()
	}
	<-s.Done()
	<-s.accepting.Done()
	s.send(sessionsQ, bus.Message{ID: "m-1", SessionID: "s", Body: []byte("fine")})
	if err := s.Drain(t.Context()); !errors.Is(err, ErrStopped) {
		t.Errorf("drain: %v", err)
	}
	if status, _ := s.call("GET", "/api/v1.0/things", "", ""); status != 503 {
		t.Errorf("the public port answers %d", status)
	}
	if _, body := s.call("GET", "/admin/host/status", "", ""); !strings.Contains(body, `"state":"Error"`) || !strings.Contains(body, "crashed 3 times") {
		t.Errorf("%s", body)
	}
	s.Stop(context.Background()) // a session that was being accepted is let go
	if counts, err := s.broker.Counts(sessionsQ); err != nil || counts.Active != 1 {
		t.Errorf("%+v, %v", counts, err)
	}
}

func TestCrashesLongAgoAreForgotten(t *testing.T) {
	t.Parallel()
	s, _ := child(t, nil)
	s.start()
	for range 4 {
		s.shoot()
		s.pid() // waits for the next life, after the crash was counted
		s.clock.Advance(crashMemory + time.Second)
	}
	if s.Err() != nil || s.Metrics().Crashes != 4 {
		t.Errorf("%v, %+v", s.Err(), s.Metrics())
	}
}

func TestRequestsWaitForAHandlerThatStartsSlowly(t *testing.T) {
	t.Parallel()
	s, _ := child(t, func(o *Options) { o.Settings["SLOW_START"] = "300ms" })
	s.start()
	s.shoot()
	if status, body := s.call("POST", "/api/v1.0/things", "", "kept"); status != 200 || !strings.HasSuffix(body, "kept") {
		t.Errorf("%d %s", status, body)
	}
}

func TestHandlerThatIsNeverReady(t *testing.T) {
	t.Parallel()
	s, _ := child(t, func(o *Options) {
		o.Settings["SLOW_START"] = "1h"
		o.Settings["AzureFunctionsJobHost__customHandler__initializationTimeout"] = "00:00:00.2"
	})
	if err := s.Start(t.Context()); !errors.Is(err, ErrStopped) {
		t.Errorf("%v", err)
	}
	if !strings.Contains(s.log.String(), "does not answer GET /") {
		t.Errorf("%s", s.log)
	}
}

func TestFaultKillsTheChild(t *testing.T) {
	t.Parallel()
	s, _ := child(t, func(o *Options) { o.UnlimitedRestarts = true })
	s.start()
	s.faults.Add(fault.Fault{Target: fault.Handler, Kind: fault.Kill, Count: 5})
	for n := range 40 {
		s.send(sessionsQ, bus.Message{ID: fmt.Sprint(n), SessionID: fmt.Sprint(n % 4), Body: []byte("fine")})
	}
	s.drain()
	if m := s.Metrics(); m.Crashes == 0 || s.dead(sessionsQ) != 0 {
		t.Errorf("%+v, %d dead", m, s.dead(sessionsQ))
	}
}

func TestExpand(t *testing.T) {
	t.Setenv("FROM_ENV", "env")
	for in, want := range map[string]string{
		"": "", "plain": "plain", "%A%": "1", "a%A%b%FROM_ENV%c": "a1benvc", "%NOWHERE%x": "x", "100%": "100%", "%A": "%A",
	} {
		if got := expand(in, map[string]string{"A": "1"}); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
