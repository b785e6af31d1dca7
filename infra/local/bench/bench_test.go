package bench

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"latchkey/infra/local/stack"
)

// over makes a minute of samples, one a second.
func over(megabytes func(second int) float64) []sample {
	var samples []sample
	for second := range 60 {
		samples = append(samples, sample{time.Duration(second) * time.Second, int64(megabytes(second) * (1 << 20))})
	}
	return samples
}

func TestMemoryIsJudgedByItsLastThird(t *testing.T) {
	for _, given := range []struct {
		name         string
		samples      []sample
		judged, flat bool
	}{
		{"steady", over(func(int) float64 { return 40 }), true, true},
		{"grows while it warms up", over(func(n int) float64 { return 15 + min(float64(n), 20) }), true, true},
		{"breathes", over(func(n int) float64 { return 40 + float64(n%5) }), true, true},
		{"one spike", over(func(n int) float64 { return map[bool]float64{true: 400, false: 40}[n == 50] }), true, true},
		{"falls", over(func(n int) float64 { return 90 - float64(n) }), true, true},
		{"leaks", over(func(n int) float64 { return 20 + 0.3*float64(n) }), true, false},
		{"leaks late", over(func(n int) float64 { return 40 + max(0, float64(n-40)) }), true, false},
		{"never measured", nil, false, false},
		{"not measured at the end", over(func(int) float64 { return 40 })[:40], false, false},
	} {
		t.Run(given.name, func(t *testing.T) {
			grown, judged := judge(given.samples, time.Minute)
			if judged != given.judged || judged && grown.flat() != given.flat {
				t.Errorf("judged %v, flat %v: %+v", judged, grown.flat(), grown)
			}
		})
	}
	if _, judged := judge(over(func(int) float64 { return 40 }), flatTime-1); judged {
		t.Error("a time that is too short was judged")
	}
	slack := growth{second: 100 << 20, last: 112 << 20}
	if !slack.flat() {
		t.Error("10 % and 2 MB are not let through")
	}
	if slack.last++; slack.flat() {
		t.Error("more than 10 % and 2 MB is let through")
	}
}

func TestReportFailsForWhatDoesNotHold(t *testing.T) {
	good := func() CalloutReport {
		return CalloutReport{
			sent: 10, accepted: 10, worked: 10, resumed: 10, duration: time.Minute, elapsed: time.Minute, windows: make([]window, 6), begin: []time.Duration{time.Millisecond},
			memory: over(func(int) float64 { return 40 }),
		}
	}
	for _, given := range []struct {
		name   string
		change func(*CalloutReport)
		says   string // in the error; empty: there is none
	}{
		{"all holds", func(*CalloutReport) {}, ""},
		{"not measured", func(r *CalloutReport) { r.memory = nil }, ""},
		{"refused", func(r *CalloutReport) { r.accepted = 9 }, "nothing lost"},
		{"not worked", func(r *CalloutReport) { r.worked = 9 }, "nothing lost"},
		{"not resumed", func(r *CalloutReport) { r.resumed = 9 }, "nothing lost"},
		{"nothing sent", func(r *CalloutReport) { r.sent, r.accepted, r.worked, r.resumed, r.begin = 0, 0, 0, 0, nil }, "nothing lost"},
		{"late", func(r *CalloutReport) { r.begin = []time.Duration{time.Millisecond, beginGoal, time.Second} }, "begun in time"},
		{"crashed", func(r *CalloutReport) { r.crashes = 1 }, "crashed 1 times"},
		{"leaks", func(r *CalloutReport) { r.memory = over(func(n int) float64 { return 20 + float64(n) }) }, "memory flat"},
		{"leaks at a steady pace", func(r *CalloutReport) {
			r.memory = over(func(n int) float64 { return 20 + float64(n) })
			for n := range r.windows {
				r.windows[n].atOnce = 10 + 4*n
			}
		}, "memory flat"},
		{"grows while the machine stalls", func(r *CalloutReport) {
			r.memory = over(func(n int) float64 { return 20 + float64(n) })
			for n := range r.windows {
				r.windows[n].atOnce = 10
			}
			r.windows[4].atOnce = 31
		}, ""},
	} {
		t.Run(given.name, func(t *testing.T) {
			report := good()
			given.change(&report)
			var text strings.Builder
			err := report.Print(&text)
			if given.says == "" && err != nil || given.says != "" && (err == nil || !strings.Contains(err.Error(), given.says)) {
				t.Errorf("the error is %v", err)
			}
			if holds := !strings.Contains(text.String(), "BROKEN"); holds != (given.says == "") {
				t.Errorf("what it prints says otherwise:\n%s", text.String())
			}
		})
	}
	report := good()
	if err := report.Print(full{}); !errors.Is(err, errFull) {
		t.Errorf("a writer that fails: %v", err)
	}
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// The handler is another process: what is measured is its memory and nobody else's.
func TestCalloutsToAChild(t *testing.T) {
	handler, err := BuildHandler(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	hostJSON, err := stack.ReadHostJSON()
	if err != nil {
		t.Fatal(err)
	}
	s, err := stack.Start(t.Context(), stack.Options{HostJSON: hostJSON, HandlerPath: handler})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	report, err := RunCallouts(t.Context(), s, CalloutOptions{Rate: 20, Duration: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if report.sent < 10 || report.accepted != report.sent || report.worked != report.sent || report.resumed != report.sent || report.crashes != 0 {
		t.Errorf("the report is %+v", report)
	}
	if w := report.windows[0]; len(report.windows) != 1 || w.sent != report.sent || w.accepted != report.sent || w.begun != report.sent || w.resumed != report.sent || len(w.begin) != report.sent {
		t.Errorf("the window is %+v", w)
	}
	if len(report.begin) != report.sent || len(report.answer) != report.sent {
		t.Errorf("%d and %d times of %d callouts", len(report.begin), len(report.answer), report.sent)
	}
	if runtime.GOOS != "linux" {
		return
	}
	if least, most := extremes(report.memory, 0, time.Minute); least < 4<<20 || most > 200<<20 || least > most {
		t.Errorf("the handler has from %s to %s", megabytes(least), megabytes(most))
	}
	if resident(0) != 0 {
		t.Error("no process has memory")
	}
}
