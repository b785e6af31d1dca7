package strict

// Stage is approvalStage, as an approver decides it (RULES APR-14). A status or reviewedBy that is not the present one is told by the command: somebody was faster.
var Stage = &Type{Name: "approvalStage", Members: append([]Member{
	{Name: "id", Kind: Text},
	{Name: "reviewResult", Kind: Enum, Values: []string{"Approve", "Deny", "NotReviewed", "Approved", "Denied"}},
	{Name: "justification", Kind: Text},
	{Name: "status", Kind: Text},
	{Name: "reviewedBy", Kind: Object, Of: &Type{Name: "identity", Synonyms: []string{"userIdentity"}, Members: append([]Member{
		{Name: "id", Kind: Text},
	}, noise("displayName", "userPrincipalName", "ipAddress")...)}},
}, noise("displayName", "assignedToMe", "reviewedDateTime")...)}

// Nothing is the body of an action that takes no parameters.
var Nothing = &Type{Name: "no parameters"}

// Requirements is the body of getApplicablePolicyRequirements (WIRE 5.4).
var Requirements = &Type{Name: "getApplicablePolicyRequirements", Members: []Member{{Name: "subject", Kind: Object, Of: subject}}}
