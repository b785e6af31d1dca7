package host

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/handlers/hostwire"
	"latchkey/shared/platform"
)

// ticks is a handler that notes the ticks it gets: function, the occurrence, whether it is past due.
type ticks struct {
	mu   sync.Mutex
	seen []string
	fail bool
	came chan struct{}
}

func (k *ticks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/" {
		ok(w)
		return
	}
	raw, _ := io.ReadAll(r.Body)
	in, err := hostwire.Decode(raw)
	if err != nil {
		panic(err)
	}
	tick, err := in.Tick()
	if err != nil {
		panic(err)
	}
	line := r.URL.Path + " " + tick.ScheduleStatus.Next.Format("01-02 15:04")
	if tick.IsPastDue {
		line += " late"
	}
	k.mu.Lock()
	k.seen = append(k.seen, line)
	fail := k.fail
	k.mu.Unlock()
	if k.came != nil {
		k.came <- struct{}{}
	}
	if fail {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	ok(w)
}

func (k *ticks) take() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	seen := k.seen
	k.seen = nil
	return seen
}

func TestRunDueRunsEachTimerOnceInOrder(t *testing.T) {
	var k ticks
	s := newStand(t, true, &k, nil).start()
	step := func(to time.Time, want ...string) {
		t.Helper()
		s.clock.Set(to)
		if err := s.RunDue(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, k.take()); diff != "" {
			t.Errorf("up to %v: %s", to, diff)
		}
	}
	step(ten)                                                                       // 20 November, 10:00; occurrences count from there on
	step(ten.Add(59 * time.Second))                                                 //
	step(ten.Add(60*time.Second), "/minutely 11-20 10:01")                          // to the second: on time
	step(ten.Add(61 * time.Second))                                                 // not twice
	step(ten.Add(10*time.Minute+30*time.Second), "/minutely 11-20 10:10 late")      // nine at once
	step(ten.Add(24*time.Hour), "/daily 11-21 03:00 late", "/minutely 11-21 10:00") // by the time of their occurrences
	step(ten.AddDate(0, 0, 180), "/daily 05-19 03:00 late", "/minutely 05-19 10:00")
	if next, ok := s.NextDue(0); !ok || !next.Equal(ten.AddDate(0, 0, 180).Add(time.Minute)) {
		t.Errorf("next due %v", next)
	}
}

func TestTimerThatFailsWaitsForItsNextOccurrence(t *testing.T) {
	k := ticks{fail: true}
	s := newStand(t, true, &k, nil).start()
	now := s.clock.Advance(time.Minute)
	if err := s.RunDue(t.Context(), now); err == nil || !strings.Contains(err.Error(), "minutely") {
		t.Errorf("%v", err)
	}
	if err := s.RunDue(t.Context(), now); err != nil {
		t.Errorf("it is run again: %v", err)
	}
	if got := k.take(); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

func TestOccurrenceMissedWhileTheHostWasDownIsPastDue(t *testing.T) {
	var k ticks
	before := newStand(t, true, &k, nil).start()
	var state bytes.Buffer
	if err := before.Snapshot(&state); err != nil {
		t.Fatal(err)
	}
	after := newStand(t, true, &k, nil)
	after.clock.Advance(24 * time.Hour)
	if err := after.Restore(&state); err != nil {
		t.Fatal(err)
	}
	after.start()
	if err := after.RunDue(t.Context(), after.clock.Now()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/daily 11-21 03:00 late", "/minutely 11-21 10:00"}, k.take()); diff != "" {
		t.Error(diff)
	}
	after.clock.Advance(24 * time.Hour)
	after.Reset()
	if err := after.RunDue(t.Context(), after.clock.Now()); err != nil || len(k.take()) != 0 {
		t.Errorf("after Reset something is due: %v", err)
	}
	if err := after.Restore(strings.NewReader("{")); err == nil {
		t.Error("half a snapshot is taken")
	}
}

// TestTimersRunByThemselves on a running clock; one that is moved forward is noticed too.
func TestTimersRunByThemselves(t *testing.T) {
	k := ticks{came: make(chan struct{}, 10)}
	clock := new(platform.OffsetClock)
	s := newStand(t, true, &k, func(o *Options) {
		o.Clock, o.ManualTimers = clock, false
		o.Settings["Minutely"] = "* * * * * *"
	}).start()
	<-k.came
	<-k.came
	clock.Advance(48 * time.Hour)
	for daily := false; !daily; {
		<-k.came
		for _, line := range k.take() {
			daily = daily || strings.HasPrefix(line, "/daily") && strings.HasSuffix(line, "late")
		}
	}
	s.Stop(context.Background())
}

// TestTimersDoNotOverlap: RunDue waits for the occurrence that still runs.
func TestTimersDoNotOverlap(t *testing.T) {
	var mu sync.Mutex
	running, calls := 0, 0
	first, release := make(chan struct{}), make(chan struct{})
	s := newStand(t, true, mux(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		running++
		calls++
		if running > 1 {
			t.Error("two at once")
		}
		n := calls
		mu.Unlock()
		if n == 1 {
			close(first)
			<-release
		}
		mu.Lock()
		running--
		mu.Unlock()
		ok(w)
	}), nil).start()
	one, two := s.clock.Advance(time.Minute), s.clock.Advance(time.Minute)
	results := make(chan error, 2)
	go func() { results <- s.RunDue(t.Context(), one) }()
	<-first
	go func() { results <- s.RunDue(t.Context(), two) }()
	close(release)
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if calls != 2 {
		t.Errorf("%d calls", calls)
	}
}

func TestRefusesTimers(t *testing.T) {
	for name, settings := range map[string]map[string]string{
		"no setting":   {"Q": plainQ},
		"no schedule":  {"Q": plainQ, "Minutely": "often"},
		"never due":    {"Q": plainQ, "Minutely": "0 0 0 30 2 *"},
		"no queue set": {"Minutely": "0 * * * * *"},
	} {
		_, err := New(Options{
			Functions: folders(false), HostJSON: []byte(hostJSON), Settings: settings, HandlerURL: "http://127.0.0.1:1", Source: brokerSource{}, Clock: platform.NewManualClock(ten),
		})
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	for name, change := range map[string]func(*Options){
		"no handler":          func(o *Options) { o.HandlerURL = "" },
		"two handlers":        func(o *Options) { o.HandlerPath = "x" },
		"a handler over TLS":  func(o *Options) { o.HandlerURL = "https://127.0.0.1:1" },
		"no source":           func(o *Options) { o.Source = nil },
		"broken host.json":    func(o *Options) { o.HostJSON = nil },
		"a folder too broken": func(o *Options) { o.Functions = folders(true); o.Settings["AzureFunctionsJobHost__version"] = "1" },
	} {
		o := Options{Functions: folders(false), HostJSON: []byte(hostJSON), Settings: map[string]string{"Q": plainQ, "Minutely": "0 * * * * *"}, HandlerURL: "http://127.0.0.1:1", Source: brokerSource{}}
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	o := Options{
		Functions: folders(false), HostJSON: []byte(hostJSON), HandlerURL: "http://127.0.0.1:1",
		Settings: map[string]string{"AzureWebJobs.work.Disabled": "true", "Minutely": "0 * * * * *"},
	}
	h, err := New(o)
	if err != nil || len(h.Metrics().Functions) != 3 {
		t.Errorf("a disabled function: %v, %v", h, err)
	}
}
