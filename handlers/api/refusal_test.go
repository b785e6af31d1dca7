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
	stranger := func(operation, reason string, times int) int {
		log.Reset()
		for range times {
			r.tell(t.Context(), governance.Caller{}, operation, "r", 401, reason)
		}
		return strings.Count(log.String(), "a call was refused")
	}
	stranger("GET /x", "The access token is missing.", 12)
	if lines := stranger("GET /x", "An unknown key.", 1) + stranger("POST /y", "The access token is missing.", 1); lines != 2 {
		t.Errorf("twelve calls without a token hide another reason or door: %d lines", lines)
	}
	all = maxRefusalsOfOne + 2
	for n := range 1000 {
		all += stranger("GET /x", fmt.Sprint("reason ", n), 3)
	}
	if all != maxStrangers || refuse("somebody", 1) != 1 {
		t.Errorf("%d lines of strangers, who hide who is known", all)
	}
	clock.Advance(time.Minute)
	if lines := refuse("", 3); lines != 3 {
		t.Errorf("%d lines in the next minute", lines)
	}
}
