package governance

import (
	"encoding/json"
	"strings"
)

// SubjectSet is Graph's subjectSet: a description of people that is resolved when it is needed. It is sealed: the types below are all there are.
type SubjectSet interface{ odataType() string }

// The subject sets that Graph has and Latchkey resolves.
type (
	// SingleUser is one person.
	SingleUser struct {
		UserID      string `json:"userId"`
		Description string `json:"description,omitempty"`
	}
	// GroupMembers are the members of a group, nested ones included.
	GroupMembers struct {
		GroupID     string `json:"groupId"`
		Description string `json:"description,omitempty"`
	}
	// RequestorManager is the manager of the requestor; level 2 is the manager's manager (RULES APR-08).
	RequestorManager struct {
		ManagerLevel int `json:"managerLevel"`
	}
)

func (SingleUser) odataType() string       { return "#microsoft.graph.singleUser" }
func (GroupMembers) odataType() string     { return "#microsoft.graph.groupMembers" }
func (RequestorManager) odataType() string { return "#microsoft.graph.requestorManager" }

// subjectSetTypes are the names that @odata.type may have, in lower case and without prefix.
var subjectSetTypes = []string{"singleUser", "groupMembers", "requestorManager"}

// SubjectSets is a list of subject sets in JSON, each with its @odata.type.
type SubjectSets []SubjectSet

// Limits of a list, and of how far up a manager may be.
const (
	MaxSubjectSets  = 100
	MaxManagerLevel = 2
)

// MarshalJSON writes each with its @odata.type, and an empty list as [].
func (s SubjectSets) MarshalJSON() ([]byte, error) {
	list := make([]any, len(s))
	for i, set := range s {
		switch set := set.(type) {
		case SingleUser:
			list[i] = struct {
				Type string `json:"@odata.type"`
				SingleUser
			}{set.odataType(), set}
		case GroupMembers:
			list[i] = struct {
				Type string `json:"@odata.type"`
				GroupMembers
			}{set.odataType(), set}
		case RequestorManager:
			list[i] = struct {
				Type string `json:"@odata.type"`
				RequestorManager
			}{set.odataType(), set}
		}
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads a list; an unknown or missing @odata.type is refused (deny by default).
func (s *SubjectSets) UnmarshalJSON(data []byte) error {
	var raw []struct {
		Type         string `json:"@odata.type"`
		UserID       string `json:"userId"`
		GroupID      string `json:"groupId"`
		Description  string `json:"description"`
		ManagerLevel int    `json:"managerLevel"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return wrongShape(err, "subjectSet", "a list of subject sets, each with @odata.type")
	}
	if len(raw) > MaxSubjectSets {
		return Invalid("subjectSet", "A list of people has at most %d entries.", MaxSubjectSets)
	}
	if raw == nil {
		*s = nil
		return nil
	}
	sets := make(SubjectSets, 0, len(raw))
	for _, entry := range raw {
		switch name := odataName(entry.Type); {
		case strings.EqualFold(name, "singleUser"):
			id, err := guid("userId", entry.UserID)
			if err != nil {
				return err
			}
			sets = append(sets, SingleUser{UserID: id, Description: entry.Description})
		case strings.EqualFold(name, "groupMembers"):
			id, err := guid("groupId", entry.GroupID)
			if err != nil {
				return err
			}
			sets = append(sets, GroupMembers{GroupID: id, Description: entry.Description})
		case strings.EqualFold(name, "requestorManager"):
			level := max(entry.ManagerLevel, 1)
			if entry.ManagerLevel < 0 || level > MaxManagerLevel {
				return Invalid("managerLevel", "managerLevel is 1 (the manager) or 2 (the manager's manager).")
			}
			sets = append(sets, RequestorManager{ManagerLevel: level})
		case name == "":
			return Invalid("@odata.type", "A subject set needs @odata.type, one of #microsoft.graph.%s.", strings.Join(subjectSetTypes, ", #microsoft.graph."))
		default:
			return Invalid("@odata.type", "Subject sets of type %q are not supported; use one of #microsoft.graph.%s.", clip(entry.Type), strings.Join(subjectSetTypes, ", #microsoft.graph."))
		}
	}
	*s = sets
	return nil
}

// odataName is the bare name of an @odata.type.
func odataName(text string) string {
	text = strings.TrimPrefix(text, "#")
	if rest, ok := strings.CutPrefix(strings.ToLower(text), "microsoft.graph."); ok {
		return text[len(text)-len(rest):]
	}
	return text
}

// wrongShape turns an error of encoding/json into one that names what was expected, and passes on those that already do.
func wrongShape(err error, target, expected string) error {
	if CodeOf(err) != CodeInternal {
		return err
	}
	return &Error{Code: CodeInvalid, Target: target, Message: target + " must be " + expected + ".", Err: err}
}

// guid checks that a text is a GUID and answers it in lower case.
func guid(target, text string) (string, error) {
	if !IsGUID(text) {
		return "", Invalid(target, "%s must be a GUID, not %q.", target, clip(text))
	}
	return strings.ToLower(text), nil
}

// IsGUID says whether text has the form 8-4-4-4-12 of hexadecimal digits.
func IsGUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i := range len(text) {
		c := text[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
				return false
			}
		}
	}
	return true
}
