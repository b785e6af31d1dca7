package stack_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"
	"github.com/google/uuid"

	"latchkey/shared/governance"
)

// cosmosContainer is a container of the store, past Latchkey.
func cosmosContainer(t testing.TB, name string) *azcosmos.ContainerClient {
	t.Helper()
	s := start(t)
	client, err := azcosmos.NewClientFromConnectionString("AccountEndpoint="+s.Endpoints.Cosmos+";AccountKey="+s.Endpoints.CosmosKey+";", nil)
	if err != nil {
		t.Fatal(err)
	}
	container, err := client.NewContainer("latchkey", name)
	if err != nil {
		t.Fatal(err)
	}
	return container
}

// stored is a document of the store, by its id.
func stored(t testing.TB, container, partition, id string) object {
	t.Helper()
	found, err := cosmosContainer(t, container).ReadItem(t.Context(), azcosmos.NewPartitionKeyString(partition), id, nil)
	if err != nil {
		t.Fatal(err)
	}
	var document object
	if err := json.Unmarshal(found.Value, &document); err != nil {
		t.Fatal(err)
	}
	return document
}

// plant puts a document into a container of the store past Latchkey.
func plant(t testing.TB, container string, key azcosmos.PartitionKey, document object) {
	t.Helper()
	data, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cosmosContainer(t, container).UpsertItem(t.Context(), key, data, nil); err != nil {
		t.Fatalf("plant %s: %v", data, err)
	}
}

// with is an object with some members changed; nil takes one out.
func with(of any, changes object) object {
	changed := maps.Clone(of.(object))
	maps.Copy(changed, changes)
	maps.DeleteFunc(changed, func(name string, value any) bool { return value == nil })
	return changed
}

// keyOf is the partition that a document says it is in.
func keyOf(partition any) azcosmos.PartitionKey {
	switch of := partition.(type) {
	case string:
		return azcosmos.NewPartitionKeyString(of)
	case float64:
		return azcosmos.NewPartitionKeyNumber(of)
	default:
		return azcosmos.NewPartitionKeyBool(of == true)
	}
}

