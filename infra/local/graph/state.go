package graph

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// state is what the emulator keeps beside the directory. Its JSON is in snapshots. A secret is not in it: of a pass the value is in the answer that made it, nowhere else.
type state struct {
	Sponsors    map[string][]string        `json:"sponsors"` // user -> users and groups
	PassPolicy  passPolicy                 `json:"passPolicy"`
	Passes      map[string]pass            `json:"passes"` // user -> the one pass
	Apps        []mobileApp                `json:"mobileApps"`
	Roles       []roleAssignment           `json:"roleAssignments"`
	Eligible    []roleAssignment           `json:"eligibleRoles"`
	Joins       []eligibleMember           `json:"eligibleMembers"`
	AppRoles    map[string][]appAssignment `json:"appRoleAssignments"` // service principal -> who has which of its roles
	Resumes     []Resume                   `json:"resumes"`
	Invitations int                        `json:"invitations"`
}

func newState() state {
	return state{Sponsors: map[string][]string{}, Passes: map[string]pass{}, AppRoles: map[string][]appAssignment{}, PassPolicy: defaultPassPolicy()}
}

// stateKey is how state is keyed by an object's id.
func stateKey(id string) string { return strings.ToLower(id) }

// forget drops what is kept of a user who was deleted.
func (s *Server) forget(userID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.state.Sponsors, stateKey(userID))
	delete(s.state.Passes, stateKey(userID))
	isTheirs := func(a roleAssignment) bool { return strings.EqualFold(a.PrincipalID, userID) }
	s.state.Roles = slices.DeleteFunc(s.state.Roles, isTheirs)
	s.state.Eligible = slices.DeleteFunc(s.state.Eligible, isTheirs)
	s.state.Joins = slices.DeleteFunc(s.state.Joins, func(m eligibleMember) bool { return strings.EqualFold(m.PrincipalID, userID) })
	for app, list := range s.state.AppRoles {
		s.state.AppRoles[app] = slices.DeleteFunc(list, func(a appAssignment) bool { return strings.EqualFold(a.PrincipalID, userID) })
	}
}

func (s *Server) addSponsor(userID, sponsorID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.state.Sponsors[stateKey(userID)]
	if slices.ContainsFunc(list, func(id string) bool { return strings.EqualFold(id, sponsorID) }) {
		return false
	}
	s.state.Sponsors[stateKey(userID)] = append(slices.Clone(list), sponsorID)
	return true
}

func (s *Server) removeSponsor(userID, sponsorID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.state.Sponsors[stateKey(userID)]
	kept := slices.DeleteFunc(slices.Clone(list), func(id string) bool { return strings.EqualFold(id, sponsorID) })
	if len(kept) == len(list) {
		return false
	}
	s.state.Sponsors[stateKey(userID)] = kept
	return true
}

// PutSponsor makes somebody a sponsor of a user, when a tenant is seeded.
func (s *Server) PutSponsor(userID, sponsorID string) { s.addSponsor(userID, sponsorID) }

// Resume is one call that ended a custom extension's wait.
type Resume struct {
	Path     string          `json:"path"` // below the version
	Body     json.RawMessage `json:"body"`
	DateTime time.Time       `json:"dateTime"`
}

// maxResumes is how many are kept, the latest.
const maxResumes = 10_000

// Resumes returns the resume calls that were answered with 204, oldest first.
func (s *Server) Resumes() []Resume {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.state.Resumes)
}
