package governance

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// SubjectSet is Graph's subjectSet: a description of people that is resolved when it is needed. It is sealed: what subjectSets lists is all
// there is. A new one is a type with these methods and a row there; it then serves scopes, approvers, reviewers, sponsors and whoever may
// ask for others.
type SubjectSet interface {
	// Needs is what must be known of a person before the set can be resolved for them, or tell whether it contains them.
	Needs() Needs
	// Resolve is who they are, seen from a person: ids of users, in lower case, and of groups whose members are meant.
	Resolve(about Person) (users, groups []string)
	// Contains says whether a person is one of them, whoever it is about.
	Contains(person Person) bool
	// Names is the user or group that it names; empty: it is relative to whom it is about.
	Names() (what Naming, id string)

	odataType() string
}

// Naming says what a subject set names.
type Naming string

// What a subject set may name.
const (
	NamesUser  Naming = "user"
	NamesGroup Naming = "group"
)

// Needs is what to ask the directory about a person, and no more.
type Needs struct {
	Groups   bool // the groups they are in
	Managers int  // how many levels of managers
}

// And is what either needs.
func (n Needs) And(more Needs) Needs {
	return Needs{Groups: n.Groups || more.Groups, Managers: max(n.Managers, more.Managers)}
}

// Person is a user with what Needs asked for.
type Person struct {
	User       User
	GroupIDs   []string
	ManagerIDs []string // the nearest first
}

// IsIn says whether the person is in a group.
func (p Person) IsIn(groupID string) bool {
	return slices.ContainsFunc(p.GroupIDs, func(id string) bool { return strings.EqualFold(id, groupID) })
}

// MaxManagerLevel is how far up a manager may be (POL-03).
const MaxManagerLevel = 4

// The subject sets that Graph has and Latchkey resolves.
type (
	// SingleUser is one person.
	SingleUser struct {
		UserID string `json:"userId"`
	}
	// GroupMembers are the members of a group, nested ones included.
	GroupMembers struct {
		GroupID string `json:"groupId"`
	}
	// RequestorManager is the manager of the requestor; level 2 is the manager's manager, and so on (APR-08).
	RequestorManager struct {
		ManagerLevel Int `json:"managerLevel"`
	}
)

// subjectSets are all kinds, by their names.
var subjectSets = map[string]func(data []byte, id string) (SubjectSet, error){
	"singleUser": subjectSetOf[SingleUser], "groupMembers": subjectSetOf[GroupMembers], "requestorManager": subjectSetOf[RequestorManager],
}

func subjectSetOf[T any, P interface {
	*T
	validate(id string) error
}](data []byte, id string) (SubjectSet, error) {
	set := P(new(T))
	if err := json.Unmarshal(data, set); err != nil {
		return nil, wrongShape(err, "subjectSet", "a subject set")
	}
	err := set.validate(id)
	value, _ := any(*set).(SubjectSet)
	return value, err
}

// Needs implements SubjectSet.
func (SingleUser) Needs() Needs { return Needs{} }

// Resolve implements SubjectSet.
func (s SingleUser) Resolve(Person) (users, groups []string) {
	return []string{strings.ToLower(s.UserID)}, nil
}

// Contains implements SubjectSet.
func (s SingleUser) Contains(person Person) bool { return strings.EqualFold(s.UserID, person.User.ID) }

// Names implements SubjectSet.
func (s SingleUser) Names() (Naming, string) { return NamesUser, s.UserID }
func (SingleUser) odataType() string         { return "#microsoft.graph.singleUser" }
func (s *SingleUser) validate(id string) (err error) {
	s.UserID, err = guid("userId", cmp.Or(s.UserID, id))
	return err
}

// Needs implements SubjectSet.
func (GroupMembers) Needs() Needs { return Needs{Groups: true} }

// Resolve implements SubjectSet.
func (s GroupMembers) Resolve(Person) (users, groups []string) { return nil, []string{s.GroupID} }

// Contains implements SubjectSet.
func (s GroupMembers) Contains(person Person) bool { return person.IsIn(s.GroupID) }

