// Package rulebench holds the speed of membership rules against that of expr-lang, a general language of expressions that compiles to a virtual machine, on the same rule and the same data:
//
//	go test -C tools/rulebench -bench .
package rulebench

import (
	"testing"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"latchkey/shared/rule"
)

// person is what expr-lang is asked of: folded as package rule folds, so that neither folds while it is timed.
type person struct{ Department, Country string }

// people are both ways to a verdict, and both verdicts.
var people = []struct {
	graph  string
	folded person
	is     bool
}{
	{`{"department":"Sales","country":"DK"}`, person{"SALES", "DK"}, true},
	{`{"department":"sales","country":"se"}`, person{"SALES", "SE"}, true},
	{`{"department":"Sales","country":"NO"}`, person{"SALES", "NO"}, false},
	{`{"department":"Research","country":"DK"}`, person{"RESEARCH", "DK"}, false},
}

var now = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

func ours(tb testing.TB) (*rule.Rule, []*rule.Person) {
	tb.Helper()
	r, err := rule.Parse(`(user.department -eq "Sales") -and (user.country -in ["DK","SE"])`, now)
	if err != nil {
		tb.Fatal(err)
	}
	prepared := make([]*rule.Person, len(people))
	for i, one := range people {
		if prepared[i], err = rule.ReadPerson([]byte(one.graph)); err != nil {
			tb.Fatal(err)
		}
	}
	return r, prepared
}

func theirs(tb testing.TB) (*vm.Program, []any) {
	tb.Helper()
	program, err := expr.Compile(`Department == "SALES" && Country in ["DK", "SE"]`, expr.Env(person{}), expr.AsBool())
	if err != nil {
		tb.Fatal(err)
	}
	environments := make([]any, len(people))
	for i := range people {
		environments[i] = people[i].folded // made once, as ours are; a pointer would make it allocate
	}
	return program, environments
}

// Both say the same, or their times could not be compared.
func TestSameVerdicts(t *testing.T) {
	r, prepared := ours(t)
	program, environments := theirs(t)
	for i, one := range people {
		their, err := new(vm.VM).Run(program, environments[i])
		if ours := r.Matches(prepared[i], now); err != nil || ours != one.is || their != any(one.is) {
			t.Errorf("%s: ours %t, theirs %v, %v", one.graph, ours, their, err)
		}
	}
}

func BenchmarkRule(b *testing.B) {
	r, prepared := ours(b)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		r.Matches(prepared[i&3], now)
		i++
	}
}

func BenchmarkExpr(b *testing.B) {
	program, environments := theirs(b)
	var machine vm.VM
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := machine.Run(program, environments[i&3]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
