package store

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
)

// continuation is what a caller's continuation token says: the query it belongs to, and where the adapter goes on.
type continuation struct {
	Query uint64 `json:"q,string"`
	Place string `json:"t"`
}

// FormatContinuation is the token of the page that follows a place; empty for none.
func FormatContinuation(container Container, query Query, place string) string {
	if place == "" {
		return ""
	}
	text, _ := json.Marshal(continuation{fingerprint(container, query), place}) // a struct of a number and a string always marshals
	return base64.RawURLEncoding.EncodeToString(text)
}

// ParseContinuation is the place at which a query goes on; empty at its beginning. Errors: ErrInvalid for a token that is not one of this query. Whoever knows how can make one up that is.
func ParseContinuation(container Container, query Query) (place string, err error) {
	if query.Continuation == "" {
		return "", nil
	}
	text, err := base64.RawURLEncoding.DecodeString(query.Continuation)
	if err != nil {
		return "", fmt.Errorf("%w: continuation", ErrInvalid)
	}
	var token continuation
	if err := json.Unmarshal(text, &token); err != nil || token.Place == "" || token.Query != fingerprint(container, query) {
		return "", fmt.Errorf("%w: the continuation is not one of this query", ErrInvalid)
	}
	return token.Place, nil
}

// fingerprint tells queries apart. The instant of DueBefore and the page size may differ from page to page.
func fingerprint(container Container, query Query) uint64 {
	hash := fnv.New64a()
	fmt.Fprintf(hash, "%q %q %q %q %t %#v", container, query.Partition, query.ID, query.Kind, query.DueBefore.IsZero(), query.Filter)
	return hash.Sum64()
}
