// Package demo plays the stories of Latchkey on a running stack, over HTTP as people's clients would, and prints each step for a reader. A story fails if the directory is not
// what it should be at its end.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/infra/local/client"
	"latchkey/infra/local/stack"
	"latchkey/infra/local/tenant"
	"latchkey/shared/governance"
)

// Stories lists what Play can play.
func Stories() []string { return []string{"cloudpc", "tap", "uninstall"} }

// Play plays a story and prints it. Errors: what went otherwise than the story says.
func Play(ctx context.Context, s *stack.Stack, story string, out io.Writer) error {
	p := &player{stack: s, out: out, began: s.Clock.Now()}
	switch story {
	case "cloudpc":
		return p.cloudPC(ctx)
	case "tap":
		return p.accessPass(ctx)
	case "uninstall":
		return p.uninstall(ctx)
	}
	return fmt.Errorf("there is no story %q; there are %s", story, strings.Join(Stories(), ", "))
}

type player struct {
	stack *stack.Stack
	out   io.Writer
	began time.Time
	shown bool // the payload of a callout was
}

// say prints one step with the virtual date.
func (p *player) say(format string, args ...any) {
	_, _ = fmt.Fprintf(p.out, "%s  %s\n", p.stack.Clock.Now().Format("2006-01-02 15:04"), fmt.Sprintf(format, args...)) // a reader who left misses nothing
}

// note prints what belongs to a step, a line each, indented below it.
func (p *player) note(format string, args ...any) {
	for line := range strings.Lines(fmt.Sprintf(format, args...)) {
		_, _ = fmt.Fprintf(p.out, "%20s%s\n", "", strings.TrimSuffix(line, "\n")) // as say
	}
}

// title prints what a story is about.
func (p *player) title(name, about string) {
	_, _ = fmt.Fprintf(p.out, "%s\n%s\n\n", name, about) // as say
}

// as is a client of somebody, signed in anew when time has passed.
func (p *player) as(ctx context.Context, signInName string) (*client.Client, error) {
	text, err := client.SignIn(ctx, p.stack.Endpoints.Token, p.stack.Endpoints.TenantID, p.stack.Endpoints.Audience, signInName)
	if err != nil {
		return nil, fmt.Errorf("%s cannot sign in: %w", signInName, err)
	}
	return &client.Client{Base: p.stack.Endpoints.Host + client.EntitlementManagement, Token: text}, nil
}

// do calls as somebody.
func (p *player) do(ctx context.Context, who tenant.User, method, path string, body, into any) error {
	c, err := p.as(ctx, who.UserPrincipalName)
	if err != nil {
		return err
	}
	if err := c.Do(ctx, method, path, body, into); err != nil {
		return fmt.Errorf("%s: %s %s: %w", who.DisplayName, method, path, err)
	}
	return nil
}

func (p *player) user(name string) (tenant.User, error) {
	at := slices.IndexFunc(p.stack.Tenant.Users, func(u tenant.User) bool { return strings.HasPrefix(u.UserPrincipalName, name+"@") })
	if at < 0 {
		return tenant.User{}, fmt.Errorf("the tenant has no %s; the story needs the sample tenant", name)
	}
	return p.stack.Tenant.Users[at], nil
}

func (p *player) group(name string) (tenant.Group, error) {
	at := slices.IndexFunc(p.stack.Tenant.Groups, func(g tenant.Group) bool { return g.DisplayName == name })
	if at < 0 {
		return tenant.Group{}, fmt.Errorf("the tenant has no group %q; the story needs the sample tenant", name)
	}
	return p.stack.Tenant.Groups[at], nil
}

// members checks who is in a group, by asking Graph.
func (p *player) members(ctx context.Context, group tenant.Group, want ...tenant.User) error {
	graph := &client.Client{Base: p.stack.Endpoints.Graph + "/v1.0"}
	var answer struct {
		Value []struct {
			ID          string `json:"id"`
			DisplayName string `json:"displayName"`
		} `json:"value"`
	}
	if err := graph.Do(ctx, http.MethodGet, "/groups/"+group.ID+"/members", nil, &answer); err != nil {
		return err
	}
	var have, wanted []string
	for _, member := range answer.Value {
		have = append(have, member.DisplayName)
	}
	for _, user := range want {
		wanted = append(wanted, user.DisplayName)
	}
	slices.Sort(have)
	slices.Sort(wanted)
	if !slices.Equal(have, wanted) {
		return fmt.Errorf("the group %q has the members [%s], and should have [%s]", group.DisplayName, strings.Join(have, ", "), strings.Join(wanted, ", "))
	}
	if len(have) == 0 {
		have = []string{"nobody"}
	}
	p.say("In the directory the group %q has: %s.", group.DisplayName, strings.Join(have, ", "))
	return nil
}

// mailed checks that somebody got a mail, and tells of it.
func (p *player) mailed(user tenant.User, subjectPart string) error {
	for _, sent := range slices.Backward(p.stack.Graph.Mail(user.Mail)) {
		if strings.Contains(sent.Subject, subjectPart) {
			p.say("%s has mail: %q", user.DisplayName, sent.Subject)
			return nil
		}
	}
	return fmt.Errorf("%s got no mail about %q", user.DisplayName, subjectPart)
}

