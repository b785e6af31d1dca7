package simulation

import (
	"errors"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"latchkey/shared/governance"
)

var (
	seedsFlag   = flag.Int("seeds", 1000, "how many seeds to run")
	seedFlag    = flag.Uint64("seed", 0, "replay this one seed and print what happens")
	aimFlag     = flag.String("aim", "", "with -seed: the crash point that it aims at")
	hazardsFlag = flag.String("hazards", "", "the hazards of the runs, such as identity,blocking, or all, or none; empty: those that the product copes with")
)

// TestSeeds plays the seeds. The promises that every one of them must keep are those of shared/engine and shared/app:
//
// rules: APR-03 APR-04 APR-05 APR-06 APR-07 APR-08 APR-10 APR-11 REQ-04 REQ-06 REQ-07 REQ-08 REQ-18 LIF-01 LIF-02 LIF-05 LIF-10 RES-09 RES-10 RES-12 POL-02 POL-10 LIM-05 EXT-03 EXT-05 EXT-13 EXT-14 EXT-17 EXT-26 BEY-26 BEY-29.
func TestSeeds(t *testing.T) {
	if *seedFlag != 0 {
		options := Options{Seed: *seedFlag, Trace: true}
		for _, at := range Points() {
			if at.String() == *aimFlag {
				options.Aim = at
			}
		}
		options.Hazards = parseHazards(*hazardsFlag)
		report, err := Run(options)
		t.Log("\n" + strings.Join(report.Trace, "\n"))
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	total := newTotal()
	t.Run("all", func(t *testing.T) {
		shards := runtime.GOMAXPROCS(0)
		for shard := range shards {
			t.Run(fmt.Sprint(shard), func(t *testing.T) {
				t.Parallel()
				for seed := uint64(shard + 1); seed <= uint64(*seedsFlag); seed += uint64(shards) {
					options := Options{Seed: seed, Hazards: parseHazards(*hazardsFlag)}
					report, err := Run(options)
					total.add(report)
					var failure *Failure
					if errors.As(err, &failure) {
						t.Fatal(Explain(Shrink(options, failure)))
					}
				}
			})
		}
	})
	if *seedsFlag >= 500 && !t.Failed() {
		total.check(t)
		total.checkPoints(t)
	}
}

// mostAimed is how many more seeds are aimed at a crash point that none has hit by itself.
const mostAimed = 400

// checkPoints wants a crash at every point between the commit that accepts a callout and the end of all that follows, and every call that the work made in the table: coverage is shown, not assumed.
func (s *total) checkPoints(t *testing.T) {
	points := Points()
	for at := range s.Passed {
		if !slices.Contains(points, at) {
			t.Errorf("the work for callouts comes by a point that is not in the table of paths: %s", at)
		}
	}
	hit, byThemselves, aimed := 0, 0, 0
	for _, at := range points {
		if s.Crashed[at] > 0 {
			byThemselves++
		}
		for seed := uint64(1); s.Crashed[at] == 0 && seed <= mostAimed; seed++ {
			options := Options{Seed: seed, Aim: at, Hazards: map[Hazard]bool{}} // hazards would only keep it from coming by
			aimed++
			report, err := Run(options)
			s.add(report)
			var failure *Failure
			if errors.As(err, &failure) {
				t.Fatal(Explain(Shrink(options, failure)))
			}
		}
		if s.Crashed[at] == 0 {
			t.Errorf("no seed died at %s, by which they came %d times", at, s.Passed[at])
			continue
		}
		hit++
	}
	crashes := 0
	for _, n := range s.Crashed {
		crashes += n
	}
	t.Logf("%d of %d crash points hit, %d of them by the seeds themselves and the rest by %d that were aimed; %d crashes", hit, len(points), byThemselves, aimed, crashes)
}

// total sums up reports, so that a simulation in which nothing happens does not pass for one in which nothing goes wrong.
type total struct {
	mu sync.Mutex
	Report
}

func newTotal() *total {
	return &total{Report: newReport()}
}

func (s *total) add(report Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Steps += report.Steps
	for name, n := range report.Operations {
		s.Operations[name] += n
	}
	for name, n := range report.Refused {
		s.Refused[name] += n
	}
	for fault, n := range report.Faults {
		s.Faults[fault] += n
	}
	for at, n := range report.Passed {
		s.Passed[at] += n
	}
	for at, n := range report.Crashed {
		s.Crashed[at] += n
	}
	for state, n := range report.States {
		s.States[state] += n
	}
}

func (s *total) check(t *testing.T) {
	t.Logf("%d steps; done %v; refused %v; states %v; faults %v", s.Steps, s.Operations, s.Refused, s.States, s.Faults)
	silent := []string{"pass", "restart", "outage", "decideTogether"}
	for _, operation := range operations() {
		if !slices.Contains(silent, operation.name) && s.Operations[operation.name] < 5 {
			t.Errorf("the operation %s succeeded %d times in all these seeds", operation.name, s.Operations[operation.name])
		}
	}
	for _, one := range hazards() {
		if s.Operations[one.name]+s.Refused[one.name] < 5 {
			t.Errorf("the hazard %s came about %d times by %s", one.hazard, s.Operations[one.name]+s.Refused[one.name], one.name)
		}
	}
	for _, kind := range []governance.Work{governance.WorkProvision, governance.WorkNotify, governance.WorkDue, governance.WorkTask, governance.WorkReach} {
		if s.Operations["effect "+string(kind)] < 100 {
			t.Errorf("%d effects of the kind %s were carried out", s.Operations["effect "+string(kind)], kind)
		}
	}
	for _, state := range governance.RequestStates() {
		if state != governance.StateSubmitted && s.States[string(state)] < 5 { // submitted lasts no longer than a command
			t.Errorf("%d requests were ever %s", s.States[string(state)], state)
		}
	}
	for state := range afterwards {
		if state != "" && s.States["callout "+string(state)] < 50 {
			t.Errorf("%d callouts were ever %s", s.States["callout "+string(state)], state)
		}
	}
	for _, fault := range Faults() {
		if s.Faults[fault] < 20 {
			t.Errorf("the fault %s struck %d times", fault, s.Faults[fault])
		}
	}
}

// TestReplay: a seed is played exactly the same way again.
func TestReplay(t *testing.T) {
	for seed := uint64(1); seed <= 15; seed++ {
		first, firstErr := Run(Options{Seed: seed, Trace: true})
		second, secondErr := Run(Options{Seed: seed, Trace: true})
		if fmt.Sprint(firstErr) != fmt.Sprint(secondErr) {
			t.Fatalf("seed %d ended with %v, then with %v", seed, firstErr, secondErr)
		}
		for i := range max(len(first.Trace), len(second.Trace)) {
			if i >= len(first.Trace) || i >= len(second.Trace) || first.Trace[i] != second.Trace[i] {
				t.Fatalf("seed %d differs at line %d of %d and %d:\n%s", seed, i, len(first.Trace), len(second.Trace), strings.Join(slices.Concat(from(first.Trace, i), from(second.Trace, i)), "\n"))
			}
		}
		if len(first.Trace) < 100 {
			t.Errorf("the trace of seed %d has %d lines", seed, len(first.Trace))
		}
	}
}

func from(lines []string, i int) []string {
	i = min(i, len(lines))
	return lines[i:min(i+3, len(lines))]
}

func parseHazards(names string) map[Hazard]bool {
	if names == "" {
		return nil
	}
	on := map[Hazard]bool{}
	for _, hazard := range Hazards() {
		on[hazard] = names == "all"
	}
	for name := range strings.SplitSeq(names, ",") {
		on[Hazard(name)] = true
	}
	return on
}