// Whatever somebody writes into the store past Latchkey, of whatever kind and shape: the access of all others ends when it should, lists answer, mail goes out, no invocation fails, and each such
// document is told by name.
//
// rules: REQ-18
func TestABadDocumentStopsNobodyElse(t *testing.T) {
	s := fresh(t)
	t.Cleanup(func() { fresh(t) })
	ida := administrator(t)
	o := newOffer(t, func(policy object) { policy["expiration"] = object{"type": "afterDuration", "duration": "P1D"} })
	boss, one := hire(t, ""), hire(t, "")
	asked := newOffer(t, approvedBy(user(boss.ID)))
	ida.post("/assignmentRequests", assign(o, one.ID))
	self := person(t, one.UserPrincipalName)
	waiting := text(t, self.post("/assignmentRequests", add("userAdd", asked.pack, nil)), "id")
	drain(t)
	held := ida.values("/assignments?$expand=target")[0]
	partition, assigned := text(t, held, "target/id"), text(t, held, "id")
	assignment, request := stored(t, "subjects", partition, "assignment:"+assigned), stored(t, "subjects", partition, "request:"+waiting)
	effect := object{"subjectId": partition, "kind": "outbox", "schemaVersion": 1, "body": object{
		"container": "subjects", "partition": partition, "kind": "assignment", "documentId": assigned, "what": "provision",
	}}
	task := object{"subjectId": partition, "kind": "task", "schemaVersion": 1, "body": object{}}
	inCatalog := func(kind string) object {
		return object{"catalogId": o.catalog, "kind": kind, "schemaVersion": 1, "body": object{"displayName": "Bad"}}
	}
	type bad struct {
		of            object
		members, body object // what is other than it should be
	}
	before := len(shared.log.matching(`"msg":"invocation failed"`))
	var planted []string
	var targetless string
	for _, b := range []bad{
		{assignment, object{"dueAt": "2020-01-01T00:00:00Z"}, nil},
		{assignment, object{"dueAt": "1"}, nil},
		{assignment, object{"dueAt": 5}, nil},
		{assignment, object{"schemaVersion": "one"}, nil},
		{assignment, object{"schemaVersion": 1e30}, nil},
		{assignment, object{"schemaVersion": 3}, nil},
		{assignment, object{"body": "text"}, nil},
		{assignment, object{"body": list{}}, nil},
		{assignment, object{"body": nil}, nil},
		{assignment, object{"kind": "request"}, nil},
		{assignment, object{"subjectId": ""}, nil},
		{assignment, object{"subjectId": 5.0}, nil},
		{assignment, object{"subjectId": true}, nil},
		{assignment, object{"subjectId": strings.Repeat("x", 300)}, nil},
		{assignment, object{"subjectId": strings.Repeat("y", 200)}, nil}, // more than a session's id holds
		{assignment, nil, object{"id": assigned}},
		{assignment, nil, object{"state": "ended"}},
		{assignment, nil, object{"state": nil}},
		{assignment, nil, object{"target": nil}},
		{assignment, nil, object{"accessPackage": nil}},
		{assignment, nil, object{"accessPackage": object{"id": o.pack}}},
		{assignment, nil, object{"assignmentPolicy": nil}},
		{assignment, nil, object{"schedule": "soon"}},
		{request, nil, object{"accessPackage": nil}},
		{request, nil, object{"assignment": nil}},
		{request, nil, object{"requestor": nil}},
		{request, nil, object{"policy": nil}},
		{request, nil, object{"state": "scheduled", "schedule": nil}},
		{request, nil, object{"approval": object{"stages": list{}}}},
		{request, nil, object{"approval": object{"stages": list{object{"status": "InProgress"}, object{"status": "Initializing"}}}}}, // the policy has one
		{request, nil, object{"answers": "none"}},
		{effect, nil, object{"what": "nothing"}},
		{effect, nil, object{"documentId": nil}},
		{effect, nil, object{"partition": strings.Repeat("z", 200)}},
		{effect, object{"id": "outbox:" + strings.Repeat("a", 200)}, object{"id": strings.Repeat("a", 200)}},
		{task, nil, nil},
		{inCatalog("package"), nil, nil},
		{inCatalog("package"), nil, object{"catalog": object{"id": o.catalog}, "resourceRoleScopes": list{object{}}}},
		{inCatalog("policy"), nil, nil},
		{inCatalog("policy"), nil, object{"accessPackage": object{"id": o.pack}, "catalog": object{"id": o.catalog}, "allowedTargetScope": "everybody"}},
		{inCatalog("resource"), nil, nil},
		{object{"subjectId": 7.0, "kind": "head", "schemaVersion": 1, "body": object{}}, object{"id": "head"}, nil},
	} {
		id := uuid.NewString()
		document := with(b.of, object{"id": text(t, b.of, "kind") + ":" + id, "dueAt": "2020-01-01T00:00:00.000Z"})
		document["body"] = with(with(document["body"], object{"id": id}), b.body)
		document = with(document, b.members)
		container, of := "subjects", document["subjectId"]
		if _, ok := document["catalogId"]; ok {
			container, of = "catalogs", document["catalogId"]
		}
		plant(t, container, keyOf(of), document)
		planted = append(planted, text(t, document, "id"))
		if _, without := b.body["target"]; without {
			targetless = id
		}
	}
	ida.call(http.MethodPatch, "/catalogs/"+o.catalog, object{"description": "changed"}) // so that it is read again
	other := hire(t, "")
	person(t, other.UserPrincipalName).post("/assignmentRequests", add("userAdd", asked.pack, nil))
	advance(t, governance.Days(2))
	runByHand(t, "reconciliation")

	if left := members(t, o.group); len(left) > 0 {
		t.Errorf("access did not end for %v", left)
	}
	if mails := len(s.Graph.Mail(boss.Mail)); mails != 2 {
		t.Errorf("the approver got %d mails", mails)
	}
	for _, path := range []string{
		"/assignments?$expand=target,accessPackage,assignmentPolicy", "/assignmentRequests?$expand=requestor,accessPackage,assignment", "/accessPackages?$expand=catalog,assignmentPolicies",
		"/assignmentPolicies?$expand=catalog,accessPackage", "/catalogs?$expand=accessPackages,resources", "/catalogs/" + o.catalog + "/resources", "/catalogs/" + o.catalog + "/resourceRoles",
	} {
		if len(ida.values(path)) == 0 {
			t.Errorf("%s is empty", path)
		}
	}
	for _, path := range []string{
		"/assignments/filterByCurrentUser(on='target')?$expand=accessPackage,target", "/assignmentRequests/filterByCurrentUser(on='createdBy')", "/assignmentRequests/filterByCurrentUser(on='target')",
		"/accessPackages/filterByCurrentUser(on='allowedRequestor')",
	} {
		if len(self.values(path)) == 0 {
			t.Errorf("%s of a person is empty", path)
		}
	}
	if waits := person(t, boss.UserPrincipalName).values("/accessPackageAssignmentApprovals/filterByCurrentUser(on='approver')"); len(waits) != 2 {
		t.Errorf("the approver sees %v", waits)
	}
	if failures := shared.log.matching(`"msg":"invocation failed"`)[before:]; len(failures) > 0 {
		t.Errorf("invocations failed: %q", failures)
	}
	for _, id := range planted[:len(planted)-1] {
		if len(shared.log.alerts(`"document":"`+id+`"`)) == 0 {
			t.Errorf("%s is not told", id)
		}
	}
	ida.try(http.MethodGet, "/assignments/"+targetless, nil).refused(http.StatusInternalServerError)
	if told := shared.log.matching("it has no target"); len(told) == 0 || len(shared.log.alerts("panic")) > 0 {
		t.Errorf("a point read tells %q, and %q", told, shared.log.alerts("panic"))
	}
}

// What the head of a subject and its documents do not say alike is found by the timer, and left as it is.
//
// rules: LIF-06
func TestADisagreementIsFound(t *testing.T) {
	fresh(t)
	t.Cleanup(func() { fresh(t) })
	o := newOffer(t, nil)
	one := hire(t, "")
	administrator(t).post("/assignmentRequests", assign(o, one.ID))
	drain(t)
	runByHand(t, "reconciliation")
	if told := shared.log.alerts("a document and its head disagree"); len(told) > 0 {
		t.Fatalf("told are %q", told)
	}
	held := administrator(t).values("/assignments?$expand=target")[0]
	partition, id := text(t, held, "target/id"), "assignment:"+text(t, held, "id")
	assignment := stored(t, "subjects", partition, id)
	end := text(t, assignment, "body/schedule/expiration/endDateTime")
	changed := with(assignment, object{"body": with(assignment["body"], object{"schedule": object{"expiration": object{"type": "noExpiration"}}})})
	delete(changed, "dueAt")
	plant(t, "subjects", azcosmos.NewPartitionKeyString(partition), changed)
	runByHand(t, "reconciliation")
	told := shared.log.alerts("a document and its head disagree")
	if len(told) != 1 {
		t.Fatalf("told are %q", told)
	}
	var line object
	if err := json.Unmarshal([]byte(told[0]), &line); err != nil {
		t.Fatal(err)
	}
	same(t, line, "partitionId", partition)
	same(t, line, "document", id)
	same(t, line, "metric", "latchkey.document.disagrees")
	same(t, line, "differs", `endDateTime is "`+end+`" in the head and none in the document`)
}
