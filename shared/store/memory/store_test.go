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
