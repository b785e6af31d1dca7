package stack_test

import (
	"context"
	"strings"
	"testing"

	"latchkey/infra/local/demo"
)

// Story 1 of the design, over every wire, with 180 days in between.
//
// rules: REQ-01 REQ-10 APR-03 APR-08 APR-10 LIF-01 LIF-05 POL-02 PRV-01 PRV-02 NOT-01
func TestStoryCloudPC(t *testing.T) {
	var told strings.Builder
	if err := demo.Play(context.Background(), start(t), "cloudpc", &told); err != nil {
		t.Fatalf("%v\n%s", err, told.String())
	}
	for _, part := range []string{"Marta Lead approves it", "Hana Help approves it", "has nobody in the directory", "every chain verifies"} {
		if !strings.Contains(told.String(), part) {
			t.Errorf("the story does not tell that %q:\n%s", part, told.String())
		}
	}
	if err := demo.Play(context.Background(), start(t), "no such story", &told); err == nil {
		t.Error("a story that does not exist was played")
	}
}
