package graph

import (
	"slices"
	"strings"
)

// state is what the emulator keeps beside the directory. Its JSON is in snapshots.
type state struct {
	Sponsors map[string][]string `json:"sponsors"` // user -> users and groups
}

func newState() state {
	return state{Sponsors: map[string][]string{}}
}

// stateKey is how state is keyed by an object's id.
func stateKey(id string) string { return strings.ToLower(id) }

// forget drops what is kept of a user who was deleted.
func (s *Server) forget(userID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.state.Sponsors, stateKey(userID))
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
