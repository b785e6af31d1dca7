package companion

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"latchkey/shared/directory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

// An Intune app that comes with access and goes with it (BEY-29, PRV-21).
var _ = declare(ActionKind{
	Kind:        "intuneApp",
	DisplayName: "Install and uninstall an Intune app",
	Description: "When access is granted the person is in the install group and out of the uninstall group; when it is removed the " +
		"other way round, for as long as set. The app's uninstall assignment is made sure of, its other assignments stay. Intune " +
		"uninstalls what it has installed itself.",
	Schema: json.RawMessage(`{"type":"object","additionalProperties":false,"required":["mobileAppId","installGroupId","uninstallGroupId"],"properties":{
		"mobileAppId":{"type":"string","format":"uuid"},"installGroupId":{"type":"string","format":"uuid"},"uninstallGroupId":{"type":"string","format":"uuid"},
		"uninstallFor":{"type":"string","format":"duration","default":"P30D","description":"How long the person stays in the uninstall group, so that every device hears of it: P1D to P365D."},
		"direction":{"enum":["byStage","add","remove"],"default":"byStage"}}}`),
	Permissions: [][]string{{"GroupMember.ReadWrite.All", "Group.ReadWrite.All"}, {"DeviceManagementApps.ReadWrite.All"}, {"User.Read.All", "User.ReadWrite.All", "Directory.Read.All"}},
}, func() plan { return &appPlan{} })

type appPlan struct {
	AppID            string              `json:"mobileAppId"`
	InstallGroupID   string              `json:"installGroupId"`
	UninstallGroupID string              `json:"uninstallGroupId"`
	UninstallFor     governance.Duration `json:"uninstallFor,omitzero"`
	Direction        string              `json:"direction"`
}

func (p *appPlan) validate() error {
	for _, one := range []struct{ name, value string }{{"mobileAppId", p.AppID}, {"installGroupId", p.InstallGroupID}, {"uninstallGroupId", p.UninstallGroupID}} {
		if !governance.IsGUID(one.value) {
			return governance.Invalid(one.name, "%s must be a GUID.", one.name)
		}
	}
	if strings.EqualFold(p.InstallGroupID, p.UninstallGroupID) {
		return governance.Invalid("uninstallGroupId", "The install group and the uninstall group must be two.")
	}
	p.UninstallFor = cmp.Or(p.UninstallFor, governance.Days(30))
	epoch := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	if least, most := epoch.AddDate(0, 0, 1), epoch.AddDate(0, 0, 366); p.UninstallFor.AddTo(epoch).Before(least) || p.UninstallFor.AddTo(epoch).After(most) {
		return governance.Invalid("uninstallFor", "uninstallFor is from P1D to P365D.")
	}
	return validDirection(&p.Direction)
}

func (p *appPlan) claim() string {
	return "intuneApp:" + governance.Fold(p.AppID) + ":" + governance.Fold(p.UninstallGroupID)
}

func (p *appPlan) preflight(ctx context.Context, c *checkup) {
	c.group(ctx, "installGroupId", p.InstallGroupID)
	c.group(ctx, "uninstallGroupId", p.UninstallGroupID)
	app, err := c.Actions.App(ctx, p.AppID)
	if err != nil {
		c.wrong("mobileAppId", "The Intune app cannot be read: "+classOf(err)+".")
	}
	for _, assignment := range app.Assignments {
		switch {
		case strings.EqualFold(assignment.GroupID, p.UninstallGroupID) && assignment.Intent != governance.IntentUninstall:
			c.wrong("uninstallGroupId", "The app is assigned to the uninstall group with the intent "+string(assignment.Intent)+".")
		case strings.EqualFold(assignment.GroupID, p.InstallGroupID) && assignment.Intent == governance.IntentUninstall:
			c.wrong("installGroupId", "The app is assigned to the install group for uninstalling.")
		}
	}
}

func (p *appPlan) run(ctx context.Context, w *work) (outcome, error) {
	give, err := direction(p.Direction, w.task.Stage)
	if err != nil {
		return outcome{}, err
	}
	user := w.task.Target.ObjectID
	from, to := p.InstallGroupID, p.UninstallGroupID
	if give {
		from, to = to, from
	}
	if err := w.once(ctx, "left", func() (string, error) {
		return "", inWords(w.Directory.RemoveMember(ctx, from, user), "Taking the person out of a group")
	}); err != nil {
		return outcome{}, err
	}
	if _, over := w.task.Done(engine.StepUndoing); over { // done again after its time
		_, err := p.followUp(ctx, w)
		return outcome{}, err
	}
	if !give {
		if err := w.once(ctx, "assigned", func() (string, error) {
			err := w.Actions.AssignApp(ctx, p.AppID, p.UninstallGroupID, governance.IntentUninstall)
			if errors.Is(err, directory.ErrNotFound) {
				return "", giveUpf(err, "The Intune app no longer exists.")
			}
			return "", inWords(err, "Assigning the app for uninstalling")
		}); err != nil {
			return outcome{}, err
		}
		if w.again && w.task.FollowUpDateTime == nil { // nobody has joined yet
			return outcome{}, nil
		}
		if err := w.promise(ctx, p.UninstallFor.AddTo(w.Ledger.Now())); err != nil {
			return outcome{}, err
		}
	}
	if err := w.once(ctx, "joined", func() (string, error) {
		err := w.Directory.AddMember(ctx, to, user)
		if errors.Is(err, directory.ErrNotFound) {
			if _, err := w.target(ctx); err != nil {
				return "", err
			}
		}
		return "", inWords(err, "Putting the person into a group")
	}); err != nil {
		return outcome{}, err
	}
	if give {
		return outcome{detail: "The app is assigned to the person; Intune installs it."}, nil
	}
	until := w.task.FollowUpDateTime.Instant()
	return outcome{detail: "The app is being uninstalled by Intune; the person stays in the uninstall group until " + until.Format("2 January 2006") + "."}, nil
}

func (p *appPlan) followUp(ctx context.Context, w *work) (string, error) {
	err := inWords(w.Directory.RemoveMember(ctx, p.UninstallGroupID, w.task.Target.ObjectID), "Taking the person out of the uninstall group")
	return "The time for uninstalling is over: the person left the uninstall group.", err
}

func (p *appPlan) rehearse(ctx context.Context, w *work) ([]string, error) {
	give, err := direction(p.Direction, w.task.Stage)
	if err != nil {
		return nil, err
	}
	user, err := w.target(ctx)
	if err != nil {
		return nil, err
	}
	app, err := w.Actions.App(ctx, p.AppID)
	if err != nil {
		return nil, inWords(err, "Reading the Intune app")
	}
	if give {
		return []string{fmt.Sprintf("It would move %s from the uninstall group of %s to its install group.", nameOf(user), app.DisplayName)}, nil
	}
	return []string{fmt.Sprintf("It would move %s from the install group of %s to its uninstall group, for %s.", nameOf(user), app.DisplayName, p.UninstallFor)}, nil
}
