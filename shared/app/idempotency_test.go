package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/shared/app"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
	"latchkey/shared/store"
	storememory "latchkey/shared/store/memory"
)

// once sends a request with a key; body stands for the whole of it.
func (s *stand) once(caller governance.Caller, key, body string, draft governance.AssignmentRequest) (string, error) {
	answer, err := s.app.Once(context.Background(), caller, key, []byte(body), func(ids platform.IDSource) (app.Answer, error) {
		draft.ID = ids()
		made, err := s.app.SubmitRequest(context.Background(), caller, draft)
		if err != nil {
			return app.Answer{}, err
		}
		data, err := json.Marshal(made)
		return app.Answer{Status: 201, ETag: "tag", Body: data}, err
	})
	var made governance.AssignmentRequest
	if err == nil {
		err = json.Unmarshal(answer.Body, &made)
		if answer.Status != 201 || answer.ETag != "tag" {
			s.Errorf("the answer is %d %q", answer.Status, answer.ETag)
		}
	}
	return made.ID, err
}

func (s *stand) requests() int { return len(s.documents(store.Subjects, "request")) }

// TestTheSameKeyAndBody: the command is done once and answered twice, with the same.
func TestTheSameKeyAndBody(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	first, err := s.once(user(alice), "key", "body", request(packageID))
	s.must(err)
	s.drain()
	s.clock.Advance(23 * time.Hour)
	second, err := s.once(user(alice), "key", "body", request(packageID))
	s.must(err)
	if first != second || s.requests() != 1 {
		t.Errorf("%s and %s, %d requests", first, second, s.requests())
	}
}

// TestTheSameKeyAndAnotherBody: a key stands for one request; another one with it is refused, and does nothing.
func TestTheSameKeyAndAnotherBody(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	otherID, _ := s.openPackage("other", member(g2))
	_, err := s.once(user(alice), "key", "body", request(packageID))
	s.must(err)
	_, err = s.once(user(alice), "key", "other body", request(otherID))
	s.refused(err, governance.CodeConflict, "Idempotency-Key")
	if s.requests() != 1 {
		t.Errorf("%d requests", s.requests())
	}
}

// TestKeysAreOnesOwn: two callers may use the same key for different things.
func TestKeysAreOnesOwn(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	first, err := s.once(user(alice), "key", "body", request(packageID))
	s.must(err)
	second, err := s.once(user(bob), "key", "body", request(packageID))
	s.must(err)
	app2 := user(alice)
	app2.AppID = id("another client")
	_, err = s.once(app2, "key", "body", request(packageID))
	s.refused(err, governance.CodeConflict, first) // another client of the same person: a request of its own, and the package is asked for already
	if first == second || s.requests() != 2 {
		t.Errorf("%s and %s, %d requests", first, second, s.requests())
	}
}

// TestACommandThatFailsFreesItsKey: after a mistake the same key serves the corrected request.
func TestACommandThatFailsFreesItsKey(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	_, err := s.once(user(alice), "key", "wrong", request(id("no such package")))
	s.refused(err, governance.CodeInvalid)
	_, err = s.once(user(alice), "key", "right", request(packageID))
	s.must(err)
	if s.requests() != 1 {
		t.Errorf("%d requests", s.requests())
	}
}

// TestACrashWithinACommand: a repetition after a crash, wherever it was, finds what was made and makes no second one.
func TestACrashWithinACommand(t *testing.T) {
	crash := errors.New("the process ends here")
	for _, c := range []struct {
		name   string
		before bool // the command was reached, but did nothing
		after  bool // the command was done, its answer was not kept
	}{{name: "after the claim", before: true}, {name: "after the command", after: true}} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t)
			packageID, _ := s.openPackage("package", member(g1))
			first := ""
			func() {
				defer func() {
					if recover() == nil {
						t.Fatal("it did not crash")
					}
				}()
				_, _ = s.app.Once(t.Context(), user(alice), "key", []byte("body"), func(ids platform.IDSource) (app.Answer, error) {
					draft := request(packageID)
					draft.ID = ids()
					if c.after {
						first = s.submit(user(alice), draft).ID
					}
					panic(crash)
				})
			}()
			again, err := s.once(user(alice), "key", "body", request(packageID))
			s.must(err)
			if s.requests() != 1 || c.after && again != first {
				t.Errorf("%d requests: %s and %s", s.requests(), first, again)
			}
			_, err = s.once(user(alice), "key", "other body", request(packageID))
			s.refused(err, governance.CodeConflict, "Idempotency-Key")
		})
	}
}

