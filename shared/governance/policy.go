package governance

import (
	"encoding/json"
	"fmt"
	"time"
)

// TargetScope says for whom access can be requested or assigned under a policy (POL-02).
type TargetScope string

// The target scopes that Latchkey evaluates.
const (
	ScopeNotSpecified           TargetScope = "notSpecified" // direct assignment only
	ScopeSpecificDirectoryUsers TargetScope = "specificDirectoryUsers"
	ScopeAllMemberUsers         TargetScope = "allMemberUsers"    // guests excluded
	ScopeAllDirectoryUsers      TargetScope = "allDirectoryUsers" // guests included
)

// UnmarshalJSON reads it in any letter case; scopes of Graph that are not evaluated yet are refused, because a policy that silently never applies is a trap.
func (s *TargetScope) UnmarshalJSON(data []byte) error {
	return decodeEnum(data, s, "allowedTargetScope", ScopeNotSpecified, ScopeSpecificDirectoryUsers, ScopeAllMemberUsers, ScopeAllDirectoryUsers)
}

// AssignmentPolicy is Graph's accessPackageAssignmentPolicy: who may have a package, who approves, and for how long.
type AssignmentPolicy struct {
	ID                 string      `json:"id,omitempty"`
	DisplayName        string      `json:"displayName,omitempty"`
	Description        string      `json:"description,omitempty"`
	AllowedTargetScope TargetScope `json:"allowedTargetScope,omitempty"`
	SpecificAllowed    SubjectSets `json:"specificAllowedTargets"`
	Expiration         *Expiration `json:"expiration,omitempty"`
	CreatedDateTime    *DateTime   `json:"createdDateTime,omitempty"`
	ModifiedDateTime   *DateTime   `json:"modifiedDateTime,omitempty"`
	Questions          Questions   `json:"questions"`

	RequestorSettings       *RequestorSettings    `json:"requestorSettings,omitempty"`
	RequestApprovalSettings *ApprovalSettings     `json:"requestApprovalSettings,omitempty"`
	ReviewSettings          *ReviewSettings       `json:"reviewSettings,omitempty"`
	NotificationSettings    *NotificationSettings `json:"notificationSettings,omitempty"`
	AutomaticRequest        *AutomaticSettings    `json:"automaticRequestSettings,omitempty"`

	AccessPackage *AccessPackage `json:"accessPackage,omitempty"` // stored as its id
	Catalog       *Catalog       `json:"catalog,omitempty"`       // stored as its id
}

// Kept are subject sets that nobody resolves in this release, of whatever kind: as the client wrote them.
type Kept = collection[json.RawMessage]

// RequestorSettings is Graph's accessPackageAssignmentRequestorSettings (POL-04).
type RequestorSettings struct {
	EnableTargetsToSelfAddAccess     bool `json:"enableTargetsToSelfAddAccess"`
	EnableTargetsToSelfUpdateAccess  bool `json:"enableTargetsToSelfUpdateAccess"`
	EnableTargetsToSelfRemoveAccess  bool `json:"enableTargetsToSelfRemoveAccess"`
	AllowCustomAssignmentSchedule    bool `json:"allowCustomAssignmentSchedule"`
	EnableOnBehalfRequestorsToAdd    bool `json:"enableOnBehalfRequestorsToAddAccess"`
	EnableOnBehalfRequestorsToUpdate bool `json:"enableOnBehalfRequestorsToUpdateAccess"`
	EnableOnBehalfRequestorsToRemove bool `json:"enableOnBehalfRequestorsToRemoveAccess"`
	OnBehalfRequestors               Kept `json:"onBehalfRequestors"`
}

// ApprovalSettings is Graph's accessPackageAssignmentApprovalSettings (APR-01).
type ApprovalSettings struct {
	IsApprovalRequiredForAdd         bool                              `json:"isApprovalRequiredForAdd"`
	IsApprovalRequiredForUpdate      bool                              `json:"isApprovalRequiredForUpdate"`
	IsRequestorJustificationRequired bool                              `json:"isRequestorJustificationRequired"`
	Stages                           collection[ApprovalStageSettings] `json:"stages"`
}

// MaxStages bounds the stages of an approval (LIM-05).
const MaxStages = 3

// DefaultAutomaticDenial is how long a stage waits when its settings do not say: the portal's default (APR-06).
var DefaultAutomaticDenial = Days(14)

