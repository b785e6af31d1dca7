package endurance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/infra/local/client"
	"latchkey/infra/local/stack"
	"latchkey/infra/local/tenant"
	"latchkey/shared/governance"
)

// built is the handler as it is shipped, made once for all tests; TestMain removes it.
var built struct {
	sync.Once
	folder, path string
	err          error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.folder != "" {
		_ = os.RemoveAll(built.folder)
	}
	os.Exit(code)
}

// handlerBinary builds Latchkey.
func handlerBinary(t testing.TB) string {
	t.Helper()
	built.Do(func() {
		if built.folder, built.err = os.MkdirTemp("", "latchkey-endurance-"); built.err != nil {
			return
		}
		built.path = filepath.Join(built.folder, "handler")
		if output, err := exec.Command("go", "build", "-o", built.path, "latchkey").CombinedOutput(); err != nil {
			built.err = fmt.Errorf("build the handler: %w: %s", err, output)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// stand is a stack of a test's own, with the log of all its parts.
type stand struct {
	*stack.Stack
	t    testing.TB
	log  *journal
	http *http.Client
}

// journal keeps the log of a stack, for the alerts in it and for whoever reads a failure.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, string(bytes.TrimRight(p, "\n")))
	return len(p), nil
}

// holding are the lines that hold a text.
func (j *journal) holding(text string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []string
	for _, line := range j.lines {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// launch starts a stack with these options. It ends with the test.
func launch(t testing.TB, options stack.Options) *stand {
	t.Helper()
	s := &stand{t: t, log: &journal{}, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	var err error
	if options.HostJSON, err = stack.ReadHostJSON(); err != nil {
		t.Fatal(err)
	}
	options.Logger, options.HandlerLog = slog.New(slog.NewTextHandler(s.log, nil)), s.log
	if s.Stack, err = stack.Start(t.Context(), options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	return s
}

// still is a stack of this process whose timers run only when a test says so.
func still(t testing.TB) *stand {
	t.Helper()
	return launch(t, stack.Options{ManualTimers: true})
}

// as is a client of somebody, by user principal name or its first part.
func (s *stand) as(name string) *client.Client {
	s.t.Helper()
	if !strings.Contains(name, "@") {
		name += "@" + s.Tenant.Domain
	}
	token, err := s.Tokens.UserToken(name, s.Endpoints.Audience)
	if err != nil {
		s.t.Fatal(err)
	}
	return &client.Client{Base: s.Endpoints.Host + client.EntitlementManagement, Token: token, HTTP: s.http}
}

// do calls the API and ends the test when it refuses.
func (s *stand) do(who *client.Client, method, path string, body, into any) {
	s.t.Helper()
	if err := who.Do(context.Background(), method, path, body, into); err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
}

// control calls the control port. body is text as it is, or anything else as JSON.
func (s *stand) control(method, path string, body any, headers ...string) (status int, answer []byte) {
	s.t.Helper()
	data, isText := body.(string)
	if !isText && body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		data = string(encoded)
	}
	request, err := http.NewRequest(method, s.Endpoints.Control+path, strings.NewReader(data))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.http.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var buffer bytes.Buffer
	if _, err := buffer.ReadFrom(response.Body); err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, buffer.Bytes()
}

// ask calls the control port, wants 200 and reads the answer.
func ask[T any](s *stand, method, path string, body any) T {
	s.t.Helper()
	var value T
	status, answer := s.control(method, path, body)
	if status != http.StatusOK {
		s.t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	if err := json.Unmarshal(answer, &value); err != nil {
		s.t.Fatalf("%s %s: %v: %s", method, path, err, answer)
	}
	return value
}

// wait comes back when holds does. It looks every few milliseconds, for at most this long.
func wait(t testing.TB, atMost time.Duration, what string, holds func() bool) {
	t.Helper()
	if !eventually(atMost, holds) {
		t.Fatalf("after %v: %s", atMost, what)
	}
}

func eventually(atMost time.Duration, holds func() bool) bool {
	const look = 20 * time.Millisecond
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for began := time.Now(); !holds(); <-ticker.C {
		if time.Since(began) > atMost {
			return false
		}
	}
	return true
}

// offer is a package that can be requested, with the group that it gives.
type offer struct{ pack, policy, group string }

// offer makes packages of one group each. policy makes the policy of a package.
func (s *stand) offer(count int, policy func(packageID string) map[string]any) []offer {
	s.t.Helper()
	admin := s.as("ida")
	var catalog client.Made
	s.do(admin, http.MethodPost, "/catalogs", map[string]any{"displayName": "Endurance " + time.Now().Format(time.RFC3339Nano), "description": "What the test makes."}, &catalog)
	offers := make([]offer, count)
	for i := range offers {
		group := governance.Group{ID: governance.NameID(fmt.Sprintf("endurance %s %d", catalog.ID, i)), DisplayName: fmt.Sprintf("Group %d of %s", i, catalog.ID), SecurityEnabled: true}
		s.Graph.Directory().PutGroup(group)
		s.do(admin, http.MethodPost, "/resourceRequests", map[string]any{
			"requestType": "adminAdd", "catalog": map[string]any{"id": catalog.ID}, "resource": map[string]any{"originId": group.ID, "originSystem": "AadGroup"},
		}, nil)
		var pack, made client.Made
		s.do(admin, http.MethodPost, "/accessPackages", map[string]any{"displayName": fmt.Sprintf("Package %d", i), "description": "A group.", "catalog": map[string]any{"id": catalog.ID}}, &pack)
		s.do(admin, http.MethodPost, "/accessPackages/"+pack.ID+"/resourceRoleScopes", map[string]any{
			"role":  map[string]any{"originId": "Member_" + group.ID, "originSystem": "AadGroup", "resource": map[string]any{"originId": group.ID}},
			"scope": map[string]any{"originId": group.ID, "originSystem": "AadGroup"},
		}, nil)
		s.do(admin, http.MethodPost, "/assignmentPolicies", policy(pack.ID), &made)
		offers[i] = offer{pack.ID, made.ID, group.ID}
	}
	return offers
}

// byManager is a policy under which the manager decides, for as long as duration says.
func byManager(duration string) func(string) map[string]any {
	return func(packageID string) map[string]any {
		policy := atOnce(duration)(packageID)
		policy["requestApprovalSettings"] = map[string]any{
			"isApprovalRequiredForAdd": true,
			"stages": []any{map[string]any{
				"durationBeforeAutomaticDenial": "P14D", "primaryApprovers": []any{map[string]any{"@odata.type": "#microsoft.graph.requestorManager", "managerLevel": 1}},
			}},
		}
		return policy
	}
}

// atOnce is a policy without approval.
func atOnce(duration string) func(string) map[string]any {
	return func(packageID string) map[string]any {
		return map[string]any{
			"displayName": "Everybody", "accessPackage": map[string]any{"id": packageID}, "allowedTargetScope": "allMemberUsers",
			"expiration":        map[string]any{"type": "afterDuration", "duration": duration},
			"requestorSettings": map[string]any{"enableTargetsToSelfAddAccess": true, "enableTargetsToSelfRemoveAccess": true},
		}
	}
}

// hire puts a new member into the directory.
func (s *stand) hire(name, managerID string) governance.User {
	s.t.Helper()
	address := name + "@" + s.Tenant.Domain
	user := governance.User{ID: governance.NameID(address), UserPrincipalName: address, DisplayName: name, Mail: address, UserType: governance.UserTypeMember, AccountEnabled: true}
	s.Graph.Directory().PutUser(user)
	if managerID != "" {
		if err := s.Graph.Directory().SetManager(user.ID, managerID); err != nil {
			s.t.Fatal(err)
		}
	}
	return user
}

// request is an assignment request as the API shows it.
type request struct {
	ID          string `json:"id"`
	State       string `json:"state"`
	RequestType string `json:"requestType"`
	Assignment  struct {
		ID    string `json:"id"`
		State string `json:"state"`
	} `json:"assignment"`
}

func (s *stand) request(who *client.Client, id string) request {
	s.t.Helper()
	var found request
	s.do(who, http.MethodGet, "/assignmentRequests/"+id+"?$expand=assignment", nil, &found)
	return found
}

// all reads every page of a list.
func all[T any](s *stand, who *client.Client, path string) []T {
	s.t.Helper()
	var values []T
	for path != "" {
		var page struct {
			Value []T    `json:"value"`
			Next  string `json:"@odata.nextLink"`
		}
		s.do(who, http.MethodGet, path, nil, &page)
		values = append(values, page.Value...)
		path = strings.TrimPrefix(page.Next, who.Base)
	}
	return values
}

// is says whether an error is an answer with one of these statuses.
func is(err error, statuses ...int) bool {
	refused := (*client.Error)(nil)
	return errors.As(err, &refused) && slices.Contains(statuses, refused.Status)
}

func (s *stand) user(name string) tenant.User {
	s.t.Helper()
	user, ok := s.Tenant.User(name + "@" + s.Tenant.Domain)
	if !ok {
		s.t.Fatalf("the sample tenant has no %s", name)
	}
	return user
}

// pass lets time pass over the control port.
func (s *stand) pass(duration string) time.Time {
	s.t.Helper()
	return ask[struct{ Now time.Time }](s, http.MethodPost, "/clock", map[string]any{"advance": duration}).Now
}
