package lifecycle

import (
	"context"
	"errors"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/platform"
	"latchkey/shared/store"
)

const (
	// maxSightings is how often a subject is read that seems to disagree and changes meanwhile; the next round comes by again.
	maxSightings = 3
	// maxTold bounds the lines about one subject.
	maxTold = 20
)

// live are the documents that a head says something of: those that are over are many, and it does not.
var live = func() map[string]store.Filter {
	without := func(states ...string) store.Filter {
		return store.Not{Filter: store.In{Path: []string{"state"}, Values: states}}
	}
	var over []string
	for _, state := range governance.RequestStates() {
		if !state.IsInFlight() {
			over = append(over, string(state))
		}
	}
	return map[string]store.Filter{
		governance.Assignment{}.DocumentKind(): without(string(governance.AssignmentExpired)), governance.AssignmentRequest{}.DocumentKind(): without(over...),
	}
}()

// compare holds the documents of a subject against its head and tells of each that disagrees. It answers with how many there are, and how many documents it read. What cannot be read is told by the
// ledger, and an unreadable head with its chain.
func (s *Sweeper) compare(ctx context.Context, place governance.Place) (disagree, read int, err error) {
	for range maxSightings {
		state, err := s.Ledger.Load(ctx, place, ledger.Fitting(live))
		if errors.Is(err, ledger.ErrUnreadable) {
			return 0, read, nil
		}
		if err != nil {
			return 0, read, err
		}
		read += len(state.Documents) + len(state.Unread)
		found := append(engine.Disagreements(state.State), state.Misdated...)
		if len(found) == 0 {
			return 0, read, nil
		}
		stands, err := s.Ledger.Stands(ctx, state.Version())
		if err != nil {
			return 0, read, err
		}
		if stands {
			s.tellDisagreements(ctx, place, found)
			return len(found), read, nil
		}
	}
	return 0, read, nil
}

// tellDisagreements writes the lines that the alert reads.
func (s *Sweeper) tellDisagreements(ctx context.Context, place governance.Place, found []engine.Disagreement) {
	for _, one := range found[:min(len(found), maxTold)] {
		s.Log.ErrorContext(ctx, "a document and its head disagree", "alert", true, platform.LogMetric, platform.MetricDisagreement, platform.LogValue, 1,
			"container", place.Container, "partitionId", place.Partition, "document", one.Document, "differs", one.Differs, "ofThisPartition", len(found),
			"stops", "perhaps the end of this access, or a new request for it", "mend", "docs/operate/bad-documents.md#a-document-and-its-head-disagree")
	}
}
