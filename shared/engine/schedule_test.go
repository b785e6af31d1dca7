package engine_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

// rules: LIF-01 LIF-02 LIF-03 LIF-04 LIF-05 LIF-10 LIF-11
func TestTheScheduleOfARequest(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return start.AddDate(0, 0, n) }
	open := func(edits ...policyEdit) submissionEdit {
		return under(policy(t, "p", append([]policyEdit{noApproval}, edits...)...))
	}
	written := func(text string) submissionEdit {
		var schedule governance.Schedule
		if err := json.Unmarshal([]byte(text), &schedule); err != nil {
			t.Fatal(err)
		}
		return func(cmd *engine.Submission) { cmd.Schedule = &schedule }
	}
	for name, test := range map[string]struct {
		edits  []submissionEdit
		state  governance.RequestState
		starts time.Time // as it was sent; zero or past: at once
		ends   time.Time // zero: never
		words  string    // of a refusal
	}{
		"what the policy says":                  {[]submissionEdit{open()}, governance.StateDelivering, time.Time{}, day(180), ""},
		"a policy without end":                  {[]submissionEdit{open(expires(never()))}, governance.StateDelivering, time.Time{}, time.Time{}, ""},
		"a policy that does not say":            {[]submissionEdit{open(expires(nil))}, governance.StateDelivering, time.Time{}, time.Time{}, ""},
		"a policy with a date":                  {[]submissionEdit{open(expires(on(day(40))))}, governance.StateDelivering, time.Time{}, day(40), ""},
		"a policy whose date has passed":        {[]submissionEdit{open(expires(on(day(-1))))}, "", time.Time{}, time.Time{}, "ended at 2026-11-19"},
		"an empty schedule":                     {[]submissionEdit{open(), scheduled(time.Time{}, nil)}, governance.StateDelivering, time.Time{}, day(180), ""},
		"an unsaid expiration":                  {[]submissionEdit{open(), written(`{"expiration":{"type":"notSpecified"}}`)}, governance.StateDelivering, time.Time{}, day(180), ""},
		"a shorter window":                      {[]submissionEdit{open(), scheduled(time.Time{}, after(t, "P30D"))}, governance.StateDelivering, time.Time{}, day(30), ""},
		"a shorter window, type left out":       {[]submissionEdit{open(), written(`{"expiration":{"duration":"P4W2D"}}`)}, governance.StateDelivering, time.Time{}, day(30), ""},
		"a date within the window":              {[]submissionEdit{open(), scheduled(time.Time{}, on(day(179)))}, governance.StateDelivering, time.Time{}, day(179), ""},
		"exactly the window":                    {[]submissionEdit{open(), scheduled(time.Time{}, after(t, "P180D"))}, governance.StateDelivering, time.Time{}, day(180), ""},
		"a window too long":                     {[]submissionEdit{open(), scheduled(time.Time{}, after(t, "P181D"))}, "", time.Time{}, time.Time{}, "allows access until 2027-05-19"},
		"a date too late":                       {[]submissionEdit{open(), scheduled(time.Time{}, on(day(181)))}, "", time.Time{}, time.Time{}, "allows access until"},
		"for ever":                              {[]submissionEdit{open(), scheduled(time.Time{}, never())}, "", time.Time{}, time.Time{}, "allows access until"},
		"for ever, allowed":                     {[]submissionEdit{open(expires(never())), scheduled(time.Time{}, never())}, governance.StateDelivering, time.Time{}, time.Time{}, ""},
		"a window where there is no end":        {[]submissionEdit{open(expires(never())), scheduled(time.Time{}, after(t, "PT8H"))}, governance.StateDelivering, time.Time{}, start.Add(8 * time.Hour), ""},
		"a date that has passed":                {[]submissionEdit{open(), scheduled(time.Time{}, on(day(-1)))}, "", time.Time{}, time.Time{}, "would end before it starts"},
		"a date before the start":               {[]submissionEdit{open(), scheduled(day(10), on(day(5)))}, "", time.Time{}, time.Time{}, "would end before it starts"},
		"a start to come":                       {[]submissionEdit{open(), scheduled(day(10), nil)}, governance.StateScheduled, day(10), day(190), ""},
		"a start to come and a window":          {[]submissionEdit{open(), scheduled(day(10), after(t, "P30D"))}, governance.StateScheduled, day(10), day(40), ""},
		"a start to come, a date too late":      {[]submissionEdit{open(), scheduled(day(10), on(day(191)))}, "", time.Time{}, time.Time{}, "allows access until"},
		"a start after the policy's date":       {[]submissionEdit{open(expires(on(day(5)))), scheduled(day(10), nil)}, "", time.Time{}, time.Time{}, "ended at"},
		"a start that has passed":               {[]submissionEdit{open(), scheduled(day(-3), after(t, "P30D"))}, governance.StateDelivering, day(-3), day(30), ""},
		"a start now":                           {[]submissionEdit{open(), scheduled(start, nil)}, governance.StateDelivering, start, day(180), ""},
		"a start too far away":                  {[]submissionEdit{open(), scheduled(start.AddDate(0, 0, 3661), nil)}, "", time.Time{}, time.Time{}, "more than 3660 days away"},
		"not allowed: a window":                 {[]submissionEdit{open(ownSchedule(false)), scheduled(time.Time{}, after(t, "P30D"))}, "", time.Time{}, time.Time{}, "does not allow a schedule"},
		"not allowed: a start":                  {[]submissionEdit{open(ownSchedule(false)), scheduled(day(10), nil)}, "", time.Time{}, time.Time{}, "does not allow a schedule"},
		"not allowed, but nothing is asked for": {[]submissionEdit{open(ownSchedule(false)), scheduled(start, nil)}, governance.StateDelivering, start, day(180), ""},
		"not allowed, but Ann decides":          {[]submissionEdit{open(ownSchedule(false)), direct("p"), scheduled(day(10), after(t, "P30D"))}, governance.StateScheduled, day(10), day(40), ""},
		"Ann goes beyond the policy":            {[]submissionEdit{open(), direct("p"), scheduled(time.Time{}, after(t, "P181D"))}, "", time.Time{}, time.Time{}, "allows access until"},
		"Ann, without an end":                   {[]submissionEdit{open(), direct("p"), scheduled(start, never())}, governance.StateDelivering, start, day(180), ""}, // as msgraph-sdk-go's users write it
		"Ann, without an end, allowed":          {[]submissionEdit{open(expires(never())), direct("p"), scheduled(start, never())}, governance.StateDelivering, start, time.Time{}, ""},
		"a recurrence":                          {[]submissionEdit{open(), written(`{"recurrence":{"pattern":{"type":"daily"}}}`)}, "", time.Time{}, time.Time{}, "no recurrence"},
		"no recurrence":                         {[]submissionEdit{open(), written(`{"recurrence":null}`)}, governance.StateDelivering, time.Time{}, day(180), ""},
		"duration and date":                     {[]submissionEdit{open(), written(`{"expiration":{"duration":"P1D","endDateTime":"2026-12-01T00:00:00Z"}}`)}, "", time.Time{}, time.Time{}, "not both"},
		"a type that does not fit":              {[]submissionEdit{open(), written(`{"expiration":{"type":"afterDuration","endDateTime":"2026-12-01T00:00:00Z"}}`)}, "", time.Time{}, time.Time{}, "needs a duration"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(t, mo)
			_, err := l.submit(submission(t, test.edits...))
			if test.words != "" {
				refused(t, err, governance.CodeInvalid, test.words)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			request := one[governance.AssignmentRequest](l.State, "request-1")
			if request.State != test.state || !request.Schedule.StartDateTime.Instant().Equal(test.starts) {
				t.Errorf("the request is %s from %v on, want %s from %v on", request.State, request.Schedule.StartDateTime, test.state, test.starts)
			}
			if test.state == governance.StateScheduled {
				if due := engine.RequestDue(request); !due.Equal(test.starts) {
					t.Errorf("it is due at %v", due)
				}
				l.now = test.starts
				pack := cloudPC()
				l.requestDue(&pack)
			}
			assignment := one[governance.Assignment](l.State, "assignment-1")
			if !assignment.Schedule.StartDateTime.Equal(l.now) || !assignment.Schedule.Expiration.EndDateTime.Instant().Equal(test.ends) {
				t.Errorf("the access goes from %v to %v, want %v to %v", assignment.Schedule.StartDateTime, assignment.Schedule.Expiration.EndDateTime, l.now, test.ends)
			}
			if ends := assignment.Schedule.Expiration.Type; (ends == governance.ExpirationNone) != test.ends.IsZero() {
				t.Errorf("its expiration is of type %s", ends)
			}
		})
	}
}

