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

// audience is who is to be told.
type audience struct {
	readers   []reader // by their ids, each address once
	unreached []string // the ids of people, and of groups, who cannot be told
}

// readers looks an audience up. Who is gone or blocked is not in it. Errors: the directory's, of what waiting may mend.
func (n *Notifier) readers(ctx context.Context, to engine.Audience) (audience, error) {
	var all audience
	add := func(users []governance.User, err error) error {
		if errors.Is(err, directory.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("look up whom to notify: %w", err)
		}
		for _, user := range users {
			id := strings.ToLower(user.ID)
			switch {
			case !user.AccountEnabled || slices.Contains(to.Without, id):
			case !directory.IsMailAddress(user.Mail):
				all.unreached = append(all.unreached, id)
			default:
				all.readers = append(all.readers, reader{id, strings.ToLower(user.Mail)})
			}
		}
		return nil
	}
	for _, id := range to.UserIDs {
		user, err := n.Directory.RecentUser(ctx, id)
		if err := add([]governance.User{user}, err); err != nil {
			return all, err
		}
	}
	for _, id := range to.GroupIDs {
		members, err := n.Directory.GroupMembers(ctx, id)
		if errors.Is(err, directory.ErrForbidden) || errors.Is(err, directory.ErrRefused) { // it does not tell who is in it; the others are told all the same
			all.unreached = append(all.unreached, strings.ToLower(id))
			continue
		}
		if err := add(members, err); err != nil {
			return all, err
		}
		if len(members) >= directory.MaxGroupMembers {
			n.Log.WarnContext(ctx, "a group has more members than are told", "groupId", id, "told", directory.MaxGroupMembers)
		}
	}
	slices.SortFunc(all.readers, func(a, b reader) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.address, b.address)) })
	met := map[string]bool{}
	all.readers = slices.DeleteFunc(all.readers, func(one reader) bool {
		before := met[one.address]
		met[one.address] = true
		return before
	})
	slices.Sort(all.unreached)
	all.unreached = slices.Compact(all.unreached)
	return all, nil
}

// after are the readers whose ids come after one.
func (a audience) after(told string) []reader {
	at, found := slices.BinarySearchFunc(a.readers, told, func(one reader, id string) int { return cmp.Compare(one.id, id) })
	if found {
		at++
	}
	return a.readers[at:]
}