// ApprovalStageSettings is Graph's accessPackageApprovalStage (APR-02).
type ApprovalStageSettings struct {
	DurationBeforeAutomaticDenial   *Duration   `json:"durationBeforeAutomaticDenial,omitempty"`
	IsApproverJustificationRequired bool        `json:"isApproverJustificationRequired"`
	IsEscalationEnabled             bool        `json:"isEscalationEnabled"`
	DurationBeforeEscalation        *Duration   `json:"durationBeforeEscalation,omitempty"`
	ApproverInformationVisibility   string      `json:"approverInformationVisibility,omitempty"`
	PrimaryApprovers                SubjectSets `json:"primaryApprovers"`
	FallbackPrimaryApprovers        SubjectSets `json:"fallbackPrimaryApprovers"`
	EscalationApprovers             SubjectSets `json:"escalationApprovers"`
	FallbackEscalationApprovers     SubjectSets `json:"fallbackEscalationApprovers"`
}

// Managers is how far up the managers are that the stage may ask.
func (s ApprovalStageSettings) Managers() int {
	levels := 0
	for _, sets := range s.Approvers() {
		levels = max(levels, sets.Needs().Managers)
	}
	return levels
}

// Ends is the expiration, nil if there is none.
func (p *AssignmentPolicy) Ends() *Expiration {
	if p == nil {
		return nil
	}
	return p.Expiration
}

// Approvers are all who may come to decide the stage.
func (s ApprovalStageSettings) Approvers() []SubjectSets {
	return []SubjectSets{s.PrimaryApprovers, s.FallbackPrimaryApprovers, s.EscalationApprovers, s.FallbackEscalationApprovers}
}

// ReviewSettings is Graph's accessPackageAssignmentReviewSettings. They are kept; the reviews themselves come with a later release.
type ReviewSettings struct {
	IsEnabled                       bool      `json:"isEnabled"`
	ExpirationBehavior              string    `json:"expirationBehavior,omitempty"`
	IsRecommendationEnabled         bool      `json:"isRecommendationEnabled"`
	IsReviewerJustificationRequired bool      `json:"isReviewerJustificationRequired"`
	IsSelfReview                    bool      `json:"isSelfReview"`
	Schedule                        *Schedule `json:"schedule,omitempty"`
	PrimaryReviewers                Kept      `json:"primaryReviewers"`
	FallbackReviewers               Kept      `json:"fallbackReviewers"`
}

// AutomaticSettings is Graph's accessPackageAutomaticRequestSettings. They are kept where they ask for nothing; automatic assignment comes with a later release.
type AutomaticSettings struct {
	RequestAccessForAllowedTargets             bool      `json:"requestAccessForAllowedTargets"`
	RemoveAccessWhenTargetLeavesAllowedTargets bool      `json:"removeAccessWhenTargetLeavesAllowedTargets"`
	GracePeriodBeforeAccessRemoval             *Duration `json:"gracePeriodBeforeAccessRemoval,omitempty"`
}

// NotificationSettings is Graph's accessPackageNotificationSettings (POL-12).
type NotificationSettings struct {
	IsAssignmentNotificationDisabled bool `json:"isAssignmentNotificationDisabled"`
}

// DocumentKind implements Document.
func (AssignmentPolicy) DocumentKind() string { return "policy" }

// DocumentID implements Document.
func (p AssignmentPolicy) DocumentID() string { return p.ID }

// Requestor is the requestor settings, those of a policy that nobody can use if there are none.
func (p *AssignmentPolicy) Requestor() RequestorSettings {
	if p.RequestorSettings == nil {
		return RequestorSettings{}
	}
	return *p.RequestorSettings
}

// Approval is the approval settings, those of no approval if there are none.
func (p *AssignmentPolicy) Approval() ApprovalSettings {
	if p.RequestApprovalSettings == nil {
		return ApprovalSettings{}
	}
	return *p.RequestApprovalSettings
}

