// Package servicebus is Azure Service Bus in miniature: an AMQP 1.0 broker over TCP in front of a [memory.Broker], for azservicebus and its kin in other
// languages, and for plain AMQP clients. It speaks what they use: SASL, claims ($cbs), sending with batches and schedules, receiving with peek-lock or
// receive-and-delete, sessions, dead letters, and the requests of $management.
//
// It does not speak topics, transactions, rules, link recovery, WebSockets or TLS, and it makes no queues: they are configured. The Functions host
// of the same process reads [Server.Core] directly.
package servicebus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"latchkey/infra/local/fault"
	"latchkey/infra/local/servicebus/amqp"
	"latchkey/shared/bus/memory"
	"latchkey/shared/platform"
)

// The defaults of Options, and the limits that are none of theirs.
const (
	DefaultMaxConnections = 1024
	DefaultIdleTimeout    = 2 * time.Minute
	DefaultAcceptTimeout  = 60 * time.Second

	maxFrameSize   = 64 << 10
	maxSessions    = 8192    // of a connection
	maxLinks       = 1024    // of a session
	maxUnsettled   = 1 << 16 // deliveries of a session
	maxReplies     = 1024    // that wait for credit on one link
	handshakeTime  = 10 * time.Second
	writeTime      = 30 * time.Second
	inletCredit    = 1000
	incomingWindow = 1 << 16
	flushAt        = 64 << 10
)

// Options configure a Server. Their zero value is a broker with the queues of the house that lets everybody in.
type Options struct {
	Clock  platform.Clock        // nil: the machine's
	Faults *fault.Injector       // nil: none
	Queues []memory.QueueOptions // nil: memory.Queues()
	// Keys are the shared access keys by name. If there are none, any credentials do.
	Keys map[string]string
	// Logger tells of connections that ended badly; nil: silence.
	Logger         *slog.Logger
	MaxConnections int           // zero: DefaultMaxConnections
	IdleTimeout    time.Duration // after which a silent peer is given up; zero: DefaultIdleTimeout
	AcceptTimeout  time.Duration // how long a receiver waits for the next session if it does not say; zero: DefaultAcceptTimeout
}

// Server is the broker. It is safe for concurrent use.
type Server struct {
	options Options
	clock   platform.Clock
	faults  *fault.Injector
	core    *memory.Broker
	log     *slog.Logger

	mu          sync.Mutex
	connections map[*connection]struct{}
	ticking     bool
}

// New makes a Server; Serve puts it on the network.
func New(options Options) *Server {
	if options.Clock == nil {
		options.Clock = platform.SystemClock{}
	}
	if options.Queues == nil {
		options.Queues = memory.Queues()
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.MaxConnections <= 0 {
		options.MaxConnections = DefaultMaxConnections
	}
	if options.IdleTimeout <= 0 {
		options.IdleTimeout = DefaultIdleTimeout
	}
	if options.AcceptTimeout <= 0 {
		options.AcceptTimeout = DefaultAcceptTimeout
	}
	return &Server{
		options: options, clock: options.Clock, faults: options.Faults, core: memory.New(options.Clock, options.Queues...), log: options.Logger,
		connections: make(map[*connection]struct{}),
	}
}

// Core is the broker behind the wire. Who moves the clock calls its Tick.
func (s *Server) Core() *memory.Broker { return s.core }

// Reset forgets all messages and drops all connections: clients connect anew.
func (s *Server) Reset() {
	s.core.Reset()
	s.dropAll()
}

// Snapshot writes all queues as JSON.
func (s *Server) Snapshot(w io.Writer) error { return s.core.Snapshot(w) }

// Restore replaces all messages by those of a snapshot.
func (s *Server) Restore(r io.Reader) error { return s.core.Restore(r) }

// Serve answers connections until the context ends or the listener fails; it closes the listener and all its connections. While it runs, messages
// become visible and locks expire by the clock without anybody asking.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	s.mu.Lock()
	first := !s.ticking
	s.ticking = true
	s.mu.Unlock()
	if first {
		group.Go(func() { s.tick(ctx) })
	}
	for {
		socket, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("accepting connections: %w", err)
		}
		c := newConnection(s, socket)
		if !s.admit(c) {
			_ = socket.Close() // there are too many
			continue
		}
		group.Go(func() {
			defer s.leave(c)
			defer context.AfterFunc(ctx, c.drop)()
			if err := c.serve(ctx); err != nil {
				s.log.Info("a connection to the bus ended", "peer", socket.RemoteAddr().String(), "error", err)
			}
		})
	}
}

func (s *Server) admit(c *connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.connections) >= s.options.MaxConnections {
		return false
	}
	s.connections[c] = struct{}{}
	return true
}

func (s *Server) leave(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.connections, c)
}

func (s *Server) dropAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.connections {
		c.drop()
	}
}

// EndLinks ends all links to a queue and its dead letters with an error, as Service Bus does when it moves, disables or deletes a queue. The queue
// stays as it is: clients may attach again.
func (s *Server) EndLinks(queue, condition string) {
	s.mu.Lock()
	connections := slices.Collect(maps.Keys(s.connections))
	s.mu.Unlock()
	for _, c := range connections {
		if c.endLinks(queue, &amqp.Error{Condition: condition, Description: "The link was ended by the broker."}) != nil || c.flush() != nil {
			c.drop()
		}
	}
}

func (c *connection) endLinks(queue string, reason *amqp.Error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sessions {
		s.settleNow()
		for handle, l := range s.links {
			var at node
			switch l := l.(type) {
			case *inlet:
				at = l.node
			case *outlet:
				at = l.node
			}
			if at.queue == nil || at.queue.Name() != queue || at.management {
				continue
			}
			l.end()
			delete(s.links, handle)
			if err := s.detachWith(handle, reason); err != nil {
				return err
			}
		}
	}
	return nil
}

// tick lets what is due happen when the clock says so. How long that takes is guessed by the machine's clock; a clock that is moved by hand ticks when it is
// moved.
func (s *Server) tick(ctx context.Context) {
	defer func() {
		s.mu.Lock()
		s.ticking = false
		s.mu.Unlock()
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait := time.Hour
		if next, ok := s.core.NextDue(); ok {
			wait = min(max(next.Sub(s.clock.Now()), time.Millisecond), wait)
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
			s.core.Tick()
		case <-s.core.Earlier():
		case <-ctx.Done():
			return
		}
	}
}
