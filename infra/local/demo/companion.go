package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"latchkey/infra/local/client"
	"latchkey/infra/local/stack"
	"latchkey/infra/local/tenant"
	"latchkey/shared/governance"
)

// The stories of the companion: Entra's own access packages call out, and Latchkey does what they cannot.

// operations calls what is below /operations as somebody.
func (p *player) operations(ctx context.Context, who tenant.User, method, path string, body, into any) error {
	c, err := p.as(ctx, who.UserPrincipalName)
	if err != nil {
		return err
	}
	c.Base = p.stack.Endpoints.Host + "/api/v1.0/operations"
	if err := c.Do(ctx, method, path, body, into); err != nil {
		return fmt.Errorf("%s: %s %s: %w", who.DisplayName, method, path, err)
	}
	return nil
}

// configure makes an action and tells what its check found.
func (p *player) configure(ctx context.Context, who tenant.User, name, kind string, settings map[string]any) error {
	var made struct {
		Findings []governance.Finding `json:"findings"`
	}
	if err := p.operations(ctx, who, http.MethodPut, "/calloutActions/"+name, map[string]any{"kind": kind, "settings": settings}, &made); err != nil {
		return err
	}
	p.say("%s configures the action %q (%s).", who.DisplayName, name, kind)
	for _, finding := range made.Findings {
		p.say("  its check says (%s): %s", finding.Severity, finding.Message)
		if finding.Severity == "error" {
			return fmt.Errorf("the action %s cannot work: %s", name, finding.Message)
		}
	}
	return nil
}

// callOut plays Entra, and tells of the answer that came back.
func (p *player) callOut(ctx context.Context, c stack.Callout) (stack.CalledOut, string, error) {
	p.say("Entra calls out: %s, for %s, stage %s.", c.Action, c.Target, c.Stage)
	sent, err := p.stack.CallOut(ctx, c)
	if err != nil {
		return sent, "", err
	}
	if sent.Status != http.StatusAccepted {
		return sent, "", fmt.Errorf("the callout was answered %d: %s", sent.Status, sent.Answer)
	}
	if c.Wait == "" {
		p.say("  accepted (202); Entra goes on without an answer.")
		return sent, "", nil
	}
	var resume struct {
		Data struct {
			Detail string `json:"customExtensionStageInstanceDetail"`
		} `json:"data"`
	}
	if len(sent.Resume) == 0 || json.Unmarshal(sent.Resume, &resume) != nil {
		return sent, "", fmt.Errorf("Entra waits and got no answer")
	}
	p.say("  accepted (202), and resumed: %q", resume.Data.Detail)
	return sent, resume.Data.Detail, nil
}

// passOf asks Graph which pass somebody has.
func (p *player) passOf(ctx context.Context, user tenant.User) ([]governance.AccessPass, error) {
	graph := &client.Client{Base: p.stack.Endpoints.Graph + "/v1.0"}
	var found struct {
		Value []governance.AccessPass `json:"value"`
	}
	err := graph.Do(ctx, http.MethodGet, "/users/"+user.ID+"/authentication/temporaryAccessPassMethods", nil, &found)
	return found.Value, err
}

// accessPass is story 8.
func (p *player) accessPass(ctx context.Context) error {
	who, err := p.cast()
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(p.out, "Story 8: a Temporary Access Pass, asked for by the manager of a new hire") // as say
	if err := p.configure(ctx, who.ida, "new-hire-pass", "temporaryAccessPass", map[string]any{"lifetimeInMinutes": 1440, "isUsableOnce": true, "deliverTo": "manager"}); err != nil {
		return err
	}
	request := stack.Callout{Action: "new-hire-pass", Stage: "assignmentRequestGranted", Target: "rui", Requestor: "marta", Package: "First sign-in", Wait: "PT1H"}
	sent, detail, err := p.callOut(ctx, request)
	if err != nil {
		return err
	}
	if !strings.Contains(detail, "cut from 1440 to 480") {
		return fmt.Errorf("the answer does not say that the lifetime was cut: %q", detail)
	}
	passes, err := p.passOf(ctx, who.rui)
	if err != nil {
		return err
	}
	if len(passes) != 1 || passes[0].LifetimeMinutes != 480 {
		return fmt.Errorf("%s has %d passes, and should have one for 480 minutes", who.rui.DisplayName, len(passes))
	}
	if err := p.mailed(who.marta, "Temporary Access Pass for Rui Report"); err != nil {
		return err
	}
	if mail := p.stack.Graph.Mail(who.rui.Mail); len(mail) > 0 {
		return fmt.Errorf("%s got mail, too", who.rui.DisplayName)
	}
	p.say("%s has one pass in Entra, valid for %d minutes; its value is in %s's mail and nowhere else.", who.rui.DisplayName, passes[0].LifetimeMinutes, who.marta.DisplayName)

	request.RequestID, request.StageInstanceID = sent.RequestID, sent.StageInstanceID
	if _, _, err := p.callOut(ctx, request); err != nil {
		return err
	}
	again, err := p.passOf(ctx, who.rui)
	if err != nil {
		return err
	}
	if len(again) != 1 || again[0].ID != passes[0].ID {
		return fmt.Errorf("the repetition made another pass")
	}
	p.say("  Entra repeats the same callout: it is the same piece of work, and the pass stays the same.")

	if _, detail, err = p.callOut(ctx, stack.Callout{Action: "new-hire-pass", Stage: "assignmentRequestGranted", Target: "ida", Requestor: "marta", Package: "First sign-in", Wait: "PT1H"}); err != nil {
		return err
	}
	if !strings.Contains(detail, "holds a directory role") {
		return fmt.Errorf("%s holds a directory role, and the answer is %q", who.ida.DisplayName, detail)
	}
	return p.audit(ctx, who.ida)
}

