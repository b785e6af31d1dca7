package graph

import (
	"net/http"
	"strings"

	"latchkey/shared/directory/memory"
)

// eligibleMember may activate membership of a group, in Privileged Identity Management.
type eligibleMember struct {
	ID          string `json:"id"`
	PrincipalID string `json:"principalId"`
	GroupID     string `json:"groupId"`
}

// makeAssignable marks a group as one that may hold directory roles, which Graph wants before it has one.
func (s *Server) makeAssignable(groupID string) {
	if o, ok := s.directory.Object(groupID); ok && o.Kind == memory.KindGroup {
		_, _ = s.directory.Update(groupID, func(o *memory.Object) error { // it is there
			o.Attributes["isAssignableToRole"] = true
			return nil
		})
	}
}

// MakeEligible makes a principal eligible for a directory role for the whole tenant, when a tenant is seeded.
func (s *Server) MakeEligible(principalID, roleDefinitionID string) {
	s.makeAssignable(principalID)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Eligible = append(s.state.Eligible, roleAssignment{ID: s.ids(), PrincipalID: principalID, RoleDefinitionID: strings.ToLower(roleDefinitionID), Scope: "/"})
}

// MakeEligibleMember makes a user eligible to join a group, when a tenant is seeded.
func (s *Server) MakeEligibleMember(groupID, userID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Joins = append(s.state.Joins, eligibleMember{ID: s.ids(), PrincipalID: userID, GroupID: groupID})
}

// licensed refuses what only Privileged Identity Management answers, as Graph does in a tenant without it.
func (c *call) licensed() error {
	if !c.server.unlicensed {
		return nil
	}
	return &problem{status: http.StatusBadRequest, code: "AadPremiumLicenseRequired", message: "The tenant needs to have Microsoft Entra ID P2 or Microsoft Entra ID Governance license."}
}

func (c *call) listEligibleRoles() (reply, error) {
	if err := c.licensed(); err != nil {
		return reply{}, err
	}
	c.server.mu.RLock()
	defer c.server.mu.RUnlock()
	return c.listRoles("roleManagement/directory/roleEligibilityScheduleInstances", c.server.state.Eligible)
}

func (c *call) listEligibleMembers() (reply, error) {
	if err := c.licensed(); err != nil {
		return reply{}, err
	}
	asked, err := c.equals("principalId", "groupId")
	if err != nil {
		return reply{}, err
	}
	principal, ofOne := asked["principalId"]
	group, ofGroup := asked["groupId"]
	if !ofOne && !ofGroup {
		return reply{}, bad("The list needs a $filter on groupId or principalId.")
	}
	c.server.mu.RLock()
	defer c.server.mu.RUnlock()
	var list []eligibleMember
	for _, m := range c.server.state.Joins {
		if (!ofOne || strings.EqualFold(m.PrincipalID, principal)) && (!ofGroup || strings.EqualFold(m.GroupID, group)) {
			list = append(list, m)
		}
	}
	return c.page("identityGovernance/privilegedAccess/group/eligibilityScheduleInstances", len(list), -1, 0, func(b []byte, n int) []byte {
		b = append(b, '{')
		b = appendProperty(b, "id", list[n].ID)
		b = appendProperty(b, "principalId", list[n].PrincipalID)
		b = appendProperty(b, "groupId", list[n].GroupID)
		b = appendProperty(b, "accessId", "member")
		b = appendProperty(b, "memberType", "direct")
		return append(b, '}')
	}), nil
}
