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
	for _, part := range []string{"Marta Lead approves it", "Hana Help approves it", `"Windows 365 Enterprise" has: nobody`, "every chain verifies"} {
		if !strings.Contains(told.String(), part) {
			t.Errorf("the story does not tell that %q:\n%s", part, told.String())
		}
	}
	if err := demo.Play(context.Background(), start(t), "no such story", &told); err == nil {
		t.Error("a story that does not exist was played")
	}
}

// Story 8: the pass is told of, and its value is not.
//
// rules: BEY-26 BEY-27
func TestStoryAccessPass(t *testing.T) {
	var told strings.Builder
	s := fresh(t)
	if err := demo.Play(context.Background(), s, "tap", &told); err != nil {
		t.Fatalf("%v\n%s", err, told.String())
	}
	for _, part := range []string{
		`"CustomExtensionStageInstanceId"`, "202 Accepted", "A Temporary Access Pass for Rui Report was issued", "was cut from 1440 to 480 minutes", "| ********", "does not again",
		"Ida Grant holds a directory role", "by Entra: accepted: new-hire-pass", "every chain verifies",
	} {
		if !strings.Contains(told.String(), part) {
			t.Errorf("the story does not tell that %q:\n%s", part, told.String())
		}
	}
	mail := s.Graph.Mail("marta@contoso.example")
	if len(mail) != 1 {
		t.Fatalf("there are %d mails", len(mail))
	}
	paragraphs := strings.Split(mail[0].Text, "\n\n")
	if pass := paragraphs[1]; len(pass) < 8 || strings.Contains(told.String(), pass) {
		t.Errorf("the story tells the pass %q", pass)
	}
}

// The end of story 3.
//
// rules: BEY-29
func TestStoryUninstall(t *testing.T) {
	var told strings.Builder
	if err := demo.Play(context.Background(), fresh(t), "uninstall", &told); err != nil {
		t.Fatalf("%v\n%s", err, told.String())
	}
	for _, part := range []string{"the newer callout wins", "nothing was left to undo", "The time for uninstalling is over", "required, uninstall", "every chain verifies"} {
		if !strings.Contains(told.String(), part) {
			t.Errorf("the story does not tell that %q:\n%s", part, told.String())
		}
	}
}
