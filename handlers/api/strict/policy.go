package strict

import (
	"slices"
	"strconv"
	"strings"
)

// Policy is accessPackageAssignmentPolicy (POL-02 to POL-12).
var Policy = &Type{Name: "accessPackageAssignmentPolicy"}

func init() {
	Policy.Adapt = func(r *reading, n *node) error {
		for _, adapt := range []func(*reading, *node) error{adaptPolicyIDs, adaptExpiration, adaptRequestors} {
			if err := adapt(r, n); err != nil {
				return err
			}
		}
		return nil
	}
	Policy.Members = append([]Member{
		{Name: "id", Kind: Key},
		{Name: "displayName", Kind: Text},
		{Name: "description", Kind: Text},
		{
			Name: "allowedTargetScope", Kind: Enum, Is: "allowedTargetScope", Default: "notSpecified",
			Values:  []string{"notSpecified", "specificDirectoryUsers", "allMemberUsers", "allDirectoryUsers"},
			Waiting: scopesThatWait,
		},
		{Name: "specificAllowedTargets", Kind: List, Of: subjectSet},
		{Name: "expiration", Kind: Object, Of: expiration},
		{Name: "questions", Kind: List, Of: question},
		{Name: "requestorSettings", Kind: Object, Of: requestorSettings},
		{Name: "requestApprovalSettings", Kind: Object, Of: approvalSettings},
		{Name: "reviewSettings", Beta: []string{"accessReviewSettings"}, Kind: Object, Of: reviewSettings, Waits: waitsReviews},
		{Name: "notificationSettings", Beta: []string{"accessPackageNotificationSettings"}, Kind: Object, Of: notificationSettings},
		{Name: "automaticRequestSettings", Kind: Object, Of: automaticSettings},
		{Name: "customExtensionStageSettings", Waits: waitsExtensions},
		{Name: "customExtensionHandlers", Waits: waitsExtensions},
		{
			Name: "verifiableCredentialSettings", Kind: Object, Decided: true, Waits: waitsCredentials,
			Of: &Type{Name: "verifiableCredentialSettings", Members: []Member{{Name: "credentialTypes", Kind: Open, Waits: waitsCredentials}}},
		},
		{Name: "isDenied", Kind: Bool, Decided: true, Waits: waitsDenials},
		{Name: "accessPackage", Kind: Ref, Of: Package, Sets: packageSets},
		{Name: "catalog", Beta: []string{"accessPackageCatalog"}, Kind: Ref, Of: Catalog, Sets: catalogSets},
		// Beta's, told to others before. They are here for who misspells them.
		{Name: "accessPackageId", Kind: Noise},
		{Name: "catalogId", Kind: Noise},
		{Name: "canExtend", Kind: Bool, Decided: true, Waits: waitsUpdates},
		{Name: "durationInDays", Never: "is the policy's expiration"},
		{Name: "expirationDateTime", Never: "is the policy's expiration"},
	}, noise("createdDateTime", "modifiedDateTime", "createdBy", "modifiedBy")...)
}

var scopesThatWait = map[string]string{
	"specificConnectedOrganizationUsers":      waitsOutside,
	"allConfiguredConnectedOrganizationUsers": waitsOutside,
	"allExternalUsers":                        waitsOutside,
	"specificDirectoryServicePrincipals":      waitsPrincipals,
	"allDirectoryServicePrincipals":           waitsPrincipals,
	"allDirectoryAgentIdentities":             waitsPrincipals,
}

