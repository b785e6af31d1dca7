package servicebus

import (
	"fmt"
	"strings"

	"latchkey/infra/local/servicebus/amqp"
	"latchkey/shared/bus/memory"
)

// node is what an address names.
type node struct {
	path       string        // without the parts below, in lower case: what claims are about
	claims     bool          // $cbs
	management bool          // $management of the queue
	queue      *memory.Queue // the queue or its dead letters
}

// resolve finds what an address names: a queue, its dead letters, the management of either, or $cbs. Service Bus does not mind capitals.
func (s *Server) resolve(address string) (node, *amqp.Error) {
	path := strings.ToLower(strings.Trim(address, "/"))
	if path == "$cbs" {
		return node{path: path, claims: true}, nil
	}
	n := node{}
	path, n.management = strings.CutSuffix(path, "/$management")
	path, dead := strings.CutSuffix(path, "/$deadletterqueue")
	n.path = path
	for _, name := range s.core.Names() {
		if strings.ToLower(name) == path {
			n.queue, _ = s.core.Queue(name) // it is one of its names
		}
	}
	if n.queue == nil {
		return n, &amqp.Error{Condition: condNotFound, Description: fmt.Sprintf("The messaging entity '%s' could not be found.", address)}
	}
	if dead {
		n.queue = n.queue.DeadLetters()
	}
	return n, nil
}
