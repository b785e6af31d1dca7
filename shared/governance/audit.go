package governance

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Activity names what an audit entry tells of: the activities of Microsoft's audit log (AUD-01) as far as this release does them.
type Activity string

// The activities.
const (
	ActivityUserRequests       Activity = "User requests access package assignment"
	ActivityUserRemoves        Activity = "User requests to remove access package assignment"
	ActivityAdminAssigns       Activity = "Administrator directly assigns user to access package"
	ActivityAdminRemoves       Activity = "Administrator directly removes user access package assignment"
	ActivitySystemRemoves      Activity = "Entitlement Management removes access package assignment request for user"
	ActivitySystemUpdates      Activity = "Entitlement Management creates access package assignment request for user"
	ActivityAutoApprove        Activity = "Auto approve access package assignment request"
	ActivityApprove            Activity = "Approve access package assignment request"
	ActivityDeny               Activity = "Deny access package assignment request"
	ActivityStageCompleted     Activity = "Approval stage completed for access package assignment request"
	ActivityEscalate           Activity = "Update access package assignment request"
	ActivityTimedOut           Activity = "Access package assignment request timed out (no approver action taken)"
	ActivityCancel             Activity = "Cancel access package assignment request"
	ActivitySchedule           Activity = "Schedule a future access package assignment"
	ActivityReady              Activity = "Ready to fulfill access package assignment request"
	ActivityFulfillRole        Activity = "Fulfill access package resource assignment"
	ActivityRemoveRole         Activity = "Remove access package resource assignment"
	ActivityFulfill            Activity = "Fulfill access package assignment request"
	ActivityPartiallyFulfill   Activity = "Partially fulfill access package assignment request"
	ActivityFailed             Activity = "Failed access package assignment request"
	ActivityRemoveAssignment   Activity = "Remove access package assignment"
	ActivityReprocess          Activity = "Reprocess access package assignment request"
	ActivityCreateCatalog      Activity = "Create catalog"
	ActivityUpdateCatalog      Activity = "Update catalog"
	ActivityDeleteCatalog      Activity = "Delete catalog"
	ActivityCreatePackage      Activity = "Create access package"
	ActivityUpdatePackage      Activity = "Update access package"
	ActivityDeletePackage      Activity = "Delete access package"
	ActivityCreatePolicy       Activity = "Create access package assignment policy"
	ActivityUpdatePolicy       Activity = "Update access package assignment policy"
	ActivityDeletePolicy       Activity = "Delete access package assignment policy"
	ActivityAddResource        Activity = "Create resource request"
	ActivityRemoveResource     Activity = "Create resource remove request"
	ActivityAddResourceRole    Activity = "Create access package resource role scope"
	ActivityRemoveResourceRole Activity = "Delete access package resource role scope"
	ActivityTask               Activity = "Execute custom extension" // EXT-25
	ActivityWriteAction        Activity = "Configure custom extension action"
	ActivityDeleteAction       Activity = "Delete custom extension action"
)

// AuditEntry says who did what to what, when and why. Entries of a partition form a chain: each holds the hash of the one before, so that one that is
// changed, left out or put in shows.
type AuditEntry struct {
	ID               string         `json:"id"`
	Sequence         int64          `json:"sequence"` // 1 for the first of its partition
	Activity         Activity       `json:"activityDisplayName"`
	ActivityDateTime *DateTime      `json:"activityDateTime"`
	Result           string         `json:"result"` // success or failure
	InitiatedBy      AuditInitiator `json:"initiatedBy"`
	PartitionID      string         `json:"partitionId"`             // the subject or catalog
	TargetID         string         `json:"targetId"`                // what was changed
	CorrelationID    string         `json:"correlationId,omitempty"` // the request it belongs to
	AuditPersonal
	PersonalHash string `json:"personalHash"` // of the personal part and its salt
	PreviousHash string `json:"previousHash"`
	Hash         string `json:"hash"` // of all but the personal part, which it holds by its hash
}

