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
	p.say("%s, an administrator, configures an action of Latchkey: PUT /api/v1.0/operations/calloutActions/%s", who.DisplayName, name)
	p.note("%s", oneLine(map[string]any{"kind": kind, "settings": settings}))
	for _, finding := range made.Findings {
		p.note("Its check has a finding (%s): %s", finding.Severity, finding.Message)
		if finding.Severity == "error" {
			return fmt.Errorf("the action %s cannot work: %s", name, finding.Message)
		}
	}
	return nil
}

// callOut plays Entra, and tells of the answer that came back.
func (p *player) callOut(ctx context.Context, c stack.Callout) (stack.CalledOut, string, error) {
	told := len(p.stack.Graph.Resumes())
	sent, err := p.stack.CallOut(ctx, c)
	if err != nil {
		return sent, "", err
	}
	p.say("Entra calls its custom extension at the stage %s: POST /api/callouts/%s", c.Stage, c.Action)
	if !p.shown { // they are all alike
		p.shown = true
		payload, err := json.MarshalIndent(sent.Payload, "", "  ")
		if err != nil {
			return sent, "", err
		}
		p.note("%s", payload)
	}
	if sent.Status != http.StatusAccepted {
		return sent, "", fmt.Errorf("the callout was answered %d: %s", sent.Status, sent.Answer)
	}
	if c.Wait == "" {
		p.note("Latchkey answers 202 Accepted and works from its queue. Entra does not wait.")
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
	if len(p.stack.Graph.Resumes()) == told {
		p.note("Latchkey answers 202 Accepted. It has resumed this request before, and does not again.")
		return sent, resume.Data.Detail, nil
	}
	p.note("Latchkey answers 202 Accepted and works from its queue; then it resumes the request, which waits (up to %s), through Graph.", c.Wait)
	p.note("In the request's history Entra shows: %q", resume.Data.Detail)
	return sent, resume.Data.Detail, nil
}

// oneLine is a value as JSON, for people.
func oneLine(value any) string {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(text.String())
}

// letter shows a mail with the pass in it masked: it stands alone in its line.
func (p *player) letter(user tenant.User) {
	sent := p.stack.Graph.Mail(user.Mail)
	if len(sent) == 0 {
		return
	}
	for line := range strings.Lines(sent[len(sent)-1].Text) {
		switch line = strings.TrimSpace(line); {
		case line == "":
		case !strings.Contains(line, " "):
			p.note("| ********   (the pass, masked here)")
		default:
			p.note("| %s", line)
		}
	}
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
	p.title("A Temporary Access Pass for a new hire, asked for by the manager",
		"The tenant keeps Entra's own access packages. What they cannot do, their custom extension has Latchkey do; here Entra, Graph and the mailboxes are stand-ins.")
	if err := p.configure(ctx, who.ida, "new-hire-pass", "temporaryAccessPass", map[string]any{"lifetimeInMinutes": 1440, "isUsableOnce": true, "deliverTo": "manager"}); err != nil {
		return err
	}
	p.say("%s requests the access package \"First sign-in\" in Entra, on behalf of %s, who starts today and cannot sign in yet.", who.marta.DisplayName, who.rui.DisplayName)
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
	p.letter(who.marta)
	if mail := p.stack.Graph.Mail(who.rui.Mail); len(mail) > 0 {
		return fmt.Errorf("%s got mail, too", who.rui.DisplayName)
	}
	p.say("Entra has one pass for %s, valid for %d minutes. Its value is in %s's mail and nowhere else: in no document, message or log.", who.rui.DisplayName, passes[0].LifetimeMinutes, who.marta.DisplayName)

	p.say("Entra sends the same callout again, as it does when an answer is lost.")
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
	if letters := p.stack.Graph.Mail(who.marta.Mail); len(letters) != 1 {
		return fmt.Errorf("%s has %d mails, and should have one", who.marta.DisplayName, len(letters))
	}
	p.say("That was the same piece of work: the pass is still the one from before, and no second mail was sent.")
	p.say("%s requests the same for %s, who is an administrator.", who.marta.DisplayName, who.ida.DisplayName)
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
	p.title("An Intune app that goes when access ends",
		"Entra ends a group membership when access expires, and the app stays on the device. Here Latchkey also puts the person into the group that Intune uninstalls the app for.")
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
	p.say("Intune has the app %q. It is required for the group %q; nothing uninstalls it.", appName, installGroup)
	if err := p.configure(ctx, who.ida, "crm-client", "intuneApp", map[string]any{
		"mobileAppId": app.ID, "installGroupId": made[installGroup], "uninstallGroupId": made[uninstallGroup], "uninstallFor": "P30D",
	}); err != nil {
		return err
	}
	install, remove := tenant.Group{ID: made[installGroup], DisplayName: installGroup}, tenant.Group{ID: made[uninstallGroup], DisplayName: uninstallGroup}
	steps := []struct {
		why      string
		stage    string
		in, out  []tenant.User
		thenPass int
	}{
		{"Rui Report is given access in Entra.", "assignmentRequestGranted", []tenant.User{who.rui}, nil, 90},
		{"The access ends. The app is to be uninstalled, for 30 days (uninstallFor).", "assignmentRequestRemoved", nil, []tenant.User{who.rui}, 10},
		{"Access is given again before the 30 days are over: the newer callout wins.", "assignmentRequestGranted", []tenant.User{who.rui}, nil, 5},
		{"The access ends again, and has 30 days of its own: the first removal's are over in between, and change nothing.", "assignmentRequestRemoved", nil, []tenant.User{who.rui}, 20},
	}
	for _, step := range steps {
		p.say("%s", step.why)
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
	p.say("The second removal's 30 days are over.")
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
	p.say("The app's assignments in Intune: %s. Latchkey added the second; the first is as it was.", strings.Join(intents, ", "))
	return p.audit(ctx, who.ida)
}
