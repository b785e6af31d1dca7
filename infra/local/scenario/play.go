package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/shared/governance"
)

// Runner is a depth at which scenarios are played. Its maker has set up the people, groups, packages and policies of the scenario, at its start.
type Runner interface {
	// Advance lets time pass until now, with every timer that runs on the way, and answers when nothing is left to do.
	Advance(ctx context.Context, now time.Time) error
	// Do does what a step says, and answers when all that follows from it is done. A refusal is an error with the Code of the domain.
	Do(ctx context.Context, step Step) error
	// State is what stands now.
	State(ctx context.Context) (State, error)
}

// State is what a Runner sees, by the names of the scenario.
type State struct {
	Requests    map[string]string // state/status
	Assignments map[string]string // the state of the live one, or else the last, by person/package
	Members     map[string][]string
	Mail        []Mail // since the last State
}

// Play plays a scenario, and answers with everything that came out differently, each with its step.
func Play(ctx context.Context, s Scenario, runner Runner) error {
	var differences []error
	for i, step := range s.Steps {
		at := func(format string, args ...any) {
			differences = append(differences, fmt.Errorf("%s, step %d (%s %s): "+format, append([]any{s.Name, i + 1, step.Who, step.Do}, args...)...))
		}
		if step.At != nil {
			if err := runner.Advance(ctx, step.At.AddTo(s.Start)); err != nil {
				at("letting time pass: %w", err)
				break
			}
		}
		var before State
		if step.Refused != "" {
			var err error
			if before, err = runner.State(ctx); err != nil {
				at("looking: %w", err)
				break
			}
		}
		if step.Do != Wait {
			err := runner.Do(ctx, step)
			switch {
			case step.Refused == "" && err != nil:
				at("refused: %w", err)
			case step.Refused != "" && err == nil:
				at("not refused; want %s", step.Refused)
			case step.Refused != "" && governance.CodeOf(err) != step.Refused:
				at("refused as %s, want %s: %w", governance.CodeOf(err), step.Refused, err)
			}
		}
		after, err := runner.State(ctx)
		if err != nil {
			at("looking: %w", err)
			break
		}
		if step.Refused != "" {
			after.Mail = append(before.Mail, after.Mail...)
			if was, is := fmt.Sprint(before.Requests, before.Assignments, before.Members), fmt.Sprint(after.Requests, after.Assignments, after.Members); was != is {
				at("it was refused, and yet %s became %s", was, is)
			}
		}
		for _, difference := range step.Expect.differences(after) {
			at("%s", difference)
		}
	}
	return errors.Join(differences...)
}

func (e Expect) differences(got State) []string {
	var found []string
	for name, want := range e.Requests {
		if got.Requests[name] != want {
			found = append(found, fmt.Sprintf("the request %s is %q, want %q", name, got.Requests[name], want))
		}
	}
	for name, want := range e.Assignments {
		if got.Assignments[name] != want {
			found = append(found, fmt.Sprintf("the assignment of %s is %q, want %q", name, got.Assignments[name], want))
		}
	}
	for group, want := range e.Members {
		if is, want := inOrder(got.Members[group]), inOrder(want); is != want {
			found = append(found, fmt.Sprintf("in %s are [%s], want [%s]", group, is, want))
		}
	}
	texts := func(mail []Mail) []string {
		var list []string
		for _, m := range mail {
			list = append(list, string(m.Kind)+" to "+m.To)
		}
		return list
	}
	if is, want := inOrder(texts(got.Mail)), inOrder(texts(e.Mail)); is != want {
		found = append(found, fmt.Sprintf("the mail is [%s], want [%s]", is, want))
	}
	slices.Sort(found)
	return found
}

func inOrder(list []string) string {
	return strings.Join(slices.Sorted(slices.Values(list)), ", ")
}