// AuditPersonal is the part of an entry that may hold what people wrote and who they are. It can be erased together with its salt, and the chain still verifies.
type AuditPersonal struct {
	Salt          string          `json:"salt,omitempty"`
	Justification string          `json:"justification,omitempty"`
	Detail        string          `json:"detail,omitempty"`
	Before        json.RawMessage `json:"before,omitempty"`
	After         json.RawMessage `json:"after,omitempty"`
}

// AuditInitiator is who did it: ids, no names, since an entry outlives the person's wish to be forgotten.
type AuditInitiator struct {
	Kind     CallerKind `json:"kind"`
	ObjectID string     `json:"objectId,omitempty"`
	AppID    string     `json:"appId,omitempty"`
}

// Initiator is the initiator that a caller is.
func (c Caller) Initiator() AuditInitiator {
	return AuditInitiator{Kind: c.Kind, ObjectID: c.ObjectID, AppID: c.AppID}
}

// Seal puts the entry at its place in the chain: after the entry with previousHash, as number sequence of its partition. salt is what nobody can guess.
func (e *AuditEntry) Seal(partition string, sequence int64, previousHash, salt string) {
	e.PartitionID, e.Sequence, e.PreviousHash = partition, sequence, previousHash
	e.ID = fmt.Sprintf("%s-%d", partition, sequence)
	e.Salt = digest([]byte(salt + e.ID))[:32] // what one entry shows tells nothing about another's
	e.PersonalHash = e.AuditPersonal.digest()
	e.Hash = e.digest()
}

// digest is the hash of the personal part: of what it says, not of how a store spells it, which may order and escape JSON in its own way.
func (p AuditPersonal) digest() string {
	p.Before, p.After = canonical(p.Before), canonical(p.After)
	data, err := json.Marshal(p)
	if err != nil { // RawMessages that are no JSON: nothing that Latchkey makes
		data = []byte(err.Error())
	}
	return digest(data)
}

// digest is the hash of the facts.
func (e AuditEntry) digest() string {
	e.Hash, e.AuditPersonal = "", AuditPersonal{}
	data, _ := json.Marshal(e) // texts and numbers
	return digest(data)
}

// isSound says whether the entry is what its hashes say. A personal part that was erased is none that was changed.
func (e AuditEntry) isSound() bool {
	erased := e.Salt == "" && e.Justification == "" && e.Detail == "" && len(e.Before) == 0 && len(e.After) == 0
	return e.Hash == e.digest() && (erased || e.PersonalHash == e.AuditPersonal.digest())
}

// digest is a SHA-256 in hexadecimal.
func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// canonical is JSON with its keys in order and one way of escaping; what is none stays as it is.
func canonical(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return raw
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return raw
	}
	ordered, err := json.Marshal(value)
	if err != nil {
		return raw
	}
	return ordered
}

// DocumentKind implements Document.
func (AuditEntry) DocumentKind() string { return "audit" }

// DocumentID implements Document: padded, so that ids sort as sequences do.
func (e AuditEntry) DocumentID() string { return fmt.Sprintf("%012d", e.Sequence) }

// AuditLink is what verifying a chain needs of an entry: as little as can be, since a chain may be long.
type AuditLink struct {
	Sequence     int64
	PreviousHash string
	Hash         string
	Sound        bool // the hash is that of the entry
}

// Link is the entry's link.
func (e AuditEntry) Link() AuditLink {
	return AuditLink{Sequence: e.Sequence, PreviousHash: e.PreviousHash, Hash: e.Hash, Sound: e.isSound()}
}

// VerifyChain checks the links of a partition's entries, in the order of their sequence, from the first on. It answers with the sequence of the first that does not
// fit, or 0 if all do.
func VerifyChain(links []AuditLink) int64 {
	previous := ""
	for i, link := range links {
		if link.Sequence != int64(i)+1 || link.PreviousHash != previous || !link.Sound {
			return int64(i) + 1
		}
		previous = link.Hash
	}
	return 0
}
