package simulation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"latchkey/shared/app/companion"
	"latchkey/shared/bus"
	"latchkey/shared/directory"
	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// Sabotage puts something between the faults and the ledger: a port that does not keep its promise. The mutation tests prove by it that the simulation can fail.
type Sabotage struct {
	Store     func(store.Store) store.Store
	Bus       func(bus.Bus) bus.Bus
	Directory func(directory.Directory) directory.Directory
	Actions   func(directory.Actions) directory.Actions
	Outbound  func(companion.Outbound) companion.Outbound
	NoExpiry  bool // the timer of the expirations never runs
	NoLimit   bool // anybody may ask as often as they like
	Passes    bool // the directory lists no passes and lets a person have many
}

// storePort is the store as the app sees it: with the scheduler and the faults before it.
type storePort struct {
	world *world
	inner store.Store
}

var _ store.Store = storePort{}

func (p storePort) Get(ctx context.Context, container store.Container, partition string, ids ...string) ([]store.Document, error) {
	w := p.world
	t := w.current
	t.point("")
	fault := w.strike(t, ofStore, StoreThrottled, StoreUnavailable)
	if w.tracing {
		w.note(t, partition, "get %s%s", strings.Join(ids, " "), injected(fault))
	}
	if err := storeFault(fault); err != nil {
		return nil, err
	}
	documents, err := p.inner.Get(ctx, container, partition, ids...)
	t.sees(container, err)
	return documents, err
}

func (p storePort) Commit(ctx context.Context, container store.Container, partition string, operations []store.Operation) ([]string, error) {
	w := p.world
	t := w.current
	point := w.pointOf(t, operations)
	t.point(point)
	fault := w.strike(t, ofStore, StoreConflict, StoreThrottled, StoreUnavailable, StoreLostResponse)
	if fault == StoreLostResponse || fault == "" {
		etags, err := p.inner.Commit(ctx, container, partition, operations)
		if w.tracing {
			w.note(t, partition, "commit %s%s%s", describe(operations), outcome(err), injected(fault))
		}
		if err == nil {
			t.mayCrash(After, point)
		} else {
			t.answered = w.report.Steps
		}
		if err == nil && fault == StoreLostResponse {
			return nil, fmt.Errorf("%w: the answer was lost", store.ErrUnavailable)
		}
		return etags, err
	}
	if w.tracing {
		w.note(t, partition, "commit %s%s", describe(operations), injected(fault))
	}
	t.answered = w.report.Steps
	return nil, storeFault(fault)
}

func (p storePort) Query(ctx context.Context, container store.Container, query store.Query) (store.Page, error) {
	w := p.world
	t := w.current
	t.point("")
	fault := w.strike(t, ofStore, StoreThrottled, StoreUnavailable)
	if err := storeFault(fault); err != nil {
		w.note(t, query.Partition, "query %s %s%s", query.Kind, query.ID, injected(fault))
		return store.Page{}, err
	}
	page, err := p.inner.Query(ctx, container, query)
	t.sees(container, err)
	if w.tracing {
		w.note(t, query.Partition, "query %s %s: %d found%s", query.Kind, query.ID, len(page.Documents), outcome(err))
	}
	return page, err
}

// sees notes that the invocation has looked at catalogs.
func (t *task) sees(container store.Container, err error) {
	if container == store.Catalogs && err == nil {
		t.sighted = t.world.report.Steps
	}
}

func storeFault(fault Fault) error {
	switch fault {
	case StoreConflict:
		return fmt.Errorf("%w: injected", store.ErrConflict)
	case StoreThrottled:
		return &store.ThrottledError{After: 2 * time.Second}
	case StoreUnavailable:
		return fmt.Errorf("%w: injected", store.ErrUnavailable)
	default:
		return nil
	}
}

// busPort is the bus as the app sees it.
type busPort struct {
	world *world
	inner bus.Bus
}

