package host_test

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"latchkey/functions"
)

func compile(t *testing.T, path string, draft *jsonschema.Draft, patch func(any)) *jsonschema.Schema {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if patch != nil {
		patch(document)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(draft)
	compiler.UseRegexpEngine(engine)
	if err := compiler.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// engine lets patterns with a lookahead match everything: Go has none, and the schemas use them only where Latchkey has nothing to say.
func engine(pattern string) (jsonschema.Regexp, error) {
	if re, err := regexp.Compile(pattern); err == nil {
		return re, nil
	}
	return regexp.MustCompile(""), nil
}

func validate(t *testing.T, schema *jsonschema.Schema, raw []byte) error {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(document)
}

func TestHostJSONMatchesItsSchema(t *testing.T) {
	schema := compile(t, "testdata/schemas/host.schema.json", jsonschema.Draft7, nil)
	raw, err := os.ReadFile("../../../host.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := validate(t, schema, raw); err != nil {
		t.Error(err)
	}
	for _, wrong := range []string{
		strings.Replace(string(raw), `"functionTimeout"`, `"functionTimout"`, 1),
		strings.Replace(string(raw), `"00:05:00"`, `"5m"`, 1),
		strings.Replace(string(raw), `"enableProxyingHttpRequest"`, `"enableProxyingHttp"`, 1),
	} {
		if validate(t, schema, []byte(wrong)) == nil {
			t.Errorf("the schema takes %s", wrong)
		}
	}
}

func TestFunctionJSONMatchesItsSchema(t *testing.T) {
	// The host's own schema refuses a schedule that is an app setting, which the host itself takes: its pattern gains that one alternative.
	schema := compile(t, "testdata/schemas/function.schema.json", jsonschema.Draft4, func(document any) {
		trigger := document.(map[string]any)["definitions"].(map[string]any)["timerTriggerBinding"].(map[string]any)
		schedule := trigger["properties"].(map[string]any)["schedule"].(map[string]any)
		schedule["pattern"] = `^%[A-Za-z0-9_]+%$|` + schedule["pattern"].(string)
	})
	for _, f := range deployed(t) {
		if err := validate(t, schema, f.Raw); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	for _, wrong := range []string{
		`{"bindings":[{"type":"timerTrigger","direction":"in","name":"t","schedule":"every minute"}]}`,
		`{"bindings":[{"type":"httpTrigger","direction":"in","name":"r","authLevel":"nobody"}]}`,
		`{"bindings":[{"type":"serviceBusTrigger","direction":"in","name":"m","dataType":"bytes"}]}`,
		`{"bindings":[{"type":"serviceBusTrigger","direction":"in"}]}`,
	} {
		if validate(t, schema, []byte(wrong)) == nil {
			t.Errorf("the schema takes %s", wrong)
		}
	}
}

func deployed(t *testing.T) []functions.Function {
	t.Helper()
	list, err := functions.All()
	if err != nil {
		t.Fatal(err)
	}
	return list
}