// Names implements SubjectSet.
func (s GroupMembers) Names() (Naming, string) { return NamesGroup, s.GroupID }
func (GroupMembers) odataType() string         { return "#microsoft.graph.groupMembers" }
func (s *GroupMembers) validate(id string) (err error) {
	s.GroupID, err = guid("groupId", cmp.Or(s.GroupID, id))
	return err
}

// Needs implements SubjectSet.
func (s RequestorManager) Needs() Needs { return Needs{Managers: int(s.ManagerLevel)} }

// Resolve implements SubjectSet.
func (s RequestorManager) Resolve(about Person) (users, groups []string) {
	if int(s.ManagerLevel) > len(about.ManagerIDs) {
		return nil, nil
	}
	return []string{strings.ToLower(about.ManagerIDs[s.ManagerLevel-1])}, nil
}

// Contains implements SubjectSet: it is nobody in particular.
func (RequestorManager) Contains(Person) bool { return false }

// Names implements SubjectSet.
func (RequestorManager) Names() (Naming, string) { return "", "" }
func (RequestorManager) odataType() string       { return "#microsoft.graph.requestorManager" }
func (s *RequestorManager) validate(string) error {
	if s.ManagerLevel == 0 {
		s.ManagerLevel = 1
	}
	if s.ManagerLevel < 1 || s.ManagerLevel > MaxManagerLevel {
		return Invalid("managerLevel", "managerLevel is 1 (the manager) to %d.", MaxManagerLevel)
	}
	return nil
}

// SubjectSets is a list of subject sets in JSON, each with its @odata.type.
type SubjectSets []SubjectSet

// MaxSubjectSets bounds one list.
const MaxSubjectSets = 100

// Needs is what all of them need.
func (s SubjectSets) Needs() Needs {
	var needs Needs
	for _, set := range s {
		needs = needs.And(set.Needs())
	}
	return needs
}

// Contains says whether a person is one of any.
func (s SubjectSets) Contains(person Person) bool {
	return slices.ContainsFunc(s, func(set SubjectSet) bool { return set.Contains(person) })
}

// Resolve is who they are, each once, without the person whom it is about.
func (s SubjectSets) Resolve(about Person) (users, groups []string) {
	for _, set := range s {
		moreUsers, moreGroups := set.Resolve(about)
		for _, id := range moreUsers {
			if id != "" && !strings.EqualFold(id, about.User.ID) && !slices.Contains(users, id) {
				users = append(users, id)
			}
		}
		for _, id := range moreGroups {
			if !slices.Contains(groups, id) {
				groups = append(groups, id)
			}
		}
	}
	return users, groups
}

// MarshalJSON writes each with its @odata.type, and an empty list as [].
func (s SubjectSets) MarshalJSON() ([]byte, error) {
	list := []byte{'['}
	for i, set := range s {
		data, err := withType(set.odataType(), set)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, data...)
	}
	return append(list, ']'), nil
}

// withType is an object in JSON with its @odata.type before its members.
func withType(name string, value any) (json.RawMessage, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	text := append(append([]byte(`{"@odata.type":"`), name...), '"')
	if len(data) > len("{}") {
		text = append(text, ',')
	}
	return append(text, data[1:]...), nil
}

// UnmarshalJSON reads a list; an unknown or missing @odata.type is refused (deny by default).
func (s *SubjectSets) UnmarshalJSON(data []byte) error {
	var raw []json.RawMessage
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
		var of struct {
			Type string `json:"@odata.type"`
			ID   string `json:"id"` // of the older form, in the place of userId and groupId
		}
		if err := json.Unmarshal(entry, &of); err != nil {
			return wrongShape(err, "subjectSet", "a list of subject sets, each with @odata.type")
		}
		var read func([]byte, string) (SubjectSet, error)
		for name, one := range subjectSets {
			if strings.EqualFold(name, odataName(of.Type)) {
				read = one
			}
		}
		if read == nil {
			known := strings.Join(slices.Sorted(maps.Keys(subjectSets)), ", #microsoft.graph.")
			return Invalid("@odata.type", "Subject sets of type %q are not supported; each needs @odata.type, one of #microsoft.graph.%s.", Clip(of.Type), known)
		}
		set, err := read(entry, of.ID)
		if err != nil {
			return err
		}
		sets = append(sets, set)
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
		return "", Invalid(target, "%s must be a GUID, not %q.", target, Clip(text))
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