func TestAnEndIsAnsweredAsItWasSent(t *testing.T) {
	t.Parallel()
	var asked governance.Schedule
	if err := json.Unmarshal([]byte(`{"expiration":{"type":"afterDateTime","endDateTime":"2026-12-24T18:00:00.0000000+01:00"}}`), &asked); err != nil {
		t.Fatal(err)
	}
	l := delivered(t, func(cmd *engine.Submission) { cmd.Schedule = &asked })
	if got := one[governance.Assignment](l.State, "assignment-1").Schedule.Expiration.EndDateTime.String(); got != "2026-12-24T18:00:00.0000000+01:00" {
		t.Errorf("the end is answered as %s", got)
	}
}

// rules: LIF-02 LIF-10 POL-10
func TestDurationsCountFromTheApproval(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return start.AddDate(0, 0, n) }
	for name, test := range map[string]struct {
		policy   governance.AssignmentPolicy
		asked    *governance.Expiration
		approved time.Time
		ends     time.Time
		words    string
	}{
		"the policy's":                         {policy(t, "p"), nil, day(10), day(190), ""},
		"one's own":                            {policy(t, "p"), after(t, "P30D"), day(10), day(40), ""},
		"one's own date":                       {policy(t, "p"), on(day(30)), day(10), day(30), ""},
		"one's own date has passed":            {policy(t, "p"), on(day(5)), day(10), time.Time{}, "would have ended at 2026-11-25"},
		"one's own, up to the policy's date":   {policy(t, "p", expires(on(day(35)))), after(t, "P30D"), day(1), day(31), ""},
		"one's own, past the policy's date":    {policy(t, "p", expires(on(day(35)))), after(t, "P30D"), day(10), day(35), ""},
		"the policy's date":                    {policy(t, "p", expires(on(day(35)))), nil, day(10), day(35), ""},
		"the policy's date has passed":         {policy(t, "p", expires(on(day(5)))), nil, day(10), time.Time{}, "would have ended at 2026-11-25"},
		"one's own, the policy's date is over": {policy(t, "p", expires(on(day(5)))), after(t, "P2D"), day(10), time.Time{}, "would have ended at 2026-11-25"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(t, mo)
			cmd := submission(t, under(test.policy))
			if test.asked != nil {
				scheduled(time.Time{}, test.asked)(&cmd)
			}
			if _, err := l.submit(cmd); err != nil {
				t.Fatal(err)
			}
			l.now = test.approved
			_, err := l.decideStage(0, meg, governance.ResultApprove)
			if test.words != "" {
				refused(t, err, governance.CodeConflict, test.words)
				l.expect("request-1", governance.StatePendingApproval, "assignment-1", "")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if ends := one[governance.Assignment](l.State, "assignment-1").Schedule.Expiration.EndDateTime.Instant(); !ends.Equal(test.ends) {
				t.Errorf("the access ends at %v, want %v", ends, test.ends)
			}
		})
	}
}

