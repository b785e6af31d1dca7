package governance

import (
	"slices"
	"strings"
	"time"
)

// RequestType is Graph's accessPackageRequestType.
type RequestType string

// The request types of this release (REQ-01).
const (
	RequestUserAdd      RequestType = "userAdd"
	RequestUserRemove   RequestType = "userRemove"
	RequestAdminAdd     RequestType = "adminAdd"
	RequestAdminRemove  RequestType = "adminRemove"
	RequestSystemRemove RequestType = "systemRemove" // made by Latchkey when access ends (REQ-18)
	RequestSystemUpdate RequestType = "systemUpdate" // made by Latchkey when the resource roles of a package change (RES-12)
)

// UnmarshalJSON reads it in any letter case; types that only Latchkey makes, and those of later releases, are refused by name.
func (t *RequestType) UnmarshalJSON(data []byte) error {
	return decodeEnum(data, t, "requestType", RequestUserAdd, RequestUserRemove, RequestAdminAdd, RequestAdminRemove, RequestSystemRemove, RequestSystemUpdate)
}

// IsRemoval says whether a request of this type takes access away.
func (t RequestType) IsRemoval() bool {
	return t == RequestUserRemove || t == RequestAdminRemove || t == RequestSystemRemove
}

// IsAddition says whether a request of this type asks for an assignment.
func (t RequestType) IsAddition() bool { return !t.IsRemoval() && t != RequestSystemUpdate }

// IsSelf says whether it is made by those for whom it is.
func (t RequestType) IsSelf() bool { return t == RequestUserAdd || t == RequestUserRemove }

// RequestState is Graph's accessPackageRequestState. What may follow what is the table of shared/engine.
type RequestState string

// The request states (REQ-02).
const (
	StateSubmitted          RequestState = "submitted"
	StatePendingApproval    RequestState = "pendingApproval"
	StateScheduled          RequestState = "scheduled"
	StateDelivering         RequestState = "delivering"
	StateDelivered          RequestState = "delivered"
	StatePartiallyDelivered RequestState = "partiallyDelivered"
	StateDeliveryFailed     RequestState = "deliveryFailed"
	StateDenied             RequestState = "denied"
	StateCanceled           RequestState = "canceled"
)

// RequestStates lists all of them.
func RequestStates() []RequestState {
	return []RequestState{StateSubmitted, StatePendingApproval, StateScheduled, StateDelivering, StateDelivered, StatePartiallyDelivered, StateDeliveryFailed, StateDenied, StateCanceled}
}

// UnmarshalJSON reads it in any letter case.
func (s *RequestState) UnmarshalJSON(data []byte) error {
	return decodeEnum(data, s, "state", RequestStates()...)
}

// IsInFlight says whether a request in this state still waits for something.
func (s RequestState) IsInFlight() bool {
	return s == StateSubmitted || s == StatePendingApproval || s == StateScheduled || s == StateDelivering
}

// The values of status, Graph's finer word for a state (REQ-03).
const (
	StatusAccepted                 = "Accepted"
	StatusAutoApproved             = "AutoApproved"
	StatusPendingApproval          = "PendingApproval"
	StatusPendingApprovalEscalated = "PendingApprovalEscalated"
	StatusPendingNotBefore         = "PendingNotBefore"
	StatusDelivering               = "Delivering"
	StatusFulfilled                = "Fulfilled"
	StatusPartiallyFulfilled       = "PartiallyFulfilled"
	StatusFailed                   = "Failed"
	StatusDenied                   = "Denied"
	StatusExpired                  = "Expired" // no approver decided in time (REQ-05)
	StatusCanceled                 = "Canceled"
)

// AssignmentRequest is Graph's accessPackageAssignmentRequest, with the two things that Latchkey keeps beside it: the policy as it was when the request was
// submitted, and the approval, which Graph serves as a resource of its own.
type AssignmentRequest struct {
	ID                string               `json:"id,omitempty"`
	RequestType       RequestType          `json:"requestType,omitempty"`
	State             RequestState         `json:"state,omitempty"`
	Status            string               `json:"status,omitempty"`
	Justification     string               `json:"justification,omitempty"`
	CreatedDateTime   *DateTime            `json:"createdDateTime,omitempty"`
	CompletedDateTime *DateTime            `json:"completedDateTime,omitempty"`
	Schedule          *Schedule            `json:"schedule,omitempty"`
	Answers           collection[Answer]   `json:"answers"`
	CalloutInstances  collection[struct{}] `json:"customExtensionCalloutInstances"`

	AccessPackage *AccessPackage `json:"accessPackage,omitempty"`
	Assignment    *Assignment    `json:"assignment,omitempty"`
	Requestor     *Subject       `json:"requestor,omitempty"`

	Policy   *AssignmentPolicy `json:"policy,omitempty"`
	Approval *Approval         `json:"approval,omitempty"`
}

// Approval is Graph's approval; its id is that of the request (APR-14).
type Approval struct {
	ID     string                    `json:"id,omitempty"`
	Stages collection[ApprovalStage] `json:"stages"`
}

// StageStatus is the status of an approval stage.
type StageStatus string

// The stage statuses (APR-14).
const (
	StageInitializing StageStatus = "Initializing" // a stage before it is still open
	StageInProgress   StageStatus = "InProgress"
	StageCompleted    StageStatus = "Completed"
	StageExpired      StageStatus = "Expired"
)