var (
	// behalf are the switches of what onBehalfRequestors may do.
	behalf            = []string{"enableOnBehalfRequestorsToAddAccess", "enableOnBehalfRequestorsToUpdateAccess", "enableOnBehalfRequestorsToRemoveAccess"}
	requestorSettings = &Type{Name: "accessPackageAssignmentRequestorSettings", Synonyms: []string{"requestorSettings"}, Members: []Member{
		{Name: "enableTargetsToSelfAddAccess", Beta: []string{"acceptRequests"}, Kind: Bool},
		{Name: "enableTargetsToSelfUpdateAccess", Kind: Bool, Waits: waitsUpdates},
		{Name: "enableTargetsToSelfRemoveAccess", Kind: Bool},
		{Name: "allowCustomAssignmentSchedule", Beta: []string{"isCustomAssignmentScheduleAllowed"}, Kind: Bool},
		{Name: behalf[0], Kind: Bool, Waits: waitsBehalf},
		{Name: behalf[1], Kind: Bool, Waits: waitsBehalf},
		{Name: behalf[2], Kind: Bool, Waits: waitsBehalf},
		{Name: "onBehalfRequestors", Kind: List, Of: subjectSet, Waits: waitsBehalf, On: behalf},
		{Name: "scopeType", Never: "is the policy's allowedTargetScope"},              // told to it before
		{Name: "allowedRequestors", Never: "are the policy's specificAllowedTargets"}, // likewise
	}}
	notificationSettings = &Type{Name: "accessPackageNotificationSettings",
		Members: []Member{{Name: "isAssignmentNotificationDisabled", Kind: Bool}}}
	automaticSettings = &Type{Name: "accessPackageAutomaticRequestSettings", Members: []Member{
		{Name: "requestAccessForAllowedTargets", Kind: Bool, Waits: waitsAutomatic},
		{Name: "removeAccessWhenTargetLeavesAllowedTargets", Kind: Bool, Waits: waitsAutomatic},
		{Name: "gracePeriodBeforeAccessRemoval", Kind: Duration},
	}}
	approvalSettings = &Type{Name: "accessPackageAssignmentApprovalSettings", Synonyms: []string{"approvalSettings"},
		Adapt: adaptApproval, Members: []Member{
			{Name: "isApprovalRequiredForAdd", Beta: []string{"isApprovalRequired"}, Kind: Bool, NeverNull: true},
			{Name: "isApprovalRequiredForUpdate", Beta: []string{"isApprovalRequiredForExtension"}, Kind: Bool, Waits: waitsUpdates},
			{Name: "isRequestorJustificationRequired", Kind: Bool},
			{Name: "stages", Beta: []string{"approvalStages"}, Kind: List, Of: stage},
			{Name: "approvalMode", Kind: Noise}, // it agrees with the others
		}}
	stage = &Type{Name: "accessPackageApprovalStage", Synonyms: []string{"approvalStage"}, Derived: []*Type{
		plainStage,
		{Name: "accessPackageDynamicApprovalStage", Waits: waitsExtensions},
	}, Untyped: func(*node) *Type { return plainStage }}
	plainStage   = &Type{Name: "accessPackageApprovalStage", Synonyms: []string{"approvalStage"}, Adapt: adaptStage, Members: stageMembers}
	stageMembers = []Member{
		{Name: "durationBeforeAutomaticDenial", Kind: Duration},
		{Name: "isApproverJustificationRequired", Kind: Bool},
		{Name: "isEscalationEnabled", Kind: Bool},
		{Name: "durationBeforeEscalation", Kind: Duration},
		{Name: "approverInformationVisibility", Kind: Enum, Is: "approverInformationVisibility", Values: []string{"default"},
			Default: "default", Waits: waitsVisibility},
		{Name: "primaryApprovers", Kind: List, Of: subjectSet},
		{Name: "fallbackPrimaryApprovers", Kind: List, Of: subjectSet},
		{Name: "escalationApprovers", Kind: List, Of: subjectSet},
		{Name: "fallbackEscalationApprovers", Kind: List, Of: subjectSet},
		{Name: "approvalStageTimeOutInDays", Kind: Noise}, // told to durationBeforeAutomaticDenial before
		{Name: "escalationTimeInMinutes", Kind: Noise},    // likewise
		{Name: "customExtension", Waits: waitsExtensions},
	}
	reviewSettings = &Type{
		Name: "accessPackageAssignmentReviewSettings", Synonyms: []string{"assignmentReviewSettings"}, Adapt: adaptReviews, Members: []Member{
			{Name: "isEnabled", Kind: Bool},
			{
				Name: "expirationBehavior", Beta: []string{"accessReviewTimeoutBehavior"}, Kind: Enum, Is: "accessReviewExpirationBehavior",
				Values: []string{"keepAccess", "removeAccess", "acceptAccessRecommendation"},
			},
			{Name: "isRecommendationEnabled", Beta: []string{"isAccessRecommendationEnabled"}, Kind: Bool},
			{Name: "isReviewerJustificationRequired", Beta: []string{"isApprovalJustificationRequired"}, Kind: Bool},
			{Name: "isSelfReview", Kind: Bool},
			{Name: "schedule", Kind: Object, Of: schedule},
			{Name: "primaryReviewers", Beta: []string{"reviewers"}, Kind: List, Of: subjectSet},
			{Name: "fallbackReviewers", Kind: List, Of: subjectSet},
			// Beta's, told to schedule and primaryReviewers before.
			{Name: "reviewerType", Kind: Noise},
			{Name: "recurrenceType", Kind: Noise},
			{Name: "durationInDays", Kind: Noise},
			{Name: "startDateTime", Kind: Noise},
		},
	}
)

func adaptPolicyIDs(_ *reading, n *node) error {
	if err := n.refer("accessPackageId", "accessPackage"); err != nil {
		return err
	}
	return n.refer("catalogId", "catalog", "accessPackageCatalog")
}

