package access

import (
	"context"
	"errors"
	"time"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

const (
	// reachPage is how many of those who have a package one message brings in line with it.
	reachPage = 50
	// reachKept is how long a note is kept of how far a reach has come: longer than it is without a message.
	reachKept = 7 * 24 * time.Hour
)

// reached is how far a reach has come. It is of one version of the document: should the package's roles change again, it begins anew.
type reached struct {
	Of           string `json:"of"`           // the ETag
	Continuation string `json:"continuation"` // of the next page
	Pages        int    `json:"pages"`        // in all passes
	Changed      int    `json:"changed"`      // of this pass: it is the last when it finds nothing to change
	Left         int    `json:"left"`         // of this pass: who could not be brought in line
}

// Reach brings those who have a package in line with its resource roles as they are (RES-12), a page of them, and asks to go on with the next until a pass finds nothing to do any more. What an assignment that
// begins meanwhile may have missed, its delivery finds: it looks at the package each time. Two that run at once do the same work twice, and neither undoes what the other does. Errors: ledger.UnfinishedError; those
// after which the effect is put off or comes back.
func (d *Delivery) Reach(ctx context.Context, effect governance.Effect) error {
	run, err := ledger.GetAt[governance.Reach](ctx, d.Ledger, effect.Place, effect.About, "change of resource roles")
	if governance.CodeOf(err) == governance.CodeNotFound {
		return nil // it has reached all
	}
	if err != nil {
		return err
	}
	if _, _, err := present(ctx, d.Ledger, &governance.AccessPackage{ID: effect.About, Catalog: &governance.Catalog{ID: effect.Partition}}); err != nil {
		return err // nobody can be brought in line with what cannot be read
	}
	note := "reached:" + effect.About
	progress, etag, err := ledger.GetNote[reached](ctx, d.Ledger, effect.Place, note)
	if err != nil {
		return err
	}
	if progress.Of != run.ETag {
		progress = reached{Of: run.ETag, Pages: progress.Pages} // the pages go on being counted: no two messages that go on may be taken for one
	}
	page, err := d.holders(ctx, effect.About, progress.Continuation)
	if governance.CodeOf(err) == governance.CodeInvalid { // a continuation that the store does not know any more
		progress.Continuation = ""
		page, err = d.holders(ctx, effect.About, "")
	}
	if err != nil {
		return err
	}
	for _, one := range page.Items {
		changed, inLine, err := d.align(ctx, ledger.SubjectPlace(one.Value.Target.ID), one.Value)
		if err != nil {
			return err
		}
		if changed {
			progress.Changed++
		}
		if !inLine {
			progress.Left++
		}
	}
	progress.Continuation = page.Continuation
	progress.Pages++
	if progress.Continuation == "" && progress.Changed == 0 {
		if progress.Left > 0 {
			d.Log.ErrorContext(ctx, "a change of resource roles has not reached everybody who has the access package; they are looked at again each day", "alert", true, "packageId", effect.About, "left", progress.Left,
				"mend", "docs/operate/stuck-request.md#what-a-package-grants-has-changed")
		}
		_, err := d.Ledger.Update(ctx, effect.Place, ledger.Documents(governance.StoredID(run.Value.DocumentKind(), effect.About)), func(s engine.State) (engine.Change, error) {
			return engine.Reached(s, effect.About, progress.Of, progress.Left, d.Ledger.Now()), nil
		})
		return err
	}
	if progress.Continuation == "" {
		progress.Changed, progress.Left = 0, 0
	}
	if _, err := d.Ledger.SetNote(ctx, effect.Place, note, progress, etag, reachKept); errors.Is(err, store.ErrConflict) {
		return ledger.Unavailable("The package", err) // another run has come further
	} else if err != nil {
		return err
	}
	return ledger.UnfinishedError{Parts: progress.Pages}
}

// holders are a page of the assignments of a package that have not ended.
func (d *Delivery) holders(ctx context.Context, packageID, continuation string) (ledger.Page[governance.Assignment], error) {
	expired := store.Compare{Path: []string{"state"}, Comparison: store.Equal, Value: string(governance.AssignmentExpired)}
	return ledger.List[governance.Assignment](ctx, d.Ledger, ledger.ListOptions{
		Filter:   store.And{store.Compare{Path: []string{"accessPackage", "id"}, Comparison: store.Equal, Value: packageID}, store.Not{Filter: expired}},
		PageSize: reachPage, Continuation: continuation,
	})
}

// align brings an assignment in line with its package as it is when that is committed. It says whether there was something to change, and whether all is then as the package has it. Errors: those that may pass.
func (d *Delivery) align(ctx context.Context, place governance.Place, seen governance.Assignment) (changed, inLine bool, err error) {
	read := inHand(seen.ID)
	err = d.Ledger.Afresh(ctx, func() error {
		pack, rests, err := present(ctx, d.Ledger, seen.AccessPackage)
		if err != nil {
			return err
		}
		if inLine = engine.IsInLine(seen, pack); inLine {
			return nil
		}
		done, err := update(ctx, d.Ledger, place, read, func(s engine.State) (engine.Change, error) {
			return engine.Align(s, seen.ID, pack, d.Ledger.Now())
		}, rests...)
		if err != nil {
			return err
		}
		now, ok := ledger.Made[governance.Assignment](done, seen.ID)
		changed, inLine = !done.IsEmpty(), !ok || engine.IsInLine(now, pack)
		return nil
	})
	switch code := ledger.CodeOf(err); {
	case err != nil && (ctx.Err() != nil || code == governance.CodeUnavailable || code == governance.CodeThrottled) && !errors.Is(err, ledger.ErrUnreadable):
		return false, false, err
	case err != nil || !inLine:
		d.Log.WarnContext(ctx, "an assignment is not in line with its access package", "assignmentId", seen.ID, "subjectId", place.Partition, "packageId", seen.AccessPackage.ID, "error", err)
	}
	return changed, inLine && err == nil, nil
}
