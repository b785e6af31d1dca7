package strict

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"latchkey/shared/governance"
)

// Body is a body that was read by the table of its type.
type Body struct {
	of     *Type
	value  map[string]any
	echoes []echo // what must be as it is stored
	refers []referral
}

// echo is something that a client may only repeat.
type echo struct {
	at     *node
	member *Member
	value  any
	err    error // what is wrong if it is not; nil: that it contradicts
}

// referral is what a client repeats of another resource, or of what is not stored with its own.
type referral struct {
	echo
	of *Type  // whose it is; nil: the body's own
	id string // its id; empty: that of the body's own
}

// reading is one body on its way through the tables.
type reading struct {
	change bool // of a resource that is there; otherwise it makes one
	echoed bool // inside what a client may only repeat
	off    bool // inside what asks for nothing, and is only kept
	echoes []echo
	refers []referral
}

// New reads the body that makes a resource, or calls an action. Errors: CodeInvalid, with the whole path to the member.
func (t *Type) New(data []byte) (*Body, error) { return t.body(data, &reading{}) }

// Change reads the body that changes a resource; Merge or Replace carries it out. Errors: CodeInvalid, with the whole path to the member.
func (t *Type) Change(data []byte) (*Body, error) { return t.body(data, &reading{change: true}) }

func (t *Type) body(data []byte, r *reading) (*Body, error) {
	root, err := parse(data)
	if err != nil {
		return nil, err
	}
	if root.kind != isObject {
		return nil, governance.Invalid("body", "The body must be a JSON object.")
	}
	of, err := r.concrete(t, root)
	if err != nil {
		return nil, err
	}
	value, err := r.object(of, root)
	if len(r.refers) > maxRefers {
		return nil, r.refers[maxRefers].at.invalid("is one too many of which more is said than the id; leave all but the id out")
	}
	return &Body{of: of, value: value, echoes: r.echoes, refers: r.refers}, err
}

// JSON is what a body that makes a resource says, in the names and forms of v1.0; what it sets to null is not in it.
func (b *Body) JSON() ([]byte, error) { return json.Marshal(withoutNulls(b.value)) }

// Into reads what JSON gives into a value.
func (b *Body) Into(value any) error {
	data, err := b.JSON()
	if err != nil {
		return err
	}
	return json.Unmarshal(data, value)
}

// object reads an object of a type.
func (r *reading) object(declared *Type, n *node) (map[string]any, error) {
	t, err := r.annotated(declared, n)
	if err != nil {
		return nil, err
	}
	if t.Adapt != nil {
		if err := t.Adapt(r, n); err != nil {
			return nil, err
		}
	}
	value, seen := map[string]any{}, make([]*Member, 0, len(n.inside)) // they are few, so that a map would cost more than it saves
	for _, one := range n.inside {
		member := t.member(one.as)
		if member == nil && isAnnotation(one.as) {
			continue
		}
		if member == nil {
			return nil, t.unknown(one)
		}
		if slices.Contains(seen, member) {
			return nil, twice(one, n.inside[slices.IndexFunc(n.inside, func(other *node) bool { return t.member(other.as) == member })])
		}
		seen = append(seen, member)
		if err := r.member(member, one, value); err != nil {
			return nil, err
		}
	}
	for i := range t.Members {
		if m := &t.Members[i]; m.Needed && value[m.Name] == nil {
			return nil, n.invalid("needs %s", m.Name)
		}
	}
	if given := typeName(n); len(declared.Derived) > 0 && given != nil && given.kind == isText {
		value["@odata.type"] = "#microsoft.graph." + t.Name
	}
	return value, nil
}

// isAnnotation says whether a member is one of OData's, or ours.
func isAnnotation(name string) bool { return strings.Contains(name, "@") }

func typeName(n *node) *node { return n.find("@odata.type") }

