package strict

import "strings"

// Request is accessPackageAssignmentRequest (REQ-01, REQ-10 to REQ-12).
var Request = &Type{Name: "accessPackageAssignmentRequest"}

// requestStates are those of requests for access and of resource requests.
var requestStates = []string{"submitted", "pendingApproval", "delivering", "delivered", "deliveryFailed", "denied", "scheduled", "canceled", "partiallyDelivered"}

func init() {
	Request.Adapt = adaptRequest
	Request.Members = append([]Member{
		{
			Name: "requestType", Kind: Enum, Is: "accessPackageRequestType", Values: []string{"userAdd", "userRemove", "adminAdd", "adminRemove",
				"systemRemove", "systemUpdate"}, // the last two are refused where the others are told apart
			Waiting: map[string]string{
				"userUpdate": waitsUpdates, "adminUpdate": waitsUpdates, "userExtend": waitsUpdates, "onBehalfAdd": waitsBehalf,
				"approverRemove": waitsRevocation,
				"systemAdd":      waitsAutomatic,
			},
		},
		{Name: "justification", Kind: Text},
		{Name: "answers", Kind: List, Of: answer},
		{Name: "schedule", Kind: Object, Of: requested},
		{Name: "assignment", Beta: []string{"accessPackageAssignment"}, Kind: Object, Of: Assignment},
		{Name: "accessPackage", Kind: Ref, Of: Package, Sets: packageSets},
		{Name: "requestor", Kind: Object, Of: subject},
		{Name: "isValidationOnly", Kind: Bool, Decided: true, Waits: waitsWho},
		{Name: "parameters", Of: parameters, Waits: waitsWho},
		{Name: "verifiedCredentialsData", Waits: waitsCredentials},
		{Name: "expirationDateTime", Never: "is not read; the end is in schedule/expiration"},
		{Name: "state", Kind: Noise, Is: "accessPackageRequestState", Values: requestStates},
		{Name: "history", Waits: waitsHistory},
		{Name: "customExtensionCalloutInstances", Waits: waitsExtensions},
		{Name: "customExtensionHandlerInstances", Waits: waitsExtensions},
	}, noise("id", "status", "requestState", "requestStatus", "createdDateTime", "completedDateTime", "completedDate")...)
}

var (
	// subject is accessPackageSubject. Whom it names must be the true one; that is looked at where the directory is known.
	subject = &Type{Name: "accessPackageSubject", Adapt: adaptSubject, Members: append([]Member{
		{Name: "id", Kind: Text},
		{Name: "objectId", Kind: Text},
		{Name: "email", Kind: Text},
		{Name: "principalName", Kind: Text},
		{
			Name: "subjectType", Beta: []string{"type"}, Kind: Enum, Is: "accessPackageSubjectType", Values: []string{"user", "notSpecified"},
			Waiting: waiting(waitsPrincipals, "servicePrincipal"),
		},
		{Name: "subjectLifecycle", Kind: Noise, Is: "accessPackageSubjectLifecycle", Values: []string{"notDefined", "notGoverned", "governed"}},
		{Name: "connectedOrganization", Waits: waitsOutside},
		{Name: "connectedOrganizationId", Waits: waitsOutside},
	}, noise("displayName", "onPremisesSecurityIdentifier", "altSecId", "cleanupScheduledDateTime")...)}

	// Assignment is accessPackageAssignment, as a request names what it is about.
	Assignment = &Type{Name: "accessPackageAssignment", Adapt: adaptAssignment, Members: append([]Member{
		{Name: "id", Kind: Text},
		{Name: "target", Kind: Object, Of: subject},
		{Name: "accessPackage", Kind: Ref, Of: Package, Sets: packageSets},
		{Name: "assignmentPolicy", Beta: []string{"accessPackageAssignmentPolicy"}, Kind: Ref, Of: Policy,
			Sets: []string{"assignmentPolicies", "accessPackageAssignmentPolicies"}},
		{Name: "schedule", Kind: Object, Of: requested},
		// Told to the objects before.
		{Name: "targetId", Kind: Noise},
		{Name: "accessPackageId", Kind: Noise},
		{Name: "assignmentPolicyId", Kind: Noise},
		{Name: "catalogId", Never: "is not read; the access package says which catalog"},
		{Name: "state", Kind: Noise, Is: "accessPackageAssignmentState", Values: []string{"delivering", "partiallyDelivered", "delivered", "expired", "deliveryFailed"}},
		{Name: "customExtensionCalloutInstances", Waits: waitsExtensions},
		{Name: "accessPackageAssignmentRequests", Waits: waitsHistory},
		{Name: "accessPackageAssignmentResourceRoles", Waits: waitsHistory},
		deliveries,
	}, noise("status", "assignmentState", "assignmentStatus", "expiredDateTime", "isExtended")...)}

	deliveries = Member{Name: "@latchkey.deliveries", Kind: Owned, Of: &Type{Words: "a delivery", Members: append([]Member{
		{Name: "grant", Kind: Object, Of: &Type{Words: "a grant", Members: []Member{
			{Name: "originSystem", Kind: Text}, {Name: "resourceOriginId", Kind: Text}, {Name: "role", Kind: Text},
		}}},
		{Name: "endDateTime", Kind: DateTime},
	}, noise("state", "reason", "leaving", "handle")...)}}

	// parameters ask for something even where they ask for false: that approval is not bypassed.
	parameters = &Type{Name: "accessPackageAssignmentRequestParameters"}
)

