package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"latchkey/infra/local/client"
	"latchkey/infra/local/stack"
	"latchkey/infra/local/tenant"
	"latchkey/shared/engine"
)

// built holds the binaries, made once for all tests; TestMain removes them.
var built struct {
	sync.Once
	folder, local, handler string
	err                    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.folder != "" {
		_ = os.RemoveAll(built.folder)
	}
	os.Exit(code)
}

func binaries(t *testing.T) (local, handler string) {
	t.Helper()
	built.Do(func() {
		if built.folder, built.err = os.MkdirTemp("", "latchkey-local-"); built.err != nil {
			return
		}
		built.local, built.handler = filepath.Join(built.folder, "local"), filepath.Join(built.folder, "handler")
		for path, what := range map[string]string{built.local: "latchkey/infra/local", built.handler: "latchkey"} {
			if output, err := exec.Command("go", "build", "-o", path, what).CombinedOutput(); err != nil {
				built.err = fmt.Errorf("build %s: %w: %s", what, err, output)
				return
			}
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.local, built.handler
}

// patience is how long a test waits for what should take less than a second.
const patience = 30 * time.Second

// eventually looks every few milliseconds whether something holds.
func eventually(atMost time.Duration, holds func() bool) bool {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for began := time.Now(); !holds(); <-ticker.C {
		if time.Since(began) > atMost {
			return false
		}
	}
	return true
}

// free are the flags that put every part on a free port.
var free = []string{"--host-port=0", "--graph-port=0", "--token-port=0", "--cosmos-port=0", "--servicebus-port=0", "--control-port=0"}

// outcome is how a command ended.
type outcome struct {
	code           int
	stdout, stderr string
}

// command runs to its end. One that does not end is ended, and fails the test.
func command(t *testing.T, arguments ...string) outcome {
	t.Helper()
	local, _ := binaries(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	process := exec.CommandContext(ctx, local, arguments...)
	var stdout, stderr bytes.Buffer
	process.Stdout, process.Stderr = &stdout, &stderr
	err := process.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("local %s: %v, %v\n%s%s", strings.Join(arguments, " "), err, ctx.Err(), stdout.String(), stderr.String())
	}
	return outcome{process.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// running is a stack in a process of its own.
type running struct {
	stack.Endpoints
	t              *testing.T
	process        *exec.Cmd
	exited         chan struct{} // closed when it has ended
	stdout, stderr bytes.Buffer  // to be read then
}

// run starts a stack on free ports, and comes back when it says that it is ready.
func run(t *testing.T, arguments ...string) *running {
	t.Helper()
	local, _ := binaries(t)
	path := filepath.Join(t.TempDir(), "endpoints.json")
	r := &running{t: t, process: exec.Command(local, append(append(slices.Clone(free), "--endpoints", path), arguments...)...), exited: make(chan struct{})}
	r.process.Stdout, r.process.Stderr = &r.stdout, &r.stderr
	if err := r.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = r.process.Wait() // its state says how it ended
		close(r.exited)
	}()
	t.Cleanup(func() { r.kill() })
	var data []byte
	if !eventually(patience, func() bool {
		select {
		case <-r.exited:
			t.Fatalf("it ended: %s%s", r.stdout.String(), r.stderr.String())
		default:
		}
		var err error
		data, err = os.ReadFile(path)
		return err == nil
	}) {
		t.Fatalf("it is not ready after %v", patience)
	}
	if err := json.Unmarshal(data, &r.Endpoints); err != nil {
		t.Fatalf("half a file: %v: %s", err, data)
	}
	return r
}

func (r *running) kill() {
	_ = r.process.Process.Kill() // it may have ended
	<-r.exited
}

// stop asks it to end, as Ctrl-C or a supervisor does, and wants it to end well.
func (r *running) stop(signal os.Signal) {
	r.t.Helper()
	if err := r.process.Process.Signal(signal); err != nil {
		r.t.Fatal(err)
	}
	select {
	case <-r.exited:
	case <-time.After(patience):
		r.t.Fatalf("it does not end after %v", signal)
	}
	if code := r.process.ProcessState.ExitCode(); code != 0 || r.stderr.Len() != 0 {
		r.t.Errorf("it ended with code %d: %s", code, r.stderr.String())
	}
}

// as is a client of somebody who signs in at the token service.
func (r *running) as(userPrincipalName string) *client.Client {
	r.t.Helper()
	token, err := client.SignIn(r.t.Context(), r.Token, r.TenantID, r.Audience, userPrincipalName)
	if err != nil {
		r.t.Fatal(err)
	}
	return &client.Client{Base: r.Host + client.EntitlementManagement, Token: token}
}

func (r *running) do(who *client.Client, method, path string, body, into any) {
	r.t.Helper()
	if err := who.Do(r.t.Context(), method, path, body, into); err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
}

// control calls the control port.
func (r *running) control(method, path string, body, into any) {
	r.t.Helper()
	r.do(&client.Client{Base: r.Control}, method, path, body, into)
}

func (r *running) tenant() tenant.Tenant {
	r.t.Helper()
	var t tenant.Tenant
	r.control(http.MethodGet, "/tenant", nil, &t)
	return t
}

func (r *running) now() time.Time {
	r.t.Helper()
	var clock struct{ Now time.Time }
	r.control(http.MethodGet, "/clock", nil, &clock)
	return clock.Now
}

// names are those of the catalogs, but for the one that is there from the start.
func (r *running) names() (names []string) {
	r.t.Helper()
	var page struct {
		Value []struct {
			DisplayName string `json:"displayName"`
		} `json:"value"`
	}
	r.do(r.as(administrator), http.MethodGet, "/catalogs", nil, &page)
	for _, catalog := range page.Value {
		if catalog.DisplayName != engine.GeneralName {
			names = append(names, catalog.DisplayName)
		}
	}
	slices.Sort(names)
	return names
}

// People of the sample tenant.
const (
	administrator = "ida@contoso.example"
	requestor     = "rui@contoso.example"
	licensed      = "Windows 365 Enterprise" // a group
)

// assign has the administrator make a package of the licensed group, and the requestor get it for 30 days.
func (r *running) assign(catalogName string) {
	r.t.Helper()
	before := r.tenant()
	group := before.Groups[slices.IndexFunc(before.Groups, func(g tenant.Group) bool { return g.DisplayName == licensed })]
	admin := r.as(administrator)
	var catalog, pack client.Made
	r.do(admin, http.MethodPost, "/catalogs", map[string]any{"displayName": catalogName, "description": "What people need to work."}, &catalog)
	r.do(admin, http.MethodPost, "/resourceRequests", map[string]any{
		"requestType": "adminAdd", "catalog": map[string]any{"id": catalog.ID}, "resource": map[string]any{"originId": group.ID, "originSystem": "AadGroup"},
	}, nil)
	r.do(admin, http.MethodPost, "/accessPackages", map[string]any{"displayName": "Cloud PC", "description": "A Windows 365 Cloud PC.", "catalog": map[string]any{"id": catalog.ID}}, &pack)
	r.do(admin, http.MethodPost, "/accessPackages/"+pack.ID+"/resourceRoleScopes", map[string]any{
		"role":  map[string]any{"originId": "Member_" + group.ID, "originSystem": "AadGroup", "resource": map[string]any{"originId": group.ID}},
		"scope": map[string]any{"originId": group.ID, "originSystem": "AadGroup"},
	}, nil)
	r.do(admin, http.MethodPost, "/assignmentPolicies", map[string]any{
		"displayName": "Everybody", "accessPackage": map[string]any{"id": pack.ID}, "allowedTargetScope": "allMemberUsers",
		"expiration": map[string]any{"type": "afterDuration", "duration": "P30D"}, "requestorSettings": map[string]any{"enableTargetsToSelfAddAccess": true},
	}, nil)
	r.do(r.as(requestor), http.MethodPost, "/assignmentRequests", map[string]any{
		"requestType": "userAdd", "assignment": map[string]any{"accessPackageId": pack.ID}, "justification": "I travel.",
	}, nil)
	r.control(http.MethodPost, "/drain", nil, nil)
	if !r.licensed() {
		r.t.Fatal("the access was not given")
	}
}

// letters is how many mails anybody got.
func (r *running) letters() int {
	r.t.Helper()
	var letters []struct{ Subject string }
	r.control(http.MethodGet, "/mail", nil, &letters)
	return len(letters)
}

// licensed says whether the requestor is in the licensed group.
func (r *running) licensed() bool {
	r.t.Helper()
	now := r.tenant()
	user, _ := now.User(requestor)
	return slices.ContainsFunc(now.Groups, func(g tenant.Group) bool { return g.DisplayName == licensed && slices.Contains(g.MemberIDs, user.ID) })
}

func TestHelpNamesEveryCommandAndFlag(t *testing.T) {
	t.Parallel()
	for _, arguments := range [][]string{{"--help"}, {"start", "--help"}} {
		help := command(t, arguments...)
		if help.code != 0 || help.stderr != "" {
			t.Errorf("%v ended with %d: %s", arguments, help.code, help.stderr)
		}
		want := []string{"--host-port", "--graph-port", "--token-port", "--cosmos-port", "--servicebus-port", "--control-port", "--data", "--seed", "--handler", "--endpoints"}
		if len(arguments) == 1 {
			want = []string{"start", "demo", "bench", "Azure in miniature"}
		}
		for _, part := range want {
			if !strings.Contains(help.stdout, part) {
				t.Errorf("%v does not tell of %s:\n%s", arguments, part, help.stdout)
			}
		}
	}
}

func TestCommandLineIsRefusedWithASentence(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	seed := filepath.Join(folder, "seed.json")
	if err := os.WriteFile(seed, []byte(`{"users":[{"id":"7","userPrincipalName":"x@contoso.example","displayName":"X"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(folder, "broken.json")
	if err := os.WriteFile(broken, []byte(`{"users":[{"colour":"red"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, given := range []struct {
		arguments []string
		parts     []string
	}{
		{[]string{"--colour"}, []string{"--colour"}},
		{[]string{"dance"}, []string{"dance"}},
		{[]string{"--host-port=eighty"}, []string{"--host-port", "eighty"}},
		{[]string{"--host-port=70000"}, []string{"host port", "--host-port"}},
		{[]string{"--seed", filepath.Join(folder, "absent.json")}, []string{"absent.json", "no such file"}},
		{[]string{"--seed", seed}, []string{"seed.json", "users", "GUID"}},
		{[]string{"--seed", broken}, []string{"broken.json", "colour"}},
		{[]string{"--handler", filepath.Join(folder, "absent")}, []string{"absent", "no such file"}},
		{[]string{"--handler", folder}, []string{folder}},
		{[]string{"--handler", seed}, []string{seed, "permission denied"}},
		{[]string{"--handler", "/bin/false"}, []string{"crashed 3 times"}},
		{[]string{"--handler", "/bin/true"}, []string{"crashed 3 times"}},
		{[]string{"--data", seed}, []string{"seed.json", "not a directory"}},
		{[]string{"bench", "--clients=0"}, []string{"--clients"}},
		{[]string{"bench", "--duration=1ms"}, []string{"--duration"}},
		{[]string{"demo", "--story=hamlet"}, []string{"--story", "hamlet", "cloudpc"}},
	} {
		t.Run(strings.Join(given.arguments, " "), func(t *testing.T) {
			endpoints := filepath.Join(t.TempDir(), "endpoints.json")
			arguments := given.arguments
			if strings.HasPrefix(arguments[0], "--") {
				arguments = append(append(slices.Clone(free), "--endpoints", endpoints), arguments...)
			}
			ended := command(t, arguments...)
			if ended.code == 0 {
				t.Errorf("it ended with 0: %s", ended.stdout)
			}
			for _, part := range given.parts {
				if !strings.Contains(ended.stderr, part) {
					t.Errorf("it does not name %q: %s", part, ended.stderr)
				}
			}
			if _, err := os.Stat(endpoints); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("it said that it was ready: %v", err)
			}
		})
	}
}

// Each port that is taken is named with the flag that chooses another. Nothing says that it is ready.
func TestPortInUse(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	for _, flag := range []string{"--host-port", "--graph-port", "--token-port", "--cosmos-port", "--servicebus-port", "--control-port"} {
		endpoints := filepath.Join(t.TempDir(), "endpoints.json")
		if err := os.WriteFile(endpoints, []byte(`{"host":"of an earlier run"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		ended := command(t, append(slices.Clone(free), flag+"="+port, "--endpoints", endpoints)...)
		if ended.code != 1 || strings.Count(ended.stderr, "\n") != 1 || !strings.Contains(ended.stderr, flag) || !strings.Contains(ended.stderr, port) || !strings.Contains(ended.stderr, "in use") {
			t.Errorf("%s: code %d: %s", flag, ended.code, ended.stderr)
		}
		if left, err := os.ReadFile(endpoints); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the addresses of an earlier run are left: %s, %v", flag, left, err)
		}
	}
}

// What --endpoints names is there when everything answers, is what GET /endpoints answers, and is nobody else's to read: it holds keys.
func TestEndpointsAreWrittenWhenReady(t *testing.T) {
	t.Parallel()
	r := run(t)
	for name, address := range map[string]string{"host": r.Host + "/", "token": r.Token + "/" + r.TenantID + "/v2.0/.well-known/openid-configuration", "graph": r.Graph + "/v1.0/users", "control": r.Control + "/clock"} {
		response, err := http.Get(address)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", name, response.Status)
		}
	}
	if names := r.names(); len(names) != 0 {
		t.Errorf("there are catalogs: %v", names)
	}
	var told stack.Endpoints
	r.control(http.MethodGet, "/endpoints", nil, &told)
	if told != r.Endpoints {
		t.Errorf("the file says %+v, the control port %+v", r.Endpoints, told)
	}
	path := r.process.Args[slices.Index(r.process.Args, "--endpoints")+1]
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) != 0 {
		t.Errorf("left beside it: %v", left)
	}
	r.stop(os.Interrupt)
	if text := r.stdout.String(); !strings.HasPrefix(text, "Latchkey is running") || !strings.HasSuffix(text, "Stop it with Ctrl-C.\n") {
		t.Errorf("it prints more than where things are:\n%s", text)
	}
	for _, part := range []string{r.Host + client.EntitlementManagement, r.Control, administrator, "Ctrl-C", `{"target":"graph","kind":"error","count":3}`, "DELETE /faults"} {
		if !strings.Contains(r.stdout.String(), part) {
			t.Errorf("what it prints does not tell of %s:\n%s", part, r.stdout.String())
		}
	}
}

func TestSeed(t *testing.T) {
	t.Parallel()
	seed := filepath.Join(t.TempDir(), "seed.json")
	if err := os.WriteFile(seed, []byte(`{
		"displayName": "Northwind", "domain": "northwind.example",
		"users": [
			{"id": "11111111-aaaa-4aaa-8aaa-000000000001", "userPrincipalName": "nora@northwind.example", "displayName": "Nora", "roles": ["Identity Governance Administrator"]},
			{"id": "11111111-aaaa-4aaa-8aaa-000000000002", "userPrincipalName": "nils@northwind.example", "displayName": "Nils", "managerId": "11111111-aaaa-4aaa-8aaa-000000000001"}
		],
		"groups": [{"id": "11111111-aaaa-4aaa-8aaa-000000000003", "displayName": "Crew", "memberIds": ["11111111-aaaa-4aaa-8aaa-000000000002"]}]
	}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r := run(t, "--seed", seed)
	seeded := r.tenant()
	if seeded.DisplayName != "Northwind" || len(seeded.Users) != 2 || len(seeded.Groups) != 1 || !slices.Equal(seeded.Groups[0].MemberIDs, []string{"11111111-aaaa-4aaa-8aaa-000000000002"}) {
		t.Errorf("the tenant is %+v", seeded)
	}
	r.do(r.as("nora@northwind.example"), http.MethodPost, "/catalogs", map[string]any{"displayName": "Nora's", "description": "Of her own."}, nil)
	if _, err := client.SignIn(t.Context(), r.Token, r.TenantID, r.Audience, administrator); err == nil {
		t.Error("somebody of the sample signs in")
	}
	r.control(http.MethodPost, "/reset", nil, nil)
	if again := r.tenant(); len(again.Users) != 2 {
		t.Errorf("after a reset the tenant is %+v", again)
	}
	r.stop(syscall.SIGTERM)
}

// Everything survives a restart: what was made, who has access, what was sent, the time, and what time will do.
func TestDataSurvivesARestart(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "not", "yet", "there")
	first := run(t, "--data", data)
	first.assign("Before")
	first.control(http.MethodPost, "/clock", map[string]any{"advance": "P10D"}, nil)
	before := first.letters()
	if before == 0 {
		t.Fatal("no mail was sent")
	}
	when := first.now()
	first.stop(syscall.SIGTERM)

	second := run(t, "--data", data)
	if names := second.names(); !slices.Equal(names, []string{"Before"}) {
		t.Errorf("after a restart the catalogs are %v", names)
	}
	if now := second.now(); now.Before(when) || now.After(when.Add(time.Minute)) {
		t.Errorf("it was %v and is %v", when, now)
	}
	if !second.licensed() {
		t.Error("after a restart the access is gone")
	}
	if after := second.letters(); after != before {
		t.Errorf("after a restart there are %d letters of %d", after, before)
	}
	second.control(http.MethodPost, "/clock", map[string]any{"advance": "P21D"}, nil)
	if second.licensed() {
		t.Error("access that began before a restart does not end after it")
	}
	second.stop(os.Interrupt)

	third := run(t, "--data", data)
	if third.licensed() {
		t.Error("access that has ended is back after a restart")
	}
	states, err := filepath.Glob(filepath.Join(data, "*"))
	if err != nil || len(states) > 2 {
		t.Errorf("the data folder grows: %v, %v", states, err)
	}
	third.do(&client.Client{Base: third.Host}, http.MethodGet, "/api/v1.0/operations/health", nil, nil) // asks Graph, with a token of that time
	third.control(http.MethodPost, "/reset", nil, nil)
	if now := third.now(); now.After(time.Now().Add(time.Minute)) {
		t.Errorf("after a reset it is %v", now)
	}
	third.assign("After")
	third.stop(syscall.SIGTERM)
	if names := run(t, "--data", data).names(); !slices.Equal(names, []string{"After"}) {
		t.Errorf("after a reset and a restart the catalogs are %v", names)
	}
}

// newest is the folder of the latest complete state.
func newest(t *testing.T, data string) string {
	t.Helper()
	states, err := filepath.Glob(filepath.Join(data, "state-*"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(states)
	if len(states) == 0 {
		return ""
	}
	return states[len(states)-1]
}

// A stack that is killed has lost at most what was done in its last ten seconds, and nothing of it by halves.
func TestDataSurvivesAKill(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	_, handler := binaries(t)
	first := run(t, "--data", data, "--handler", handler)
	first.assign("Before")
	done := time.Now()
	for range 2 { // the first may have been under way
		before := newest(t, data)
		if !eventually(patience, func() bool { return newest(t, data) != before }) {
			t.Fatal("the state is not kept")
		}
	}
	t.Logf("kept for certain %v after it was done", time.Since(done).Round(time.Second))
	first.kill()
	// What a kill in the middle of a save leaves.
	if err := os.Mkdir(filepath.Join(data, "unfinished-1"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "unfinished-1", "cosmos.json"), []byte("[{"), 0o600); err != nil {
		t.Fatal(err)
	}
	second := run(t, "--data", data, "--handler", handler)
	if names := second.names(); !slices.Equal(names, []string{"Before"}) || !second.licensed() {
		t.Errorf("after a kill the catalogs are %v, and there is access: %v", names, second.licensed())
	}
	if left, _ := filepath.Glob(filepath.Join(data, "unfinished-*")); len(left) != 0 {
		t.Errorf("left by the kill: %v", left)
	}
	second.stop(syscall.SIGTERM)
}

// A state that cannot be read is named and left as it is.
func TestDataThatCannotBeRead(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	run(t, "--data", data).stop(syscall.SIGTERM)
	for _, name := range []string{"cosmos", "graph", "servicebus", "clock", "host"} {
		path := filepath.Join(newest(t, data), name+".json")
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("{broken"), 0o600); err != nil {
			t.Fatal(err)
		}
		ended := command(t, append(slices.Clone(free), "--data", data)...)
		if ended.code != 1 || !strings.Contains(ended.stderr, path) {
			t.Errorf("%s: code %d: %s", name, ended.code, ended.stderr)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != "{broken" {
			t.Errorf("%s: the file is %q, %v", name, after, err)
		}
		if newest(t, data) != filepath.Dir(path) {
			t.Errorf("%s: another state was written", name)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "--data", data).stop(syscall.SIGTERM)
}

// The handler as a child, by a path that is relative; it dies with the stack, however that dies.
func TestHandlerAsAChild(t *testing.T) {
	t.Parallel()
	_, handler := binaries(t)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(here, handler)
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, "--handler", relative)
	r.assign("Child")
	err = (&client.Client{Base: r.Control}).Do(t.Context(), http.MethodPost, "/clock", map[string]any{"advance": "P1D"}, nil)
	if refused := (*client.Error)(nil); !errors.As(err, &refused) || refused.Status != http.StatusConflict {
		t.Errorf("POST /clock: %v", err)
	}
	children := func() int {
		found := 0
		entries, _ := filepath.Glob("/proc/[0-9]*/stat")
		for _, entry := range entries {
			text, err := os.ReadFile(entry)
			if err != nil {
				continue // it has ended
			}
			_, after, _ := strings.Cut(string(text), ") ")
			fields := strings.Fields(after) // state, parent, …
			executable, err := os.Readlink(filepath.Join(filepath.Dir(entry), "exe"))
			if err == nil && executable == handler && len(fields) > 1 && fields[0] != "Z" && strings.Contains(string(text), "(handler)") {
				if environment, err := os.ReadFile(filepath.Join(filepath.Dir(entry), "environ")); err == nil && strings.Contains(string(environment), "PublicUrl="+r.Host) {
					found++
				}
			}
		}
		return found
	}
	if n := children(); n != 1 {
		t.Errorf("there are %d handlers", n)
	}
	r.kill()
	if !eventually(patience, func() bool { return children() == 0 }) {
		t.Error("the handler lives on")
	}
}
