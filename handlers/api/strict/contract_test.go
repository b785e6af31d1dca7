package strict

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// schema is a type or property of an OpenAPI document, as far as these tests need it.
type schema struct {
	Ref        string            `json:"$ref"`
	AllOf      []schema          `json:"allOf"`
	Properties map[string]schema `json:"properties"`
}

// contract reads the types of Graph's own contract.
func contract(t *testing.T) map[string]schema {
	t.Helper()
	data, err := os.ReadFile("testdata/contract.json")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Components struct {
			Schemas map[string]schema `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	return document.Components.Schemas
}

// base is the type that one is derived from.
func (s schema) base() string {
	for _, part := range s.AllOf {
		if part.Ref != "" {
			return strings.TrimPrefix(part.Ref, "#/components/schemas/"+prefix)
		}
	}
	return ""
}

func properties(all map[string]schema, name string) map[string]schema {
	s := all[prefix+name]
	found := maps.Clone(s.Properties)
	if found == nil {
		found = map[string]schema{}
	}
	for _, part := range s.AllOf {
		maps.Copy(found, part.Properties)
	}
	if base := s.base(); base != "" {
		maps.Copy(found, properties(all, base))
	}
	return found
}

// each calls do for every type that a body may hold, with the paths at which it is.
func each(do func(path string, t *Type)) {
	seen := map[*Type]bool{}
	var walk func(path string, t *Type)
	walk = func(path string, t *Type) {
		if seen[t] {
			return
		}
		seen[t] = true
		do(path, t)
		for _, derived := range t.Derived {
			walk(path, derived)
		}
		for i := range t.Members {
			if m := &t.Members[i]; m.Of != nil {
				walk(path+m.Name+"/", m.Of)
			}
		}
	}
	for _, root := range []*Type{Catalog, Package, Policy, RoleScope, ResourceRequest, Request, Stage} {
		walk(root.Name+"/", root)
	}
}

// Every member of the contract is one that the table of its type knows, and every type derived from one is one that can be told: none is unknown, none is dropped.
//
// rules: OBJ-02 POL-03 QUE-01
func TestContractIsKnown(t *testing.T) {
	t.Parallel()
	all, types := contract(t), 0
	each(func(path string, of *Type) {
		if _, ok := all[prefix+of.Name]; !ok || of.Waits != "" && len(of.Members) == 0 {
			return
		}
		types++
		if len(of.Members) > 0 || len(of.Derived) == 0 {
			for name := range properties(all, of.Name) {
				if !isAnnotation(name) && of.member(name) == nil {
					t.Errorf("%s: the table of %s does not know %s", path, of.Name, name)
				}
			}
		}
		if len(of.Derived) == 0 {
			return
		}
		for name, one := range all {
			if bare := strings.TrimPrefix(name, prefix); one.base() == of.Name && !slices.ContainsFunc(of.Derived, func(d *Type) bool { return d.Name == bare }) {
				t.Errorf("%s: %s is derived from %s, and the table does not know it", path, bare, of.Name)
			}
		}
	})
	if types < 25 {
		t.Errorf("only %d types of the contract are in a table", types)
	}
}