// rules: LIF-05 REQ-06
func TestAScheduledRequestBegins(t *testing.T) {
	t.Parallel()
	starts := start.AddDate(0, 0, 10)
	waiting := func(t *testing.T, expiration *governance.Expiration) *ledger {
		t.Helper()
		l := newLedger(t, mo)
		_, _ = l.submit(submission(t, scheduled(starts, expiration)))
		change, err := l.decideStage(0, meg, governance.ResultApprove)
		if err != nil || effects(change) != "" || !slices.Equal(activities(change), []governance.Activity{governance.ActivityApprove, governance.ActivitySchedule}) {
			t.Fatalf("approved: %v, %s", err, text(t, change))
		}
		l.expect("request-1", governance.StateScheduled, "assignment-1", "")
		if got := one[governance.AssignmentRequest](l.State, "request-1").Status; got != governance.StatusPendingNotBefore {
			t.Errorf("its status is %s", got)
		}
		return l
	}
	pack := cloudPC()

	l := waiting(t, nil)
	l.now = starts.Add(-time.Millisecond)
	if change := l.requestDue(&pack); !change.IsEmpty() {
		t.Errorf("it begins too early: %s", text(t, change))
	}
	l.now = starts.Add(time.Hour) // the timer was late
	change := l.requestDue(&pack)
	l.expect("request-1", governance.StateDelivering, "assignment-1", governance.AssignmentDelivering)
	if effects(change) != "provision" || string(change.Audit[0].Before) != `{"state":"scheduled"}` {
		t.Errorf("it begins: %s", text(t, change))
	}
	if again := l.requestDue(&pack); !again.IsEmpty() {
		t.Errorf("it begins twice: %s", text(t, again))
	}

	gone := waiting(t, nil)
	gone.now = starts
	change = gone.requestDue(nil)
	gone.expect("request-1", governance.StateDeliveryFailed, "assignment-1", "")
	if effects(change) != "deliveryFailed:0" || change.Audit[0].Result != "failure" || change.Audit[0].Detail != "The access package no longer exists, so the request cannot be granted." {
		t.Errorf("without its package: %s", text(t, change))
	}
	_, err := gone.decide(nil, func(s engine.State) (engine.Change, error) {
		return engine.Reprocess(s, "request-1", caller(ann), gone.now)
	})
	refused(t, err, governance.CodeConflict, "nothing to reprocess")

	over := waiting(t, on(starts.AddDate(0, 0, 5)))
	over.now = starts.AddDate(0, 0, 5)
	change = over.requestDue(&pack)
	over.expect("request-1", governance.StateDenied, "assignment-1", "")
	if status := one[governance.AssignmentRequest](over.State, "request-1").Status; status != governance.StatusExpired || effects(change) != "requestEnded:0" {
		t.Errorf("when its time is over it is %s, and does %s", status, effects(change))
	}

	canceled := waiting(t, nil)
	canceled.must(nil, func(s engine.State) (engine.Change, error) {
		return engine.Cancel(s, "request-1", caller(ann), canceled.now)
	})
	canceled.now = starts
	if change := canceled.requestDue(&pack); !change.IsEmpty() {
		t.Errorf("a canceled request begins: %s", text(t, change))
	}
}
