package cosmos

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// sessions keeps, for one container, what this process has seen of each physical partition, so that with session consistency (an account's default) it reads its own
// writes. The Go SDK leaves that to its caller. What other processes wrote may be seen late: a commit guards itself with an ETag.
type sessions struct {
	joined atomic.Pointer[string]
	mu     sync.Mutex
	tokens map[string]session
}

type session struct {
	text    string
	version string
	lsn     uint64
}

// maxSessions bounds the physical partitions that are remembered: a header must carry all of them.
const maxSessions = 100

// token is what to send with a request; nil if nothing has been seen yet.
func (s *sessions) token() *string { return s.joined.Load() }

// learn takes a token from a response: "<range>:<version>#<lsn>[#…]".
func (s *sessions) learn(token string) {
	if token == "" {
		return
	}
	id, vector, ok := strings.Cut(token, ":")
	if !ok || id == "" || strings.Contains(token, ",") {
		return
	}
	parts := strings.Split(vector, "#")
	if len(parts) < 2 {
		return
	}
	lsn, err := strconv.ParseUint(parts[1], 10, 64)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known, seen := s.tokens[id]
	if seen && known.version == parts[0] && known.lsn >= lsn || !seen && len(s.tokens) >= maxSessions {
		return
	}
	if s.tokens == nil {
		s.tokens = map[string]session{}
	}
	s.tokens[id] = session{token, parts[0], lsn}
	all := make([]string, 0, len(s.tokens))
	for _, one := range s.tokens {
		all = append(all, one.text)
	}
	joined := strings.Join(all, ",")
	s.joined.Store(&joined)
}
