package servicebus

import (
	"bufio"
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/infra/local/servicebus/amqp"
)

// connection is one AMQP connection. One goroutine reads and acts; those that deliver messages only write. Frames are gathered in out and go to the
// network when there is nothing left to read.
type connection struct {
	server *Server
	socket net.Conn
	reader *bufio.Reader

	heard atomic.Int64 // when the peer was last heard, in Unix nanoseconds
	spoke atomic.Int64 // when it was last spoken to

	mu       sync.Mutex // guards all below and what belongs to the sessions
	out      []byte
	sessions map[uint16]*session
	settling []*session // have settlements that are not in out yet
	claims   []string   // the paths it may use
	ended    bool
	peerMax  int

	writing sync.Mutex // held while spare goes to the network
	spare   []byte
	pumps   sync.WaitGroup
}

func newConnection(s *Server, socket net.Conn) *connection {
	return &connection{server: s, socket: socket, reader: bufio.NewReaderSize(socket, 32<<10), sessions: make(map[uint16]*session), peerMax: amqp.MinMaxFrameSize}
}

// drop ends the connection without a word.
func (c *connection) drop() { _ = c.socket.Close() }

// errGone says that the peer closed the connection as it should.
var errGone = errors.New("closed by the peer")

func (c *connection) serve(ctx context.Context) error {
	defer func() {
		c.drop()
		c.mu.Lock()
		c.ended = true
		for _, s := range c.sessions {
			s.end()
		}
		c.mu.Unlock()
		c.pumps.Wait()
	}()
	if err := c.socket.SetDeadline(time.Now().Add(handshakeTime)); err != nil {
		return err
	}
	open, buffer, err := c.handshake()
	if err != nil {
		return ignoreEnd(err)
	}
	if err := c.socket.SetDeadline(time.Time{}); err != nil {
		return err
	}
	now := time.Now().UnixNano()
	c.heard.Store(now)
	c.spoke.Store(now)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.pumps.Go(func() { c.beat(ctx, open.IdleTimeout) })
	return ignoreEnd(c.read(ctx, buffer))
}

