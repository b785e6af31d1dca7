package engine_test

import (
	"fmt"
	"testing"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

// benchSubject is a subject with a few other assignments, as most have.
func benchSubject(b *testing.B) engine.State {
	b.Helper()
	head := governance.Head{ID: governance.SubjectOf(people[mo].User).ID, AuditSequence: 40, AuditHash: "5f"}
	for i := range 10 {
		head.Holdings = append(head.Holdings, governance.Holding{AssignmentID: fmt.Sprint("a", i), PackageID: fmt.Sprint("p", i), Grants: []string{grantOf(fmt.Sprint("g", i)).Key()}})
	}
	return stateOf(head)
}

func with(b *testing.B, s engine.State, change engine.Change, err error) engine.State {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
	s.Head, change = engine.Seal(s.Head, change, "command", "salt")
	keep(s, change.Write...)
	return s
}

func BenchmarkSubmit(b *testing.B) {
	s, cmd := benchSubject(b), asking(submission(b))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := engine.Submit(s, cmd, start); err != nil {
			b.Fatal(err)
		}
	}
}

func benchDecision() engine.Decision {
	pack := cloudPC()
	return engine.Decision{RequestID: "request-1", StageID: governance.NameID("stage:request-1:0"), Result: governance.ResultApprove, Justification: "known to me", Approver: caller(meg), Package: &pack}
}

func BenchmarkDecide(b *testing.B) {
	s := benchSubject(b)
	change, err := engine.Submit(s, asking(submission(b)), start)
	s = with(b, s, change, err)
	d := benchDecision()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := engine.Decide(s, d, start); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRecord(b *testing.B) {
	s := benchSubject(b)
	change, err := engine.Submit(s, asking(submission(b)), start)
	s = with(b, s, change, err)
	change, err = engine.Decide(s, benchDecision(), start)
	s = with(b, s, change, err)
	b.ReportAllocs()
	for b.Loop() {
		var outcomes []engine.Outcome
		for _, step := range engine.Plan(s, "assignment-1") {
			outcomes = append(outcomes, engine.Outcome{Step: step})
		}
		if change, err := engine.Record(s, "assignment-1", outcomes, start); err != nil || len(engine.Written[governance.AssignmentRequest](change)) != 1 {
			b.Fatal(err)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	s := benchSubject(b)
	change, err := engine.Submit(s, submission(b, direct("everybody")), start)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if head, _ := engine.Seal(s.Head, change, "command", "salt"); head.AuditSequence != 42 {
			b.Fatal(head.AuditSequence)
		}
	}
}
