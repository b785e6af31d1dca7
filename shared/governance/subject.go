package governance

import (
	"crypto/sha1" //nolint:gosec // version 5 UUIDs are defined with it; nothing here relies on it against an attacker
	"encoding/hex"
	"strings"
)

// SubjectType says what kind of thing gets access.
type SubjectType string

// The subject types that Latchkey handles.
const (
	SubjectUser             SubjectType = "user"
	SubjectServicePrincipal SubjectType = "servicePrincipal"
)

// Subject is Graph's accessPackageSubject: who requests, and who gets access. Its id is the subject's partition, the same before and after a guest is invited.
type Subject struct {
	ID            string      `json:"id,omitempty"`
	ObjectID      string      `json:"objectId,omitempty"`
	DisplayName   string      `json:"displayName,omitempty"`
	Email         string      `json:"email,omitempty"`
	PrincipalName string      `json:"principalName,omitempty"`
	SubjectType   SubjectType `json:"subjectType,omitempty"`
}

// Contradicts names the member of what a client says of this subject that is somebody else's; empty if it is this one. Names are the directory's and may have changed since they were read.
func (s *Subject) Contradicts(given *Subject) string {
	switch {
	case given == nil:
	case given.ID != "" && !strings.EqualFold(given.ID, s.ID) && !strings.EqualFold(given.ID, s.ObjectID):
		return "id"
	case given.ObjectID != "" && !strings.EqualFold(given.ObjectID, s.ObjectID):
		return "objectId"
	case given.Email != "" && !strings.EqualFold(given.Email, s.Email) && (s.Email != "" || given.ObjectID == ""): // of a caller only the token is known
		return "email"
	case given.PrincipalName != "" && !strings.EqualFold(given.PrincipalName, s.PrincipalName) && (s.PrincipalName != "" || given.ObjectID == ""):
		return "principalName"
	}
	return ""
}

// namespace is Latchkey's own version 5 namespace; it must never change, since partitions are named by it.
var namespace = [16]byte{0x6c, 0x61, 0x74, 0x63, 0x68, 0x6b, 0x65, 0x79, 0x8a, 0x10, 0x5f, 0x26, 0x11, 0x20, 0x20, 0x26}

// NameID is the version 5 UUID of a name: the same name has the same id, anywhere and always.
func NameID(name string) string {
	hash := sha1.New() //nolint:gosec // see the import
	hash.Write(namespace[:])
	hash.Write([]byte(name))
	sum := hash.Sum(nil)[:16]
	sum[6] = sum[6]&0x0f | 0x50
	sum[8] = sum[8]&0x3f | 0x80
	text := hex.EncodeToString(sum)
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// SubjectID is the id of the subject that an object id of the directory leads to. It comes from nothing that may change: whoever gets
// another name, address or user type stays the same subject.
func SubjectID(objectID string) string { return NameID("oid:" + strings.ToLower(objectID)) }

// SubjectOf is the subject that a directory user is.
func SubjectOf(user User) Subject {
	return Subject{
		ID:            SubjectID(user.ID),
		ObjectID:      user.ID,
		DisplayName:   user.DisplayName,
		Email:         user.Mail,
		PrincipalName: user.UserPrincipalName,
		SubjectType:   SubjectUser,
	}
}

// Bounded is the subject with names of one line that are stored in bounded space: what a name has beyond that is left out, and so is an address that is longer than any.
func (s Subject) Bounded() Subject {
	s.DisplayName = Shorten(OneLine(s.DisplayName), MaxName)
	for _, address := range []*string{&s.Email, &s.PrincipalName} {
		if Shorten(*address, MaxName) != *address {
			*address = ""
		}
	}
	return s
}
