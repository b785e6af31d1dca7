package strict

import "latchkey/shared/governance"

// subjectSet is one description of people; it is read where somebody is named (POL-03).
var subjectSet = &Type{Name: "subjectSet", Synonyms: []string{"userSet"}, Derived: []*Type{
	{Name: "singleUser", Members: []Member{{Name: "userId", Beta: []string{"id"}, Kind: GUID, Needed: true}, directoryName, backup}},
	{Name: "groupMembers", Members: []Member{{Name: "groupId", Beta: []string{"id"}, Kind: GUID, Needed: true}, directoryName, backup}},
	{Name: "requestorManager", Members: []Member{managerLevel, backup}},
	{Name: "targetManager", Waits: waitsBehalf, Members: []Member{managerLevel}},
	{Name: "internalSponsors", Waits: waitsOutside},
	{Name: "externalSponsors", Waits: waitsOutside},
	{Name: "targetUserSponsors", Waits: waitsApprovers},
	{Name: "targetApplicationOwners", Waits: waitsPrincipals},
	{Name: "targetAgentIdentitySponsorsOrOwners", Waits: waitsPrincipals},
	{Name: "singleServicePrincipal", Waits: waitsPrincipals, Members: []Member{{Name: "servicePrincipalId", Beta: []string{"id"}, Kind: GUID, Needed: true}, directoryName}},
	{Name: "connectedOrganizationMembers", Waits: waitsOutside, Members: []Member{{Name: "connectedOrganizationId", Beta: []string{"id"}, Kind: GUID, Needed: true}, directoryName}},
	{Name: "attributeRuleMembers", Waits: waitsAutomatic, Members: []Member{{Name: "membershipRule", Kind: Text}, directoryName}},
}}

var managerLevel = Member{Name: "managerLevel", Kind: Int, Most: governance.MaxManagerLevel}

// directoryName is whom an id is of, in the words of a client; what they were might be another's name, so they are not kept.
var directoryName = Member{Name: "description", Kind: Noise}

// backup is beta's word for a fallback. Where there are fallbacks it was taken out before.
var backup = Member{Name: "isBackup", Kind: Bool, Decided: true, Never: "makes a fallback of it, and here there are none"}

// fallback moves those of a list of people that are its fallbacks in beta to the list that v1.0 has for them.
func (n *node) fallback(from *node, fallbacks string) error {
	var moved []*node
	to := n.find(fallbacks)
	for _, people := range []*node{from, to} {
		if people == nil || people.kind != isList {
			continue
		}
		var kept []*node
		for _, one := range people.inside {
			flag := one.take("isBackup")
			isBackup := false
			if flag != nil && flag.kind != isNull {
				value, err := boolean(flag)
				if err != nil {
					return err
				}
				isBackup = value == true
			}
			if isBackup && people == from {
				moved = append(moved, one)
			} else {
				kept = append(kept, one)
			}
		}
		people.inside = kept
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
