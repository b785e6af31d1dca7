package app_test

import (
	"testing"
	"time"

	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// TestNobodyAsksTooOften: of 5,000 attempts to ask for a package and take it back, ten an hour are accepted; what administrators assign, other packages and other people do not count. No rule of Microsoft's: issue 11.
func TestNobodyAsksTooOften(t *testing.T) {
	s := newStand(t)
	s.options.RequestsPerHour = 10
	s.app = wired(s.options)
	packageID, _ := s.approvedPackage(manager())
	other := s.pack(s.catalog("other"), "other", member(g2))
	s.policy(approvedPolicy(other, manager()))
	begun, accepted := s.Clock.Now(), 0
	for range 5000 {
		made, err := s.app.SubmitRequest(t.Context(), user(alice), request(packageID))
		if err == nil {
			accepted++
			s.must(s.app.CancelRequest(t.Context(), user(alice), made.ID))
			continue
		}
		s.refused(err, governance.CodeThrottled, governance.SettingRequestsPerHour)
		if wait := ledger.RetryAfter(err); wait != begun.Add(time.Hour).Sub(s.Clock.Now()) {
			t.Fatalf("it is to be tried again in %v", wait)
		}
	}
	if accepted != 10 {
		t.Errorf("%d of 5,000 attempts were accepted", accepted)
	}
	t.Logf("%d of 5,000 attempts to submit and cancel were accepted within an hour", accepted)
	s.submit(user(alice), request(other))
	s.submit(user(bob), request(packageID))
	s.Clock.Advance(time.Hour - time.Millisecond)
	_, err := s.app.SubmitRequest(t.Context(), user(alice), request(packageID))
	s.refused(err, governance.CodeThrottled)
	s.Clock.Advance(time.Millisecond)
	s.submit(user(alice), request(packageID))

	s.options.RequestsPerHour = 0
	s.app = wired(s.options)
	for range 30 {
		made := s.submit(user(mia), request(packageID))
		s.must(s.app.CancelRequest(t.Context(), user(mia), made.ID))
	}
}
