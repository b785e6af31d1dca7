package directory_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"latchkey/shared/directory"
	"latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// counted is a directory of which it is counted how often people and applications are asked after.
type counted struct {
	*memory.Directory
	asked int
}

func (c *counted) User(ctx context.Context, id string) (governance.User, error) {
	c.asked++
	return c.Directory.User(ctx, id)
}

func (c *counted) ApplicationEnabled(ctx context.Context, id string) (bool, error) {
	c.asked++
	return c.Directory.ApplicationEnabled(ctx, id)
}

// TestRecent: what is remembered is seconds old at most, whoever asked for it; what must be fresh is; a failure is not remembered, and absence is.
func TestRecent(t *testing.T) {
	clock := platform.NewManualClock(time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC))
	inner := &counted{Directory: memory.New(memory.Options{Clock: clock})}
	recent := directory.NewRecent(inner, clock.Now)
	const alice, robot = "aaaaaaaa-0000-4000-8000-000000000001", "cccccccc-0000-4000-8000-000000000001"
	person, application := governance.Caller{Kind: governance.CallerUser, ObjectID: alice}, governance.Caller{Kind: governance.CallerApplication, ObjectID: robot}
	put := func(enabled bool) {
		inner.PutUser(governance.User{ID: alice, AccountEnabled: enabled})
		inner.PutServicePrincipal(memory.ServicePrincipal{ID: robot, Blocked: !enabled})
	}
	active := func(caller governance.Caller) func() (bool, error) {
		return func() (bool, error) { return recent.Active(t.Context(), caller) }
	}
	user := func(read func(context.Context, string) (governance.User, error)) func() (bool, error) {
		return func() (bool, error) {
			user, err := read(t.Context(), alice)
			return user.AccountEnabled, err
		}
	}
	is := func(what string, ask func() (bool, error), want bool, calls int) {
		t.Helper()
		before := inner.asked
		if got, err := ask(); err != nil || got != want || inner.asked-before != calls {
			t.Errorf("%s: got %t, %v with %d calls, want %t with %d", what, got, err, inner.asked-before, want, calls)
		}
	}
	put(true)
	for name, caller := range map[string]governance.Caller{"a person": person, "an application": application} {
		put(true)
		clock.Advance(directory.RecentFor)
		is(name, active(caller), true, 1)
		put(false)
		clock.Advance(directory.RecentFor - 1)
		is(name+" just then", active(caller), true, 0)
		clock.Advance(1)
		is(name+" later", active(caller), false, 1)
	}
	put(true)
	is("a fresh look", user(recent.User), true, 1)
	is("which is remembered", active(person), true, 0)
	is("and for others", user(recent.RecentUser), true, 0)
	begin := recent.Moment()
	since := user(func(ctx context.Context, id string) (governance.User, error) { return recent.UserSince(ctx, id, begin) })
	is("since before it", since, true, 1)
	is("since after it", since, true, 0)

	clock.Advance(-time.Minute)
	is("when the clock was set back", active(person), true, 1)
	clock.Advance(directory.RecentFor)
	inner.SetFault(func(memory.Operation) memory.Fault { return memory.Fault{Kind: memory.FaultUnavailable} })
	for range 2 {
		if _, err := recent.Active(t.Context(), person); !errors.Is(err, directory.ErrUnavailable) {
			t.Errorf("while the directory is away: %v", err)
		}
	}
	inner.SetFault(nil)
	is("when it is back", active(person), true, 1)
	if err := errors.Join(inner.Delete(memory.KindUser, alice), inner.Delete(memory.KindServicePrincipal, robot)); err != nil {
		t.Fatal(err)
	}
	clock.Advance(directory.RecentFor)
	for _, caller := range []governance.Caller{person, application} {
		is("who is gone", active(caller), false, 1)
		is("who is gone, again", active(caller), false, 0)
	}
	if _, err := recent.RecentUser(t.Context(), alice); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("of who is gone: %v", err)
	}
}

// TestRecentIsBounded: whoever sends many tokens fills no memory, and what is asked last is remembered.
func TestRecentIsBounded(t *testing.T) {
	inner := &counted{Directory: memory.New(memory.Options{})}
	now := time.Now()
	recent := directory.NewRecent(inner, func() time.Time { return now })
	for n := range 10_000 {
		_, _ = recent.Active(t.Context(), governance.Caller{Kind: governance.CallerUser, ObjectID: fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", n)})
	}
	if directory.Remembered(recent) > 4096 {
		t.Errorf("%d are remembered", directory.Remembered(recent))
	}
	before := inner.asked
	_, _ = recent.Active(t.Context(), governance.Caller{Kind: governance.CallerUser, ObjectID: fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", 9_999)})
	if inner.asked != before {
		t.Error("the last is forgotten")
	}
}
