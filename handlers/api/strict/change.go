package strict

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"latchkey/shared/governance"
)

// Merge is a PATCH of the stored resource: objects are merged by member down to the bottom, lists are taken whole, null sets a member back
// to its default, and an object whose type is another now is replaced (BEY-01). Errors: CodeInvalid for what contradicts the stored
// resource.
func (b *Body) Merge(stored []byte) ([]byte, error) {
	present, err := b.against(stored)
	if err != nil {
		return nil, err
	}
	merge(b.of, present, respelled(b.of, present, b.value))
	return json.Marshal(present)
}

// Replace is a PUT of the stored resource. A writable member that is not its default and that the body does not name is refused, because
// clients that read, change one member and send what was set would take all else away; null takes one away. Errors: CodeInvalid naming all
// of them, or what contradicts the stored resource.
func (b *Body) Replace(stored []byte) ([]byte, error) {
	present, err := b.against(stored)
	if err != nil {
		return nil, err
	}
	if missing := silent(b.of, present, b.value, ""); len(missing) > 0 {
		sort.Strings(missing)
		return nil, governance.Invalid(missing[0],
			"PUT replaces the whole, and the body says nothing of what is set: %s. Send them as they are to be, or null to take one away.", strings.Join(missing, ", "))
	}
	return json.Marshal(withoutNulls(respelled(b.of, present, b.value)))
}

// respelled is a body in which each instant that is the stored one is as it is stored: clients write what they have read in spellings of their
// own, and others would see a change.
func respelled(t *Type, present, body map[string]any) map[string]any {
	next := maps.Clone(body)
	for name, value := range body {
		member := t.member(name)
		inner, isObject := value.(map[string]any)
		is, _ := present[name].(map[string]any)
		switch {
		case member == nil:
		case member.Kind == Object && isObject && is != nil:
			next[name] = respelled(member.Of, is, inner)
		case member.Kind == DateTime && sameInstant(present[name], value):
			next[name] = present[name]
		}
	}
	return next
}

// sameInstant says whether two values are one instant, however they are written.
func sameInstant(x, y any) bool {
	one, _ := x.(string)
	other, _ := y.(string)
	was, err := time.Parse(time.RFC3339Nano, one)
	now, nowErr := time.Parse(time.RFC3339Nano, other)
	return err == nil && nowErr == nil && was.Equal(now)
}

// against reads the stored resource and holds against it what the body may only repeat.
func (b *Body) against(stored []byte) (map[string]any, error) {
	present, err := decoded(json.RawMessage(stored))
	if err != nil {
		return nil, err
	}
	for _, echo := range b.echoes {
		switch at := contradiction(echo.member, echo.member.in(present), echo.value, echo.at.path()); {
		case at == "":
		case echo.err != nil:
			return nil, echo.err
		default:
			return nil, echo.at.invalid("contradicts what is there; leave it out, or send what was read")
		}
	}
	return present, nil
}

// Refers holds what the body repeats of other resources, and of what has a path of its own, against what they are: whole reads one with all
// that clients fetch with it, the body's own for no id. Of what the caller may not read, nothing but id and names can be true. Errors:
// CodeInvalid, and those of whole.
func (b *Body) Refers(whole func(of *Type, id string) (any, error)) error {
	for _, one := range b.refers {
		found, err := whole(cmp.Or(one.of, b.of), one.id)
		if code := governance.CodeOf(err); one.id != "" && (code == governance.CodeNotFound || code == governance.CodeForbidden) {
			found, err = map[string]string{"id": one.id}, nil
		}
		if err != nil {
			return err
		}
		present, err := decoded(found)
		if err != nil {
			return err
		}
		stored := any(present)
		if one.member.Kind == Owned {
			stored = present[one.member.Name]
		}
		if at := contradiction(one.member, stored, one.value, one.at.path()); at != "" {
			return governance.Invalid(at, "%s is not what is there, and cannot be changed here; leave it out, and change it at its own path.", at)
		}
	}
	return nil
}

// decoded is a value as JSON has it.
func decoded(value any) (object map[string]any, err error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode the stored resource: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&object); err != nil {
		return nil, fmt.Errorf("decode the stored resource: %w", err)
	}
	return object, nil
}

// in is what a stored object has of a member. What it refers to by an id alone is of what it refers to besides: the package of a policy is
// in the policy's catalog.
func (m *Member) in(object map[string]any) any {
	is := object[m.Name]
	if reference, ok := is.(map[string]any); ok && m.Kind == Ref {
		whole := maps.Clone(object)
		maps.Copy(whole, reference)
		return whole
	}
	return is
}

