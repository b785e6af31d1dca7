package directory

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"latchkey/shared/governance"
)

// RecentFor is how old what Recent remembers may be: whoever is blocked can do something for so long, where that is allowed at all.
const RecentFor = 5 * time.Second

// maxRecent bounds whom it remembers, at about half a kilobyte each.
const maxRecent = 4096

// Recent is a directory that remembers for a few seconds what it was told of people and applications. User asks the directory each time, as what grants something must; the other methods may go by what is
// remembered. Use NewRecent. It is safe for concurrent use.
type Recent struct {
	Directory
	now func() time.Time

	mu    sync.Mutex
	moves uint64 // readings so far
	seen  map[string]reading
}

// Moment is a point in the sequence of readings.
type Moment uint64

// reading is what the directory said of an id.
type reading struct {
	user   governance.User // of an application: accountEnabled alone
	absent error
	at     time.Time // when it was asked
	move   Moment
}

// NewRecent makes a Recent that has seen nobody. now is the time.
func NewRecent(inner Directory, now func() time.Time) *Recent {
	return &Recent{Directory: inner, now: now, seen: map[string]reading{}}
}

// Moment is now, for UserSince.
func (r *Recent) Moment() Moment {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Moment(r.moves)
}

// User reads a person, and remembers it.
func (r *Recent) User(ctx context.Context, id string) (governance.User, error) {
	return r.ask(id, func() (governance.User, error) { return r.Directory.User(ctx, id) })
}

// UserSince is User, unless the person was read after the moment. Errors: those of User.
func (r *Recent) UserSince(ctx context.Context, id string, moment Moment) (governance.User, error) {
	if last, ok := r.last(id); ok && last.move > moment {
		return last.user, last.absent
	}
	return r.User(ctx, id)
}

// RecentUser is a person as they were RecentFor ago at most. Errors: those of User.
func (r *Recent) RecentUser(ctx context.Context, id string) (governance.User, error) {
	if last, ok := r.last(id); ok {
		return last.user, last.absent
	}
	return r.User(ctx, id)
}

// Active says whether the account of a caller is there and not blocked, as of RecentFor ago at most. Errors: the directory's, but for ErrNotFound.
func (r *Recent) Active(ctx context.Context, caller governance.Caller) (bool, error) {
	read := r.RecentUser
	if caller.Kind != governance.CallerUser {
		read = r.recentApplication
	}
	account, err := read(ctx, caller.ObjectID)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil && account.AccountEnabled, err
}

func (r *Recent) recentApplication(ctx context.Context, id string) (governance.User, error) {
	if last, ok := r.last(id); ok {
		return last.user, last.absent
	}
	return r.ask(id, func() (governance.User, error) {
		enabled, err := r.ApplicationEnabled(ctx, id)
		return governance.User{AccountEnabled: enabled}, err
	})
}

// last is what was read of an id, if that is recent.
func (r *Recent) last(id string) (reading, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, ok := r.seen[strings.ToLower(id)]
	age := r.now().Sub(last.at) // below zero where the clock was set back
	return last, ok && age >= 0 && age < RecentFor
}

// ask asks the directory and remembers what it said. A failure says nothing.
func (r *Recent) ask(id string, read func() (governance.User, error)) (governance.User, error) {
	r.mu.Lock()
	r.moves++
	fresh := reading{at: r.now(), move: Moment(r.moves)}
	r.mu.Unlock()
	user, err := read()
	if err != nil && !errors.Is(err, ErrNotFound) {
		return user, err
	}
	fresh.user, fresh.absent = user, err
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[strings.ToLower(id)].move < fresh.move { // else a later question was answered sooner
		r.makeRoom(fresh.at)
		r.seen[strings.ToLower(id)] = fresh
	}
	return user, err
}

// makeRoom forgets, when it is full, what is not recent any more, then anybody.
func (r *Recent) makeRoom(now time.Time) {
	if len(r.seen) < maxRecent {
		return
	}
	for id, old := range r.seen {
		if now.Sub(old.at) >= RecentFor {
			delete(r.seen, id)
		}
	}
	for id := range r.seen { // an eighth at once, so that a full one is not searched each time
		if len(r.seen) <= maxRecent*7/8 {
			break
		}
		delete(r.seen, id)
	}
}
