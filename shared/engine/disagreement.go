package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"latchkey/shared/governance"
)

// Disagreement is something that the head of a partition and a document of it do not say alike, although each commit writes both.
type Disagreement struct {
	Document string // its stored id
	Differs  string // what, in which words on either side; ids, states and times, never names
}

// Disagreements holds the head of a subject against its assignments and requests, all that are not over: those that it has and should not,
// or should and has not, and each member of what it says of one. Nothing is put right: which side is true, only somebody who looks at the
// audit trail can tell.
func Disagreements(s State) []Disagreement {
	inHead, byDocuments := entriesOf(s.Head), map[string]any{}
	for _, document := range s.Documents {
		if heading, ok := document.(governance.Heading); ok {
			var alone governance.Head
			heading.Enter(&alone)
			maps.Copy(byDocuments, entriesOf(alone))
		}
	}
	all := maps.Clone(inHead)
	maps.Copy(all, byDocuments)
	var found []Disagreement
	for _, id := range slices.Sorted(maps.Keys(all)) {
		said, heads := inHead[id]
		is, live := byDocuments[id]
		differs := ""
		_, unread := s.Unread[id]
		switch {
		case !heads:
			differs = "it is live, and the head does not know it"
		case live:
			differs = differences(said, is)
		case unread:
			differs = "the head has it as live, and it cannot be read"
		default:
			differs = "the head has it as live, and it is over or not there"
		}
		if differs != "" {
			found = append(found, Disagreement{id, differs})
		}
	}
	return found
}

// entriesOf are what a head says of documents, by their stored ids.
func entriesOf(head governance.Head) map[string]any {
	entries := map[string]any{}
	for _, holding := range head.Holdings {
		entries[governance.StoredID(governance.Assignment{}.DocumentKind(), holding.AssignmentID)] = holding
	}
	for _, flight := range head.InFlight {
		entries[governance.StoredID(governance.AssignmentRequest{}.DocumentKind(), flight.RequestID)] = flight
	}
	return entries
}

// differences names the members in which an entry of the head is another than that of the document.
func differences(said, is any) string {
	head, document := membersOf(said), membersOf(is)
	all := maps.Clone(head)
	maps.Copy(all, document)
	var differ []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !bytes.Equal(head[name], document[name]) {
			differ = append(differ, fmt.Sprintf("%s is %s in the head and %s in the document", name, orNone(head[name]), orNone(document[name])))
		}
	}
	return strings.Join(differ, "; ")
}

func membersOf(entry any) map[string]json.RawMessage {
	data, _ := json.Marshal(entry) // texts and times, and read from JSON
	var members map[string]json.RawMessage
	_ = json.Unmarshal(data, &members)
	return members
}

func orNone(value json.RawMessage) string {
	if len(value) == 0 {
		return "none"
	}
	return governance.Clip(string(value))
}