// ReviewResult is what an approver decided.
type ReviewResult string

// The review results (APR-14).
const (
	ResultNotReviewed ReviewResult = "NotReviewed"
	ResultApprove     ReviewResult = "Approve"
	ResultDeny        ReviewResult = "Deny"
)

// UnmarshalJSON reads it in any letter case, and the forms Approved and Denied that some clients send.
func (r *ReviewResult) UnmarshalJSON(data []byte) error {
	given := *r
	if err := decodeEnum(data, &given, "reviewResult", ResultApprove, ResultDeny, ResultNotReviewed, "Approved", "Denied"); err != nil {
		return err
	}
	switch given {
	case "Approved":
		given = ResultApprove
	case "Denied":
		given = ResultDeny
	case ResultNotReviewed, ResultApprove, ResultDeny:
	}
	*r = given
	return nil
}

// NobodyID is the reviewedBy of a stage that nobody has decided (APR-14).
const NobodyID = "00000000-0000-0000-0000-000000000000"

// Identity is Graph's identity.
type Identity struct {
	ID          string `json:"id"`
	DisplayName string `json:"displayName,omitempty"`
}

// ApprovalStage is Graph's approvalStage, with who may decide it and until when.
type ApprovalStage struct {
	ID               string       `json:"id,omitempty"`
	DisplayName      string       `json:"displayName"`
	Status           StageStatus  `json:"status,omitempty"`
	AssignedToMe     bool         `json:"assignedToMe"` // never stored true: filled for who asks
	ReviewResult     ReviewResult `json:"reviewResult,omitempty"`
	ReviewedBy       *Identity    `json:"reviewedBy,omitempty"`
	ReviewedDateTime *DateTime    `json:"reviewedDateTime,omitempty"`
	Justification    string       `json:"justification"`

	ApproverUserIDs   []string  `json:"approverUserIds,omitempty"`  // who may decide; resolved when the stage began
	ApproverGroupIDs  []string  `json:"approverGroupIds,omitempty"` // whose members may decide, as of the decision
	AlternateUserIDs  []string  `json:"alternateUserIds,omitempty"` // who joins them when the stage escalates
	AlternateGroupIDs []string  `json:"alternateGroupIds,omitempty"`
	AskedDateTime     *DateTime `json:"askedDateTime,omitempty"`   // when those who may decide are told that it waits
	RemindsDateTime   *DateTime `json:"remindsDateTime,omitempty"` // when they are told once more
	EscalatesDateTime *DateTime `json:"escalatesDateTime,omitempty"`
	LookDateTime      *DateTime `json:"lookDateTime,omitempty"` // when it is looked again whether anybody can decide
	EndsDateTime      *DateTime `json:"endsDateTime,omitempty"` // then it is denied automatically
	Escalated         bool      `json:"escalated,omitempty"`
	Unreached         []string  `json:"@latchkey.unreached,omitempty"` // the ids of those who may decide, and groups of them, who cannot be told: no address, or none that takes mail, or nobody knows
}

// Whom is a name for those who are asked first, whoever else may be: the same for the same.
func (s ApprovalStage) Whom() string {
	ids := slices.Concat(s.ApproverUserIDs, s.ApproverGroupIDs)
	slices.Sort(ids)
	return NameID("asked:" + strings.Join(ids, ":"))
}

// DocumentKind implements Document.
func (AssignmentRequest) DocumentKind() string { return "request" }

// DocumentID implements Document.
func (r AssignmentRequest) DocumentID() string { return r.ID }

// LastInstant is when the access that is asked for ends by date, its own or the policy's; zero: it ends by none. From then on nothing can be granted.
func (r AssignmentRequest) LastInstant() time.Time {
	var last []Deadline
	for _, expiration := range []*Expiration{r.Schedule.Ends(), r.Policy.Ends()} {
		if expiration != nil && expiration.Type == ExpirationAfterDateTime {
			last = append(last, Deadline{DeadlineEnd, expiration.EndDateTime.Instant()})
		}
	}
	return Earliest(last)
}

// WaitingStage is the stage of the approval that waits for a decision, nil if none does. It is the request's own.
func (r AssignmentRequest) WaitingStage() *ApprovalStage {
	if r.Approval == nil {
		return nil
	}
	for i := range r.Approval.Stages {
		if r.Approval.Stages[i].Status == StageInProgress {
			return &r.Approval.Stages[i]
		}
	}
	return nil
}

// Enter implements Heading: a request in flight is in the head.
func (r AssignmentRequest) Enter(head *Head) {
	head.InFlight = slices.DeleteFunc(slices.Clone(head.InFlight), func(f InFlight) bool { return f.RequestID == r.ID })
	if r.State.IsInFlight() {
		head.InFlight = append(head.InFlight, InFlight{RequestID: r.ID, PackageID: r.AccessPackage.ID, AssignmentID: r.Assignment.ID, Type: r.RequestType, State: r.State})
	}
	if r.Approval != nil {
		for i, stage := range r.Approval.Stages {
			if stage.Status == StageInProgress && stage.AskedDateTime != nil {
				head.asked(Asked{PackageID: r.AccessPackage.ID, Stage: i, Whom: stage.Whom(), At: stage.AskedDateTime})
			}
		}
	}
}
