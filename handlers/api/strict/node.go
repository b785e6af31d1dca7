package strict

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"latchkey/shared/governance"
)

// Limits of a body: what is larger is no resource.
const (
	maxDepth   = 32
	maxValues  = 100_000
	maxMembers = 200 // of one object
	maxRefers  = 10  // other resources of which more is said than who they are: each has to be read
	maxShown   = 60  // characters of a client's text in a message
)

// What a node may be.
const (
	isNull   = '0'
	isBool   = 'b'
	isNumber = 'n'
	isText   = 's'
	isObject = '{'
	isList   = '['
)

// node is a value as the client wrote it, which knows where it was written, wherever it is moved to.
type node struct {
	parent *node
	name   string // as the client wrote it; of an item of a list, its place
	as     string // the name of the member that it is taken for
	kind   byte
	text   string // of a text, number or boolean
	inside []*node
}

// parse reads JSON. A member that is given twice in one object, in whatever letter case, is refused: who reads the first and who reads the
// last would disagree. Errors: CodeInvalid.
func parse(data []byte) (*node, error) {
	var syntax *json.SyntaxError
	switch err := json.Unmarshal(data, new(json.RawMessage)); {
	case errors.As(err, &syntax):
		return nil, governance.Invalid("body", "The body is no valid JSON at byte %d: %v.", syntax.Offset, syntax)
	case err != nil:
		return nil, governance.Invalid("body", "The body cannot be read: %v.", err)
	}
	p, root := parser{data: data}, &node{}
	return root, p.value(root, 0)
}

// parser reads JSON that is known to be valid.
type parser struct {
	data       []byte
	at, values int
}

// next is the first byte that is no space.
func (p *parser) next() byte {
	for ; ; p.at++ {
		switch c := p.data[p.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
}

func (p *parser) value(n *node, depth int) error {
	if p.values++; p.values > maxValues {
		return governance.Invalid("body", "The body has more than %d values.", maxValues)
	}
	switch c := p.next(); c {
	case '{', '[':
		if depth == maxDepth {
			return governance.Invalid("body", "The body is nested deeper than %d levels.", maxDepth)
		}
		n.kind = c
		p.at++
		return p.inside(n, depth+1)
	case '"':
		n.kind, n.text = isText, p.text()
		return nil
	case 'n':
		n.kind = isNull
	case 't', 'f':
		n.kind = isBool
	default:
		n.kind = isNumber
	}
	begin := p.at
	for p.at < len(p.data) && !bytes.ContainsRune([]byte(",]} \t\r\n"), rune(p.data[p.at])) {
		p.at++
	}
	if n.kind != isNull {
		n.text = string(p.data[begin:p.at])
	}
	return nil
}

// text reads a string.
func (p *parser) text() string {
	begin, plain := p.at, true
	for p.at++; p.data[p.at] != '"'; p.at++ {
		if p.data[p.at] == '\\' {
			plain = false
			p.at++
		}
	}
	p.at++
	if plain {
		return string(p.data[begin+1 : p.at-1])
	}
	var text string
	_ = json.Unmarshal(p.data[begin:p.at], &text) // the whole was read before
	return text
}

func (p *parser) inside(n *node, depth int) error {
	var seen []string // names are few, so that a map would cost more than it saves
	for ; ; p.at++ {
		if c := p.next(); c == '}' || c == ']' {
			p.at++
			return nil
		}
		one := &node{parent: n}
		if n.kind == isObject {
			one.name = p.text()
			one.as = one.name
			key := folded(one.name)
			if slices.Contains(seen, key) {
				return one.invalid("is given twice in one object; send it once")
			}
			if len(seen) == maxMembers {
				return n.invalid("has more than %d members", maxMembers)
			}
			seen = append(seen, key)
			p.next()
			p.at++ // the colon
		} else {
			one.name = strconv.Itoa(len(n.inside))
		}
		n.inside = append(n.inside, one)
		if err := p.value(one, depth); err != nil {
			return err
		}
		if p.next() != ',' {
			p.at++
			return nil
		}
	}
}

// folded is a name as it is compared: in lower case, of what readers of JSON take for one letter too, and @odata.type as the newer @type.
func folded(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r >= utf8.RuneSelf }) {
		name = strings.ToUpper(name)
	}
	name = strings.ToLower(name)
	if strings.Contains(name, "@") {
		name = strings.ReplaceAll(name, "@odata.", "@")
	}
	return name
}

