package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// State is a place as it was read: what a decision is made on, and the versions that a commit must still find. It is shared and never changed.
type State struct {
	engine.State
	Place    governance.Place
	Misdated []engine.Disagreement // of Fitting: documents that are due at another time than they say
}

// Exists says whether the place has ever been written to.
func (s *State) Exists() bool { return s.ETags[headID] != "" }

var headID = governance.StoredID(governance.Head{}.DocumentKind(), "")

// Version is a version of the head of a place, which a decision about another place rests on.
type Version struct {
	place governance.Place
	etag  string
	Look  func(ctx context.Context, next Committed) error // instead: looks at what else it rests on, before each attempt to commit, with what that would be; its errors are those of Update
}

// Version is that of the state.
func (s *State) Version() Version { return Version{place: s.Place, etag: s.ETags[headID]} }

// Read is how a place is read.
type Read func(ctx context.Context, l *Ledger, place governance.Place) (*State, error)

// Documents reads the head and those of these documents, by their stored ids, that there are.
func Documents(ids ...string) Read {
	return func(ctx context.Context, l *Ledger, place governance.Place) (*State, error) {
		found, err := l.options.Store.Get(ctx, store.Container(place.Container), place.Partition, append([]string{headID}, ids...)...)
		if err != nil {
			return nil, fmt.Errorf("read %s of %s: %w", strings.Join(ids, ", "), place.Partition, err)
		}
		state := newState(place)
		return state, state.take(found...)
	}
}

// Following is Documents with those that the head and these lead to. One of those that cannot be read is told, and Unread: what is decided does without it.
func Following(to func(engine.State) []string, ids ...string) Read {
	first := Documents(ids...)
	return func(ctx context.Context, l *Ledger, place governance.Place) (*State, error) {
		state, err := first(ctx, l, place)
		if err != nil {
			return nil, err
		}
		more := slices.DeleteFunc(to(state.State), func(id string) bool { return state.Documents[id] != nil })
		if len(more) == 0 {
			return state, nil
		}
		found, err := l.options.Store.Get(ctx, store.Container(place.Container), place.Partition, more...)
		if err != nil {
			return nil, fmt.Errorf("read %s of %s: %w", strings.Join(more, ", "), place.Partition, err)
		}
		for _, document := range found {
			if err := state.take(document); err != nil {
				l.unread(ctx, state, document, err)
			}
		}
		return state, nil
	}
}

// unread tells of a document that cannot be read, and notes it.
func (l *Ledger) unread(ctx context.Context, state *State, document store.Document, err error) {
	l.unreadable(ctx, document, err)
	var says struct{ AccessPackage struct{ ID string } }
	_ = json.Unmarshal(document.Body, &says) // as far as it can be
	state.Unread[document.ID] = says.AccessPackage.ID
}

// Having is a Read that begins with a state in hand, and reads anew when that turns out to be outdated.
func (s *State) Having(read Read) Read {
	first := s
	return func(ctx context.Context, l *Ledger, place governance.Place) (*State, error) {
		if state := first; state != nil {
			first = nil
			return state, nil
		}
		return read(ctx, l, place)
	}
}

// Fitting reads the head and all documents of some kinds that fit the filter of the kind and can be read; of those that fit, the others are
// told, and Unread. A place where none of the kinds lies is not read.
func Fitting(filters map[string]store.Filter) Read {
	return func(ctx context.Context, l *Ledger, place governance.Place) (*State, error) {
		here := slices.DeleteFunc(slices.Sorted(maps.Keys(filters)), func(kind string) bool { return kinds[kind].container != store.Container(place.Container) })
		if len(here) == 0 {
			return newState(place), nil
		}
		state, err := Documents()(ctx, l, place)
		if err != nil {
			return nil, err
		}
		for _, kind := range here {
			if err := l.takeAll(ctx, state, kind, filters[kind], state.holdToDate); err != nil {
				return nil, err
			}
		}
		return state, nil
	}
}

// holdToDate finds a document for which the timer does not come when it should.
func (s *State) holdToDate(document governance.Document, stored store.Document) {
	if due := (store.Document{DueAt: kinds[stored.Kind].dueAt(document)}).Normalized().DueAt; !due.Equal(stored.DueAt) {
		s.Misdated = append(s.Misdated, engine.Disagreement{
			Document: stored.ID, Differs: fmt.Sprintf("dueAt is %s, and by what the document says %s", spell(stored.DueAt), spell(due)),
		})
	}
}

func spell(at time.Time) string {
	if at.IsZero() {
		return "none"
	}
	return store.FormatInstant(at)
}

func newState(place governance.Place) *State {
	return &State{Place: place, State: engine.State{Head: governance.Head{ID: place.Partition}, Documents: map[string]governance.Document{}, ETags: map[string]string{}, Unread: map[string]string{}}}
}

// take adds stored documents; a zero one is one that is not there.
func (s *State) take(found ...store.Document) error {
	for _, document := range found {
		if document.ID == "" {
			continue
		}
		of, ok := kinds[document.Kind]
		if !ok {
			return fmt.Errorf("document %s is of no kind that this release knows: %q", document.ID, document.Kind)
		}
		value, err := of.decode(document)
		if err != nil {
			return err
		}
		if head, ok := value.(governance.Head); ok {
			s.Head = head
		} else {
			s.Documents[document.ID] = value
		}
		s.ETags[document.ID] = document.ETag
	}
	return nil
}