// annotated checks the annotations of an object and of its members, and answers with the type that it is. Errors: CodeInvalid.
func (r *reading) annotated(declared *Type, n *node) (*Type, error) {
	t, err := r.concrete(declared, n)
	if err != nil {
		return nil, err
	}
	for _, one := range n.inside {
		if !isAnnotation(one.as) {
			continue
		}
		of, what, _ := strings.Cut(folded(one.as), "@")
		m := t.member(of)
		switch {
		case strings.HasPrefix(what, "latchkey."):
			if t.member(one.as) == nil {
				return nil, one.invalid("is no annotation of Latchkey's")
			}
		case of != "" && m == nil:
			return nil, t.unknown(one)
		case what == "type" && m != nil:
			err = m.typed(one)
		case what == "id" && n.parent == nil && r.change && t.member("id") != nil:
			err = one.must(isText)
			_, id := cutLast(unparenthesized(one.text))
			r.echoes = append(r.echoes, echo{at: one, member: t.member("id"), value: id})
		case what == "id" && m == nil:
			return nil, one.invalid("cannot be read here: it says that an object is another; send its members")
		case what == "bind":
			err = m.bind(one)
		case !harmless(what):
			return nil, one.invalid("is an annotation that is not read here; leave it out")
		}
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

// harmless says whether an annotation says nothing of what is to be done: those that answers carry. A delta, a removal or an unknown one
// does.
func harmless(what string) bool {
	switch what {
	case "context", "etag", "type", "count", "nextlink", "deltalink", "editlink", "readlink", "navigationlink", "associationlink",
		"metadataetag", "mediareadlink", "mediaeditlink", "mediacontenttype", "mediaetag", "microsoft.graph.tips", "microsoft.graph.downloadurl":
		return true
	}
	return false
}

// primitives are OData's names for the types of plain values.
var primitives = map[Kind][]string{
	Text: {"String"}, Key: {"String"}, Texts: {"String"}, Enum: {"String"}, GUID: {"String", "Guid"}, Bool: {"Boolean"}, Int: {"Int32"},
	DateTime: {"DateTimeOffset"}, Duration: {"Duration"}, Noise: {"String", "Guid", "Boolean", "Int32", "DateTimeOffset", "Duration"},
}

// typed checks what a client says of which type a member is, such as #Collection(String).
func (m *Member) typed(n *node) error {
	if n.kind == isNull || m.Kind == None || m.Kind == Open {
		return nil
	}
	if err := n.must(isText); err != nil {
		return err
	}
	name, isList := strings.TrimPrefix(n.text, "#"), m.Kind == Texts || m.Kind == List || m.Kind == Owned
	if isList {
		name = strings.TrimSuffix(trimFold(name, "Collection("), ")")
	}
	name = trimFold(trimFold(name, "Edm."), prefix)
	known := name != "" && equalFold(name, m.Is) || slices.ContainsFunc(primitives[m.Kind],
		func(one string) bool { return equalFold(name, one) })
	if is := func(t *Type) bool { return t.isCalled(name) }; m.Of != nil {
		known = is(m.Of) || slices.ContainsFunc(m.Of.Derived, is)
	}
	if known && isList == strings.HasSuffix(n.text, ")") {
		return nil
	}
	return n.invalid("cannot be %q: %s is of another type; leave it out", shown(n.text), m.Name)
}

// prefix is before the names of Graph's types.
const prefix = "microsoft.graph."

// trimFold is a text without its beginning, in any letter case.
func trimFold(text, begin string) string {
	if len(text) > len(begin) && strings.EqualFold(text[:len(begin)], begin) {
		return text[len(begin):]
	}
	return text
}

// concrete is the type of an object by its @odata.type: the declared one, or one derived from it.
func (r *reading) concrete(t *Type, n *node) (*Type, error) {
	if err := n.must(isObject); err != nil {
		return nil, err
	}
	given := typeName(n)
	if given == nil || given.kind == isNull {
		switch {
		case len(t.Derived) == 0:
			return t, nil
		case t.Untyped != nil:
			return t.Untyped(n), nil
		}
		return nil, n.invalid("needs @odata.type, one of %s", t.derivedNames())
	}
	if err := given.must(isText); err != nil {
		return nil, err
	}
	name := trimFold(strings.TrimPrefix(given.text, "#"), prefix)
	for _, derived := range t.Derived {
		if !derived.isCalled(name) {
			continue
		}
		if derived.Waits != "" && !r.off {
			return nil, given.notYet(shown(given.text), derived.Waits)
		}
		return derived, nil
	}
	switch {
	case t.Name == "":
		return nil, given.invalid("cannot be read: what this is has no type in Graph; leave it out")
	case !t.isCalled(name) && len(t.Derived) > 0:
		return nil, given.invalid("cannot be %q; use one of %s", shown(given.text), t.derivedNames())
	case !t.isCalled(name):
		return nil, given.invalid("cannot be %q; it must be #microsoft.graph.%s", shown(given.text), t.Name)
	case len(t.Derived) == 0:
		return t, nil
	case t.Untyped != nil:
		return t.Untyped(n), nil
	}
	return nil, given.invalid("is %q, which is no more than the kind; use one of %s", shown(given.text), t.derivedNames())
}

func (t *Type) derivedNames() string {
	var names []string
	for _, derived := range t.Derived {
		if derived.Waits == "" {
			names = append(names, "#microsoft.graph."+derived.Name)
		}
	}
	return strings.Join(names, ", ")
}

// notYet is the error for what Graph has and this release does not.
func (n *node) notYet(what, waits string) error {
	return governance.Invalid(n.path(), "%s: %q is not in this release; it waits for %s. Latchkey does nothing of this rather than do it without that.%s", n.path(), what, waits, instead[waits])
}

// member reads one member into value.
func (r *reading) member(m *Member, n *node, value map[string]any) error {
	if m.Waits != "" || m.Never != "" {
		switch {
		case nothing(m, n):
		case m.Never != "":
			return n.invalid("%s", m.Never)
		default:
			return n.notYet(shown(n.name), m.Waits)
		}
		defer func(was bool) { r.off = was }(r.off)
		r.off = true
	}
	if m.Decided && !r.echoed {
		if n.kind == isNull {
			return nil
		}
		_, err := repetition().value(m, n)
		return err
	}
	switch m.Kind {
	case None:
		return nil
	case Noise:
		if n.kind == isObject || n.kind == isList {
			return n.invalid("cannot be %s: it is a plain value that the service decides; leave it out", words[n.kind])
		}
		return m.formed(n)
	case Key:
		if n.kind == isNull {
			return nil
		}
		if err := n.must(isText); err != nil {
			return err
		}
		return r.repeated(m, n, n.text, value)
	case Ref:
		return r.ref(m, n, value)
	case Owned:
		return r.owned(m, n, value)
	case Text, Bool, Int, GUID, DateTime, Duration, Enum, Texts, Object, List, Open:
	}
	empty := n.kind == isText && n.text == ""
	if r.change && !r.echoed && m.NeverNull && (n.kind == isNull || empty) {
		return n.invalid("cannot be taken away, as null or as an empty text; say what it is to be, or leave it out")
	}
	if n.kind == isNull || r.off && m.Kind == Enum && empty {
		value[m.Name] = nil
		return nil
	}
	var err error
	value[m.Name], err = r.value(m, n)
	return err
}

// repeated takes what a client may only repeat: on a change it is held against what is stored.
func (r *reading) repeated(m *Member, n *node, given any, value map[string]any) error {
	switch {
	case r.echoed:
		value[m.Name] = given
	case r.change:
		r.echoes = append(r.echoes, echo{at: n, member: m, value: given})
	}
	return nil
}

// repetition reads what a client may only repeat.
func repetition() *reading { return &reading{change: true, echoed: true} }

// ref reads the id of another resource.
func (r *reading) ref(m *Member, n *node, value map[string]any) error {
	if n.kind == isNull {
		return r.repeated(m, n, nil, value)
	}
	if link := n.take("@odata.id"); link != nil {
		linked, err := m.linkedID(link)
		if err == nil {
			err = n.identify("id", linked)
		}
		if err != nil {
			return err
		}
	}
	inner, err := repetition().object(m.Of, n)
	if err != nil {
		return err
	}
	id := n.find("id")
	if id == nil || id.text == "" {
		return n.invalid("needs id: it is known by nothing else")
	}
	if r.echoed {
		value[m.Name] = inner
		return nil
	}
	says, only := any(inner), map[string]any{"id": id.text}
	if r.change {
		r.echoes = append(r.echoes, echo{at: id, member: m, value: only})
	} else { // nothing is taken away, so that null asks for nothing
		says, value[m.Name] = withoutNulls(inner), only
	}
	for name := range inner {
		if name != "id" && !isName(name) {
			r.refers = append(r.refers, referral{echo{at: n, member: m, value: says}, m.Of, id.text})
			break
		}
	}
	return nil
}

// isName says whether a member is words that may have changed since they were read.
func isName(name string) bool { return name == "displayName" || name == "description" }

// bind makes the object that an @odata.bind stands for. Errors: CodeInvalid where none can stand.
func (m *Member) bind(n *node) error {
	if m == nil || m.Kind != Ref || len(m.Sets) == 0 {
		return n.invalid("cannot be read here; send the object itself")
	}
	id, err := m.linkedID(n)
	if err != nil {
		return err
	}
	object := n.made(isObject, "", id.named("id"))
	return n.parent.put(m.Name, object)
}

// linkedID is the id at the end of a link to a resource.
func (m *Member) linkedID(n *node) (*node, error) {
	if err := n.must(isText); err != nil {
		return nil, err
	}
	front, id := cutLast(unparenthesized(n.text))
	_, set := cutLast(front)
	for _, one := range m.Sets {
		if strings.EqualFold(one, set) && governance.IsGUID(id) {
			return n.made(isText, id), nil
		}
	}
	return nil, n.invalid("is no link to one of %s, such as %s/{id}", strings.Join(m.Sets, ", "), m.Sets[0])
}

// unparenthesized is a link with its keys as segments: catalogs('id') as catalogs/id.
func unparenthesized(link string) string {
	return strings.TrimRight(strings.NewReplacer("('", "/", "')", "", "(", "/", ")", "").Replace(link), "/")
}

func cutLast(path string) (front, last string) {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return "", path
}

// owned reads resources that have a path of their own.
func (r *reading) owned(m *Member, n *node, value map[string]any) error {
	var given any
	if n.kind != isNull {
		list, err := repetition().list(m.Of, n)
		if err != nil {
			return err
		}
		given = list
	}
	switch {
	case r.echoed:
		value[m.Name] = given
	case r.change:
		r.refers = append(r.refers, referral{echo: echo{at: n, member: m, value: given}})
	case len(n.inside) > 0:
		return n.invalid("cannot be made here; leave it out, and add to it at its own path afterwards")
	}
	return nil
}

// value reads a value that is not null.
func (r *reading) value(m *Member, n *node) (any, error) {
	switch m.Kind {
	case Object:
		return r.object(m.Of, n)
	case List:
		return r.list(m.Of, n)
	case Texts:
		if err := n.must(isList); err != nil {
			return nil, err
		}
		list := make([]any, len(n.inside))
		for i, one := range n.inside {
			kind := Text
			if len(m.Values) > 0 {
				kind = Enum
			}
			var err error
			if list[i], err = leaf(&Member{Name: m.Name, Kind: kind, Values: m.Values}, one); err != nil {
				return nil, err
			}
		}
		return list, nil
	case Open:
		if err := n.plain(); err != nil {
			return nil, err
		}
		data, err := json.Marshal(n.any())
		return json.RawMessage(data), err // whatever is null in it stays
	default:
		return leaf(m, n)
	}
}

// plain refuses what is valid JSON and cannot be kept: a number that is larger than any, and a member without a name.
func (n *node) plain() error {
	if _, err := strconv.ParseFloat(n.text, 64); n.kind == isNumber && err != nil {
		return n.invalid("is a number that is too large")
	}
	for _, one := range n.inside {
		if n.kind == isObject && one.name == "" {
			return one.invalid("has no name")
		}
		if err := one.plain(); err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) list(t *Type, n *node) ([]any, error) {
	if err := n.must(isList); err != nil {
		return nil, err
	}
	if t == subjectSet && len(n.inside) > governance.MaxSubjectSets {
		return nil, n.invalid("has more than %d entries", governance.MaxSubjectSets)
	}
	list := make([]any, len(n.inside))
	for i, one := range n.inside {
		object, err := r.object(t, one)
		if err != nil {
			return nil, err
		}
		list[i] = object
	}
	return list, nil
}

// nothing says whether what a client wrote asks for nothing; what is switched off does not, whatever it is.
func nothing(m *Member, n *node) bool {
	if m != nil && n.kind == isObject && m.Of.member("isEnabled") != nil {
		if on := n.find("isEnabled"); on != nil && on.kind != isNull {
			return nothing(nil, on)
		}
	}
	on := func(name string) bool { flag := n.parent.find(name); return flag != nil && !nothing(nil, flag) }
	return m != nil && m.On != nil && !slices.ContainsFunc(m.On, on) || isNothing(m, n.any())
}

// unknown is the error for a member that a type does not have, with the one that was meant, if that can be told.
func (t *Type) unknown(n *node) error {
	name := t.Name + t.Words
	if meant := t.meant(n.name); meant != "" {
		name += ": use " + meant
	}
	return n.invalid("is no member of %s", name)
}

// meant is the member that somebody meant by a name: written with underscores, or nearly right.
func (t *Type) meant(name string) string {
	plain := strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "", ".", "").Replace(name))
	best, distance := "", 3
	if len(plain) < 6 {
		distance = 2
	}
	for i := range t.Members {
		for _, known := range append([]string{t.Members[i].Name}, t.Members[i].Beta...) {
			d := governance.Apart(plain, strings.ToLower(known), distance)
			if d < distance || best == "" && d == 0 {
				best, distance = t.Members[i].Name, d
			}
		}
	}
	return best
}
