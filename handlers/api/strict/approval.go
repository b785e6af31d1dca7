package strict

import "slices"

// Stage is approvalStage, as an approver decides it (APR-14). A status or reviewedBy that is not the present one is told by the
// command: somebody was faster.
var Stage = &Type{Name: "approvalStage", Members: append([]Member{
	{Name: "id", Kind: Text},
	{Name: "reviewResult", Kind: Enum, Values: []string{"Approve", "Deny", "NotReviewed", "Approved", "Denied"}},
	{Name: "justification", Kind: Text},
	{Name: "status", Kind: Text},
	{Name: "reviewedBy", Kind: Object, Of: &Type{Name: "identity", Synonyms: []string{"userIdentity"}, Members: append([]Member{
		{Name: "id", Kind: Text},
	}, noise("displayName", "userPrincipalName", "ipAddress")...)}},
}, noise("displayName", "assignedToMe", "reviewedDateTime", "@latchkey.unreached")...)}

// Nothing is the body of an action that takes no parameters.
var Nothing = &Type{Words: "this body, which takes none"}

// Requirements is the body of getApplicablePolicyRequirements.
var Requirements = &Type{Words: "getApplicablePolicyRequirements", Members: []Member{{Name: "subject", Kind: Object, Of: asked}}}

// asked is whom it asks about. All but the object id would be looked at by nobody.
var asked = &Type{Name: subject.Name, Members: func() []Member {
	members := slices.Clone(subject.Members)
	for i := range members {
		if m := &members[i]; m.Name != "objectId" && m.Name != "subjectType" {
			m.Kind, m.Never = None, "is not read here; objectId says whom it is about"
		}
	}
	return members
}()}