var _ bus.Bus = busPort{}

func (p busPort) Send(ctx context.Context, queue string, messages ...bus.Message) error {
	w := p.world
	t := w.current
	point := "send"
	if len(messages) > 0 && original(messages[0].ID) != messages[0].ID {
		point = "put off"
	}
	t.point(point)
	fault := w.strike(t, ofBus, BusThrottled, BusUnavailable, BusTorn, BusLostResponse)
	accepted := messages
	switch fault {
	case BusThrottled, BusUnavailable:
		accepted = nil
	case BusTorn:
		accepted = messages[:len(messages)/2]
	default: // struck after the sending, or not at all
	}
	var err error
	if len(accepted) > 0 {
		err = p.inner.Send(ctx, queue, accepted...)
	}
	if w.tracing {
		for _, m := range messages {
			w.note(t, m.SessionID, "send to %s %s%s%s", queue, m.ID, outcome(err), injected(fault))
		}
	}
	if err == nil {
		for _, m := range accepted {
			t.sent = append(t.sent, m.ID)
		}
		if len(accepted) > 0 {
			t.mayCrash(After, point)
		}
	}
	switch {
	case err != nil:
		return err
	case fault == BusThrottled:
		return fmt.Errorf("%w: injected", bus.ErrThrottled)
	case fault != "":
		return fmt.Errorf("%w: injected", bus.ErrUnavailable)
	}
	return nil
}

// directoryPort is the directory as the app sees it.
type directoryPort struct {
	world *world
	inner directory.Directory
}

var _ directory.Directory = directoryPort{}

// call makes a call to the directory with whatever goes wrong with it.
func call[T any](w *world, what, about string, change bool, do func() (T, error)) (T, error) {
	var none T
	t := w.current
	point := what
	if !change {
		point = ""
	}
	t.point(point)
	var fault Fault
	if change {
		fault = w.strike(t, ofDirectory, DirectoryThrottled, DirectoryUnavailable, DirectoryLost, DirectoryForbidden)
	} else {
		fault = w.strike(t, ofDirectory, DirectoryThrottled, DirectoryUnavailable)
	}
	switch fault {
	case DirectoryThrottled:
		w.note(t, "", "directory %s %s%s", what, about, injected(fault))
		return none, &directory.ThrottledError{After: time.Duration(1+t.luck.below(300)) * time.Second}
	case DirectoryUnavailable:
		w.note(t, "", "directory %s %s%s", what, about, injected(fault))
		return none, fmt.Errorf("%w: injected", directory.ErrUnavailable)
	case DirectoryForbidden:
		w.note(t, "", "directory %s %s%s", what, about, injected(fault))
		if what == "deletePass" || what == "removeMember" {
			w.ledger.forbade(t)
		}
		return none, fmt.Errorf("%w: injected", directory.ErrForbidden)
	default: // struck after the change, or not at all
	}
	value, err := do()
	if w.on(Overtaking) {
		w.overtake(t)
	}
	t.answered = w.report.Steps
	if w.tracing {
		w.note(t, "", "directory %s %s%s%s", what, about, outcome(err), injected(fault))
	}
	if change && err == nil {
		t.mayCrash(After, point)
	}
	if fault == DirectoryLost {
		return none, fmt.Errorf("%w: the answer was lost", directory.ErrUnavailable)
	}
	return value, err
}

func (p directoryPort) User(ctx context.Context, id string) (governance.User, error) {
	return call(p.world, "user", id, false, func() (governance.User, error) {
		p.world.current.seen[id] = p.world.report.Steps
		return p.inner.User(ctx, id)
	})
}

func (p directoryPort) ApplicationEnabled(ctx context.Context, id string) (bool, error) {
	return call(p.world, "application", id, false, func() (bool, error) { return p.inner.ApplicationEnabled(ctx, id) })
}