// cast are the people of the story.
type cast struct {
	ida, marta, rui, sol, hana tenant.User
	cloudPCs, helpDesk         tenant.Group
}

func (p *player) cast() (c cast, err error) {
	var errs [7]error
	c.ida, errs[0] = p.user("ida")
	c.marta, errs[1] = p.user("marta")
	c.rui, errs[2] = p.user("rui")
	c.sol, errs[3] = p.user("sol")
	c.hana, errs[4] = p.user("hana")
	c.cloudPCs, errs[5] = p.group("Windows 365 Enterprise")
	c.helpDesk, errs[6] = p.group("Help desk")
	return c, errors.Join(errs[:]...)
}

// cloudPC is story 1.
func (p *player) cloudPC(ctx context.Context) error {
	who, err := p.cast()
	if err != nil {
		return err
	}
	p.title("A Cloud PC for 180 days", "People request access, somebody approves it, and it is taken away when its time is over. Time is moved on; what happens, happens over HTTP.")
	packageID, err := p.offer(ctx, who)
	if err != nil {
		return err
	}
	for _, request := range []struct {
		requestor, approver tenant.User
		why, because        string
	}{
		{who.rui, who.marta, "I travel and need a PC that travels with me.", "Agreed for the spring tour."},
		{who.sol, who.hana, "My notebook is in repair.", "Checked with the repair desk."},
	} {
		if err := p.requestAndApprove(ctx, packageID, request.requestor, request.approver, request.why, request.because); err != nil {
			return err
		}
	}
	if err := p.members(ctx, who.cloudPCs, who.rui, who.sol); err != nil {
		return err
	}
	if err := p.pass(ctx, governance.Days(179)); err != nil {
		return err
	}
	if err := p.members(ctx, who.cloudPCs, who.rui, who.sol); err != nil {
		return err
	}
	if err := p.pass(ctx, governance.Days(1)); err != nil {
		return err
	}
	if err := p.members(ctx, who.cloudPCs); err != nil {
		return err
	}
	if err := p.mailed(who.rui, "has ended"); err != nil {
		return err
	}
	return p.audit(ctx, who.ida)
}

// offer has the administrator make what can be requested.
func (p *player) offer(ctx context.Context, who cast) (packageID string, err error) {
	var catalog, pack, policy client.Made
	name := "Workplace " + p.began.Format("20060102150405")
	if err := p.do(ctx, who.ida, http.MethodPost, "/catalogs", map[string]any{"displayName": name, "description": "What people need to work."}, &catalog); err != nil {
		return "", err
	}
	if err := p.do(ctx, who.ida, http.MethodPost, "/resourceRequests", map[string]any{
		"requestType": "adminAdd", "catalog": map[string]any{"id": catalog.ID}, "resource": map[string]any{"originId": who.cloudPCs.ID, "originSystem": "AadGroup"},
	}, nil); err != nil {
		return "", err
	}
	if err := p.do(ctx, who.ida, http.MethodPost, "/accessPackages", map[string]any{
		"displayName": "Cloud PC", "description": "A Windows 365 Cloud PC.", "catalog": map[string]any{"id": catalog.ID},
	}, &pack); err != nil {
		return "", err
	}
	if err := p.do(ctx, who.ida, http.MethodPost, "/accessPackages/"+pack.ID+"/resourceRoleScopes", map[string]any{
		"role":  map[string]any{"originId": "Member_" + who.cloudPCs.ID, "originSystem": "AadGroup", "resource": map[string]any{"originId": who.cloudPCs.ID, "originSystem": "AadGroup"}},
		"scope": map[string]any{"originId": who.cloudPCs.ID, "originSystem": "AadGroup", "isRootScope": true},
	}, nil); err != nil {
		return "", err
	}
	if err := p.do(ctx, who.ida, http.MethodPost, "/assignmentPolicies", CloudPCPolicy(pack.ID, who.helpDesk.ID), &policy); err != nil {
		return "", err
	}
	p.say("%s (Identity Governance Administrator) offers the access package \"Cloud PC\": membership of %q.", who.ida.DisplayName, who.cloudPCs.DisplayName)
	p.say("All members may request it, for 180 days or less. The manager approves; the help desk does for those who have none.")
	return pack.ID, nil
}

// CloudPCPolicy is the policy of story 1, as a client sends it.
func CloudPCPolicy(packageID, helpDeskID string) map[string]any {
	return map[string]any{
		"displayName": "Everybody, with approval", "description": "The manager approves.", "accessPackage": map[string]any{"id": packageID},
		"allowedTargetScope": "allMemberUsers",
		"expiration":         map[string]any{"type": "afterDuration", "duration": "P180D"},
		"requestorSettings": map[string]any{
			"enableTargetsToSelfAddAccess": true, "enableTargetsToSelfRemoveAccess": true, "allowCustomAssignmentSchedule": true,
		},
		"requestApprovalSettings": map[string]any{
			"isApprovalRequiredForAdd": true, "isRequestorJustificationRequired": true,
			"stages": []any{map[string]any{
				"durationBeforeAutomaticDenial": "P14D", "isApproverJustificationRequired": true,
				"primaryApprovers":         []any{map[string]any{"@odata.type": "#microsoft.graph.requestorManager", "managerLevel": 1}},
				"fallbackPrimaryApprovers": []any{map[string]any{"@odata.type": "#microsoft.graph.groupMembers", "groupId": helpDeskID}},
			}},
		},
		"reviewSettings": map[string]any{
			"isEnabled": false, "expirationBehavior": "keepAccess", "isSelfReview": false,
			"primaryReviewers": []any{map[string]any{"@odata.type": "#microsoft.graph.requestorManager", "managerLevel": 1}},
		},
	}
}

