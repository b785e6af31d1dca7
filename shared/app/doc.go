// Package app holds the use cases, one file a verb: who may do it, what must be read for it, which decision of shared/engine it is, and how that is
// committed. It knows its ports only, starts no goroutine, and asks for the time and for identifiers, so that a simulation can run all of it in any order.
package app
