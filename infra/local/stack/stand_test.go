package stack_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/infra/local/client"
	"latchkey/infra/local/scenario"
	"latchkey/infra/local/stack"
	"latchkey/infra/local/tenant"
	"latchkey/shared/governance"
)

// The tests of this package share one running stack: each makes catalogs, people and groups of its own, so that they do not meet. Time goes forward only.

var shared struct {
	once  sync.Once
	stack *stack.Stack
	log   journal
	err   error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.stack != nil {
		httpClient.CloseIdleConnections()
		http.DefaultClient.CloseIdleConnections()
		shared.stack.Close(context.Background())
	}
	os.Exit(code)
}

// start is the stack that the tests share, without standing faults.
func start(t testing.TB) *stack.Stack {
	t.Helper()
	shared.once.Do(func() {
		var hostJSON []byte
		if hostJSON, shared.err = stack.ReadHostJSON(); shared.err == nil {
			people := tenant.Sample()
			people.Applications = append(people.Applications, tenant.Application{
				ID: uuid.NewString(), AppID: uuid.NewString(), DisplayName: "Reader", ClientSecret: "reader-secret-for-local-use-only", Permissions: []string{governance.PermissionReadAll},
			})
			people.Users = append(people.Users, tenant.User{
				ID: scenario.PersonID(scenarioAdministrator), UserPrincipalName: scenarioAdministrator + "@" + scenarioDomain, DisplayName: scenarioAdministrator,
				Mail: scenarioAdministrator + "@" + scenarioDomain, UserType: governance.UserTypeMember, AccountEnabled: true, Roles: []string{"Identity Governance Administrator"},
			})
			shared.stack, shared.err = stack.Start(context.Background(), stack.Options{HostJSON: hostJSON, Tenant: &people, ManualTimers: true, HandlerLog: &shared.log})
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	t.Cleanup(shared.stack.Faults.Clear)
	return shared.stack
}

// fresh is the stack without what earlier tests left: for tests that look at everything again and again.
func fresh(t testing.TB) *stack.Stack {
	t.Helper()
	s := start(t)
	if err := s.Reset(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

// journal keeps what the handler logs.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, string(p))
	return len(p), nil
}

// matching are the lines that hold all these texts.
func (j *journal) matching(texts ...string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(j.lines), func(line string) bool {
		return slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) })
	})
}

// alerts are the alert lines that hold text.
func (j *journal) alerts(text string) []string { return j.matching(`"alert":true`, text) }

func drain(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := start(t).Drain(ctx); err != nil {
		t.Fatal(err)
	}
}

func advance(t testing.TB, by governance.Duration) {
	t.Helper()
	if _, err := start(t).Advance(context.Background(), by); err != nil {
		t.Fatal(err)
	}
}

// object is a JSON object.
type object = map[string]any

// list is a JSON list.
type list = []any

// actor calls the API as somebody.
type actor struct {
	t     testing.TB
	name  string
	token func() (string, error)
}

// person is an actor by user principal name or its first part; scopes narrow what the client may do for them.
func person(t testing.TB, name string, scopes ...string) *actor {
	s := start(t)
	if !strings.Contains(name, "@") {
		name += "@" + s.Tenant.Domain
	}
	return &actor{t: t, name: name, token: func() (string, error) { return s.Tokens.UserToken(name, s.Endpoints.Audience, scopes...) }}
}

// administrator is Ida Grant.
func administrator(t testing.TB) *actor { return person(t, "ida") }

// guest is Gwen of Fabrikam.
func guest(t testing.TB) *actor { return person(t, "gwen_fabrikam.example#EXT#@contoso.example") }

// application is an actor by the display name of the application.
func application(t testing.TB, name string) *actor {
	s := start(t)
	for _, one := range s.Tenant.Applications {
		if one.DisplayName == name {
			return &actor{t: t, name: name, token: func() (string, error) { return s.Tokens.ApplicationToken(one.AppID, s.Endpoints.Audience) }}
		}
	}
	t.Fatalf("no application %q", name)
	return nil
}

// nobody sends no token.
func nobody(t testing.TB) *actor {
	start(t)
	return &actor{t: t, name: "nobody", token: func() (string, error) { return "", nil }}
}

