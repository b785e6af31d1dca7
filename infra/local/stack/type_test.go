package stack_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// types are Graph's own types, closed: a member that they do not have is none, at any depth, and null is only where it may be. All that the API answers in these tests is held against them.
var types = sync.OnceValue(func() *graphTypes {
	data, err := os.ReadFile("testdata/strict-types.json")
	if err != nil {
		panic(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		panic(err)
	}
	all := &graphTypes{defs: document.(object)["$defs"].(object), compiler: jsonschema.NewCompiler(), compiled: map[string]*jsonschema.Schema{}}
	for _, more := range beyond {
		all.defs["microsoft.graph."+more.of].(object)["properties"].(object)[more.name] = more.schema
	}
	failure := all.defs["microsoft.graph.ODataErrors.ODataError"].(object)["properties"].(object)["error"].(object)
	failure["additionalProperties"], failure["required"] = false, list{"code", "message", "innerError"}
	all.compiler.AssertFormat()
	all.compiler.RegisterFormat(&jsonschema.Format{Name: "duration", Validate: isDuration})
	if err := all.compiler.AddResource("types.json", document); err != nil {
		panic(err)
	}
	return all
})

// beyond are the members of answers that Graph's types do not have.
var beyond = []struct {
	of, name string
	schema   object
	why      string
}{
	{"approvalStage", "@latchkey.unreached", object{"type": "array", "items": words}, "an annotation of ours: who cannot be told"},
	{"accessPackageAssignment", "@latchkey.deliveries", object{"type": "array", "items": closed(object{
		"grant": closed(object{"originSystem": words, "resourceOriginId": words, "role": object{"enum": list{"Member", "Owner"}}}),
		"state": object{"enum": list{"pending", "delivered", "failed", "removed"}}, "reason": words, "handle": words, "leaving": object{"type": "boolean"},
		"endDateTime": object{"type": "string", "format": "date-time"},
	})}, "an annotation of ours: how far each role is"},
}

var words = object{"type": "string"}

// closed is an object that has these members alone.
func closed(properties object) object {
	return object{"type": "object", "additionalProperties": false, "properties": properties}
}

// called are the types of what actions and functions answer with that are at no navigation property.
var called = map[string]string{"getApplicablePolicyRequirements": "accessPackageAssignmentRequestRequirements"}

// duration is Edm.Duration, with the years, months and weeks that Graph takes too. The format of JSON Schema has no fractions.
var duration = regexp.MustCompile(`^-?P(\d+W|(\d+Y)?(\d+M)?(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?)$`)

func isDuration(value any) error {
	if given, ok := value.(string); ok && (!duration.MatchString(given) || strings.HasSuffix(given, "P") || strings.HasSuffix(given, "T")) {
		return fmt.Errorf("%q is no duration", given)
	}
	return nil
}

type graphTypes struct {
	defs     object
	mu       sync.Mutex
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

// schema is that of a type, by its name.
func (g *graphTypes) schema(name string) (*jsonschema.Schema, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.compiled[name] == nil {
		made, err := g.compiler.Compile("types.json#/$defs/" + name)
		if err != nil {
			return nil, err
		}
		g.compiled[name] = made
	}
	return g.compiled[name], nil
}

var keys = regexp.MustCompile(`\('(''|[^'])*'\)`)

// named is the type that an @odata.context names: its path is gone along, from entitlement management on, through the navigation properties of Graph's types.
func (g *graphTypes) named(context string) (string, error) {
	_, path, _ := strings.Cut(context, "/$metadata#identityGovernance/")
	path, one := strings.CutSuffix(keys.ReplaceAllString(path, ""), "/$entity")
	at, isList := object{"$ref": "#/$defs/microsoft.graph.entitlementManagement"}, false
	segments := strings.Split(path, "/")
	for _, segment := range segments[1:] {
		if strings.HasPrefix(segment, "filterByCurrentUser(") {
			continue
		}
		if answered := called[segment]; answered != "" {
			at, isList = object{"$ref": "#/$defs/microsoft.graph." + answered}, true
			continue
		}
		if at = g.property(nameOf(at), segment); at == nil {
			return "", fmt.Errorf("the @odata.context %q names %s, which Graph does not have there", context, segment)
		}
		items, ok := at["items"].(object)
		if isList = ok; ok {
			at = items
		} else if either, ok := at["anyOf"].(list); ok {
			at = either[0].(object)
		}
	}
	name := nameOf(at)
	if isList && !one {
		name += "CollectionResponse"
	}
	if segments[0] != "entitlementManagement" || g.defs[name] == nil {
		return "", fmt.Errorf("the @odata.context %q names no type of Graph", context)
	}
	return name, nil
}

// property is one that a type has, or one of those that are derived from it.
func (g *graphTypes) property(of, name string) object {
	definition, _ := g.defs[of].(object)
	either, _ := definition["anyOf"].(list)
	for _, one := range append(list{definition}, either...) {
		properties, _ := one.(object)["properties"].(object)
		if found, ok := properties[name].(object); ok {
			return found
		}
	}
	return nil
}

// nameOf is the type that a property of another has.
func nameOf(property object) string {
	ref, _ := property["$ref"].(string)
	return strings.TrimPrefix(ref, "#/$defs/")
}

// typed says what is wrong with an answer: that it is not of the type that it says it is, or an error that is not Graph's. What is below operations is Latchkey's own, and no type of Graph's.
func (g *graphTypes) typed(path string, status int, body []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	answered, _ := value.(object)
	context, told := answered["@odata.context"].(string)
	name := "microsoft.graph.ODataErrors.ODataError"
	switch {
	case strings.HasSuffix(path, "/operations/health") && status == http.StatusServiceUnavailable:
		return nil
	case status >= http.StatusBadRequest:
	case strings.HasPrefix(path, "/api/v1.0/operations/"):
		return nil
	case !told:
		return fmt.Errorf("the answer has no @odata.context")
	default:
		if name, err = g.named(context); err != nil {
			return err
		}
	}
	if _, ok := answered["value"].(list); !ok && strings.HasSuffix(name, "CollectionResponse") {
		return fmt.Errorf("the list has no value")
	}
	schema, err := g.schema(name)
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// noted is a test that only notes what it is told is wrong.
type noted struct {
	testing.TB
	errors int
}

func (n *noted) Errorf(string, ...any) { n.errors++ }

// spoilt are copies of an answer with one thing wrong each, at every depth: a member that there is not, or a value of another type.
func spoilt(body object, at any, path []string) []any {
	below := func(name string) []string { return append(slices.Clone(path), name) }
	var all []any
	switch at := at.(type) {
	case object:
		if !slices.Contains(path, "innerError") { // what is in it is open
			all = append(all, put(body, below("horse"), true))
		}
		for name, inner := range at {
			if !strings.HasPrefix(name, "@odata.") {
				all = append(all, spoilt(body, inner, below(name))...)
			}
		}
		return all
	case list:
		for i, inner := range at {
			all = append(all, spoilt(body, inner, below(strconv.Itoa(i)))...)
		}
	}
	return append(all, put(body, path, object{"horse": true}))
}

// What holds all answers of these tests against Graph's types finds what is wrong with one that is spoilt, whatever is wrong, wherever that is.
//
// rules: OBJ-01
func TestAnswersAreOfTheirTypes(t *testing.T) {
	ida, boss, me := administrator(t), hire(t, ""), hire(t, "")
	approved := newOffer(t, func(policy object) {
		approvedBy(user(boss.ID))(policy)
		policy["questions"] = list{object{"@odata.type": "#microsoft.graph.accessPackageTextInputQuestion", "text": "why?", "localizations": list{object{"languageCode": "de", "text": "warum?"}}}}
		policy["reviewSettings"] = object{"isEnabled": false, "primaryReviewers": list{object{"@odata.type": "#microsoft.graph.targetManager", "managerLevel": 1}}}
	})
	question := text(t, ida.get("/assignmentPolicies/"+approved.policy), "questions/0/id")
	request := text(t, person(t, me.UserPrincipalName).post("/assignmentRequests", add("userAdd", approved.pack, object{"answers": list{object{
		"@odata.type": "#microsoft.graph.accessPackageAnswerString", "value": "because", "answeredQuestion": object{"@odata.type": "#microsoft.graph.accessPackageTextInputQuestion", "id": question},
	}}})), "id")
	given := newOffer(t, nil)
	held := text(t, ida.get("/assignmentRequests/"+text(t, ida.post("/assignmentRequests", assign(given, me.ID)), "id")+"?$expand=assignment"), "assignment/id")
	drain(t)
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/nonsense") {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write(body)
	}))
	defer server.Close()
	wrong := 0
	for _, path := range []string{
		"/accessPackages/" + approved.pack + "?$expand=catalog,assignmentPolicies,resourceRoleScopes($expand=role($expand=resource),scope($expand=resource))",
		"/catalogs/" + given.catalog + "/resources?$expand=roles,scopes",
		"/assignmentPolicies/" + approved.policy + "?$expand=accessPackage,catalog",
		"/assignmentRequests/" + request + "?$expand=accessPackage,requestor,assignment($expand=target,assignmentPolicy)",
		"/assignments/" + held + "?$expand=target,accessPackage,assignmentPolicy,@latchkey.deliveries",
		"/accessPackageAssignmentApprovals/" + request + "?$expand=stages",
		"/accessPackages/nonsense",
	} {
		answered := ida.call("GET", path, nil).object()
		for _, one := range append([]any{answered}, spoilt(answered, answered, nil)...) {
			var err error
			if body, err = json.Marshal(one); err != nil {
				t.Fatal(err)
			}
			asked, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/api/v1.0"+strings.SplitN(path, "?", 2)[0], nil)
			if err != nil {
				t.Fatal(err)
			}
			found := &noted{TB: t}
			answer{t: found, what: path}.send(asked)
			if isWrong := !reflect.DeepEqual(one, any(answered)); isWrong != (found.errors > 0) {
				t.Errorf("%s: %d things are found wrong with %s", path, found.errors, body)
			} else if isWrong {
				wrong++
			}
		}
	}
	if wrong < 200 {
		t.Errorf("only %d answers were spoilt", wrong)
	}
}