// Load reads a place.
func (l *Ledger) Load(ctx context.Context, place governance.Place, read Read) (*State, error) {
	return read(ctx, l, place)
}

// wholeAt is a place with all its content, as of the ETag of its head, and what was made of it.
type wholeAt struct {
	*State
	read time.Time // all of it; since then, what changed
	once sync.Once
	view any
}

// readAnew is after how long a place that changes is read as a whole again: what somebody wrote past us, no head tells of.
const readAnew = 10 * time.Minute

// Whole reads a place with all its content: the head every time, what is below it only when it has changed.
func Whole(ctx context.Context, l *Ledger, place governance.Place) (*State, error) {
	whole, err := l.whole(ctx, place)
	if err != nil {
		return nil, err
	}
	return whole.State, nil
}

// View is what of makes of a place with all its content, made once for each version of it. The state says whether the place exists.
func View[T any](ctx context.Context, l *Ledger, place governance.Place, of func(engine.State) T) (T, *State, error) {
	whole, err := l.whole(ctx, place)
	if err != nil {
		var none T
		return none, nil, err
	}
	whole.once.Do(func() { whole.view = of(whole.State.State) })
	return whole.view.(T), whole.State, nil //nolint:forcetypeassert // a container's places have one view
}

func (l *Ledger) whole(ctx context.Context, place governance.Place) (*wholeAt, error) {
	container := store.Container(place.Container)
	heads, err := l.options.Store.Get(ctx, container, place.Partition, headID)
	if err != nil {
		return nil, fmt.Errorf("read the head of %s: %w", place.Partition, err)
	}
	state := newState(place)
	if heads[0].ID == "" {
		return &wholeAt{State: state}, nil
	}
	known, ok := l.wholes.get(place.Container + "/" + place.Partition)
	if ok && known.ETags[headID] == heads[0].ETag {
		return known, nil
	}
	if ok && l.Now().Sub(known.read) < readAnew {
		if next, err := l.caughtUp(ctx, known, heads[0]); err != nil || next != nil {
			return next, err
		}
	}
	if err := state.take(heads[0]); err != nil {
		return nil, err
	}
	for _, of := range all {
		if !of.content || of.container != container {
			continue
		}
		if err := l.takeAll(ctx, state, of.name, nil, func(governance.Document, store.Document) {}); err != nil {
			return nil, err
		}
	}
	whole := &wholeAt{State: state, read: l.Now()}
	l.wholes.put(place.Container+"/"+place.Partition, whole)
	return whole, nil
}

// caughtUp is a place as of a later version of its head, with those documents read that changed since; nil if they are too many, or some cannot be read.
func (l *Ledger) caughtUp(ctx context.Context, known *wholeAt, stored store.Document) (*wholeAt, error) {
	place := known.Place
	head, err := Decode[governance.Head](stored)
	if err != nil {
		return nil, err
	}
	ids, ok := head.ChangedSince(known.Head)
	if !ok || len(known.Unread) > 0 {
		return nil, nil
	}
	found := []store.Document{stored}
	if len(ids) > 0 {
		if found, err = l.options.Store.Get(ctx, store.Container(place.Container), place.Partition, append([]string{headID}, ids...)...); err != nil { // one snapshot
			return nil, fmt.Errorf("read what changed in %s: %w", place.Partition, err)
		}
		if found[0].ETag != stored.ETag { // moved again meanwhile
			return nil, nil
		}
	}
	state := newState(place)
	state.Documents, state.ETags = maps.Clone(known.Documents), maps.Clone(known.ETags)
	for _, id := range ids {
		delete(state.Documents, id)
		delete(state.ETags, id)
	}
	if state.take(found...) != nil { // who reads it as a whole, tells of it
		return nil, nil
	}
	next := &wholeAt{State: state, read: known.read}
	l.wholes.put(place.Container+"/"+place.Partition, next)
	return next, nil
}

// takeAll adds all documents of a kind that fit to a state, and shows each to also. One that cannot be read is told, and stops nothing that the others are needed for.
func (l *Ledger) takeAll(ctx context.Context, state *State, kind string, filter store.Filter, also func(governance.Document, store.Document)) error {
	query := store.Query{Partition: state.Place.Partition, Kind: kind, Filter: filter, PageSize: store.MaxPageSize}
	return l.Each(ctx, store.Container(state.Place.Container), query, func(found []store.Document) error {
		for _, document := range found {
			if err := state.take(document); err != nil {
				l.unread(ctx, state, document, err)
				continue
			}
			also(state.Documents[document.ID], document)
		}
		return nil
	})
}

// Each pages through a query.
func (l *Ledger) Each(ctx context.Context, container store.Container, query store.Query, do func([]store.Document) error) error {
	for {
		page, err := l.options.Store.Query(ctx, container, query)
		if err != nil {
			return fmt.Errorf("query %s: %w", container, err)
		}
		if len(page.Documents) > 0 {
			if err := do(page.Documents); err != nil {
				return err
			}
		}
		if page.Continuation == "" {
			return nil
		}
		query.Continuation = page.Continuation
	}
}
