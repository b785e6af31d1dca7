package app_test

import (
	"context"
	"strings"
	"testing"

	busmemory "latchkey/shared/bus/memory"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	storememory "latchkey/shared/store/memory"
)

type versioned = ledger.Versioned[governance.AssignmentRequest]

var listAll = ledger.ListOptions{}

// downStore has the store answer nothing, or again.
func (s *stand) downStore(down bool) {
	s.Store.SetFault(func(string) storememory.Fault {
		if down {
			return storememory.Unavailable
		}
		return storememory.NoFault
	})
}

// downBus has the bus accept nothing, or again.
func (s *stand) downBus(down bool) {
	if !down {
		s.Broker.SetFaults(nil)
		return
	}
	s.Broker.SetFaults(&busmemory.Faults{Send: func(string, int) busmemory.SendFault { return busmemory.SendLost }})
}

func (s *stand) queued(queue string) busmemory.Counts {
	s.Helper()
	counts, err := s.Broker.Counts(queue)
	s.must(err)
	return counts
}

// newSlowStand is a stand with a second instance whose first change to the directory stalls.
func newSlowStand(t *testing.T) (*stand, *everything, *late) {
	s := newStand(t)
	stall := &late{Directory: s.directory}
	options := s.options
	options.Directory = stall
	return s, wired(options), stall
}

// TestMuted: a policy may mute the mails to who gets access; approvers are asked all the same. rules: POL-12 NOT-02 NOT-08.
func TestMuted(t *testing.T) {
	s := newStand(t)
	packageID := s.pack(s.catalog("catalog"), "package", member(g1))
	policy := approvedPolicy(packageID, manager())
	policy.NotificationSettings = &governance.NotificationSettings{IsAssignmentNotificationDisabled: true}
	s.policy(policy)
	made := s.submit(user(alice), request(packageID))
	s.drain()
	mail := s.directory.SentTo("mia@example.com")
	if len(mail) != 1 {
		t.Fatalf("mia got %d mails", len(mail))
	}
	for _, wanted := range []string{"Alice", "package", "because", "4 December 2026"} {
		if !strings.Contains(mail[0].Text, wanted) || !strings.Contains(mail[0].HTML, wanted) {
			t.Errorf("the mail does not say %q: %s", wanted, mail[0].Text)
		}
	}
	s.must(s.decide(made.ID, mia, governance.ResultApprove, ""))
	s.drain()
	s.submit(user(alice), removal(governance.RequestUserRemove, made.Assignment.ID))
	s.drain()
	if mails := s.mails("alice"); len(mails) != 0 {
		t.Errorf("alice got %q", mails)
	}
}

// TestARepetitionOutlivesThePackage: a package that goes between two tries does not make the second deny what the first has done.
func TestARepetitionOutlivesThePackage(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	once := func(lost error) (made governance.AssignmentRequest, err error) {
		_, err = s.app.ledger.Once(t.Context(), user(alice), "key", []byte("body"), func(ctx context.Context) (ledger.Answer, error) {
			var failed error
			made, failed = s.app.SubmitRequest(ctx, user(alice), request(packageID))
			s.must(failed)
			return ledger.Answer{}, lost
		})
		return made, err
	}
	first, err := once(&governance.Error{Code: governance.CodeUnavailable, Message: "its answer was lost for good"})
	s.refused(err, governance.CodeUnavailable)
	s.drain()
	s.submit(user(alice), removal(governance.RequestUserRemove, first.Assignment.ID))
	s.drain()
	s.must(s.app.DeletePackage(t.Context(), admin(), packageID, ""))
	again, err := once(nil)
	s.must(err)
	if again.ID != first.ID {
		t.Errorf("%s, then %s", first.ID, again.ID)
	}
}