// Validate checks a policy that is about to be stored and fills in what may be left out; now is the present, before is the end that the policy had until now (the zero time: none), newID
// names questions. Errors: CodeInvalid naming the property.
func (p *AssignmentPolicy) Validate(now, before time.Time, newID func() string) error {
	if err := validateName(&p.DisplayName, p.Description); err != nil {
		return err
	}
	if p.RequestorSettings == nil {
		p.RequestorSettings = &RequestorSettings{}
	}
	if p.RequestApprovalSettings == nil {
		p.RequestApprovalSettings = &ApprovalSettings{}
	}
	if p.NotificationSettings == nil {
		p.NotificationSettings = &NotificationSettings{}
	}
	if p.Expiration == nil {
		p.Expiration = &Expiration{Type: ExpirationNotSpecified}
	}
	if p.AllowedTargetScope == "" {
		p.AllowedTargetScope = ScopeNotSpecified
	}
	if p.AllowedTargetScope == ScopeSpecificDirectoryUsers && len(p.SpecificAllowed) == 0 {
		return Invalid("specificAllowedTargets", "allowedTargetScope is specificDirectoryUsers, so specificAllowedTargets must name at least one user or group.")
	}
	if p.AllowedTargetScope != ScopeSpecificDirectoryUsers && len(p.SpecificAllowed) > 0 {
		return Invalid("specificAllowedTargets", "specificAllowedTargets goes with allowedTargetScope specificDirectoryUsers only.")
	}
	for i, set := range p.SpecificAllowed {
		if what, _ := set.Names(); what == "" {
			return Invalid(fmt.Sprintf("specificAllowedTargets/%d", i), "%s can approve, but is nobody in particular to assign to.", odataName(set.odataType()))
		}
	}
	if err := p.Expiration.Validate("expiration"); err != nil {
		return err
	}
	// An end that was set when it lay ahead stays: it may not keep the policy from being changed.
	if end := p.Expiration.End(now); !end.IsZero() && !end.After(now) && !end.Equal(before) {
		return Invalid("expiration/endDateTime", "endDateTime is past, so nobody could be given access; it must be after %s.", FormatInstant(now))
	}
	if p.ReviewSettings != nil && p.ReviewSettings.Schedule != nil {
		if err := p.ReviewSettings.Schedule.Expiration.Validate("reviewSettings/schedule/expiration"); err != nil {
			return err
		}
		if err := validateRecurrence("reviewSettings/schedule/recurrence", p.ReviewSettings.Schedule.Recurrence); err != nil {
			return err
		}
	}
	if err := p.Questions.validate(newID); err != nil {
		return err
	}
	if err := p.validateApproval(now); err != nil {
		return err
	}
	return p.validateSize()
}

func (p *AssignmentPolicy) validateApproval(now time.Time) error {
	approval := p.Approval()
	if len(approval.Stages) > MaxStages {
		return Invalid("requestApprovalSettings/stages", "An approval has at most %d stages.", MaxStages)
	}
	if approval.IsApprovalRequiredForAdd && len(approval.Stages) == 0 {
		return Invalid("requestApprovalSettings/stages", "isApprovalRequiredForAdd is true, so stages must hold at least one stage with primaryApprovers.")
	}
	for i, stage := range approval.Stages {
		at := fmt.Sprintf("requestApprovalSettings/stages/%d/", i)
		if len(stage.PrimaryApprovers) == 0 {
			return Invalid(at+"primaryApprovers", "A stage needs at least one primary approver.")
		}
		if stage.DurationBeforeAutomaticDenial != nil && stage.DurationBeforeAutomaticDenial.IsZero() {
			return Invalid(at+"durationBeforeAutomaticDenial", "durationBeforeAutomaticDenial must be longer than nothing.")
		}
		if stage.IsEscalationEnabled && (stage.DurationBeforeEscalation == nil || stage.DurationBeforeEscalation.IsZero() || len(stage.EscalationApprovers) == 0) {
			return Invalid(at+"escalationApprovers", "isEscalationEnabled is true, so durationBeforeEscalation and escalationApprovers must be given.")
		}
		if stage.IsEscalationEnabled {
			denial := DefaultAutomaticDenial
			if stage.DurationBeforeAutomaticDenial != nil {
				denial = *stage.DurationBeforeAutomaticDenial
			}
			if !stage.DurationBeforeEscalation.AddTo(now).Before(denial.AddTo(now)) {
				return Invalid(at+"durationBeforeEscalation", "durationBeforeEscalation must be shorter than durationBeforeAutomaticDenial (%s), or the alternates would never be asked.", denial)
			}
		}
	}
	return nil
}
