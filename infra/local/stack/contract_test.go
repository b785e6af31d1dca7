package stack_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// schema is a type or property of an OpenAPI document.
type schema struct {
	Ref        string            `json:"$ref"`
	AllOf      []schema          `json:"allOf"`
	AnyOf      []schema          `json:"anyOf"`
	Type       string            `json:"type"`
	Format     string            `json:"format"`
	Enum       []string          `json:"enum"`
	Items      *schema           `json:"items"`
	Properties map[string]schema `json:"properties"`
}

// contract are the types of Graph's own contract.
type contract map[string]schema

func readContract(t *testing.T) contract {
	t.Helper()
	data, err := os.ReadFile("../../../handlers/api/strict/testdata/contract.json")
	if err != nil {
		t.Fatal(err)
	}
	var document struct{ Components struct{ Schemas contract } }
	if err := json.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	return document.Components.Schemas
}

// of is the type that a property has, and its name if it has one.
func (c contract) of(s schema) (schema, string) {
	for _, part := range slices.Concat([]schema{s}, s.AllOf, s.AnyOf) {
		if name, ok := strings.CutPrefix(part.Ref, "#/components/schemas/"); ok {
			return c[name], name
		}
	}
	return s, ""
}

func (c contract) properties(s schema) map[string]schema {
	all := maps.Clone(s.Properties)
	if all == nil {
		all = map[string]schema{}
	}
	for _, part := range s.AllOf {
		maps.Copy(all, part.Properties)
		if base, name := c.of(schema{Ref: part.Ref}); name != "" {
			maps.Copy(all, c.properties(base))
		}
	}
	return all
}

// derived are the types derived from one.
func (c contract) derived(name string) []string {
	var all []string
	for other, s := range c {
		for _, part := range s.AllOf {
			if part.Ref == "#/components/schemas/"+name {
				all = append(all, other)
			}
		}
	}
	slices.Sort(all)
	return all
}

// attempt is a value at a path of a body.
type attempt struct {
	path  []string
	value any
}

func (a attempt) String() string {
	data, _ := json.Marshal(a.value)
	return strings.Join(a.path, "/") + " = " + string(data)
}

// attempts are values for every member of a type, at every depth that the body has, and of every kind that a member may have.
func (c contract) attempts(s schema, name string, body any, path []string) []attempt {
	var all []attempt
	object, _ := body.(object)
	if names := c.derived(name); len(names) > 0 {
		if given, ok := object["@odata.type"].(string); ok {
			s = c[strings.TrimPrefix(given, "#")]
		}
	}
	for _, member := range slices.Sorted(maps.Keys(c.properties(s))) {
		if strings.Contains(member, "@") {
			continue
		}
		all = append(all, c.values(c.properties(s)[member], object[member], append(slices.Clone(path), member))...)
	}
	return all
}

func (c contract) values(property schema, present any, path []string) []attempt {
	of, name := c.of(property)
	at := func(values ...any) (all []attempt) {
		for _, value := range values {
			all = append(all, attempt{path, value})
		}
		return all
	}
	switch {
	case len(path) > 5:
		return nil
	case len(of.Enum) > 0:
		var all []attempt
		for _, value := range of.Enum {
			all = append(all, at(value)...)
		}
		return all
	case property.Items != nil:
		items, _ := present.(list)
		inner, name := c.of(*property.Items)
		all := at(list{}, nil)
		for i, item := range items {
			all = append(all, c.attempts(inner, name, item, append(slices.Clone(path), strconv.Itoa(i)))...)
		}
		for _, one := range append(c.derived(name), name) {
			if len(inner.Enum) > 0 || len(items) > 0 && one == name {
				continue
			}
			sample := object{"@odata.type": "#" + one, "id": uuid.NewString()}
			for member, property := range c.properties(c[one]) {
				if of, _ := c.of(property); of.Type == "string" && strings.HasSuffix(member, "Id") && member != "originId" {
					sample[member] = uuid.NewString()
					delete(sample, "id")
				}
			}
			all = append(all, at(list{sample})...)
		}
		return all
	case name != "":
		if slices.Contains([]string{"catalog", "accessPackage", "assignmentPolicy"}, path[len(path)-1]) {
			return at(nil, object{"id": uuid.NewString()}, object{"displayName": "other"})
		}
		return append(at(nil), c.attempts(of, name, present, path)...)
	case of.Type == "boolean":
		return at(true, false, "true", nil)
	case of.Type == "integer" || of.Type == "number":
		return at(2, "3", nil)
	case of.Format == "date-time":
		return at("2031-01-31T00:00:00Z", nil)
	case of.Format == "duration":
		return at("P10D", nil)
	case of.Format == "date":
		return at("2031-01-31", nil)
	}
	return at("other text", uuid.NewString(), nil)
}

