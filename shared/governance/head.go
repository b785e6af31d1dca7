package governance

import (
	"slices"
	"time"
)

// Head guards a partition: every write names its ETag, so all decisions about a subject (or a catalog) are made one after the other.
type Head struct {
	ID             string      `json:"id"` // the partition
	Target         *Subject    `json:"target,omitempty"`
	Holdings       []Holding   `json:"holdings,omitempty"`
	InFlight       []InFlight  `json:"requestsInFlight,omitempty"`
	AuditSequence  int64       `json:"auditSequence"`
	AuditHash      string      `json:"auditHash"`
	RecentCommands []string    `json:"recentCommands,omitempty"` // so that a lost answer to a commit can be told from a lost commit
	Closing        []Closing   `json:"closing,omitempty"`        // deletions that are under way
	Submitted      []Submitted `json:"submitted,omitempty"`      // requests of late, so that nobody makes too many
	Asked          []Asked     `json:"asked,omitempty"`
	Changed        []string    `json:"changed,omitempty"` // the stored ids of what changed last of the documents that are read as a whole, the latest last
	Changes        int64       `json:"changes,omitempty"` // how many such changes there ever were

	Claims []TaskClaim `json:"taskClaims,omitempty"`
	Marks  []TaskMark  `json:"taskMarks,omitempty"`
}

// DocumentKind implements Document.
func (Head) DocumentKind() string { return "head" }

// DocumentID implements Document: a partition has one.
func (Head) DocumentID() string { return "" }

// MaxRecentCommands is how many commands a head remembers: more than can be between a commit and the retry that looks for it, and one more than it names changes.
const MaxRecentCommands = MaxChanged + 1

// brief is as much of a command's id as a head remembers: enough to tell one from the others of late.
func brief(commandID string) string { return commandID[max(0, len(commandID)-12):] }

// Remembers says whether the head was written by a command, not long ago.
func (h *Head) Remembers(commandID string) bool {
	return slices.Contains(h.RecentCommands, brief(commandID))
}

// Chain seals entries as the next ones of the partition's audit chain, and remembers the command that wrote them. salt is what nobody can guess; each entry gets one of its own from it.
func (h *Head) Chain(entries []AuditEntry, commandID, salt string) {
	for i := range entries {
		h.AuditSequence++
		entries[i].Seal(h.ID, h.AuditSequence, h.AuditHash, salt)
		h.AuditHash = entries[i].Hash
	}
	commands := append(slices.Clone(h.RecentCommands), brief(commandID))
	h.RecentCommands = commands[max(0, len(commands)-MaxRecentCommands):]
}

// MaxChanged is how many changes a head names.
const MaxChanged = 64

// Change notes changes of documents.
func (h *Head) Change(ids ...string) {
	h.Changes += int64(len(ids))
	changed := append(slices.Clone(h.Changed), ids...)
	h.Changed = changed[max(0, len(changed)-MaxChanged):]
}

// ChangedSince are the documents that changed since an earlier version of the head; false: the head does not name all of them any more, or does not come from that version, as after
// a restore.
func (h *Head) ChangedSince(earlier Head) ([]string, bool) {
	n, last := h.Changes-earlier.Changes, len(earlier.RecentCommands)-1
	if last < 0 || !slices.Contains(h.RecentCommands, earlier.RecentCommands[last]) {
		return nil, false
	}
	if n < 0 || n > int64(len(h.Changed)) {
		return nil, false
	}
	return slices.Compact(slices.Sorted(slices.Values(h.Changed[int64(len(h.Changed))-n:]))), true
}

// Limits of one subject, so that its head stays under MaxHeadSize and every commit within the limits of a batch.
const (
	MaxHoldings = 500
	MaxInFlight = 100  // requests to add; what is carried out on a holding is never refused, and each has one such at most
	MaxGrants   = 2000 // of all holdings, each counted in each
	MaxHeadSize = 512 << 10
)

