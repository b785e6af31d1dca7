package strict

import "latchkey/shared/governance"

// subjectSet is one description of people; it is read where somebody is named (RULES POL-03).
var subjectSet = &Type{Name: "subjectSet", Synonyms: []string{"userSet"}, Derived: []*Type{
	{Name: "singleUser", Members: []Member{{Name: "userId", Beta: []string{"id"}, Kind: GUID, Needed: true}, {Name: "description", Kind: Text}, backup}},
	{Name: "groupMembers", Members: []Member{{Name: "groupId", Beta: []string{"id"}, Kind: GUID, Needed: true}, {Name: "description", Kind: Text}, backup}},
	{Name: "requestorManager", Members: []Member{{Name: "managerLevel", Kind: Int, Most: governance.MaxManagerLevel}, backup}},
	{Name: "targetManager", Waits: waitsBehalf},
	{Name: "internalSponsors", Waits: waitsOutside},
	{Name: "externalSponsors", Waits: waitsOutside},
	{Name: "targetUserSponsors", Waits: waitsApprovers},
	{Name: "targetApplicationOwners", Waits: waitsPrincipals},
	{Name: "targetAgentIdentitySponsorsOrOwners", Waits: waitsPrincipals},
	{Name: "singleServicePrincipal", Waits: waitsPrincipals},
	{Name: "connectedOrganizationMembers", Waits: waitsOutside},
	{Name: "attributeRuleMembers", Waits: waitsAutomatic},
	{Name: "ruleBasedSubjectSet", Waits: waitsAutomatic},
	{Name: "groupBasedSubjectSet", Waits: waitsAutomatic},
}}

// backup is beta's word for a fallback. Where there are fallbacks it was taken out before.
var backup = Member{Name: "isBackup", Never: "makes a fallback of it, and here there are none"}

// fallback moves those of a list of people that are its fallbacks in beta to the list that v1.0 has for them.
func (n *node) fallback(list, fallbacks string) error {
	var moved []*node
	from, to := n.find(list), n.find(fallbacks)
	if from != nil && from.kind == isList {
		var kept []*node
		for _, one := range from.inside {
			flag := one.take("isBackup")
			isBackup := false
			if flag != nil && flag.kind != isNull {
				value, err := boolean(flag)
				if err != nil {
					return err
				}
				isBackup = value == true
			}
			if isBackup {
				moved = append(moved, one)
			} else {
				kept = append(kept, one)
			}
		}
		from.inside = kept
	}
	if to != nil && to.kind == isList {
		for _, one := range to.inside {
			one.take("isBackup")
		}
	}
	switch {
	case len(moved) == 0:
	case to == nil || to.kind == isNull:
		n.take(fallbacks)
		return n.put(fallbacks, from.made(isList, "", moved...))
	case to.kind == isList:
		to.inside = append(to.inside, moved...)
	}
	return nil
}
