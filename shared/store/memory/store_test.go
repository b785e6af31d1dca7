package memory_test

import (
	"testing"

	"latchkey/shared/platform"
	"latchkey/shared/store"
	"latchkey/shared/store/memory"
	"latchkey/shared/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(_ *testing.T, clock platform.Clock) store.Store { return memory.New(clock) })
}

// TestConformanceByTheMachinesClock: the suite also runs where no test can move the time, as on a real account.
func TestConformanceByTheMachinesClock(t *testing.T) {
	storetest.Run(t, func(_ *testing.T, clock platform.Clock) store.Store { return memory.New(clock) }, storetest.RealTime())
}