// adaptRequest refuses what nobody would look at for the kind of request: a removal is at once, and an add makes an assignment.
func adaptRequest(r *reading, n *node) error {
	about := n.find("assignment", "accessPackageAssignment")
	if given := n.find("parameters"); given != nil && len(given.inside) > 0 {
		return given.notYet(shown(given.name), waitsWho)
	}
	if about != nil && about.kind == isObject {
		if err := adaptAssignment(nil, about); err != nil { // so that both have the same names
			return err
		}
	}
	if pack, of := n.find("accessPackage"), about.find("accessPackage"); of != nil {
		if id := pack.find("id"); id != nil && id.kind != isNull {
			if err := of.identify("id", id); err != nil {
				return err
			}
		}
	}
	switch n.lower("requestType") {
	case "userremove", "adminremove":
		for _, name := range []string{"schedule", "answers"} {
			if given := n.find(name); given != nil && !nothing(Request.member(name), given) {
				return given.invalid("is not read of a removal, which is at once; leave it out")
			}
		}
		if id := about.lower("id"); id != "" {
			given := about.take(deliveries.Name)
			if given == nil || given.kind == isNull {
				return nil
			}
			list, err := repetition().list(deliveries.Of, given)
			r.refers = append(r.refers, referral{echo: echo{at: given, member: &deliveries, value: list}, of: Assignment, id: id})
			return err
		}
	case "useradd", "adminadd":
		if target := about.find("target"); n.lower("requestType") == "adminadd" && target.lower("objectId") == "" && target.lower("email") != "" {
			return target.find("email").notYet("email", waitsOutside)
		}
		if id := about.find("id"); id != nil && !nothing(Assignment.member("id"), id) {
			return id.invalid("cannot be given: an add makes a new assignment; leave it out")
		}
		if end := about.find("expiredDateTime"); end != nil && end.kind != isNull {
			return end.invalid("is not read; when access ends is asked for in schedule of the request")
		}
		if times := about.find("schedule"); times != nil && !nothing(Assignment.member("schedule"), times) {
			return times.invalid("is not read; when access begins and ends is asked for in schedule of the request")
		}
	}
	return nil
}

func adaptAssignment(_ *reading, n *node) error {
	if err := n.refer("accessPackageId", "accessPackage"); err != nil {
		return err
	}
	if err := n.refer("assignmentPolicyId", "assignmentPolicy", "accessPackageAssignmentPolicy"); err != nil {
		return err
	}
	id := n.find("targetId")
	if id == nil || id.kind == isNull {
		return nil
	}
	if err := id.must(isText); err != nil {
		return err
	}
	id.text = strings.TrimSpace(id.text)
	target := n.find("target")
	if target == nil || target.kind == isNull {
		n.take("target")
		return n.put("target", id.made(isObject, "", id.made(isText, id.text).named("objectId")))
	}
	if target.kind != isObject {
		return nil // refused where it is read
	}
	return target.identify("objectId", id)
}

// adaptSubject refuses who is named by words alone: a person is never found by name.
func adaptSubject(_ *reading, n *node) error {
	for _, id := range []string{"id", "objectId", "email", "principalName"} {
		if n.lower(id) != "" {
			return nil
		}
	}
	for _, words := range []string{"displayName", "onPremisesSecurityIdentifier", "altSecId"} {
		if given := n.find(words); given != nil && !nothing(nil, given) {
			return given.invalid("does not say who is meant; objectId is missing")
		}
	}
	return nil
}