func ignoreEnd(err error) error {
	if errors.Is(err, errGone) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// handshake negotiates SASL, unless the peer leaves it out, and opens the connection.
func (c *connection) handshake() (amqp.Open, []byte, error) {
	var open amqp.Open
	header, err := c.header()
	if err != nil {
		return open, nil, err
	}
	var buffer []byte
	if header == amqp.HeaderSASL {
		if buffer, err = c.authenticate(buffer); err != nil {
			return open, nil, err
		}
		if header, err = c.header(); err != nil {
			return open, nil, err
		}
	}
	c.out = append(c.out, amqp.HeaderAMQP[:]...)
	if err := c.flush(); err != nil {
		return open, nil, err
	}
	if header != amqp.HeaderAMQP {
		return open, nil, fmt.Errorf("%w: a protocol header %x", amqp.ErrMalformed, header)
	}
	frame, buffer, err := amqp.ReadFrame(c.reader, buffer, maxFrameSize)
	if err != nil {
		return open, nil, err
	}
	r := amqp.NewReader(frame.Body)
	if code := r.Descriptor(); code != amqp.CodeOpen {
		return open, nil, fmt.Errorf("%w: a connection that starts with %#x", amqp.ErrMalformed, code)
	}
	if open, err = amqp.ReadOpen(&r); err != nil {
		return open, nil, err
	}
	if open.MaxFrameSize < amqp.MinMaxFrameSize {
		return open, nil, fmt.Errorf("%w: a largest frame of %d bytes", amqp.ErrMalformed, open.MaxFrameSize)
	}
	c.peerMax = int(min(open.MaxFrameSize, maxFrameSize))
	answer := amqp.Open{ContainerID: "latchkey", MaxFrameSize: maxFrameSize, ChannelMax: maxSessions - 1, IdleTimeout: c.server.options.IdleTimeout}
	c.frame(0, answer.Append)
	return open, buffer, c.flush()
}

func (c *connection) header() ([8]byte, error) {
	var header [8]byte
	_, err := io.ReadFull(c.reader, header[:])
	return header, err
}

// authenticate offers SASL. Who knows a key, or if there are none, may use everything; who stays anonymous needs claims if there are keys.
func (c *connection) authenticate(buffer []byte) ([]byte, error) {
	c.out = append(c.out, amqp.HeaderSASL[:]...)
	c.saslFrame(func(b []byte) []byte { return amqp.AppendMechanisms(b, "MSSBCBS", "PLAIN", "ANONYMOUS") })
	if err := c.flush(); err != nil {
		return nil, err
	}
	frame, buffer, err := amqp.ReadFrame(c.reader, buffer, maxFrameSize)
	if err != nil {
		return nil, err
	}
	r := amqp.NewReader(frame.Body)
	if code := r.Descriptor(); code != amqp.CodeInit {
		return nil, fmt.Errorf("%w: a SASL frame %#x", amqp.ErrMalformed, code)
	}
	init, err := amqp.ReadInit(&r)
	if err != nil {
		return nil, err
	}
	const succeeded, refused = 0, 1
	outcome := uint8(refused)
	switch init.Mechanism {
	case "MSSBCBS", "ANONYMOUS":
		outcome = succeeded
	case "PLAIN":
		if c.server.knows(init.Response) {
			outcome = succeeded
			c.claims = append(c.claims, "")
		}
	}
	c.saslFrame(func(b []byte) []byte { return amqp.AppendOutcome(b, outcome) })
	if err := c.flush(); err != nil {
		return nil, err
	}
	if outcome != succeeded {
		return nil, fmt.Errorf("the credentials of SASL %q are refused", init.Mechanism)
	}
	return buffer, nil
}

// knows checks the response of SASL PLAIN: an identity, a name and a key, with zeros in between.
func (s *Server) knows(response []byte) bool {
	if len(s.options.Keys) == 0 {
		return true
	}
	parts := bytes.Split(response, []byte{0})
	if len(parts) != 3 {
		return false
	}
	key, ok := s.options.Keys[string(parts[1])]
	return subtle.ConstantTimeCompare([]byte(key), parts[2]) == 1 && ok
}

func (c *connection) saslFrame(body func([]byte) []byte) {
	start := len(c.out)
	c.out = body(amqp.BeginFrame(c.out, amqp.FrameSASL, 0))
	c.out = amqp.EndFrame(c.out, start)
}

// frame adds a frame to out.
func (c *connection) frame(channel uint16, body func([]byte) []byte) {
	start := len(c.out)
	c.out = body(amqp.BeginFrame(c.out, amqp.FrameAMQP, channel))
	c.out = amqp.EndFrame(c.out, start)
}

// tryFrame adds a frame whose body may fail to encode; then it adds nothing.
func (c *connection) tryFrame(channel uint16, body func([]byte) ([]byte, error)) error {
	start := len(c.out)
	b, err := body(amqp.BeginFrame(c.out, amqp.FrameAMQP, channel))
	if err != nil {
		c.out = c.out[:start]
		return err
	}
	c.out = amqp.EndFrame(b, start)
	return nil
}

// flush writes what is in out to the network. It is called without the mutex.
func (c *connection) flush() error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.mu.Lock()
	c.out, c.spare = c.spare[:0], c.out
	c.mu.Unlock()
	if len(c.spare) == 0 {
		return nil
	}
	now := time.Now()
	c.spoke.Store(now.UnixNano())
	if err := c.socket.SetWriteDeadline(now.Add(writeTime)); err != nil {
		return err
	}
	_, err := c.socket.Write(c.spare)
	if cap(c.spare) > 1<<20 {
		c.spare = nil
	}
	return err
}

// beat sends a sign of life when there was nothing else to say for half the time that the peer waits for one, and gives up a silent peer.
func (c *connection) beat(ctx context.Context, peer time.Duration) {
	mine := c.server.options.IdleTimeout
	every := mine / 2
	if peer > 0 {
		every = min(every, max(peer/3, 10*time.Millisecond))
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			if now.UnixNano()-c.heard.Load() > int64(2*mine) {
				c.server.log.Info("a peer of the bus fell silent", "peer", c.socket.RemoteAddr().String())
				c.drop()
				return
			}
			if peer > 0 && now.UnixNano()-c.spoke.Load() >= int64(every)/2 {
				c.mu.Lock()
				c.frame(0, func(b []byte) []byte { return b })
				c.mu.Unlock()
				if c.flush() != nil {
					c.drop()
					return
				}
			}
		}
	}
}