// requestAndApprove has somebody ask for the package and somebody else approve it.
func (p *player) requestAndApprove(ctx context.Context, packageID string, requestor, approver tenant.User, why, because string) error {
	var request client.Made
	if err := p.do(ctx, requestor, http.MethodPost, "/assignmentRequests", map[string]any{
		"requestType": "userAdd", "assignment": map[string]any{"accessPackageId": packageID}, "justification": why,
	}, &request); err != nil {
		return err
	}
	p.say("%s requests it: %q The request is now %s.", requestor.DisplayName, why, request.State)
	if err := p.stack.Drain(ctx); err != nil {
		return err
	}
	if err := p.mailed(approver, "approve or deny the request of "+requestor.DisplayName); err != nil {
		return err
	}
	var waiting struct {
		Value []struct {
			ID     string                     `json:"id"`
			Stages []governance.ApprovalStage `json:"stages"`
		} `json:"value"`
	}
	if err := p.do(ctx, approver, http.MethodGet, "/accessPackageAssignmentApprovals/filterByCurrentUser(on='approver')?$expand=stages", nil, &waiting); err != nil {
		return err
	}
	for _, approval := range waiting.Value {
		if approval.ID != request.ID {
			continue
		}
		path := "/accessPackageAssignmentApprovals/" + approval.ID + "/stages/" + approval.Stages[0].ID
		if err := p.do(ctx, approver, http.MethodPatch, path, map[string]any{"reviewResult": "Approve", "justification": because}, nil); err != nil {
			return err
		}
		p.say("%s approves it: %q", approver.DisplayName, because)
		if err := p.stack.Drain(ctx); err != nil {
			return err
		}
		if err := p.do(ctx, requestor, http.MethodGet, "/assignmentRequests/"+request.ID, nil, &request); err != nil {
			return err
		}
		if request.State != string(governance.StateDelivered) {
			return fmt.Errorf("the request of %s is %s, and should be delivered", requestor.DisplayName, request.State)
		}
		return p.mailed(requestor, "You now have access")
	}
	return fmt.Errorf("%s does not find the request of %s among the approvals", approver.DisplayName, requestor.DisplayName)
}

// pass lets time pass.
func (p *player) pass(ctx context.Context, by governance.Duration) error {
	if _, err := p.stack.Advance(ctx, by); err != nil {
		return err
	}
	days := "days have"
	if by.Days == 1 {
		days = "day has"
	}
	p.say("%d %s passed.", by.Days, days)
	return nil
}

// audit shows what an auditor gets: every entry, and every chain verified.
func (p *player) audit(ctx context.Context, administrator tenant.User) error {
	var entries struct {
		Value []governance.AuditEntry `json:"value"`
	}
	if err := p.operations(ctx, administrator, http.MethodGet, "/audit/subjects?$orderby=activityDateTime", nil, &entries); err != nil {
		return err
	}
	chains := map[string]bool{}
	for _, entry := range entries.Value {
		chains[entry.PartitionID] = true
	}
	for chain := range chains {
		var report struct {
			Verified bool  `json:"verified"`
			Entries  int64 `json:"entries"`
		}
		if err := p.operations(ctx, administrator, http.MethodGet, "/audit/subjects/"+chain+"/verify", nil, &report); err != nil {
			return err
		}
		if !report.Verified {
			return fmt.Errorf("the audit chain %s does not verify", chain)
		}
	}
	about := "people"
	if len(chains) == 1 {
		about = "person"
	}
	p.say("The audit trail has %d entries about %d %s, each chained to the one before; every chain verifies:", len(entries.Value), len(chains), about)
	for _, entry := range entries.Value {
		said := entry.Detail
		if entry.Justification != "" {
			said = strings.TrimSpace(said + " " + strconv.Quote(entry.Justification))
		}
		if said == "" {
			said = entry.Result
		}
		p.note("%s  %s, by %s: %s", entry.ActivityDateTime.Format("2006-01-02 15:04"), entry.Activity, p.initiator(entry.InitiatedBy), said)
	}
	return nil
}

// initiator names who did something.
func (p *player) initiator(by governance.AuditInitiator) string {
	for _, user := range p.stack.Tenant.Users {
		if user.ID == by.ObjectID {
			return user.DisplayName
		}
	}
	switch {
	case by.AppID == stack.EntitlementAppID:
		return "Entra"
	case by.Kind == governance.CallerSystem:
		return "Latchkey"
	}
	return string(by.Kind)
}