// TestARepetitionOutlivesThePackage: a package that goes between two tries does not make the second deny what the first has done.
func TestARepetitionOutlivesThePackage(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	first := governance.AssignmentRequest{}
	_, err := s.app.Once(t.Context(), user(alice), "key", []byte("body"), func(ids platform.IDSource) (app.Answer, error) {
		draft := request(packageID)
		draft.ID = ids()
		first = s.submit(user(alice), draft)
		return app.Answer{}, &governance.Error{Code: governance.CodeUnavailable, Message: "its answer was lost for good"}
	})
	s.refused(err, governance.CodeUnavailable)
	s.drain()
	s.submit(user(alice), removal(governance.RequestUserRemove, first.Assignment.ID))
	s.drain()
	s.must(s.app.DeletePackage(t.Context(), admin(), packageID, ""))
	again, err := s.once(user(alice), "key", "body", request(packageID))
	s.must(err)
	if again != first.ID {
		t.Errorf("%s, then %s", first.ID, again)
	}
}

// TestAFreedKeyFindsNothingOfAnother: a command that was committed although its caller was told to come again frees its key; used for another request, the key does not
// answer with what the first one made.
func TestAFreedKeyFindsNothingOfAnother(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	otherID, _ := s.openPackage("other", member(g2))
	_, err := s.app.Once(t.Context(), user(alice), "key", []byte("body"), func(ids platform.IDSource) (app.Answer, error) {
		draft := request(packageID)
		draft.ID = ids()
		s.submit(user(alice), draft)
		return app.Answer{}, &governance.Error{Code: governance.CodeUnavailable, Message: "its answer was lost for good"}
	})
	s.refused(err, governance.CodeUnavailable)
	second, err := s.once(user(alice), "key", "other body", request(otherID))
	s.must(err)
	if present := s.present(second); present.AccessPackage.ID != otherID || s.requests() != 2 {
		t.Errorf("answered with a request for %s; %d requests", present.AccessPackage.ID, s.requests())
	}
}

// TestLostAnswersOfTheStore: a claim or an answer whose writing is unsure does not make a command run for two.
func TestLostAnswersOfTheStore(t *testing.T) {
	for name, faults := range map[string][]storememory.Fault{
		"the claim's answer":   {storememory.LostResponse},
		"the request's":        {storememory.NoFault, storememory.LostResponse},
		"the kept answer's":    {storememory.NoFault, storememory.NoFault, storememory.NoFault, storememory.LostResponse},
		"the kept answer":      {storememory.NoFault, storememory.NoFault, storememory.NoFault, storememory.Unavailable},
		"the claim, throttled": {storememory.Throttle},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			packageID, _ := s.openPackage("package", member(g1))
			s.faults(storememory.OpCommit, faults...)
			first, err := s.once(user(alice), "key", "body", request(packageID))
			if err != nil {
				s.refused(err, governance.CodeThrottled)
			}
			second, err := s.once(user(alice), "key", "body", request(packageID))
			s.must(err)
			if first != "" && first != second || s.requests() != 1 {
				t.Errorf("%s and %s, %d requests", first, second, s.requests())
			}
		})
	}
}

// TestTheSameKeyAtOnce: a client that sends the same twice at the same time gets the same answer twice.
func TestTheSameKeyAtOnce(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	const clients = 8
	answers := make([]string, clients)
	errs := make([]error, clients)
	var wait sync.WaitGroup
	for i := range clients {
		wait.Go(func() {
			for range 20 {
				if answers[i], errs[i] = s.once(user(alice), "key", "body", request(packageID)); app.CodeOf(errs[i]) != governance.CodeUnavailable {
					return
				}
			}
		})
	}
	wait.Wait()
	s.must(errors.Join(errs...))
	for _, answer := range answers {
		if answer != answers[0] {
			t.Errorf("answered with %v", answers)
			break
		}
	}
	if s.requests() != 1 {
		t.Errorf("%d requests", s.requests())
	}
}

// TestKeysHaveALimit: a key that is longer than any client needs is refused.
func TestKeysHaveALimit(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	_, err := s.once(user(alice), strings.Repeat("k", app.MaxIdempotencyKey+1), "body", request(packageID))
	s.refused(err, governance.CodeInvalid, "Idempotency-Key")
	_, err = s.once(user(alice), strings.Repeat("k", app.MaxIdempotencyKey), "body", request(packageID))
	s.must(err)
}