// httpClient keeps enough connections for the races.
var httpClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// request makes a request of the API. A path without /api is one of entitlement management; body is bytes or text as they are, or anything else as JSON; headers are names and values in
// turn, and replace those of the same name.
func (a *actor) request(method, path string, body any, headers ...string) (*http.Request, error) {
	s := shared.stack
	switch {
	case strings.HasPrefix(path, "http"):
	case strings.HasPrefix(path, "/api"):
		path = s.Endpoints.Host + path
	case strings.HasPrefix(path, "/operations"):
		path = s.Endpoints.Host + "/api/v1.0" + path
	default:
		path = s.Endpoints.Host + client.EntitlementManagement + path
	}
	var payload io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		payload = strings.NewReader(body)
	case []byte:
		payload = bytes.NewReader(body)
	case io.Reader:
		payload = body
	default:
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		payload = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(context.Background(), method, path, payload)
	if err != nil {
		return nil, err
	}
	token, err := a.token()
	if err != nil {
		return nil, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return request, nil
}

// answer is what the API answered.
type answer struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	body   []byte
	err    error
}

// try calls the API. It may be called from any goroutine; the answer holds what went wrong on the way.
func (a *actor) try(method, path string, body any, headers ...string) answer {
	result := answer{t: a.t, what: fmt.Sprintf("%s: %s %s", a.name, method, path)}
	request, err := a.request(method, path, body, headers...)
	if err != nil {
		result.err = err
		return result
	}
	return result.send(request)
}

func (r answer) send(request *http.Request) answer {
	response, err := httpClient.Do(request)
	if err != nil {
		r.err = err
		return r
	}
	defer func() { _ = response.Body.Close() }()
	r.status, r.header = response.StatusCode, response.Header
	if r.body, r.err = io.ReadAll(response.Body); r.err == nil && len(r.body) > 0 && strings.HasPrefix(r.header.Get("Content-Type"), "application/json") {
		if err := types().typed(request.URL.Path, r.status, r.body); err != nil {
			r.t.Errorf("%s: %v: %s", r.what, err, r.body)
		}
	}
	return r
}

// call calls the API; a broken connection fails the test.
func (a *actor) call(method, path string, body any, headers ...string) answer {
	a.t.Helper()
	result := a.try(method, path, body, headers...)
	if result.err != nil {
		a.t.Fatalf("%s: %v", result.what, result.err)
	}
	return result
}

func (a *actor) get(path string) object {
	a.t.Helper()
	return a.call("GET", path, nil).want(http.StatusOK).object()
}

func (a *actor) post(path string, body any, headers ...string) object {
	a.t.Helper()
	return a.call("POST", path, body, headers...).want(http.StatusCreated).object()
}

// values are the resources of a list, all pages of it.
func (a *actor) values(path string) []object {
	a.t.Helper()
	var all []object
	for path != "" {
		page := a.get(path)
		for _, one := range at[list](a.t, page, "value") {
			all = append(all, one.(object))
		}
		path, _ = page["@odata.nextLink"].(string)
	}
	return all
}

func (r answer) want(status int) answer {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s: answered %d, want %d: %s", r.what, r.status, status, r.body)
	}
	if r.header.Get("Request-Id") == "" {
		r.t.Errorf("%s: no request-id in the answer", r.what)
	}
	return r
}

func (r answer) object() object {
	r.t.Helper()
	var value object
	if err := json.Unmarshal(r.body, &value); err != nil {
		r.t.Fatalf("%s: answered no JSON object: %v: %s", r.what, err, r.body)
	}
	return value
}

// refused checks Graph's error body: complete, with this status, and with each part in its message or target.
func (r answer) refused(status int, parts ...string) {
	r.t.Helper()
	r.want(status)
	var body struct {
		Error struct {
			Code, Message, Target string
			InnerError            map[string]string
		}
	}
	if err := json.Unmarshal(r.body, &body); err != nil {
		r.t.Fatalf("%s: the error is no JSON: %v: %s", r.what, err, r.body)
	}
	inner := body.Error.InnerError
	if body.Error.Code == "" || body.Error.Message == "" || inner["request-id"] != r.header.Get("Request-Id") || inner["date"] == "" || inner["client-request-id"] == "" {
		r.t.Errorf("%s: the error is not complete: %s", r.what, r.body)
	}
	if kind := r.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		r.t.Errorf("%s: the error has Content-Type %q", r.what, kind)
	}
	if status == http.StatusBadRequest && !strings.Contains(body.Error.Message, body.Error.Target) { // some clients show no more than that
		r.t.Errorf("%s: the message does not name %s: %s", r.what, body.Error.Target, r.body)
	}
	for _, part := range parts {
		if !strings.Contains(body.Error.Message+" "+body.Error.Target, part) {
			r.t.Errorf("%s: the error does not name %q: %s", r.what, part, r.body)
		}
	}
}

