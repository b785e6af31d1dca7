package companion_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"latchkey/shared/app/companion"
	"latchkey/shared/directory"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// mailing is a directory that says that it has a mailbox to send from.
type mailing struct{ *directorymemory.Directory }

// HasSender says so.
func (mailing) HasSender() bool { return true }

// senderless is a directory that says that it has no mailbox to send from.
type senderless struct{ *directorymemory.Directory }

// HasSender says so.
func (senderless) HasSender() bool { return false }

// What the check finds of secrets and of the mailbox: each thing that is missing, under the setting that names it, and nothing of what is there.
func TestWhatTheCheckFinds(t *testing.T) {
	t.Parallel()
	const (
		webhook = `{"url":"https://hooks.example/","secret":"SECRET"}`
		teams   = `{"deliverTo":"teams","teamsSecret":"SECRET"}`
		mail    = `{"subject":"x","lines":["x"]}`
		desk    = `{"url":"https://desk.example/","waitForAnswer":WAIT,"authorizationSecret":"AUTH","answerSecret":"ANSWER","numberPath":"result.number","body":{"id":"{{ticket.id}}"}}`
	)
	secrets, err := platform.ReadSecrets(`{"key":{"use":"signature","hosts":["hooks.example"],"value":"` + taskSecret + `"},"public":{"use":"address","value":"https://teams.example/` + taskSecret + `"},
		"within":{"use":"address","value":"https://10.0.0.1/` + taskSecret + `"},"desk":{"use":"authorization","hosts":["desk.example"],"value":"` + deskSecret + `"},
		"answers":{"use":"answerKey","hosts":["desk.example"],"value":"` + answersSecret + `"}}`)
	if err != nil {
		t.Fatal(err)
	}
	with := func(template string, values ...string) string {
		return strings.NewReplacer(values...).Replace(template)
	}
	passGrants := []string{"UserAuthMethod-TAP.ReadWrite.All", "Policy.Read.AuthenticationMethod", "RoleManagement.Read.Directory", "PrivilegedEligibilitySchedule.Read.AzureADGroup", "User.Read.All", "GroupMember.Read.All"}
	all := append([]string{"Mail.Send"}, passGrants...)
	for name, test := range map[string]struct {
		kind, settings string
		granted        []string
		directory      func(*directorymemory.Directory) directory.Directory
		want           []string // severity target: the message's beginning
	}{
		"a secret that is set":                         {"webhook", with(webhook, "SECRET", "key"), all, nil, nil},
		"a secret that is not set":                     {"webhook", with(webhook, "SECRET", "other"), all, nil, []string{"error secret: The secret other is not set"}},
		"an address for Teams":                         {"temporaryAccessPass", with(teams, "SECRET", "public"), passGrants, nil, nil},
		"an address for Teams, not set":                {"temporaryAccessPass", with(teams, "SECRET", "other"), passGrants, nil, []string{"error teamsSecret: The secret other is not set"}},
		"an address for Teams that is within":          {"temporaryAccessPass", with(teams, "SECRET", "within"), passGrants, nil, []string{"error teamsSecret: The secret within is no address that may be called"}},
		"a desk's secrets":                             {"ticket", with(desk, "AUTH", "desk", "ANSWER", "answers", "WAIT", "true"), all, nil, nil},
		"a desk's secrets, not set":                    {"ticket", with(desk, "AUTH", "other", "ANSWER", "other", "WAIT", "true"), all, nil, []string{"error authorizationSecret: The secret other is not set", "error answerSecret: The secret other is not set"}},
		"a desk that need not answer":                  {"ticket", with(desk, "AUTH", "other", "ANSWER", "other", "WAIT", "false"), all, nil, []string{"error authorizationSecret: The secret other is not set"}},
		"passes by mail":                               {"temporaryAccessPass", `{}`, all, mailbox, nil},
		"passes by mail, not granted":                  {"temporaryAccessPass", `{}`, passGrants, mailbox, []string{"error permissions: Latchkey's identity lacks the application permission Mail.Send"}},
		"passes by mail, no mailbox":                   {"temporaryAccessPass", `{}`, all, noMailbox, []string{"error sender: No mailbox is set"}},
		"passes by mail, neither":                      {"temporaryAccessPass", `{}`, passGrants, noMailbox, []string{"error permissions: Latchkey's identity lacks the application permission Mail.Send", "error sender: No mailbox is set"}},
		"passes by mail, nobody knows what is granted": {"temporaryAccessPass", `{}`, nil, ungranted, []string{"warning : The permissions could not be checked"}},
		"passes to be shown need no mailbox":           {"temporaryAccessPass", `{"deliverTo":"show"}`, passGrants, noMailbox, nil},
		"mail":                                         {"sendMail", mail, all, mailbox, nil},
		"mail, by who does not say":                    {"sendMail", mail, all, nil, nil},
		"mail, no mailbox":                             {"sendMail", mail, all, noMailbox, []string{"error sender: No mailbox is set"}},
	} {
		w := newTaskWorld(t)
		w.directory.PutGranted(test.granted...)
		var d directory.Directory = dyingDirectory{w.directory, w}
		if test.directory != nil {
			d = test.directory(w.directory)
		}
		ports := *w.actions.Ports
		ports.Directory, ports.Outbound = d, platform.NewOutbound(nil)
		ports.Secrets = secrets
		made, err := companion.Actions{Ports: &ports}.PutAction(t.Context(), taskAdministrator, "act", "", as(governance.CalloutAction{Kind: test.kind, Settings: json.RawMessage(test.settings)}))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		found := made.Value.Findings
		if len(found) != len(test.want) || strings.Contains(fmt.Sprint(found), taskSecret) {
			t.Errorf("%s: found %+v, want %q", name, found, test.want)
		}
		for _, want := range test.want {
			if !slices.ContainsFunc(found, func(f governance.Finding) bool {
				return strings.HasPrefix(f.Severity+" "+f.Target+": "+f.Message, want)
			}) {
				t.Errorf("%s: found %+v, want %q", name, found, want)
			}
		}
	}
}

func mailbox(d *directorymemory.Directory) directory.Directory   { return mailing{d} }
func noMailbox(d *directorymemory.Directory) directory.Directory { return senderless{d} }

func ungranted(d *directorymemory.Directory) directory.Directory {
	d.SetFault(func(operation directorymemory.Operation) directorymemory.Fault {
		return directorymemory.Fault{Kind: map[bool]directorymemory.FaultKind{true: directorymemory.FaultUnavailable}[operation == directorymemory.OperationGranted]}
	})
	return mailing{d}
}