// adaptExpiration makes an expiration of beta's two members. Both empty mean that there is no end; to say that of a policy that has one
// takes both.
func adaptExpiration(r *reading, n *node) error {
	days, date := n.take("durationInDays"), n.take("expirationDateTime")
	if days == nil && date == nil {
		return nil
	}
	first := days
	if days == nil {
		first = date
	}
	var inside []*node
	count, err := days.count()
	if err != nil {
		return err
	}
	switch hasDate := date != nil && date.kind != isNull; {
	case count > 0 && hasDate:
		return date.invalid("and %s cannot both be given; an access has one end", days.path())
	case hasDate:
		inside = []*node{date.made(isText, "afterDateTime").named("type"), date.made(date.kind, date.text, date.inside...).named("endDateTime")}
	case count > 0:
		inside = []*node{days.made(isText, "afterDuration").named("type"),
			days.made(isText, "P"+strconv.FormatInt(count, 10)+"D").named("duration")}
	case r.change && (days == nil || date == nil):
		return first.invalid("takes the end away only together with the other of durationInDays and expirationDateTime; send expiration instead")
	default:
		inside = []*node{first.made(isText, "noExpiration").named("type")}
	}
	return n.put("expiration", first.made(isObject, "", inside...))
}

// betaScopes are beta's words for allowedTargetScope.
var betaScopes = map[string]string{
	"nosubjects":                                 "notSpecified",
	"specificdirectorysubjects":                  "specificDirectoryUsers",
	"allexistingdirectorymemberusers":            "allMemberUsers",
	"allexistingdirectorysubjects":               "allDirectoryUsers",
	"specificconnectedorganizationsubjects":      "specificConnectedOrganizationUsers",
	"allconfiguredconnectedorganizationsubjects": "allConfiguredConnectedOrganizationUsers",
	"allexternalsubjects":                        "allExternalUsers",
}

// adaptRequestors tells the policy what beta keeps in requestorSettings, and requestorSettings what beta keeps in the policy.
func adaptRequestors(_ *reading, n *node) error {
	settings := n.find("requestorSettings")
	if scope := settings.take("scopeType"); scope != nil && scope.kind != isNull {
		if err := scope.must(isText); err != nil {
			return err
		}
		v1, known := betaScopes[strings.ToLower(scope.text)]
		if !known {
			return scope.invalid("cannot be %q; use allowedTargetScope of the policy", shown(scope.text))
		}
		scope.text = v1
		if err := n.put("allowedTargetScope", scope); err != nil {
			return err
		}
	}
	if people := settings.take("allowedRequestors"); people != nil {
		if err := n.put("specificAllowedTargets", people); err != nil {
			return err
		}
	}
	return nil
}

// adaptApproval wants to be told whether the people in the stages are to be asked, and looks whether beta's word for how stages follow one
// another agrees with them: they run one after the other.
func adaptApproval(r *reading, n *node) error {
	mode, required, stages := n.find("approvalMode"), n.find("isApprovalRequired", "isApprovalRequiredForAdd"), n.find("approvalStages", "stages")
	switch err := n.switched(required, "isApprovalRequiredForAdd"); {
	case err == nil || r.echoed || stages == nil || !slices.ContainsFunc(stages.inside, (*node).namesApprovers):
	case r.change && required == nil: // it may be on where it is stored
		on := map[string]any{"isApprovalRequiredForAdd": true}
		r.echoes = append(r.echoes, echo{at: stages, member: Policy.member("requestApprovalSettings"), value: on, err: err})
	default:
		return err
	}
	if mode == nil || mode.kind == isNull {
		return nil
	}
	if err := mode.must(isText); err != nil {
		return err
	}
	count := 0
	if stages != nil {
		count = len(stages.inside)
	}
	asked := required != nil && !nothing(nil, required)
	switch mode := strings.ToLower(mode.text); {
	case mode == "noapproval" && required != nil && !asked, mode == "singlestage" && asked && count == 1,
		mode == "serial" && asked && count > 0:
		return nil
	}
	return mode.invalid("cannot be %q beside these stages; leave it out and send isApprovalRequiredForAdd and stages, which are asked one after the other", shown(mode.text))
}

// switched is the error that it is not said whether people are to be asked: silence would not ask them. It is nil if it is.
func (n *node) switched(on *node, name string) error {
	if on != nil && on.kind != isNull {
		return nil
	}
	return (&node{parent: n, name: name}).invalid("must be true or false beside people who could be asked")
}

// namesApprovers says whether a stage names anybody.
func (n *node) namesApprovers() bool {
	return slices.ContainsFunc(n.inside, func(one *node) bool {
		m := plainStage.member(one.as)
		return m != nil && m.Of == subjectSet && len(one.inside) > 0
	})
}

