package notice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"latchkey/shared/directory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

// reader is somebody who can be told.
type reader struct{ id, address string }

// maxTold is how many members of one group are told at most.
const maxTold = 500

// audience is who is to be told.
type audience struct {
	readers   []reader       // by their ids, each address once
	unreached []string       // the ids of groups and people who cannot be told
	leftOut   map[string]int // how many members of a group are more than are told, by its id
}

// add adds somebody, unless they are gone or blocked, or without.
func (a *audience) add(user governance.User, without []string) {
	id := strings.ToLower(user.ID)
	switch {
	case !user.AccountEnabled || slices.Contains(without, id):
	case !directory.IsMailAddress(user.Mail):
		a.unreached = append(a.unreached, id)
	default:
		a.readers = append(a.readers, reader{id, strings.ToLower(user.Mail)})
	}
}

func (a *audience) sort() {
	slices.SortFunc(a.readers, func(a, b reader) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.address, b.address)) })
}

// readers looks an audience up. Who is gone or blocked is not in it. Of a group that is too large those are told who come first, whenever it is read. Errors: the directory's, of what waiting may mend.
func (n *Notifier) readers(ctx context.Context, to engine.Audience) (audience, error) {
	all := audience{leftOut: map[string]int{}}
	for _, id := range to.UserIDs {
		user, err := n.Directory.RecentUser(ctx, id)
		switch {
		case err == nil:
			all.add(user, to.Without)
		case !errors.Is(err, directory.ErrNotFound):
			return all, fmt.Errorf("look up whom to notify: %w", err)
		}
	}
	var groups []string
	for _, id := range to.GroupIDs {
		some, whole, err := n.members(ctx, id, to.Without)
		if err != nil {
			return all, err
		}
		id = strings.ToLower(id)
		some.sort()
		if more := len(some.readers) - maxTold; more > 0 {
			some.readers, all.leftOut[id], whole = some.readers[:maxTold], more, false
		}
		if !whole {
			groups = append(groups, id)
		}
		all.readers, all.unreached = append(all.readers, some.readers...), append(all.unreached, some.unreached...)
	}
	all.sort()
	met := map[string]bool{}
	all.readers = slices.DeleteFunc(all.readers, func(one reader) bool {
		before := met[one.address]
		met[one.address] = true
		return before
	})
	for _, ids := range []*[]string{&groups, &all.unreached} {
		slices.Sort(*ids)
		*ids = slices.Compact(*ids)
	}
	all.unreached = append(groups, all.unreached...)
	return all, nil
}

// members are those of a group; not whole: it does not tell of all who are in it, and the others are told all the same.
func (n *Notifier) members(ctx context.Context, id string, without []string) (some audience, whole bool, err error) {
	err = n.Directory.GroupMembers(ctx, id, func(user governance.User) bool {
		some.add(user, without)
		return true
	})
	hidden := ""
	if err == nil {
		hidden, err = n.Directory.HiddenIn(ctx, id)
	}
	switch {
	case errors.Is(err, directory.ErrNotFound):
		return some, true, nil
	case errors.Is(err, directory.ErrForbidden) || errors.Is(err, directory.ErrRefused):
		return some, false, nil
	case err != nil:
		return some, false, fmt.Errorf("look up whom to notify: %w", err)
	}
	return some, hidden == "", nil
}

// after are the readers whose ids come after one.
func (a audience) after(told string) []reader {
	at, found := slices.BinarySearchFunc(a.readers, told, func(one reader, id string) int { return cmp.Compare(one.id, id) })
	if found {
		at++
	}
	return a.readers[at:]
}
