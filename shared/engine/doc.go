// Package engine holds Latchkey's decisions: pure functions over the domain that take the present state, a command and the present time, and answer with
// what changes or why not. It imports governance and the standard library, has no context, no clock and no I/O, and may be run any number of times.
package engine