// adaptStage translates beta's times, and its fallbacks, which are among the approvers there.
func adaptStage(r *reading, n *node) error {
	for _, alternates := range []*node{n.find("escalationApprovers"), n.find("fallbackEscalationApprovers")} {
		if err := n.switched(n.find("isEscalationEnabled"), "isEscalationEnabled"); err != nil && !r.echoed && alternates != nil && len(alternates.inside) > 0 {
			return err
		}
	}
	if err := n.spell("approvalStageTimeOutInDays", "durationBeforeAutomaticDenial", "P", "D"); err != nil {
		return err
	}
	if err := n.spell("escalationTimeInMinutes", "durationBeforeEscalation", "PT", "M"); err != nil {
		return err
	}
	if err := n.fallback(n.find("primaryApprovers"), "fallbackPrimaryApprovers"); err != nil {
		return err
	}
	return n.fallback(n.find("escalationApprovers"), "fallbackEscalationApprovers")
}

// count is a number of something; none is 0.
func (n *node) count() (int64, error) {
	if n == nil || n.kind == isNull {
		return 0, nil
	}
	count, err := integer(n)
	if err == nil && count < 0 {
		err = n.invalid("cannot be less than nothing")
	}
	return count, err
}

// spell writes a number of days or minutes as a duration. None or nothing is none.
func (n *node) spell(beta, name, before, after string) error {
	number := n.find(beta)
	count, err := number.count()
	if err != nil || count == 0 {
		return err
	}
	if after == "M" && count%(24*60) == 0 {
		count, before, after = count/(24*60), "P", "D"
	}
	return n.put(name, number.made(isText, before+strconv.FormatInt(count, 10)+after))
}

// betaRecurrences are beta's words for how often a review recurs.
var betaRecurrences = map[string][2]string{
	"weekly": {"weekly", "1"}, "monthly": {"absoluteMonthly", "1"}, "quarterly": {"absoluteMonthly", "3"},
	"halfyearly": {"absoluteMonthly", "6"}, "annual": {"absoluteMonthly", "12"},
}

// adaptReviews makes v1.0's review settings of beta's.
func adaptReviews(_ *reading, n *node) error {
	if err := n.fallback(n.find("reviewers", "primaryReviewers"), "fallbackReviewers"); err != nil {
		return err
	}
	if kind := n.find("reviewerType"); kind != nil && kind.kind != isNull {
		var err error
		switch strings.ToLower(kind.text) {
		case "": // nobody, of what is off
		case "self":
			err = n.put("isSelfReview", kind.made(isBool, "true"))
		case "manager":
			manager := kind.made(isObject, "", kind.made(isText, "#microsoft.graph.requestorManager").named("@odata.type"),
				kind.made(isNumber, "1").named("managerLevel"))
			if named := n.find("reviewers"); named != nil && len(named.inside) == 0 {
				n.take("reviewers")
			}
			err = n.put("primaryReviewers", kind.made(isList, "", manager))
		case "reviewers":
		default:
			err = kind.invalid("cannot be %q; use Self, Reviewers or Manager", shown(kind.text))
		}
		if err != nil {
			return err
		}
	}
	return n.adaptReviewTimes()
}

func (n *node) adaptReviewTimes() error {
	var parts []*node
	if start := n.find("startDateTime"); start != nil && start.kind != isNull {
		parts = append(parts, start.made(start.kind, start.text, start.inside...).named("startDateTime"))
	}
	days := n.find("durationInDays")
	if count, err := days.count(); err != nil {
		return err
	} else if count > 0 {
		parts = append(parts, days.made(isObject, "",
			days.made(isText, "afterDuration").named("type"),
			days.made(isText, "P"+strconv.FormatInt(count, 10)+"D").named("duration")).named("expiration"))
	}
	if often := n.find("recurrenceType"); often != nil && often.text != "" && !strings.EqualFold(often.text, "none") {
		pattern, known := betaRecurrences[strings.ToLower(often.text)]
		if !known {
			return often.invalid("cannot be %q; use weekly, monthly, quarterly, halfyearly or annual", shown(often.text))
		}
		parts = append(parts, often.made(isObject, "",
			often.made(isObject, "", often.made(isText, pattern[0]).named("type"),
				often.made(isNumber, pattern[1]).named("interval")).named("pattern"),
			often.made(isObject, "", often.made(isText, "noEnd").named("type")).named("range")).named("recurrence"))
	}
	if len(parts) == 0 {
		return nil
	}
	return n.put("schedule", parts[0].made(isObject, "", parts...))
}
