package simulation

import (
	"encoding/json"
	"slices"
	"strings"

	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// Side says on which side of a call an invocation ends.
type Side string

// The sides.
const (
	Before Side = "before"
	After  Side = "after"
)

// Point is where the process may die between the commit that accepts a callout and the end of all that follows: on one side of a call that changes something, in the course of a work.
type Point struct {
	Work string // of which kind
	Side Side
	Call string // the state that a callout comes to by a commit, "step …", or what is called
}

// String is the point in words.
func (p Point) String() string { return p.Work + ": " + string(p.Side) + " " + p.Call }

// mayCrash ends the invocation where it stands, by chance or because the run aims at this point.
func (t *task) mayCrash(side Side, call string) {
	w := t.world
	at := Point{t.work, side, call}
	counts := t.work != "" && call != "" && !t.timeless
	if counts {
		w.report.Passed[at]++
	}
	strikes := w.strikes(t, Crash)
	if counts && !strikes && w.aims[at] > 0 && !w.calm && !w.options.Without[Crash] && (at.isSeldom() || w.ledger.survives(t.callout)) {
		w.aims[at]--
		t.hit(Crash)
		strikes = true
	}
	if !strikes {
		return
	}
	if counts {
		w.report.Crashed[at]++
	}
	t.crash()
}

// pointOf names a commit by what becomes of a callout through it.
func (w *world) pointOf(t *task, operations []store.Operation) string {
	if t.work == "" {
		return ""
	}
	for _, operation := range operations {
		if operation.Verb == store.Delete {
			return "forget"
		}
		if !strings.HasPrefix(operation.Document.ID, "task:") {
			continue
		}
		var next governance.Task
		if json.Unmarshal(operation.Document.Body, &next) != nil {
			return ""
		}
		known := w.ledger.callouts[next.ID]
		switch {
		case known == nil || known.State != next.State:
			return string(next.State)
		case (known.FollowUpDateTime == nil) != (next.FollowUpDateTime == nil):
			return "followUp"
		case len(next.Steps) > 0:
			return "step " + next.Steps[len(next.Steps)-1].Name
		}
	}
	return ""
}

// paths are the calls that change something, in the course of each work, in no order. Each has a crash point on both sides, and the seeds that are run by default hit all of them. A run that aims at a
// work aims more at those with a mark, because it seldom comes by. Where a work does the opposite of its own, it puts right what it did too late: a newer callout has taken over.
var paths = map[string]string{
	"accept":             "accepted, send, forget",
	"answer":             "succeeded, failed, send, forget!",
	"look":               "step cleared, deletePass!, issuePass, step givenBack!, succeeded, send!, forget!",
	"app install":        "working, removeMember, step left, assignApp!, addMember, step joined, succeeded, resume, resumed, notResumed!, failed, timedOut, put off",
	"app uninstall":      "working, removeMember, step left, assignApp, step assigned, followUp, step undoing, addMember, step joined, succeeded, resume, resumed, notResumed!, failed, timedOut, put off",
	"group add":          "working, addMember, removeMember!, step joined, succeeded, resume, resumed, notResumed!, failed, timedOut, put off",
	"group remove":       "working, removeMember, addMember!, step left, succeeded, resume, resumed, notResumed!, failed, timedOut, put off",
	"mail":               "working, mail, step sent, succeeded, resume, resumed, notResumed!, failed!, timedOut, put off",
	"pass by mail":       "working, step cleared, deletePass, issuePass, mail, step delivered, succeeded, resume, resumed, notResumed!, failed, timedOut, put off",
	"pass by teams":      "working, step cleared, deletePass, issuePass, post, step delivered, succeeded, resume, resumed, notResumed!, failed, timedOut, put off",
	"pass shown":         "working, waitingForTicket, step cleared!, deletePass!, step telling!, resume, resumed, notResumed!, failed, timedOut, put off",
	"sessions":           "working, revokeSessions, step revoked, succeeded, resume, resumed, notResumed!, failed, timedOut, put off",
	"ticket":             "working, post, step tried!, step opened, succeeded, resume, resumed, notResumed!, failed, timedOut, put off",
	"ticket with answer": "working, step tried, post, step opened, waitingForTicket, step telling, resume, resumed, notResumed!, failed, timedOut, put off",
	"webhook":            "working, post, step called, succeeded, resume, resumed, notResumed!, failed, timedOut, put off",
}

// seldom marks a call that runs seldom come by.
const seldom = "!"

func (p Point) isSeldom() bool { return strings.Contains(paths[p.Work], p.Call+seldom) }

// Points lists all crash points.
func Points() []Point {
	var points []Point
	for work, calls := range paths {
		for call := range strings.SplitSeq(strings.ReplaceAll(calls, seldom, ""), ", ") {
			points = append(points, Point{work, Before, call}, Point{work, After, call})
		}
	}
	slices.SortFunc(points, func(a, b Point) int { return strings.Compare(a.String(), b.String()) })
	return points
}

// crashesPerCallout bounds how many crashes are aimed at one callout.
const crashesPerCallout = 2

// takeAim picks the action that this run has much of, and points of its works at which a crash is certain if the run comes there, at some of them two. A point that the run is told to aim at comes first.
func (w *world) takeAim() {
	l := &luck{chance: w.chance.about(named("aim"))}
	w.favoured = l.below(len(configured))
	if aim := w.options.Aim; aim != (Point{}) {
		w.intensity = max(w.intensity, 0.4)
		for !slices.Contains(configured[w.favoured].work, aim.Work) && aim.Work != "accept" {
			w.favoured = (w.favoured + 1) % len(configured)
		}
		w.aims[aim] = 2
		if aim.Work == "pass shown" { // what has to be taken away is left behind by a look that died
			w.aims[Point{"look", After, "issuePass"}] = 3
		}
	}
	if w.intensity == 0 {
		w.favoured = -1
		return
	}
	for _, at := range Points() {
		odds := 0.2
		if at.isSeldom() {
			odds = 0.4
		}
		if l.odds(odds) && slices.Contains(configured[w.favoured].work, at.Work) && w.aims[at] == 0 {
			w.aims[at] = 1
		}
	}
}

// survives says whether a crash that is aimed at leaves enough of a callout: one that dies everywhere shows no more than one that dies twice.
func (l *book) survives(id string) bool {
	c := l.callouts[id]
	if c != nil {
		c.aimed++
	}
	return c == nil || c.aimed <= crashesPerCallout
}
