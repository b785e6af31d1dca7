package lifecycle_test

import (
	"testing"
	"time"

	"latchkey/infra/local/ledgertest"
	"latchkey/shared/bus"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// TestTheTimers send on what is due, and what an outbox holds.
func TestTheTimers(t *testing.T) {
	s := scrubStand(t, 0)
	task := governance.Task{ID: ledgertest.ID("task"), Kind: "mail", State: governance.TaskWorking, Settings: []byte(`{}`), Target: governance.Subject{ID: person("alice").Partition}, DeadlineTime: governance.At(ledgertest.Noon)}
	s.Put(person("alice"), task)
	sweep, err := s.sweeper.ExpireDue(t.Context(), governance.System())
	s.Must(err)
	if due := s.Effects(bus.Extensions); sweep.Sent != 1 || len(due) != 1 || due[0].About != task.ID || due[0].Place != person("alice") {
		t.Errorf("swept %+v, sent are %+v", sweep, due)
	}
	s.DownBus(true)
	_, err = s.Ledger.Update(t.Context(), person("alice"), ledger.Documents(), func(engine.State) (engine.Change, error) {
		return engine.Change{Effects: []governance.Effect{governance.EffectOf(task, governance.WorkNotify)}}, nil
	})
	s.Must(err)
	s.DownBus(false)
	s.Clock.Advance(2 * time.Minute)
	sweep, err = s.sweeper.FlushOutbox(t.Context(), governance.System())
	s.Must(err)
	if sent := s.Effects(bus.Notifications); sweep.Sent != 1 || len(sent) != 1 {
		t.Errorf("swept %+v, sent are %+v", sweep, sent)
	}
}
