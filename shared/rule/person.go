package rule

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"latchkey/shared/governance"
)

// truth is a boolean that may be null.
type truth int8

const (
	isNull truth = iota
	isFalse
	isTrue
)

func (t truth) String() string { return [...]string{null, "false", "true"}[t] }

// Person is what rules know of a user, prepared to be compared. It is never changed, and may be looked at by many at a time.
type Person struct {
	texts      []value
	flags      []truth
	dates      []*time.Time
	lists      [][]value
	plans      [][]value        // the fields of each, in the order of planFields
	extensions map[string]value // custom extension properties, by folded name
	groups     []string         // folded ids of those whose direct member they are
	manager    string           // folded id; empty: nobody
}

// slots are how many properties of each kind there are.
var slots = func() map[kind]int {
	count := map[kind]int{}
	for _, p := range properties {
		count[p.kind]++
	}
	return count
}()

// ReadPerson prepares a user as Graph answers one, with memberOf and manager if they are known: objects with an id. Members that rules do not read are passed over; one that has the name
// of a property of rules, but is called otherwise by Graph, is refused, for nobody would see that it counts for nothing. Errors: CodeInvalid naming the member.
func ReadPerson(data []byte) (*Person, error) {
	members, err := object("", data)
	if err == nil && members == nil {
		err = wrong("", "an object")
	}
	if err != nil {
		return nil, err
	}
	p := &Person{texts: make([]value, slots[texts]), flags: make([]truth, slots[flags]), dates: make([]*time.Time, slots[dates]), lists: make([][]value, slots[lists])}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if err := p.read(name, fold(name), members[name]); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// sip is where the address lies that Graph answers only in imAddresses.
var sip = slotOf("sipProxyAddress")

// read takes one member in.
func (p *Person) read(name, folded string, data json.RawMessage) (err error) {
	if key, ok := extensionName(name); ok {
		p.extend(key, data)
		return nil
	}
	is, known := graphOf[folded]
	switch {
	case folded == "MANAGER":
		p.manager, err = readID(name, data)
	case folded == "ONPREMISESEXTENSIONATTRIBUTES":
		return p.readExtensionAttributes(name, data)
	case folded == "SIPPROXYADDRESS":
		if sent, err := readText(name, data); err != nil || sent.stored != "" {
			p.texts[sip] = sent
			return err
		}
	case known && is.kind == texts && (is.graph == "businessPhones" || is.graph == "imAddresses"):
		list, err := readTexts(name, data)
		if err == nil && len(list) > 0 && p.texts[is.slot].stored == "" {
			p.texts[is.slot] = list[0]
		}
		return err
	case known && strings.HasPrefix(is.name, extensionAttribute):
		return misnamed(name, "onPremisesExtensionAttributes/"+is.name)
	case known && is.kind == texts:
		p.texts[is.slot], err = readText(name, data)
	case known && is.kind == flags:
		p.flags[is.slot], err = readFlag(name, data)
	case known && is.kind == dates:
		p.dates[is.slot], err = readDate(name, data)
	case known && is.kind == lists:
		p.lists[is.slot], err = readTexts(name, data)
	case known && is.kind == plans:
		p.plans, err = readPlans(name, data)
	case known:
		p.groups, err = readGroups(name, data)
	default:
		if is, ok := propertyOf[folded]; ok {
			return misnamed(name, is.graph)
		}
	}
	return err
}

func misnamed(name, graph string) error {
	return governance.Invalid(name, "%s is what rules call it; people are sent as Graph answers them, where it is %s.", name, graph)
}

// extend takes a custom extension property in. Rules have none that is a list: it is null.
func (p *Person) extend(key string, data json.RawMessage) {
	var v any
	_ = json.Unmarshal(data, &v)
	if p.extensions == nil {
		p.extensions = map[string]value{}
	}
	switch v := v.(type) {
	case string:
		p.extensions[key] = newValue(v)
	case bool, float64:
		p.extensions[key] = newValue(string(data))
	}
}

func (p *Person) readExtensionAttributes(name string, data json.RawMessage) error {
	members, err := object(name, data)
	if err != nil {
		return err
	}
	for _, inner := range slices.Sorted(maps.Keys(members)) {
		if is, ok := propertyOf[fold(inner)]; ok && strings.HasPrefix(is.name, extensionAttribute) {
			if p.texts[is.slot], err = readText(name+"/"+inner, members[inner]); err != nil {
				return err
			}
		}
	}
	return nil
}

// object reads an object, or null, whose members differ by more than letter case.
func object(name string, data json.RawMessage) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, wrong(name, "an object")
	}
	seen := make(map[string]string, len(members))
	for member := range members {
		folded := fold(member)
		if other, twice := seen[folded]; twice {
			return nil, governance.Invalid(strings.TrimPrefix(name+"/"+member, "/"), "%s and %s are the same member; send one of them.", max(other, member), min(other, member))
		}
		seen[folded] = member
	}
	return members, nil
}

