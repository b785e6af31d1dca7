package strict

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"latchkey/shared/governance"
)

// Action is an action of custom extensions, of whatever kind.
var Action = action("calloutAction", Member{Name: "kind", Kind: Text}, Member{Name: "settings", Kind: Open})

func action(name string, kind, settings Member) *Type {
	return &Type{Name: name, Members: append([]Member{
		{Name: "name", Kind: Key},
		{Name: "displayName", Kind: Text},
		kind,
		{Name: "isEnabled", Kind: Bool, Default: "true"},
		settings,
		{Name: "callers", Kind: Texts},
		{Name: "stages", Kind: Texts, Values: taskStages()},
		{Name: "onFailure", Kind: Enum, Values: []string{string(governance.FailureReports), string(governance.FailureDenies)}, Default: string(governance.FailureReports)},
		{Name: "findings", Kind: Texts, Decided: true},
	}, noise("modifiedDateTime")...)}
}

func taskStages() []string {
	var names []string
	for _, stage := range governance.TaskStages() {
		names = append(names, string(stage))
	}
	return names
}

// Actions is Action with the settings of each kind, by the JSON schema that the kind declares them with.
func Actions(schemas map[string]json.RawMessage) *Type {
	actions := *Action
	for kind, data := range schemas {
		var settings schemaOf
		_ = json.Unmarshal(data, &settings) // one that is no JSON would let no setting in
		actions.Derived = append(actions.Derived, action(kind, Member{Name: "kind", Kind: Enum, Values: []string{kind}}, Member{Name: "settings", Kind: Object, Of: settings.table(kind)}))
	}
	actions.Untyped = func(n *node) *Type {
		if at := slices.IndexFunc(actions.Derived, func(one *Type) bool { return equalFold(one.Name, n.lower("kind")) }); at >= 0 {
			return actions.Derived[at]
		}
		return Action
	}
	return &actions
}

// schemaOf is as much of a JSON schema as the door goes by. What more it says, such as how large a number may be, the kind of action holds its settings against itself.
type schemaOf struct {
	Type, Format string
	Description  string
	Not          *struct{} // nothing will do: the description says why
	Enum         []string
	Default      any
	Properties   map[string]schemaOf
}

// plain are the kinds of members by type and format.
var plain = map[string]Kind{"boolean": Bool, "integer": Int, "string": Text, "string uri": Text, "string uuid": GUID, "string duration": Duration, "array": Texts}

// table is the type of an object.
func (s schemaOf) table(name string) *Type {
	object := &Type{Name: name}
	for name, one := range s.Properties {
		m := Member{Name: name, Kind: cmp.Or(plain[strings.TrimSpace(one.Type+" "+one.Format)], Open), Values: one.Enum}
		switch {
		case one.Not != nil:
			m.Kind, m.Never = None, one.Description
		case one.Enum != nil:
			m.Kind = Enum
		case one.Properties != nil:
			m.Kind, m.Of = Object, one.table(name)
		}
		if one.Default != nil {
			m.Default = fmt.Sprint(one.Default)
		}
		object.Members = append(object.Members, m)
	}
	return object
}

// TicketAnswer is what a service desk says of a ticket.
var TicketAnswer = &Type{Words: "the answer to a ticket", Members: []Member{{Name: "status", Kind: Text}, {Name: "detail", Kind: Text}}}
