package strict

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
	"time"

	"latchkey/shared/governance"
)

// Merge is a PATCH of the stored resource: objects are merged by member down to the bottom, lists are taken whole, null sets a member back to its default, and an object whose type is another now is
// replaced (BEYOND BEY-01). Errors: CodeInvalid for what contradicts the stored resource.
func (b *Body) Merge(stored []byte) ([]byte, error) {
	present, err := b.against(stored)
	if err != nil {
		return nil, err
	}
	merge(b.of, present, b.value)
	return json.Marshal(present)
}

// Replace is a PUT of the stored resource. A writable member that is not its default and that the body does not name is refused, because clients that read, change one member and send what was
// set would take all else away; null takes one away. Errors: CodeInvalid naming all of them, or what contradicts the stored resource.
func (b *Body) Replace(stored []byte) ([]byte, error) {
	present, err := b.against(stored)
	if err != nil {
		return nil, err
	}
	if missing := silent(b.of, present, b.value, ""); len(missing) > 0 {
		sort.Strings(missing)
		return nil, governance.Invalid(missing[0], "PUT replaces the whole, and the body says nothing of what is set: %s. Send them as they are to be, or null to take one away; PATCH changes what it names.", strings.Join(missing, ", "))
	}
	return b.JSON()
}

// against reads the stored resource and holds against it what the body may only repeat.
func (b *Body) against(stored []byte) (map[string]any, error) {
	var present map[string]any
	decoder := json.NewDecoder(bytes.NewReader(stored))
	decoder.UseNumber()
	if err := decoder.Decode(&present); err != nil {
		return nil, fmt.Errorf("decode the stored resource: %w", err)
	}
	for _, echo := range b.echoes {
		is := present[echo.member.Name]
		if echo.member.Kind == Owned && is == nil {
			is = []any{}
		}
		if !agrees(is, echo.value) {
			if echo.member.Kind == Owned {
				return nil, echo.at.invalid("is not what is there, and cannot be changed here; leave it out, and change it at its own path")
			}
			return nil, echo.at.invalid("contradicts what is there; leave it out, or send what was read")
		}
	}
	return present, nil
}

// agrees says whether what a client repeats is what is stored. Names may have changed since it was read.
func agrees(stored, given any) bool {
	switch given := given.(type) {
	case nil:
		return true
	case map[string]any:
		object, ok := stored.(map[string]any)
		for name, value := range given {
			is, has := object[name]
			if name == "displayName" || name == "description" || !has && (ok && name != "id" || isNothing(nil, value)) {
				continue
			}
			if !agrees(is, value) {
				return false
			}
		}
		return true
	case []any:
		list, _ := stored.([]any)
		if len(list) != len(given) {
			return false
		}
		matched := make([]bool, len(list)) // each of what is stored is repeated once
		for i, value := range given {
			at := i
			if id := idOf(value); id != "" {
				at = slices.IndexFunc(list, func(one any) bool { return strings.EqualFold(idOf(one), id) })
			} else if idOf(list[i]) != "" {
				return false // known by nothing else
			}
			if at < 0 || matched[at] || !agrees(list[at], value) {
				return false
			}
			matched[at] = true
		}
		return true
	case string:
		text, ok := stored.(string)
		if !ok {
			return false
		}
		was, err := time.Parse(time.RFC3339Nano, text)
		if now, nowErr := time.Parse(time.RFC3339Nano, given); err == nil && nowErr == nil {
			return was.Equal(now)
		}
		return strings.EqualFold(text, given)
	}
	return fmt.Sprint(stored) == fmt.Sprint(given)
}

func idOf(value any) string {
	object, _ := value.(map[string]any)
	id, _ := object["id"].(string)
	return id
}

// merge puts what the body says into the present object.
func merge(t *Type, present, body map[string]any) {
	for name, value := range body {
		object, isObject := value.(map[string]any)
		member := t.member(name)
		switch inner, _ := present[name].(map[string]any); {
		case value == nil:
			delete(present, name)
		case !isObject || member == nil || member.Kind != Object || inner == nil || becomesAnother(member.Of, inner, object):
			present[name] = withoutNulls(value)
		default:
			merge(member.Of, inner, object)
		}
	}
}

// becomesAnother says whether an object is given another type, which means other members.
func becomesAnother(t *Type, present, body map[string]any) bool {
	for _, name := range []string{"@odata.type", "type"} {
		if value, given := body[name]; given && orDefault(t, name, value) != orDefault(t, name, present[name]) {
			return true
		}
	}
	return false
}

func orDefault(t *Type, name string, value any) any {
	if member := t.member(name); value == nil && member != nil {
		return member.Default
	}
	return value
}

// silent lists the writable members, at any depth of objects, that are not their default and that the body does not name. What another type excludes is not missing.
func silent(t *Type, present, body map[string]any, path string) []string {
	var missing []string
	for i := range t.Members {
		m := &t.Members[i]
		is, there := present[m.Name]
		if m.Kind == None || m.Kind >= Noise || !there || isNothing(m, is) {
			continue
		}
		given, named := body[m.Name]
		if named && given == nil {
			continue
		}
		inner, isObject := is.(map[string]any)
		object, _ := given.(map[string]any)
		switch {
		case m.Kind == Object && isObject:
			if !becomesAnother(m.Of, inner, object) {
				missing = append(missing, silent(m.Of, inner, object, path+m.Name+"/")...)
			}
		case !named:
			missing = append(missing, path+m.Name)
		}
	}
	return missing
}

// isNothing says whether a stored value is the default of a member.
func isNothing(m *Member, value any) bool {
	if m != nil && m.Default != "" {
		return value == nil || value == "" || fmt.Sprint(value) == m.Default
	}
	switch value := value.(type) {
	case map[string]any:
		for name, one := range value {
			var inner *Member
			if m != nil && m.Of != nil {
				inner = m.Of.member(name)
			}
			if !isNothing(inner, one) {
				return false
			}
		}
		return true
	case []any:
		return len(value) == 0
	case string:
		return value == ""
	case json.Number:
		return value == "0"
	}
	return value == nil || reflect.ValueOf(value).IsZero()
}

// withoutNulls is a value without the members that are null.
func withoutNulls(value any) any {
	switch value := value.(type) {
	case map[string]any:
		object := make(map[string]any, len(value))
		for name, one := range value {
			if one != nil {
				object[name] = withoutNulls(one)
			}
		}
		return object
	case []any:
		list := make([]any, len(value))
		for i, one := range value {
			list[i] = withoutNulls(one)
		}
		return list
	}
	return value
}
