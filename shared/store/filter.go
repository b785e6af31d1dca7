package store

// Filter is a condition on the body of a document: a small tree that compiles to Cosmos SQL, is evaluated in Go by the memory adapter, and is what
// $filter is parsed into. It is sealed: the types of this file are all there are.
//
// A path is a list of JSON property names from the body inward, such as {"accessPackage", "id"}. A path that leads nowhere, or to a value of
// another type than the one compared with, makes a comparison false (and its negation true); only [Compare] with a nil value and Equal
// matches an absent or null property.
type Filter interface{ filter() }

// Comparison is the operator of a Compare.
type Comparison int

// The comparisons.
const (
	Equal Comparison = iota + 1
	NotEqual
	Less
	LessOrEqual
	Greater
	GreaterOrEqual
)

// Compare holds if the property at Path stands in the relation to Value, which is a string, bool, float64, int64 or nil (null or absent).
// Instants are compared as the strings they are stored as. FoldCase ignores case in Equal and NotEqual of strings.
type Compare struct {
	Path       []string
	Comparison Comparison
	Value      any
	FoldCase   bool
}

// Matching is the operator of a Match.
type Matching int

// The matchings.
const (
	Contains Matching = iota + 1
	StartsWith
	EndsWith
)

// Match holds if the string at Path contains, starts or ends with Text. FoldCase ignores case.
type Match struct {
	Path     []string
	Matching Matching
	Text     string
	FoldCase bool
}

// In holds if the string at Path is one of Values.
type In struct {
	Path   []string
	Values []string
}

// Any holds if the array at Path has an element for which Filter holds; its paths start at the element, and an empty path is the element itself.
type Any struct {
	Path   []string
	Filter Filter
}

// And holds if all of its parts do; empty, it holds.
type And []Filter

// Or holds if one of its parts does; empty, it does not.
type Or []Filter

// Not holds if its part does not.
type Not struct{ Filter Filter }

func (Compare) filter() {}
func (Match) filter()   {}
func (In) filter()      {}
func (Any) filter()     {}
func (And) filter()     {}
func (Or) filter()      {}
func (Not) filter()     {}