// contradiction is where what a client repeats of a member is not what is stored; empty if it is. Names may have changed since it was read,
// but those of roles and scopes, which are rights; what is not stored must ask for nothing.
func contradiction(m *Member, stored, given any, path string) string {
	switch given := given.(type) {
	case nil:
		if isNothing(m, stored) {
			return ""
		}
		return path
	case map[string]any:
		object, _ := stored.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(given)) {
			_, has := object[name]
			inner := m.Of.member(name)
			switch {
			case isName(name) && m.Of != ResourceRole && m.Of != ResourceScope || !has && isAnnotation(name):
			case has:
				if at := contradiction(inner, cmp.Or(inner, &Member{Name: name}).in(object), given[name], path+"/"+name); at != "" {
					return at
				}
			case !isNothing(inner, given[name]):
				return path + "/" + name
			}
		}
		return ""
	case []any:
		list, _ := stored.([]any)
		if len(list) != len(given) {
			return path
		}
		matched := make([]bool, len(list)) // each of what is stored is repeated once
		for i, value := range given {
			at, here := i, path+"/"+strconv.Itoa(i)
			if id := idOf(value); id != "" {
				at = slices.IndexFunc(list, func(one any) bool { return strings.EqualFold(idOf(one), id) })
			} else if idOf(list[i]) != "" {
				return here // known by nothing else
			}
			if at < 0 || matched[at] {
				return here
			}
			if within := contradiction(m, list[at], value, here); within != "" {
				return within
			}
			matched[at] = true
		}
		return ""
	case string:
		if text, ok := stored.(string); ok && strings.EqualFold(text, given) || sameInstant(stored, given) {
			return ""
		}
		return path
	}
	if fmt.Sprint(stored) != fmt.Sprint(given) {
		return path
	}
	return ""
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

// silent lists the writable members, at any depth of objects, that are not their default and that the body does not name. What another type
// excludes is not missing.
func silent(t *Type, present, body map[string]any, path string) []string {
	var missing []string
	for i := range t.Members {
		m := &t.Members[i]
		is, there := present[m.Name]
		given, named := body[m.Name]
		if m.Kind == None || m.Kind >= Noise || !there || named && given == nil {
			continue
		}
		inner, isObject := is.(map[string]any)
		object, _ := given.(map[string]any)
		switch {
		case m.Kind == Object && isObject:
			if !becomesAnother(m.Of, inner, object) {
				missing = append(missing, silent(m.Of, inner, object, path+m.Name+"/")...)
			}
		case m.Kind == List && named:
			missing = append(missing, silentInside(m, is, given, path+m.Name+"/")...)
		case !named && !isNothing(m, is):
			missing = append(missing, path+m.Name)
		}
	}
	return missing
}

// silentInside is silent for the elements of a list that are what stored ones become: those of one id, and stages and questions that stay as many.
func silentInside(m *Member, is, given any, path string) []string {
	var missing []string
	present, _ := is.([]any)
	next, _ := given.([]any)
	for i, one := range next {
		at := i
		if id := idOf(one); id != "" {
			at = slices.IndexFunc(present, func(other any) bool { return strings.EqualFold(idOf(other), id) })
		} else if m.Of != stage && m.Of != question || len(present) != len(next) {
			continue
		}
		if at < 0 {
			continue
		}
		before, _ := present[at].(map[string]any)
		after, _ := one.(map[string]any)
		if after = maps.Clone(after); after != nil {
			after["id"] = before["id"] // it is what was matched, and nothing that was left out
		}
		for _, of := range m.Of.Derived {
			name, _ := before["@odata.type"].(string)
			if bare := trimFold(strings.TrimPrefix(name, "#"), prefix); (bare == "" || of.isCalled(bare)) && of.Waits == "" && !becomesAnother(of, before, after) {
				missing = append(missing, silent(of, before, after, path+strconv.Itoa(i)+"/")...)
			}
		}
	}
	return missing
}

// isNothing says whether a value asks for nothing: null, false, no text, an empty list, the default of its member.
func isNothing(m *Member, value any) bool {
	if m == nil {
		m = &Member{}
	}
	if m.Default != "" {
		text := strings.ToLower(strings.TrimSpace(fmt.Sprint(value)))
		return value == nil || text == "" || text == strings.ToLower(m.Default)
	}
	switch value := value.(type) {
	case map[string]any:
		if m.Of == nil {
			return len(value) == 0 // what is inside is known to nobody
		}
		for name, one := range value {
			if !isAnnotation(name) && !isNothing(m.Of.member(name), one) {
				return false
			}
		}
		return true
	case []any:
		return len(value) == 0
	case string:
		value = strings.ToLower(strings.TrimSpace(value))
		return value == "" || (m.Kind == None || m.Kind == Bool) && (value == "false" || value == "0")
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