func (p directoryPort) Group(ctx context.Context, id string) (governance.Group, error) {
	return call(p.world, "group", id, false, func() (governance.Group, error) { return p.inner.Group(ctx, id) })
}

func (p directoryPort) SeesHidden(ctx context.Context) (bool, error) {
	return call(p.world, "seesHidden", "", false, func() (bool, error) { return p.inner.SeesHidden(ctx) })
}

func (p directoryPort) MemberOf(ctx context.Context, userID string) ([]string, error) {
	return call(p.world, "memberOf", userID, false, func() ([]string, error) { return p.inner.MemberOf(ctx, userID) })
}

func (p directoryPort) GroupMembers(ctx context.Context, groupID string, take func(governance.User) bool) error {
	_, err := call(p.world, "members", groupID, false, func() (struct{}, error) { return struct{}{}, p.inner.GroupMembers(ctx, groupID, take) })
	return err
}

func (p directoryPort) HiddenIn(ctx context.Context, groupID string) (string, error) {
	return call(p.world, "hidden", groupID, false, func() (string, error) { return p.inner.HiddenIn(ctx, groupID) })
}

func (p directoryPort) Managers(ctx context.Context, userID string, levels int) ([]string, error) {
	return call(p.world, "managers", userID, false, func() ([]string, error) { return p.inner.Managers(ctx, userID, levels) })
}

func (p directoryPort) HasMember(ctx context.Context, groupID, userID string) (bool, error) {
	return call(p.world, "hasMember", groupID+" "+userID, false, func() (bool, error) { return p.inner.HasMember(ctx, groupID, userID) })
}

func (p directoryPort) HasOwner(ctx context.Context, groupID, userID string) (bool, error) {
	return call(p.world, "hasOwner", groupID+" "+userID, false, func() (bool, error) { return p.inner.HasOwner(ctx, groupID, userID) })
}

func (p directoryPort) change(what, groupID, principalID string, do func() error) error {
	_, err := call(p.world, what, p.world.groupName(groupID)+" "+p.world.personName(principalID), true, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

func (p directoryPort) AddMember(ctx context.Context, groupID, principalID string) error {
	return p.change("addMember", groupID, principalID, func() error {
		if w := p.world; w.on(Blocking) && !isOfActions(groupID) && w.strikes(w.current, DirectoryLag) {
			return fmt.Errorf("%w: it lags", directory.ErrNotFound)
		}
		return p.inner.AddMember(ctx, groupID, principalID)
	})
}

func (p directoryPort) RemoveMember(ctx context.Context, groupID, principalID string) error {
	return p.change("removeMember", groupID, principalID, func() error { return p.inner.RemoveMember(ctx, groupID, principalID) })
}

func (p directoryPort) AddOwner(ctx context.Context, groupID, principalID string) error {
	return p.change("addOwner", groupID, principalID, func() error { return p.inner.AddOwner(ctx, groupID, principalID) })
}

func (p directoryPort) RemoveOwner(ctx context.Context, groupID, principalID string) error {
	return p.change("removeOwner", groupID, principalID, func() error { return p.inner.RemoveOwner(ctx, groupID, principalID) })
}

func (p directoryPort) SendMail(ctx context.Context, mail governance.Mail) error {
	_, err := call(p.world, "mail", mail.Subject, true, func() (struct{}, error) { return struct{}{}, p.inner.SendMail(ctx, mail) })
	return err
}

// The words of a trace.

func injected(fault Fault) string {
	if fault == "" {
		return ""
	}
	return " !" + string(fault)
}

func outcome(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, store.ErrConflict):
		return ": conflict"
	default:
		return ": " + err.Error()
	}
}

func describe(operations []store.Operation) string {
	verbs := map[store.Verb]string{store.Create: "+", store.Replace: "=", store.Delete: "-"}
	var texts []string
	for _, operation := range operations {
		texts = append(texts, verbs[operation.Verb]+operation.Document.ID)
	}
	return strings.Join(texts, " ")
}