func wrong(name, wanted string) error {
	if name == "" {
		return governance.Invalid("", "a person must be %s: a user as Graph answers one.", wanted)
	}
	return governance.Invalid(name, "%s must be %s.", name, wanted)
}

func readText(name string, data json.RawMessage) (value, error) {
	var is string
	if json.Unmarshal(data, &is) != nil {
		return value{}, wrong(name, "a string or null")
	}
	return newValue(is), nil
}

func readFlag(name string, data json.RawMessage) (truth, error) {
	var is *bool
	switch err := json.Unmarshal(data, &is); {
	case err != nil:
		return isNull, wrong(name, "true, false or null")
	case is == nil:
		return isNull, nil
	case *is:
		return isTrue, nil
	}
	return isFalse, nil
}

func readDate(name string, data json.RawMessage) (*time.Time, error) {
	sent, err := readText(name, data)
	if err != nil || sent.stored == "" {
		return nil, err
	}
	is, ok := ParseDate(sent.stored)
	if !ok {
		return nil, wrong(name, "a date and time such as 2026-01-31T08:00:00Z, or null")
	}
	return &is, nil
}

func readTexts(name string, data json.RawMessage) ([]value, error) {
	items, err := readList(name, data)
	values := make([]value, len(items))
	for i, item := range items {
		if values[i], err = readText(fmt.Sprintf("%s/%d", name, i), item); err != nil {
			return nil, err
		}
	}
	return values, err
}

func readList(name string, data json.RawMessage) (items []json.RawMessage, err error) {
	if json.Unmarshal(data, &items) != nil {
		err = wrong(name, "a list or null")
	}
	return items, err
}

func readPlans(name string, data json.RawMessage) ([][]value, error) {
	items, err := readList(name, data)
	all := make([][]value, len(items))
	for i, item := range items {
		at := fmt.Sprintf("%s/%d", name, i)
		members, err := object(at, item)
		if err != nil {
			return nil, err
		}
		all[i] = make([]value, len(planFields))
		for member, data := range members {
			slot := slices.IndexFunc(planFields, func(field string) bool { return strings.EqualFold(field, member) })
			if slot < 0 {
				continue
			}
			if all[i][slot], err = readText(at+"/"+member, data); err != nil {
				return nil, err
			}
		}
	}
	return all, err
}

func readGroups(name string, data json.RawMessage) ([]string, error) {
	items, err := readList(name, data)
	all := make([]string, len(items))
	for i, item := range items {
		at := fmt.Sprintf("%s/%d", name, i)
		if all[i], err = readID(at, item); err == nil && all[i] == "" {
			err = wrong(at, "an object with an id")
		}
		if err != nil {
			return nil, err
		}
	}
	return all, err
}

// readID is the folded id of a reference; empty: it is null.
func readID(name string, data json.RawMessage) (string, error) {
	members, err := object(name, data)
	if err != nil || members == nil {
		return "", err
	}
	for member, data := range members {
		if strings.EqualFold(member, "id") {
			is, err := readText(name+"/"+member, data)
			if err == nil && is.stored == "" {
				err = wrong(name+"/"+member, "the id of an object")
			}
			return is.folded, err
		}
	}
	return "", wrong(name, "an object with an id")
}
