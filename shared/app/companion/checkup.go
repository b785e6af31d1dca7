package companion

import (
	"context"
	"errors"
	"slices"
	"strings"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// checkup is the pre-flight check of an action, with what it has found.
type checkup struct {
	*Ports
	granted  []string // the permissions that Latchkey has
	blind    bool     // they are not known
	findings []governance.Finding
}

// wrong is something for which the action will fail.
func (c *checkup) wrong(target, message string) {
	c.findings = append(c.findings, governance.Finding{Severity: "error", Target: target, Message: message})
}

// warn is something for which it may.
func (c *checkup) warn(target, message string) {
	c.findings = append(c.findings, governance.Finding{Severity: "warning", Target: target, Message: message})
}

// permission looks whether one of some permissions of Microsoft Graph is there, the least privileged first.
func (c *checkup) permission(any ...string) {
	if c.blind || slices.ContainsFunc(any, func(one string) bool { return slices.Contains(c.granted, one) }) {
		return
	}
	message := "Latchkey's identity lacks the application permission " + any[0] + " in Microsoft Graph"
	if len(any) > 1 {
		message += " (" + strings.Join(any[1:], " or ") + " would do, too)"
	}
	c.wrong("permissions", message+".")
}

// group looks whether a group is there and takes members.
func (c *checkup) group(ctx context.Context, setting, id string) {
	group, err := c.Directory.Group(ctx, id)
	switch {
	case errors.Is(err, directory.ErrNotFound):
		c.wrong(setting, "The group does not exist.")
	case err != nil:
		c.warn(setting, "The group could not be looked up: "+classOf(err)+".")
	case slices.Contains(group.GroupTypes, "DynamicMembership"):
		c.wrong(setting, "The members of the group follow a rule; choose a group with assigned members.")
	case group.OnPremisesSync:
		c.wrong(setting, "The group is synchronised from on-premises; choose one of the cloud.")
	}
}

// need looks whether a secret is there, and for this.
func (c *checkup) need(n need) {
	if _, err := n.of(c.Secrets); errors.Is(err, platform.ErrNoSecret) {
		c.wrong(n.setting, "The secret "+n.name+" is not set: add it to the app setting CalloutSecrets.")
	} else if wrong := n.binding(c.Secrets); wrong != "" {
		c.wrong(n.setting, wrong)
	}
}

// address looks whether the address of a setting may be called.
func (c *checkup) address(url string) {
	if c.Outbound.Allowed(url) != nil {
		c.wrong("url", "The address may not be called: it must be https and public, or its host and port be named in the app setting CalloutPrivateHosts.")
	}
}

// sender looks whether there is a mailbox to send from.
func (c *checkup) sender() {
	if checked, ok := c.Directory.(interface{ HasSender() bool }); ok && !checked.HasSender() {
		c.wrong("sender", "No mailbox is set to send mail from: set the app setting MailSender.")
	}
}