// at is the value at a path such as value/0/id.
func at[T any](t testing.TB, from any, path string) T {
	t.Helper()
	value := from
	for name := range strings.SplitSeq(path, "/") {
		switch container := value.(type) {
		case object:
			next, ok := container[name]
			if !ok {
				t.Fatalf("there is no %s of %s in %v", name, path, from)
			}
			value = next
		case list:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(container) {
				t.Fatalf("there is no %s of %s in %v", name, path, from)
			}
			value = container[i]
		default:
			t.Fatalf("there is no %s of %s in %v", name, path, from)
		}
	}
	typed, ok := value.(T)
	if !ok {
		t.Fatalf("%s is %v (%T) in %v", path, value, value, from)
	}
	return typed
}

func text(t testing.TB, from any, path string) string {
	t.Helper()
	return at[string](t, from, path)
}

// same compares the value at a path with what is wanted, as JSON.
func same(t testing.TB, from any, path string, want any) {
	t.Helper()
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var wanted any
	if err := json.Unmarshal(data, &wanted); err != nil {
		t.Fatal(err)
	}
	if have := at[any](t, from, path); !reflect.DeepEqual(have, wanted) {
		t.Errorf("%s is %v, want %v", path, have, wanted)
	}
}

var counter atomic.Int64

// unique is a name that no other test has.
func unique(name string) string { return fmt.Sprintf("%s %04d", name, counter.Add(1)) }

// hire puts a new member into the directory; the manager may be empty.
func hire(t testing.TB, managerID string) governance.User {
	t.Helper()
	s := start(t)
	name := fmt.Sprintf("person%04d", counter.Add(1))
	user := governance.User{
		ID: uuid.NewString(), UserPrincipalName: name + "@" + s.Tenant.Domain, DisplayName: "Person " + name[6:], Mail: name + "@" + s.Tenant.Domain,
		UserType: governance.UserTypeMember, AccountEnabled: true, ManagerID: managerID,
	}
	s.Graph.Directory().PutUser(user)
	return user
}

// newGroup puts a new group into the directory.
func newGroup(t testing.TB, memberIDs ...string) string {
	t.Helper()
	directory := start(t).Graph.Directory()
	id := uuid.NewString()
	directory.PutGroup(governance.Group{ID: id, DisplayName: unique("Group"), SecurityEnabled: true})
	for _, member := range memberIDs {
		if err := directory.PutMember(id, member); err != nil {
			t.Fatal(err)
		}
	}
	return id
}

// members are the ids of who is in a group.
func members(t testing.TB, groupID string) []string {
	t.Helper()
	return start(t).Graph.Directory().MemberIDs(groupID)
}

// offer is a package that can be requested.
type offer struct {
	catalog, pack, policy, group string
}

// policyFor is a policy that all members may request under, without approval, for 30 days; change makes another of it.
func policyFor(packageID string, change func(object)) object {
	policy := object{
		"displayName": unique("Policy"), "accessPackage": object{"id": packageID}, "allowedTargetScope": "allMemberUsers",
		"expiration":        object{"type": "afterDuration", "duration": "P30D"},
		"requestorSettings": object{"enableTargetsToSelfAddAccess": true, "enableTargetsToSelfRemoveAccess": true},
	}
	if change != nil {
		change(policy)
	}
	return policy
}

// approvedBy makes one stage of approval of a policy, decided by these.
func approvedBy(approvers ...any) func(object) {
	return func(policy object) {
		policy["requestApprovalSettings"] = object{"isApprovalRequiredForAdd": true, "stages": list{object{"durationBeforeAutomaticDenial": "P14D", "primaryApprovers": approvers}}}
	}
}

