package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"latchkey/shared/directory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

// canDecide looks in the directory whether one of some users and members of groups can decide about somebody: another person, who is there
// and not blocked; and whether one of these has an address, and is none of those who could not be told at it. It stops at the first who has, and keeps nothing. Of a group whose members may not be read, somebody is taken to be able to decide.
func canDecide(ctx context.Context, d directory.Directory, aboutID string, unreached ...string) func(users, groups []string) (engine.Able, error) {
	return func(userIDs, groupIDs []string) (engine.Able, error) {
		var able engine.Able
		look := func(user governance.User) {
			can := user.AccountEnabled && !strings.EqualFold(user.ID, aboutID)
			able.Decide = able.Decide || can
			able.Hear = able.Hear || can && directory.IsMailAddress(user.Mail) && !slices.Contains(unreached, strings.ToLower(user.ID))
		}
		for _, id := range userIDs {
			user, err := d.User(ctx, id)
			if err != nil && !isNotFound(err) {
				return able, fmt.Errorf("look up an approver: %w", err)
			}
			if err == nil {
				look(user)
			}
			if able.Hear {
				return able, nil
			}
		}
		for _, id := range groupIDs {
			err := d.GroupMembers(ctx, id, func(user governance.User) bool {
				look(user)
				return !able.Hear
			})
			if errors.Is(err, directory.ErrForbidden) || errors.Is(err, directory.ErrRefused) {
				able.Decide = true
				continue
			}
			if err != nil && !isNotFound(err) {
				return able, fmt.Errorf("look up a group of approvers: %w", err)
			}
			if able.Hear {
				return able, nil
			}
		}
		return able, nil
	}
}

// askNext says who is asked in the stage after the one that is decided: managers are those of today (APR-05).
func (a *Approvals) askNext(ctx context.Context, request governance.AssignmentRequest, decision *engine.Decision) error {
	next := 1 + slices.IndexFunc(request.Approval.Stages, func(stage governance.ApprovalStage) bool { return strings.EqualFold(stage.ID, decision.StageID) })
	settings := request.Policy.Approval().Stages
	if next < 1 || next >= len(settings) {
		return nil
	}
	asked, err := ask(ctx, a.Directory, request, settings[next])
	decision.Next = &asked
	return err
}

// ask is who is asked in a stage that begins now.
func ask(ctx context.Context, d directory.Directory, request governance.AssignmentRequest, stage governance.ApprovalStageSettings, unreached ...string) (engine.Approvers, error) {
	id := request.Assignment.Target.ObjectID
	about, err := person(ctx, d, id, "assignment/target", governance.Needs{Managers: stage.Managers()})
	if governance.CodeOf(err) == governance.CodeInvalid && err != nil { // the person has gone; it is for those who remain to say so
		about, err = governance.Person{User: governance.User{ID: id}}, nil
	}
	if err != nil {
		return engine.Approvers{}, err
	}
	return engine.Ask(stage, about, canDecide(ctx, d, id, unreached...))
}

// standIns looks whether anybody can still decide the stage that a request waits in, and be told so; nil if so. Otherwise they are those who are asked instead and, if there are none either, an administrator is told.
func (d *Delivery) standIns(ctx context.Context, request governance.AssignmentRequest) (*engine.Approvers, error) {
	at := slices.IndexFunc(request.Approval.Stages, func(stage governance.ApprovalStage) bool { return stage.Status == governance.StageInProgress })
	stage, settings := request.Approval.Stages[at], request.Policy.Approval().Stages[at]
	users, groups := stage.ApproverUserIDs, stage.ApproverGroupIDs
	if stage.Escalated {
		users, groups = slices.Concat(users, stage.AlternateUserIDs), slices.Concat(groups, stage.AlternateGroupIDs)
	}
	can := canDecide(ctx, d.Directory, request.Assignment.Target.ObjectID, stage.Unreached...)
	able, err := can(stage.ApproverUserIDs, stage.ApproverGroupIDs)
	if err == nil && stage.Escalated { // whom it was forwarded to must hear of it, whoever knew before
		var alternates engine.Able
		alternates, err = can(stage.AlternateUserIDs, stage.AlternateGroupIDs)
		able = engine.Able{Decide: able.Decide || alternates.Decide, Hear: alternates.Hear}
	}
	if able.Hear || err != nil {
		return nil, err
	}
	settings.IsEscalationEnabled = settings.IsEscalationEnabled && stage.Escalated
	asked, err := ask(ctx, d.Directory, request, settings, stage.Unreached...)
	if err == nil && able.Decide && len(asked.Users)+len(asked.Groups)+len(asked.AlternateUsers)+len(asked.AlternateGroups) <= len(users)+len(groups) {
		return nil, nil // nobody else can be told
	}
	if err == nil && asked.IsNobody() && len(asked.AlternateUsers)+len(asked.AlternateGroups) == 0 {
		d.Log.ErrorContext(ctx, "nobody can decide a request: its approvers are gone or blocked, and so are the fallback approvers", "alert", true,
			"requestId", request.ID, "subjectId", request.Assignment.Target.ID,
			"policyId", request.Policy.ID, "stage", stage.DisplayName, "until", stage.EndsDateTime, "mend", "docs/operate/stuck-request.md")
	}
	return &asked, err
}
