package api

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// A flood of refusals is no flood of lines, and hides nobody else's; the next line says how many were left out.
func TestRefusalsAreBounded(t *testing.T) {
	var log bytes.Buffer
	clock := platform.NewManualClock(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC))
	r := &refusals{log: slog.New(slog.NewTextHandler(&log, nil)), clock: clock}
	refuse := func(who string, times int) int {
		log.Reset()
		for range times {
			r.tell(t.Context(), governance.Caller{ObjectID: who}, "GET /x", "r", 403, "No.")
		}
		return strings.Count(log.String(), "a call was refused")
	}
	if lines := refuse("", 5000); lines != maxRefusalsOfOne {
		t.Errorf("a flood of strangers leaves %d lines", lines)
	}
	if lines := refuse("somebody", 1); lines != 1 || !strings.Contains(log.String(), fmt.Sprintf("untold=%d", 5000-maxRefusalsOfOne)) {
		t.Errorf("%d lines: %s", lines, log.String())
	}
	all := maxRefusalsOfOne + 1
	for n := range 1000 {
		all += refuse(fmt.Sprint("person ", n), 20)
	}
	if all != maxRefusals {
		t.Errorf("%d lines in a minute", all)
	}
	if len(r.lines) > maxRefusals+1 {
		t.Errorf("%d callers are remembered", len(r.lines))
	}
	clock.Advance(time.Minute)
	if lines := refuse("", 3); lines != 3 {
		t.Errorf("%d lines in the next minute", lines)
	}
}