// Additions is how many requests in flight are to add.
func (h *Head) Additions() int {
	n := 0
	for _, flight := range h.InFlight {
		if flight.Type.IsAddition() {
			n++
		}
	}
	return n
}

// Grants is how many grants the holdings have.
func (h *Head) Grants() int {
	n := 0
	for _, holding := range h.Holdings {
		n += len(holding.Grants)
	}
	return n
}

// Holding is a live assignment of a subject, as much of it as decisions about other packages need.
type Holding struct {
	AssignmentID string          `json:"assignmentId"`
	PackageID    string          `json:"packageId"`
	PolicyID     string          `json:"policyId"`
	State        AssignmentState `json:"state"`
	Removing     bool            `json:"removing,omitempty"`
	Grants       []string        `json:"grants"`            // the Key of each
	Pending      []string        `json:"pending,omitempty"` // those of them that are not granted yet
	Failed       []string        `json:"failed,omitempty"`  // those of them that could not be granted or taken away, or that the package does not have any more
	EndDateTime  *DateTime       `json:"endDateTime,omitempty"`
}

// Holds is what the subject has of a package, and what of it is being taken away beside: nil for none. One lives at most; of several that leave, it is the one that was written last.
func (h *Head) Holds(packageID string) (lives, leaves *Holding) {
	for i := range h.Holdings {
		switch holding := &h.Holdings[i]; {
		case holding.PackageID != packageID:
		case holding.Removing:
			leaves = holding
		default:
			lives = holding
		}
	}
	return lives, leaves
}

// Pays says whether somebody keeps a grant, named by its Key, for the sake of this holding. What could not be granted keeps nothing that another holding gave.
func (h *Holding) Pays(key string) bool {
	return !h.Removing && slices.Contains(h.Grants, key) && !slices.Contains(h.Failed, key)
}

// HasFailed says whether its delivery has failed, in whole or in part, or its removal so far: it is in nobody's way (BEY-13).
func (h *Holding) HasFailed() bool {
	if h.Removing {
		return len(h.Failed) > 0
	}
	return h.State == AssignmentDeliveryFailed || h.State == AssignmentPartiallyDelivered
}

// Asked is when some approvers of a package's stage are told, or were of late, that a request of the subject waits for them.
type Asked struct {
	PackageID string    `json:"packageId"`
	Stage     int       `json:"stage,omitempty"`
	Whom      string    `json:"whom,omitempty"` // ApprovalStage.Whom: others are told at once
	At        *DateTime `json:"at"`
}

// AskingPause is the least time between two mails to those who decide about a subject and a package, however often it is asked for and taken back.
const AskingPause = 10 * time.Minute

// AskAgain is when these approvers of a package's stage may be told next that a request waits: now, or when the last time is long enough ago.
func (h *Head) AskAgain(packageID string, stage int, whom string, now time.Time) time.Time {
	for _, last := range h.Asked {
		at := last.At.Instant()
		switch {
		case last.PackageID != packageID || last.Stage != stage || last.Whom != whom:
		case at.After(now): // whoever was to be told of then may have been taken back; if not, there is one mail the less
			return at
		case at.Add(AskingPause).After(now):
			return at.Add(AskingPause)
		}
	}
	return now
}

// asked notes when approvers are told, and forgets what tells nothing any more.
func (h *Head) asked(next Asked) {
	keep := slices.DeleteFunc(slices.Clone(h.Asked), func(a Asked) bool {
		return a.PackageID == next.PackageID && a.Stage == next.Stage && a.Whom == next.Whom || a.At.Instant().Add(AskingPause).Before(next.At.Instant())
	})
	h.Asked = append(keep[max(0, len(keep)-MaxInFlight+1):], next)
}

// InFlight is a request of a subject that still waits for something.
type InFlight struct {
	RequestID    string       `json:"requestId"`
	PackageID    string       `json:"packageId"`
	AssignmentID string       `json:"assignmentId"`
	Type         RequestType  `json:"requestType"`
	State        RequestState `json:"state"`
}
