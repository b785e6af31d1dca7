// Package archtest holds the walls of the house: who may import whom, what the shipped binary may not link, and what pure code may not call.
// It is tests only, over one run of go list and the source itself, so that the walls stand without the linter; .golangci.yml repeats them for editors.
package archtest
