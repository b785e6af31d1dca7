package hostwire

import (
	"fmt"
	"time"
)

// Tick is one occurrence of a timer.
type Tick struct {
	// ScheduleStatus tells the occurrences around this tick; nil when the host keeps no account of them (useMonitor false).
	ScheduleStatus *ScheduleStatus
	// IsPastDue says that the tick is late, because nobody was there when it was due.
	IsPastDue bool
}

// ScheduleStatus is the host's account of a timer's occurrences, in UTC.
type ScheduleStatus struct {
	Last, Next, LastUpdated time.Time
}

// Tick reads the tick of a timer trigger. Errors: ErrMalformed.
func (in Invocation) Tick() (Tick, error) {
	raw, err := in.only()
	if err != nil {
		return Tick{}, err
	}
	members, ok := object(raw)
	if !ok {
		return Tick{}, fmt.Errorf("%w: a timer must be an object", ErrMalformed)
	}
	t := Tick{IsPastDue: boolean(members["IsPastDue"])}
	if status, ok := object(members["ScheduleStatus"]); ok {
		t.ScheduleStatus = &ScheduleStatus{Last: instant(status["Last"]), Next: instant(status["Next"]), LastUpdated: instant(status["LastUpdated"])}
	}
	return t, nil
}