// put is a copy of a body with a value at a path.
func put(body any, path []string, value any) any {
	if len(path) == 0 {
		return value
	}
	if items, ok := body.(list); ok {
		i, _ := strconv.Atoi(path[0])
		copied := slices.Clone(items)
		copied[i] = put(items[i], path[1:], value)
		return copied
	}
	present, _ := body.(object)
	copied := object{}
	maps.Copy(copied, present)
	copied[path[0]] = put(present[path[0]], path[1:], value)
	return copied
}

// pick is the value at a path, nil if there is none.
func pick(from any, path []string) any {
	for _, name := range path {
		switch container := from.(type) {
		case object:
			from = container[name]
		case list:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(container) {
				return nil
			}
			from = container[i]
		default:
			return nil
		}
	}
	return from
}

// kept says whether what was read holds all that was sent. Nothing, false and an empty list are one.
func kept(read, sent any) bool {
	switch sent := sent.(type) {
	case nil, bool:
		if sent == nil || sent == false {
			return read == nil || read == false || reflect.DeepEqual(read, list{}) || sent == nil
		}
		return read == true
	case object:
		have, _ := read.(object)
		for name, value := range sent {
			if !kept(have[name], value) {
				return false
			}
		}
		return true
	case list:
		have, _ := read.(list)
		if len(have) != len(sent) {
			return false
		}
		for i, value := range sent {
			if !kept(have[i], value) {
				return false
			}
		}
		return true
	}
	return strings.EqualFold(fmt.Sprint(read), fmt.Sprint(sent))
}

// The members that read back the true value, whatever was sent: those that the service, the directory or the policy decides. By resource, as the end of a path.
var decided = map[string][]string{
	"accessPackageCatalog":          {"id", "catalogType", "createdDateTime", "modifiedDateTime"},
	"accessPackage":                 {"id", "createdDateTime", "modifiedDateTime"},
	"accessPackageAssignmentPolicy": {"id", "createdDateTime", "modifiedDateTime"},
	"accessPackageAssignmentRequest": {
		"id", "createdDateTime", "completedDateTime", "state", "status", "customExtensionCalloutInstances", "expiredDateTime",
		// names that the directory decides, and the question that the policy asks
		"displayName", "onPremisesSecurityIdentifier", "subjectLifecycle", "connectedOrganization", "text", "sequence", "localizations", "isRequired", "isAnswerEditable", "isSingleLineQuestion", "regexPattern", "createdBy", "description", "identitySources", "internalSponsors", "externalSponsors",
		"modifiedDateTime", "subjectType",
	},
	"accessPackageResourceRoleScope": {"id", "createdDateTime", "modifiedDateTime", "displayName", "description", "roles", "scopes"},
	"accessPackageResourceRequest":   {"id", "createdDateTime", "modifiedDateTime", "state", "displayName", "description", "roles", "scopes"},
}