// read acts on frames until the connection ends.
func (c *connection) read(ctx context.Context, buffer []byte) error {
	for {
		frame, kept, err := amqp.ReadFrame(c.reader, buffer, maxFrameSize)
		if err != nil {
			return err
		}
		buffer = kept
		c.heard.Store(time.Now().UnixNano())
		if len(frame.Body) == 0 {
			continue
		}
		if frame.Kind != amqp.FrameAMQP {
			return fmt.Errorf("%w: a frame of type %d", amqp.ErrMalformed, frame.Kind)
		}
		c.mu.Lock()
		err = c.act(ctx, frame)
		idle := c.reader.Buffered() == 0
		if err != nil {
			c.closeWith(err)
		}
		if idle || err != nil {
			for _, s := range c.settling {
				s.settleNow()
			}
			c.settling = c.settling[:0]
		}
		full := len(c.out) >= flushAt
		c.mu.Unlock()
		if errors.Is(err, errLost) {
			return nil
		}
		if idle || full || err != nil {
			if flushed := c.flush(); flushed != nil && err == nil {
				err = flushed
			}
		}
		if err != nil {
			return err
		}
	}
}

// errLost says that the connection breaks because a fault wants it to.
var errLost = errors.New("a fault lost the response")

// closeWith says why the connection ends, or answers the peer's close.
func (c *connection) closeWith(err error) {
	var reason *amqp.Error
	if !errors.Is(err, errGone) {
		condition := "amqp:internal-error"
		if errors.Is(err, amqp.ErrMalformed) {
			condition = "amqp:decode-error"
		}
		reason = &amqp.Error{Condition: condition, Description: err.Error()}
	}
	_ = c.tryFrame(0, func(b []byte) ([]byte, error) { return amqp.AppendEnd(b, amqp.CodeClose, reason) }) // has no info that could fail
}

func (c *connection) act(ctx context.Context, frame amqp.Frame) error {
	r := amqp.NewReader(frame.Body)
	code := r.Descriptor()
	if err := r.Err(); err != nil {
		return err
	}
	switch code {
	case amqp.CodeClose:
		return errGone
	case amqp.CodeBegin:
		return c.begin(frame.Channel, &r)
	}
	s := c.sessions[frame.Channel]
	if s == nil {
		return fmt.Errorf("%w: a frame %#x on channel %d, where there is no session", amqp.ErrMalformed, code, frame.Channel)
	}
	switch code {
	case amqp.CodeTransfer:
		return s.transfer(&r)
	case amqp.CodeDisposition:
		return s.disposition(&r)
	case amqp.CodeFlow:
		return s.flow(&r)
	case amqp.CodeAttach:
		return s.attach(ctx, &r)
	case amqp.CodeDetach:
		return s.detach(&r)
	case amqp.CodeEnd:
		s.settleNow()
		s.end()
		delete(c.sessions, frame.Channel)
		return c.tryFrame(frame.Channel, func(b []byte) ([]byte, error) { return amqp.AppendEnd(b, amqp.CodeEnd, nil) })
	default:
		return fmt.Errorf("%w: a performative %#x", amqp.ErrMalformed, code)
	}
}

func (c *connection) begin(channel uint16, r *amqp.Reader) error {
	begin, err := amqp.ReadBegin(r)
	if err != nil {
		return err
	}
	if c.sessions[channel] != nil || len(c.sessions) >= maxSessions {
		return fmt.Errorf("%w: channel %d is in use, or there are too many", amqp.ErrMalformed, channel)
	}
	s := &session{
		connection: c, channel: channel, nextIncoming: begin.NextOutgoingID, remoteWindow: begin.IncomingWindow,
		links: make(map[uint32]link), unsettled: make(map[uint32]unsettled),
	}
	c.sessions[channel] = s
	answer := amqp.Begin{RemoteChannel: channel, IncomingWindow: incomingWindow, OutgoingWindow: incomingWindow, HandleMax: maxLinks - 1}
	c.frame(channel, answer.Append)
	return nil
}
