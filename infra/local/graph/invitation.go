package graph

import (
	"net/http"
	"net/mail"
	"net/url"
	"strings"

	"latchkey/shared/directory/memory"
	"latchkey/shared/governance"
)

// invite makes a guest (PRV-11). Inviting somebody again answers with the same guest.
func (c *call) invite() (reply, error) {
	var body struct {
		Address     string `json:"invitedUserEmailAddress"`
		DisplayName string `json:"invitedUserDisplayName"`
		Type        string `json:"invitedUserType"`
		Redirect    string `json:"inviteRedirectUrl"`
		SendMail    bool   `json:"sendInvitationMessage"`
		Sponsors    []struct {
			ID string `json:"id"`
		} `json:"invitedUserSponsors"`
	}
	if err := c.decode(&body); err != nil {
		return reply{}, err
	}
	if address, err := mail.ParseAddress(body.Address); err != nil || address.Address != body.Address {
		return reply{}, bad("The invited user's email address is not valid.")
	}
	if at, err := url.Parse(body.Redirect); err != nil || at.Scheme != "https" && at.Scheme != "http" {
		return reply{}, bad("The inviteRedirectUrl is required.")
	}
	kind := governance.UserTypeGuest
	switch body.Type {
	case "", string(governance.UserTypeGuest):
	case string(governance.UserTypeMember):
		kind = governance.UserTypeMember
	default:
		return reply{}, bad("The invitedUserType is not valid.")
	}
	var sponsors []string
	for _, sponsor := range body.Sponsors {
		if _, ok := c.server.directory.Object(sponsor.ID); !ok {
			return reply{}, absent(sponsor.ID)
		}
		sponsors = append(sponsors, sponsor.ID)
	}
	guest, known := c.server.directory.UserByMail(body.Address)
	switch {
	case known && guest.User.UserType != governance.UserTypeGuest && guest.Attributes["creationType"] != "Invitation":
		return reply{}, bad("The invited user already exists in the directory as a member.")
	case !known:
		name := body.DisplayName
		if name == "" {
			name, _, _ = strings.Cut(body.Address, "@")
		}
		var err error
		guest, err = c.server.directory.Create(memory.Object{
			Kind: memory.KindUser,
			User: governance.User{
				ID: c.server.ids(), UserPrincipalName: strings.ReplaceAll(body.Address, "@", "_") + "#EXT#@" + c.server.domain, DisplayName: name, Mail: body.Address,
				UserType: kind, AccountEnabled: true,
			},
			Attributes: map[string]any{"creationType": "Invitation", "externalUserState": "PendingAcceptance"},
		})
		if err != nil {
			return reply{}, err
		}
	}
	for _, sponsor := range sponsors {
		c.server.addSponsor(guest.ID(), sponsor)
	}
	redeem := "https://login.microsoftonline.com/redeem?user=" + guest.ID()
	if body.SendMail {
		c.server.directory.RecordMail(governance.Mail{
			To: []string{body.Address}, Subject: "You are invited", HTML: `<p><a href="` + redeem + `">Accept the invitation</a></p>`, Text: "Accept the invitation <" + redeem + ">",
		})
	}
	c.server.mu.Lock()
	c.server.state.Invitations++
	c.server.mu.Unlock()
	b := append([]byte(nil), '{')
	b = appendProperty(b, "@odata.context", c.root+"/$metadata#invitations/$entity")
	b = appendProperty(b, "id", c.server.ids())
	b = appendProperty(b, "inviteRedeemUrl", redeem)
	b = appendProperty(b, "invitedUserDisplayName", guest.User.DisplayName)
	b = appendProperty(b, "invitedUserEmailAddress", body.Address)
	b = appendProperty(b, "invitedUserType", string(guest.User.UserType))
	b = appendProperty(b, "inviteRedirectUrl", body.Redirect)
	b = appendProperty(b, "sendInvitationMessage", body.SendMail)
	b = appendProperty(b, "status", "PendingAcceptance")
	b = appendProperty(b, "invitedUser", map[string]string{"id": guest.ID()})
	return reply{status: http.StatusCreated, body: append(b, '}')}, nil
}