// Every member of every type of the contract goes through create and update: it is kept and read back, or refused by name, but for those that the service decides. Nothing is dropped.
//
// rules: OBJ-02 OBJ-03 OBJ-05 OBJ-07 QUE-01 QUE-06 APR-01 APR-02 POL-02 POL-04 REQ-10
func TestContractIsKeptOrRefused(t *testing.T) {
	ida := administrator(t)
	all := readContract(t)
	boss, group, catalog := hire(t, ""), newGroup(t), newCatalog(t)
	pack := newPackage(t, catalog, group)
	someone := user(boss.ID)
	o := newOffer(t, func(policy object) {
		policy["requestorSettings"] = object{"enableTargetsToSelfAddAccess": true, "allowCustomAssignmentSchedule": true}
		policy["questions"] = list{object{"@odata.type": "#microsoft.graph.accessPackageTextInputQuestion", "text": "why?"}}
	})
	question := text(t, ida.get("/assignmentPolicies/"+o.policy), "questions/0/id")
	policy := sdkPolicy(pack, boss.ID, group)
	policy["notificationSettings"] = object{"isAssignmentNotificationDisabled": true}
	policy["requestApprovalSettings"] = put(policy["requestApprovalSettings"], []string{"stages", "0", "fallbackEscalationApprovers"}, list{someone})
	localized := list{object{"languageCode": "de", "text": "warum?"}}
	policy["questions"] = list{
		object{"@odata.type": "#microsoft.graph.accessPackageTextInputQuestion", "isRequired": true, "sequence": 0, "text": "why?", "isSingleLineQuestion": true, "localizations": localized},
		object{"@odata.type": "#microsoft.graph.accessPackageMultipleChoiceQuestion", "sequence": 1, "text": "pick", "choices": list{object{"actualValue": "A", "text": "Option A", "localizations": localized}}},
	}
	policies, roles := 0, pack
	for _, one := range []struct {
		name   string
		path   string
		read   string // behind the id
		update []string
		body   func() object
	}{
		{"accessPackageCatalog", "/catalogs", "", []string{"PATCH"}, func() object {
			return object{"displayName": unique("Catalog"), "description": "d", "state": "published", "isExternallyVisible": true}
		}},
		{"accessPackage", "/accessPackages", "?$expand=catalog,resourceRoleScopes,assignmentPolicies", []string{"PATCH"}, func() object {
			return object{"displayName": unique("Package"), "description": "d", "isHidden": true, "catalog": object{"id": catalog}}
		}},
		{"accessPackageAssignmentPolicy", "/assignmentPolicies", "?$expand=accessPackage,catalog", []string{"PATCH", "PUT"}, func() object {
			if policies++; policies%20 == 0 { // a package has no more than 50, and a catalog with many packages is slow
				pack = newPackage(t, newCatalog(t))
			}
			return put(policy, []string{"accessPackage"}, object{"id": pack}).(object)
		}},
		{"accessPackageAssignmentRequest", "/assignmentRequests", "?$expand=accessPackage,assignment($expand=target,assignmentPolicy),requestor", nil, func() object {
			return object{
				"requestType": "adminAdd", "justification": "j", "answers": list{object{"@odata.type": "#microsoft.graph.accessPackageAnswerString", "value": "because", "answeredQuestion": object{"@odata.type": "#microsoft.graph.accessPackageTextInputQuestion", "id": question}}},
				"schedule":   object{"expiration": object{"type": "afterDuration", "duration": "P12D"}},
				"assignment": object{"target": object{"objectId": hire(t, "").ID}, "accessPackage": object{"id": o.pack}, "assignmentPolicy": object{"id": o.policy}},
			}
		}},
		{"accessPackageResourceRequest", "/resourceRequests", "?$expand=catalog,resource", nil, func() object {
			return object{"requestType": "adminAdd", "catalog": object{"id": catalog}, "resource": object{"originId": newGroup(t), "originSystem": "AadGroup"}}
		}},
		{"accessPackageResourceRoleScope", "/accessPackages/" + roles + "/resourceRoleScopes", "?$expand=role($expand=resource),scope($expand=resource)", nil, func() object {
			return roleScope(group)
		}},
	} {
		t.Run(one.name, func(t *testing.T) {
			ida := administrator(t)
			accepted, refused := 0, 0
			base := one.body()
			for _, try := range all.attempts(all["microsoft.graph."+one.name], one.name, base, nil) {
				fresh := one.body()
				created := ida.call("POST", one.path, put(fresh, try.path, try.value))
				verbs := []string{"POST"}
				id := ""
				if created.status == http.StatusCreated {
					id, _ = created.object()["id"].(string)
				}
				if len(one.update) > 0 {
					stored := ida.post(one.path, one.body())
					verbs = append(verbs, one.update...)
					fresh["id"] = stored["id"]
					if _, given := fresh["accessPackage"]; given {
						fresh["accessPackage"] = ida.get(one.path + "/" + text(t, stored, "id") + one.read)["accessPackage"]
					}
				}
				for _, verb := range verbs {
					answer := created
					if verb != "POST" {
						id, _ = fresh["id"].(string)
						body := put(fresh, try.path, try.value).(object)
						if try.path[0] != "id" {
							delete(body, "id")
						}
						if verb == "PATCH" {
							body = object{try.path[0]: body[try.path[0]]}
						} else {
							body["displayName"] = unique("Put")
							if try.path[0] == "displayName" {
								body["displayName"] = try.value
							}
						}
						answer = ida.call(verb, one.path+"/"+id, body)
					}
					if answer.status >= 300 {
						refused++
						if answer.status >= 500 || answer.status == http.StatusBadRequest && text(t, answer.object(), "error/target") == "" {
							t.Errorf("%s %s: %d %s", verb, try, answer.status, answer.body)
						}
						continue
					}
					accepted++
					read := ida.get(one.path + "/" + id + one.read)
					is := pick(read, try.path)
					last := try.path[len(try.path)-1]
					if last == "description" && slices.Contains([]string{"specificAllowedTargets", "primaryApprovers", "fallbackPrimaryApprovers", "escalationApprovers", "fallbackEscalationApprovers", "primaryReviewers"}, try.path[max(0, len(try.path)-3)]) {
						if is != nil { // whose name it is, the directory says
							t.Errorf("%s %s: read back as %v", verb, try, is)
						}
						continue
					}
					if slices.Contains(decided[one.name], last) && try.path[0] != "questions" { // questions that were read are sent back with their ids
						if text, ok := try.value.(string); ok && is == any(text) && (text == "other text" || strings.HasSuffix(last, "DateTime")) {
							t.Errorf("%s %s: it was chosen by the client", verb, try)
						}
						continue
					}
					if try.value == "notSpecified" && (is == nil || try.path[0] == "assignment") { // an assignment's is decided by the request's
						continue // the default
					}
					if !kept(is, loosely(try.value)) {
						t.Errorf("%s %s: accepted, and read back as %v", verb, try, is)
					}
				}
			}
			if accepted < 5 || refused < 5 {
				t.Errorf("%d were accepted, %d refused", accepted, refused)
			}
			t.Logf("%d were accepted, %d refused", accepted, refused)
		})
	}
}

// loosely is a value as it is read back that was sent as text.
func loosely(value any) any {
	if value == "true" {
		return true
	}
	return value
}