func equalFold(a, b string) bool {
	if strings.EqualFold(a, b) {
		return true
	}
	return strings.Contains(a, "@") && strings.Contains(b, "@") && folded(a) == folded(b)
}

// path is where the client wrote the value.
func (n *node) path() string {
	var names []string
	for ; n != nil && n.parent != nil; n = n.parent {
		names = append(names, cmp.Or(shown(n.name), `""`))
	}
	slices.Reverse(names)
	return strings.Join(names, "/")
}

// shown is a client's text, short enough for a message.
func shown(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return strings.ToValidUTF8(text[:maxShown], "") + "…"
}

// invalid is a CodeInvalid error about the value, whose message begins with its path.
func (n *node) invalid(format string, args ...any) error {
	path := n.path()
	if path == "" {
		path = "body"
	}
	return governance.Invalid(path, "%s "+format+".", append([]any{path}, args...)...)
}

// words are the JSON words for what a value is.
var words = map[byte]string{isNull: "null", isBool: "a boolean", isNumber: "a number", isText: "a string", isObject: "an object",
	isList: "a list"}

// must refuses a value that is not of a kind.
func (n *node) must(kind byte) error {
	if n.kind == kind {
		return nil
	}
	return n.invalid("cannot be %s; it must be %s", words[n.kind], words[kind])
}

// find is the member that is taken for the first of some names that there is; nil if there is none.
func (n *node) find(names ...string) *node {
	if n == nil || n.kind != isObject {
		return nil
	}
	for _, name := range names {
		for _, one := range n.inside {
			if equalFold(one.as, name) {
				return one
			}
		}
	}
	return nil
}

// take finds a member and takes it out.
func (n *node) take(name string) *node {
	found := n.find(name)
	if found != nil {
		n.inside = slices.DeleteFunc(n.inside, func(one *node) bool { return one == found })
	}
	return found
}

// put makes value the member that is taken for name. Errors: CodeInvalid if there is one already: it would be given twice.
func (n *node) put(name string, value *node) error {
	if there := n.find(name); there != nil {
		return twice(value, there)
	}
	value.as = name
	n.inside = append(n.inside, value)
	return nil
}

func twice(one, other *node) error {
	return one.invalid("and %s are the same member; send one of them", other.path())
}

// made is a value that is written for the client, in the place of what was written at n.
func (n *node) made(kind byte, text string, inside ...*node) *node {
	return &node{parent: n.parent, name: n.name, as: n.as, kind: kind, text: text, inside: inside}
}

// named is the value under another name.
func (n *node) named(name string) *node {
	n.as = name
	return n
}

// lower is the text that a member has, in lower case; empty if there is none.
func (n *node) lower(name string) string {
	if one := n.find(name); one != nil && one.kind == isText {
		return strings.ToLower(one.text)
	}
	return ""
}

// any is the value as encoding/json would read it.
func (n *node) any() any {
	if n == nil {
		return nil
	}
	switch n.kind {
	case isBool:
		return n.text == "true"
	case isNumber:
		return json.Number(n.text)
	case isText:
		return n.text
	case isObject:
		object := make(map[string]any, len(n.inside))
		for _, one := range n.inside {
			object[one.as] = one.any()
		}
		return object
	case isList:
		list := make([]any, len(n.inside))
		for i, one := range n.inside {
			list[i] = one.any()
		}
		return list
	}
	return nil
}
