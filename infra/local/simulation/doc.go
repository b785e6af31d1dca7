// Package simulation runs the whole of shared/app on the memory adapters under one seeded scheduler, and checks that what must always hold does hold.
//
// Every invocation (a call of a simulated person, the delivery of a queue's message, a run of a timer) is a coroutine. It runs only when the scheduler hands it the
// baton, and hands it back before each call to a port and at each sleep. There the scheduler picks who goes on, and what goes wrong: conflicts, throttling, lost
// answers, torn and doubled sends, delays, reordering, lost locks, crashes, and a clock that jumps by minutes or months. All choices are made from the seed and from
// what they are about, so a seed replays exactly, and leaving out one operation leaves the choices about the others as they were.
//
// A ledger sits below the faults, right above the memory adapters. It sees each commit and each change of the directory as it happens and holds it against its own
// reading of the rules: who may decide, when access may begin and must end, which state may follow which. At the end the faults cease, the queues are drained, the
// timers run, and the directory must be what the assignments say it is.
//
// Custom extensions' callouts are part of the histories. A source sends them and waits, a service desk answers tickets, who asked for a pass looks at it, and people, groups and policies go away meanwhile.
// The ledger knows what was really done for each, and holds it against what its source was told. Where the process may die between the commit that accepts a callout and the end of all that follows is a
// table (crashpoint.go): a run aims at some of its points, TestSeeds counts the crashes at each, aims more seeds at those that none has hit, and fails if one is left, or if the work comes by another.
//
// Faults strike calls; hazards (hazard.go) change what calls are about: people become guests, share an address, are blocked, deleted and restored, get other managers; policies are closed while the
// directory takes its time; what is asked for is over before it is approved; dates and sizes are at their limits; somebody writes documents by hand. What must hold in spite of them is in promise.go. -hazards
// plays the seeds with some of them, or none.
//
// What it does not do: it does not speak any wire (infra/local's other parts do), it does not test what a page of a list looks like (shared/app's tests do), and it
// does not delay a call to the directory past the end of its invocation: no order of calls could undo such a change, only a later reconciliation.
package simulation
