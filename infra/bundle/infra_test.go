package main

import "testing"

// What infra/ and the code have in common is held against each other by infra/crosscheck.
func TestRepositoryIsSound(t *testing.T) {
	functions, found := checkSources("../..")
	if len(found) > 0 {
		t.Error(found.err())
	}
	if len(functions) == 0 {
		t.Error("no functions")
	}
}
