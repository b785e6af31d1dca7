// Package strict is the door of the API for bodies: one table a type says what each member is, at every depth, and whatever a client sends
// is read, ignored for a reason that the table gives, or refused by name. It knows no state, no clock and no network: bytes
// in, normal JSON out, which the types of governance read.
//
// The names of a member in other letter cases, and its beta names, are translated. A change is merged or replaces here too, so that nothing
// is taken away by silence.
package strict

import "slices"

// Type is a type of the contract: what an object may have.
type Type struct {
	Name     string   // of the contract, without microsoft.graph.; empty: it is none of the contract's
	Words    string   // what messages call one that is none of the contract's
	Synonyms []string // other names that clients give it in @odata.type
	Members  []Member
	Derived  []*Type                     // an object is one of these, and its @odata.type says which
	Untyped  func(n *node) *Type         // which of Derived an object without @odata.type is; nil: it needs one
	Waits    string                      // Graph has it, this release does not: what it waits for
	Adapt    func(*reading, *node) error // what is more than another name: beta members that are written in another way, and members that must agree with one another
}

// Kind says what a member's value is, and what becomes of it.
type Kind int

// The kinds.
const (
	None     Kind = iota // not read in this release; see Waits and Never
	Text                 // a string
	Bool                 // true, false, and both as text or digit
	Int                  // a whole number, also as text
	GUID                 // an id
	DateTime             // an instant
	Duration             // an ISO 8601 duration
	Enum                 // one of Values, in any letter case
	Texts                // a list of strings, or of Values if there are any
	Object               // an object of the type Of
	List                 // a list of objects of the type Of
	Open                 // any JSON: somebody else checks it

	Noise // a plain value that the service decides, and clients send back: its form is looked at, and no more
	Key   // the id of the resource, or what else makes it what it is: the service decides it; on a change it must be the stored one
	Ref   // another resource, by its id; what more is said of it must be true. On a change it must be the stored one
	Owned // resources that have a path of their own: on a change they must be the stored ones, else there must be none
)

// Member is a member of a type.
type Member struct {
	Name      string
	Beta      []string // other names of the same member
	Kind      Kind
	Of        *Type
	Values    []string          // of an Enum, or of a Noise that is one
	Waiting   map[string]string // values of an Enum that Graph has and this release does not, each with what it waits for
	Default   string            // the value that silence stands for, as text
	Waits     string            // Graph has it, this release does not: what it waits for. A value that asks for nothing is taken, and kept if there is a Kind
	On        []string          // of which one must be on beside it, or it asks for nothing
	Never     string            // why a value that asks for something is refused, where it waits for nothing
	Is        string            // the contract's name of its type, where neither Kind nor Of says it: that of an Enum, or another that it may have
	Decided   bool              // by the service: it is read, and counts for nothing but as a repetition
	Most      int               // of an Int: it is 1 to that
	Needed    bool              // an object without it means nothing
	NeverNull bool              // a change cannot set it to null, or to no text: it is needed, or its default would give more than is there
	Sets      []string          // of a Ref: the collections that an @odata.id or @odata.bind may point into
}

// called says whether the member is meant by a name.
func (m *Member) called(name string) bool {
	if equalFold(m.Name, name) {
		return true
	}
	for _, beta := range m.Beta {
		if equalFold(beta, name) {
			return true
		}
	}
	return false
}

// member finds a member by name; of a type that is one of several, a member that one of them has.
func (t *Type) member(name string) *Member {
	if t == nil {
		return nil
	}
	for i := range t.Members {
		if t.Members[i].called(name) {
			return &t.Members[i]
		}
	}
	for _, derived := range t.Derived {
		if m := derived.member(name); m != nil {
			return m
		}
	}
	return nil
}

// isCalled says whether an @odata.type, without prefix, names this type.
func (t *Type) isCalled(name string) bool {
	return slices.ContainsFunc(append([]string{t.Name}, t.Synonyms...),
		func(known string) bool { return known != "" && equalFold(known, name) })
}
