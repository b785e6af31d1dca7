package simulation

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain gives the garbage collector more room: a run makes much that lives for moments.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
