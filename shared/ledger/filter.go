package ledger

import "latchkey/shared/store"

// Filter is a condition on a resource, in its Graph property names; see shared/store.
type Filter = store.Filter

// The parts that a filter is made of.
type (
	Compare    = store.Compare
	Comparison = store.Comparison
	Match      = store.Match
	Matching   = store.Matching
	And        = store.And
	Or         = store.Or
	Not        = store.Not
)

// The operators of filters.
const (
	Equal          = store.Equal
	NotEqual       = store.NotEqual
	Less           = store.Less
	LessOrEqual    = store.LessOrEqual
	Greater        = store.Greater
	GreaterOrEqual = store.GreaterOrEqual
	Contains       = store.Contains
	StartsWith     = store.StartsWith
	EndsWith       = store.EndsWith
)

// MaxPageSize bounds the PageSize of a list.
const MaxPageSize = store.MaxPageSize
