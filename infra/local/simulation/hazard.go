package simulation

import (
	"slices"
	"strings"
)

// Hazard is something that the world around the app does by itself: the app is not at fault, and has to cope. Faults strike calls; hazards change what the calls are about.
type Hazard string

// The hazards.
const (
	Overtaking Hazard = "overtaking" // policies, packages and catalogs change while the directory takes its time over a command
	Identity   Hazard = "identity"   // people become guests or members, have no user type, change name and address, share an address
	Blocking   Hazard = "blocking"   // accounts are blocked and come back; a directory that lags does not know people yet
	Approvers  Hazard = "approvers"  // approvers are blocked, deleted and leave their groups; people get another manager
	Overdue    Hazard = "overdue"    // what is asked for is over before it is approved; deliveries fail and are asked for anew
	FarDates   Hazard = "farDates"   // dates at their limits
	FullSizes  Hazard = "fullSizes"  // texts and packages as large as they may be
	Tampering  Hazard = "tampering"  // somebody writes documents by hand
	Restoring  Hazard = "restoring"  // people and groups are deleted, and come back with their memberships
)

// Hazards lists all of them.
func Hazards() []Hazard {
	return []Hazard{Overtaking, Identity, Blocking, Approvers, Overdue, FarDates, FullSizes, Tampering, Restoring}
}

// on says whether a hazard is part of this run.
func (w *world) on(hazard Hazard) bool { return w.options.Hazards[hazard] }

// hazardous says whether any of these is.
func (w *world) hazardous(hazards ...Hazard) bool { return slices.ContainsFunc(hazards, w.on) }

// named are the hazards of a run, as the flag -hazards takes them.
func (o Options) named() string {
	var names []string
	for _, hazard := range Hazards() {
		if o.Hazards[hazard] {
			names = append(names, string(hazard))
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ",")
}

// hazards are the operations by which hazards come about. Overtaking has none: it happens within the calls of others.
func hazards() []struct {
	hazard Hazard
	operation
} {
	return []struct {
		hazard Hazard
		operation
	}{
		{Identity, operation{"identity", 3, (*world).changeIdentity}},
		{Blocking, operation{"block", 3, (*world).block}},
		{Approvers, operation{"approvers", 4, (*world).changeApprovers}},
		{Overdue, operation{"askShort", 2, (*world).askShort}},
		{Overdue, operation{"askAnew", 2, (*world).askAnew}},
		{FarDates, operation{"farDates", 3, (*world).farDates}},
		{FullSizes, operation{"fullSizes", 1, (*world).fullSizes}},
		{Tampering, operation{"tamper", 2, (*world).tamper}},
		{Restoring, operation{"leave", 3, (*world).leave}},
	}
}

// shareOfHazards is how many of the operations are those of a hazard, with one that is on, and with each further one.
const shareOfHazards, shareOfEach = 0.07, 0.015

// hazardOf is the hazard that takes the place of an operation, if one does. Whether it does is decided beside the choices about the operation, so that a run without hazards is as it was.
func (w *world) hazardOf(number int) (operation, *luck, bool) {
	l := &luck{chance: w.chance.about(named("hazard"), uint64(number))}
	var there []operation
	total := 0
	for _, one := range hazards() {
		if w.on(one.hazard) {
			there = append(there, one.operation)
			total += one.weight
		}
	}
	if len(there) == 0 || !l.odds(shareOfHazards+shareOfEach*float64(len(there)-1)) {
		return operation{}, nil, false
	}
	draw := l.below(total)
	for _, one := range there {
		if draw -= one.weight; draw < 0 {
			return one, l, true
		}
	}
	return operation{}, nil, false
}
