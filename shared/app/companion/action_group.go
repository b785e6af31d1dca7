package companion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
)

// Membership of a group (PRV-01, PRV-02).
var _ = declare(ActionKind{
	Kind:        "groupMembership",
	DisplayName: "Add to or remove from a group",
	Description: "Adds the person to a group or removes them, as set or by the stage: added when access is approved or granted, removed when it ends.",
	Schema: json.RawMessage(`{"type":"object","additionalProperties":false,"required":["groupId"],"properties":{
		"groupId":{"type":"string","format":"uuid"},"direction":{"enum":["byStage","add","remove"],"default":"byStage"}}}`),
	Permissions: [][]string{{"GroupMember.ReadWrite.All", "Group.ReadWrite.All"}, {"User.Read.All", "User.ReadWrite.All", "Directory.Read.All"}},
}, func() plan { return &groupPlan{} })

type groupPlan struct {
	GroupID   string `json:"groupId"`
	Direction string `json:"direction"`
}

func (p *groupPlan) validate() error {
	if !governance.IsGUID(p.GroupID) {
		return governance.Invalid("groupId", "groupId must be a GUID.")
	}
	return validDirection(&p.Direction)
}

func (p *groupPlan) claim() string { return "group:" + governance.Fold(p.GroupID) }

func (p *groupPlan) preflight(ctx context.Context, c *checkup) { c.group(ctx, "groupId", p.GroupID) }

func (p *groupPlan) run(ctx context.Context, w *work) (outcome, error) {
	add, err := direction(p.Direction, w.task.Stage)
	if err != nil {
		return outcome{}, err
	}
	user := w.task.Target.ObjectID
	if !add {
		err := w.once(ctx, "left", func() (string, error) {
			return "", inWords(w.Directory.RemoveMember(ctx, p.GroupID, user), "Removing the person from the group")
		})
		return outcome{detail: "The person is no member of the group."}, err
	}
	err = w.once(ctx, "joined", func() (string, error) {
		err := w.Directory.AddMember(ctx, p.GroupID, user)
		if errors.Is(err, directory.ErrNotFound) {
			if _, err := w.target(ctx); err != nil {
				return "", err
			}
			return "", giveUpf(err, "The group no longer exists.")
		}
		return "", inWords(err, "Adding the person to the group")
	})
	return outcome{detail: "The person is a member of the group."}, err
}

func (p *groupPlan) rehearse(ctx context.Context, w *work) ([]string, error) {
	add, err := direction(p.Direction, w.task.Stage)
	if err != nil {
		return nil, err
	}
	user, err := w.target(ctx)
	if err != nil {
		return nil, err
	}
	group, err := w.Directory.Group(ctx, p.GroupID)
	if err != nil {
		return nil, inWords(err, "Reading the group")
	}
	if add {
		return []string{fmt.Sprintf("It would add %s to %q.", nameOf(user), group.DisplayName)}, nil
	}
	return []string{fmt.Sprintf("It would remove %s from %q.", nameOf(user), group.DisplayName)}, nil
}