// The Intune app and its groups in the story.
const (
	appName        = "Contoso CRM client"
	installGroup   = "CRM client - install"
	uninstallGroup = "CRM client - uninstall"
)

// uninstall is the end of story 3.
func (p *player) uninstall(ctx context.Context) error {
	who, err := p.cast()
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(p.out, "Story 3, its end: the app goes when access ends") // as say
	graph := &client.Client{Base: p.stack.Endpoints.Graph + "/v1.0"}
	made := map[string]string{}
	for _, name := range []string{installGroup, uninstallGroup} {
		var group client.Made
		if err := graph.Do(ctx, http.MethodPost, "/groups", map[string]any{"displayName": name, "mailEnabled": false, "mailNickname": strings.ReplaceAll(name, " ", ""), "securityEnabled": true}, &group); err != nil {
			return err
		}
		made[name] = group.ID
	}
	var app client.Made
	if err := graph.Do(ctx, http.MethodPost, "/deviceAppManagement/mobileApps", map[string]any{"@odata.type": "#microsoft.graph.win32LobApp", "displayName": appName}, &app); err != nil {
		return err
	}
	if err := graph.Do(ctx, http.MethodPost, "/deviceAppManagement/mobileApps/"+app.ID+"/assignments", map[string]any{
		"@odata.type": "#microsoft.graph.mobileAppAssignment", "intent": "required", "target": map[string]any{"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": made[installGroup]},
	}, nil); err != nil {
		return err
	}
	p.say("Intune has the app %q, required for %q.", appName, installGroup)
	if err := p.configure(ctx, who.ida, "crm-client", "intuneApp", map[string]any{
		"mobileAppId": app.ID, "installGroupId": made[installGroup], "uninstallGroupId": made[uninstallGroup], "uninstallFor": "P30D",
	}); err != nil {
		return err
	}
	install, remove := tenant.Group{ID: made[installGroup], DisplayName: installGroup}, tenant.Group{ID: made[uninstallGroup], DisplayName: uninstallGroup}
	steps := []struct {
		stage    string
		in, out  []tenant.User
		thenPass int
	}{
		{"assignmentRequestGranted", []tenant.User{who.rui}, nil, 90},
		{"assignmentRequestRemoved", nil, []tenant.User{who.rui}, 10},
		{"assignmentRequestGranted", []tenant.User{who.rui}, nil, 5},  // access is given anew before the uninstalling ends
		{"assignmentRequestRemoved", nil, []tenant.User{who.rui}, 20}, // the first removal's 30 days are over by then, the second's are not
	}
	for _, step := range steps {
		if _, _, err := p.callOut(ctx, stack.Callout{Action: "crm-client", Stage: step.stage, Target: "rui", Package: "CRM"}); err != nil {
			return err
		}
		for range 2 {
			if err := p.members(ctx, install, step.in...); err != nil {
				return err
			}
			if err := p.members(ctx, remove, step.out...); err != nil {
				return err
			}
			if step.thenPass > 0 {
				if err := p.pass(ctx, governance.Days(step.thenPass)); err != nil {
					return err
				}
				step.thenPass = 0
			}
		}
	}
	if err := p.pass(ctx, governance.Days(11)); err != nil {
		return err
	}
	if err := p.members(ctx, remove); err != nil {
		return err
	}
	var assigned struct {
		Value []struct {
			Intent string `json:"intent"`
		} `json:"value"`
	}
	if err := graph.Do(ctx, http.MethodGet, "/deviceAppManagement/mobileApps/"+app.ID+"/assignments", nil, &assigned); err != nil {
		return err
	}
	intents := []string{}
	for _, one := range assigned.Value {
		intents = append(intents, one.Intent)
	}
	if strings.Join(intents, " ") != "required uninstall" {
		return fmt.Errorf("the app's assignments are %v, and should be required and uninstall", intents)
	}
	p.say("The app's assignments in Intune: %s. The one that was there before is untouched.", strings.Join(intents, ", "))
	return p.audit(ctx, who.ida)
}
