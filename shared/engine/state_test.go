package engine_test

import (
	"maps"
	"slices"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

// stateOf is a partition with these documents.
func stateOf(head governance.Head, documents ...governance.Document) engine.State {
	s := engine.State{Head: head, Documents: map[string]governance.Document{}}
	keep(s, documents...)
	return s
}

// keep writes documents into a state.
func keep(s engine.State, documents ...governance.Document) {
	for _, document := range documents {
		s.Documents[governance.StoredID(document.DocumentKind(), document.DocumentID())] = document
	}
}

// one is a document by its resource's id, the zero value if there is none.
func one[T governance.Document](s engine.State, id string) T {
	found, _ := engine.Find[T](s, id)
	return found
}

// all are the documents of a type, by their resources' ids.
func all[T governance.Document](s engine.State) map[string]T {
	found := map[string]T{}
	for _, document := range s.Documents {
		if one, ok := document.(T); ok {
			found[document.DocumentID()] = one
		}
	}
	return found
}

// idsOf are the ids of the documents of a type, in order.
func idsOf[T governance.Document](s engine.State) []string {
	return slices.Sorted(maps.Keys(all[T](s)))
}
