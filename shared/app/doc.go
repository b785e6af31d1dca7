// Package app holds the use cases, a package an area: who may do it, what must be read for it, which decision of shared/engine it is, and
// the command that shared/ledger commits. An area knows its ports and no other area, starts no goroutine, and asks for the time and for
// identifiers, so that a simulation can run all of it in any order. Here are only the tests of all areas together.
package app
