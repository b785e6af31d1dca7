// Package fault decides when a part of Azure in miniature misbehaves. The control port sets faults; each part asks before it answers.
package fault

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Target is the part that misbehaves.
type Target string

// The targets.
const (
	Cosmos     Target = "cosmos"
	ServiceBus Target = "serviceBus"
	Graph      Target = "graph"
	Handler    Target = "handler"
)

// Kind is how it misbehaves.
type Kind string

// The kinds. Throttle answers 429 (with Retry-After where the protocol has it) and does nothing. Error answers 503 and does nothing. LostResponse does the work and
// then breaks the connection. Delay works, late. Kill applies to the handler's process.
const (
	Throttle     Kind = "throttle"
	Error        Kind = "error"
	LostResponse Kind = "lostResponse"
	Delay        Kind = "delay"
	Kill         Kind = "kill"
)

// Fault is one standing order to misbehave.
type Fault struct {
	Target Target  `json:"target"`
	Kind   Kind    `json:"kind"`
	Rate   float64 `json:"rate"`  // the share of calls it strikes, 0 to 1; 0 means every call
	Count  int     `json:"count"` // how many times it still strikes; 0 means for ever
}

// DelayTime is how late a Delay is.
const DelayTime = 250 * time.Millisecond

// RetryAfter is what a Throttle asks for.
const RetryAfter = time.Second

// Injector holds the standing faults. Its nil value and its zero value have none.
type Injector struct {
	mu     sync.Mutex
	faults []*order
}

type order struct {
	Fault
	unlimited bool
}

// Add sets one more fault.
func (i *Injector) Add(f Fault) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if f.Rate <= 0 || f.Rate > 1 {
		f.Rate = 1
	}
	i.faults = append(i.faults, &order{Fault: f, unlimited: f.Count <= 0})
}

// Clear removes all faults.
func (i *Injector) Clear() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.faults = nil
}

// List returns the standing faults.
func (i *Injector) List() []Fault {
	i.mu.Lock()
	defer i.mu.Unlock()
	list := make([]Fault, 0, len(i.faults))
	for _, o := range i.faults {
		list = append(list, o.Fault)
	}
	return list
}

// Strike says whether this call to target misbehaves, and how; the empty kind means that it does not.
func (i *Injector) Strike(target Target) Kind {
	if i == nil {
		return ""
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for n, o := range i.faults {
		if o.Target != target || rand.Float64() >= o.Rate {
			continue
		}
		if !o.unlimited {
			o.Count--
			if o.Count <= 0 {
				i.faults = append(i.faults[:n], i.faults[n+1:]...)
			}
		}
		return o.Kind
	}
	return ""
}