func user(id string) object {
	return object{"@odata.type": "#microsoft.graph.singleUser", "userId": id}
}
func groupOf(id string) object {
	return object{"@odata.type": "#microsoft.graph.groupMembers", "groupId": id}
}
func manager() object {
	return object{"@odata.type": "#microsoft.graph.requestorManager", "managerLevel": 1}
}

// newCatalog makes an empty catalog.
func newCatalog(t testing.TB) string {
	t.Helper()
	return text(t, administrator(t).post("/catalogs", object{"displayName": unique("Catalog"), "description": "by a test"}), "id")
}

// newOffer makes a catalog with a package of membership in a new group, and its policy.
func newOffer(t testing.TB, change func(object)) offer {
	t.Helper()
	o := offer{catalog: newCatalog(t), group: newGroup(t)}
	o.pack = newPackage(t, o.catalog, o.group)
	o.policy = text(t, administrator(t).post("/assignmentPolicies", policyFor(o.pack, change)), "id")
	return o
}

// newPackage makes a package of membership in groups in a catalog.
func newPackage(t testing.TB, catalog string, groups ...string) string {
	t.Helper()
	ida := administrator(t)
	pack := text(t, ida.post("/accessPackages", object{"displayName": unique("Package"), "description": "by a test", "catalog": object{"id": catalog}}), "id")
	for _, group := range groups {
		ida.call("POST", "/resourceRequests", object{"requestType": "adminAdd", "catalog": object{"id": catalog}, "resource": object{"originId": group, "originSystem": "AadGroup"}})
		ida.post("/accessPackages/"+pack+"/resourceRoleScopes", roleScope(group))
	}
	drain(t) // the roles have reached nobody
	return pack
}

// roleScope is membership in a group, as clients write it.
func roleScope(group string) object {
	resource := object{"originId": group, "originSystem": "AadGroup"}
	return object{
		"role":  object{"originId": "Member_" + group, "displayName": "Member", "originSystem": "AadGroup", "resource": resource},
		"scope": object{"originId": group, "originSystem": "AadGroup", "isRootScope": true},
	}
}

// add is the body of a request to add.
func add(kind, packageID string, more object) object {
	body := object{"requestType": kind, "assignment": object{"accessPackageId": packageID}}
	maps.Copy(body, more)
	return body
}

// assign is the body of a direct assignment.
func assign(o offer, userID string) object {
	return object{"requestType": "adminAdd", "assignment": object{"targetId": userID, "accessPackageId": o.pack, "assignmentPolicyId": o.policy}}
}

// stageOf is the path of a stage of the approval of a request.
func stageOf(t testing.TB, approver *actor, request string, index int) string {
	t.Helper()
	stages := at[list](t, approver.get("/accessPackageAssignmentApprovals/"+request+"/stages"), "value")
	return "/accessPackageAssignmentApprovals/" + request + "/stages/" + text(t, stages[index], "id")
}

// documents are all documents of the store but the memory of idempotency keys and of a timer, by container, partition and id.
func documents(t testing.TB) map[string]string {
	t.Helper()
	var out bytes.Buffer
	if err := start(t).Cosmos.Snapshot(&out); err != nil {
		t.Fatal(err)
	}
	var containers []struct {
		ID    string
		Items []struct{ Item json.RawMessage }
	}
	if err := json.Unmarshal(out.Bytes(), &containers); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, container := range containers {
		for _, item := range container.Items {
			var document struct{ ID, Kind, SubjectID, CatalogID string }
			if err := json.Unmarshal(item.Item, &document); err != nil {
				t.Fatal(err)
			}
			if document.Kind != "idempotency" && document.Kind != "scrub" {
				all[container.ID+" "+document.SubjectID+document.CatalogID+" "+document.ID] = string(item.Item)
			}
		}
	}
	return all
}

// unchanged fails the test if any document is another than before.
func unchanged(t testing.TB, before map[string]string) {
	t.Helper()
	after := documents(t)
	for id, now := range after {
		if was, ok := before[id]; !ok {
			t.Errorf("the document %s is new: %s", id, now)
		} else if was != now {
			t.Errorf("the document %s has changed from %s to %s", id, was, now)
		}
	}
	for id := range before {
		if _, ok := after[id]; !ok && !strings.Contains(id, " outbox:") { // a mail has gone out
			t.Errorf("the document %s is gone", id)
		}
	}
}
