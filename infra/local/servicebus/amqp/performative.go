package amqp

import "time"

// The descriptors of performatives, termini, errors and outcomes.
const (
	CodeOpen        = 0x10
	CodeBegin       = 0x11
	CodeAttach      = 0x12
	CodeFlow        = 0x13
	CodeTransfer    = 0x14
	CodeDisposition = 0x15
	CodeDetach      = 0x16
	CodeEnd         = 0x17
	CodeClose       = 0x18

	CodeError       = 0x1d
	CodeSource      = 0x28
	CodeTarget      = 0x29
	CodeCoordinator = 0x30

	CodeReceived = 0x23
	CodeAccepted = 0x24
	CodeRejected = 0x25
	CodeReleased = 0x26
	CodeModified = 0x27

	CodeMechanisms = 0x40
	CodeInit       = 0x41
	CodeOutcome    = 0x44
)

// The settlement modes of an Attach.
const (
	SenderUnsettled = 0
	SenderSettled   = 1
	SenderMixed     = 2
	ReceiverFirst   = 0
	ReceiverSecond  = 1
)

// Error is an error that a peer tells the other.
type Error struct {
	Condition   string
	Description string
	Info        Map
}

// Open starts a connection.
type Open struct {
	ContainerID  string
	Hostname     string
	MaxFrameSize uint32
	ChannelMax   uint16
	IdleTimeout  time.Duration // zero: none
}

// Begin starts a session.
type Begin struct {
	RemoteChannel  uint16 // of an answer
	NextOutgoingID uint32
	IncomingWindow uint32
	OutgoingWindow uint32
	HandleMax      uint32
}

// Attach starts a link.
type Attach struct {
	Name                 string
	Handle               uint32
	Receiver             bool // the role of who sends it
	SenderSettleMode     uint8
	ReceiverSettleMode   uint8
	Source               *Source
	Target               *Target
	InitialDeliveryCount uint32
	MaxMessageSize       uint64
	Properties           Map
}

// Source is where the messages of a link come from.
type Source struct {
	Address string
	Filter  Map
}

// Target is where the messages of a link go to.
type Target struct {
	Address     string
	Coordinator bool // it is a coordinator of transactions
}

// Flow tells of windows and credit.
type Flow struct {
	NextIncomingID uint32
	KnowsIncoming  bool // NextIncomingID is set
	IncomingWindow uint32
	NextOutgoingID uint32
	OutgoingWindow uint32
	Handle         uint32
	HasHandle      bool // it is about a link
	DeliveryCount  uint32
	LinkCredit     uint32
	HasCredit      bool // LinkCredit is set
	Available      uint32
	Drain          bool
	Echo           bool
}

// Transfer carries a message or a part of it; its payload follows.
type Transfer struct {
	Handle        uint32
	DeliveryID    uint32
	HasDeliveryID bool
	Tag           []byte
	Format        uint32
	Settled       bool
	More          bool
	Aborted       bool
	Payload       []byte
}

// Disposition tells what became of deliveries.
type Disposition struct {
	Receiver bool // the role of who sends it
	First    uint32
	Last     uint32
	Settled  bool
	State    State
}

// State is the state of a delivery; the zero value is none.
type State struct {
	Code              uint64 // one of CodeReceived to CodeModified
	Error             *Error // of CodeRejected
	DeliveryFailed    bool   // of CodeModified
	UndeliverableHere bool   // of CodeModified
}

// Detach ends a link.
type Detach struct {
	Handle uint32
	Closed bool
	Error  *Error
}

// Init is the answer of a SASL client.
type Init struct {
	Mechanism string
	Response  []byte
}

// ReadOpen reads the fields of an Open, after its descriptor; so do the functions below.
func ReadOpen(r *Reader) (Open, error) {
	f := r.Fields()
	p := Open{ContainerID: f.Text(), Hostname: f.Text()}
	p.MaxFrameSize = f.Uint32(1<<32 - 1)
	p.ChannelMax = uint16(f.Uint(1<<16 - 1))
	p.IdleTimeout = time.Duration(f.Uint32(0)) * time.Millisecond
	return p, f.done(r)
}

// done is the error of the fields, or of where they came from.
func (f *Fields) done(r *Reader) error {
	if r.err != nil {
		return r.err
	}
	return f.err
}

// ReadBegin reads a Begin.
func ReadBegin(r *Reader) (Begin, error) {
	f := r.Fields()
	f.Skip()
	p := Begin{NextOutgoingID: f.Uint32(0), IncomingWindow: f.Uint32(0), OutgoingWindow: f.Uint32(0), HandleMax: f.Uint32(1<<32 - 1)}
	return p, f.done(r)
}

// ReadAttach reads an Attach.
func ReadAttach(r *Reader) (Attach, error) {
	f := r.Fields()
	p := Attach{
		Name: f.Text(), Handle: f.Uint32(0), Receiver: f.Bool(),
		SenderSettleMode: uint8(f.Uint(SenderMixed)), ReceiverSettleMode: uint8(f.Uint(ReceiverFirst)),
	}
	source, target := f.Raw(), f.Raw()
	f.Skip()
	f.Skip()
	p.InitialDeliveryCount = f.Uint32(0)
	p.MaxMessageSize = f.Uint(0)
	f.Skip()
	f.Skip()
	p.Properties = f.Map()
	if err := f.done(r); err != nil {
		return p, err
	}
	var err error
	if p.Source, err = readSource(source); err != nil {
		return p, err
	}
	p.Target, err = readTarget(target)
	return p, err
}

func readSource(data []byte) (*Source, error) {
	if data == nil {
		return nil, nil
	}
	r := NewReader(data)
	if code := r.Descriptor(); code != CodeSource {
		r.fail("a source with the descriptor %#x", code)
		return nil, r.err
	}
	f := r.Fields()
	source := &Source{Address: f.Text()}
	for range 6 {
		f.Skip()
	}
	source.Filter = f.Map()
	return source, f.done(&r)
}

func readTarget(data []byte) (*Target, error) {
	if data == nil {
		return nil, nil
	}
	r := NewReader(data)
	code := r.Descriptor()
	if code == CodeCoordinator {
		return &Target{Coordinator: true}, r.err
	}
	if code != CodeTarget {
		r.fail("a target with the descriptor %#x", code)
		return nil, r.err
	}
	f := r.Fields()
	target := &Target{Address: f.Text()}
	return target, f.done(&r)
}

// ReadFlow reads a Flow.
func ReadFlow(r *Reader) (Flow, error) {
	f := r.Fields()
	var p Flow
	p.NextIncomingID, p.KnowsIncoming = f.OptionalUint32()
	p.IncomingWindow = f.Uint32(0)
	p.NextOutgoingID = f.Uint32(0)
	p.OutgoingWindow = f.Uint32(0)
	p.Handle, p.HasHandle = f.OptionalUint32()
	p.DeliveryCount = f.Uint32(0)
	p.LinkCredit, p.HasCredit = f.OptionalUint32()
	p.Available = f.Uint32(0)
	p.Drain = f.Bool()
	p.Echo = f.Bool()
	return p, f.done(r)
}

// ReadTransfer reads a Transfer; its payload is the rest of the frame and points into it, as does its tag.
func ReadTransfer(r *Reader) (Transfer, error) {
	f := r.Fields()
	p := Transfer{Handle: f.Uint32(0)}
	p.DeliveryID, p.HasDeliveryID = f.OptionalUint32()
	p.Tag = f.Binary()
	p.Format = f.Uint32(0)
	p.Settled = f.Bool()
	p.More = f.Bool()
	f.Skip()
	f.Skip()
	f.Skip()
	p.Aborted = f.Bool()
	p.Payload = r.data
	return p, f.done(r)
}

// ReadDisposition reads a Disposition.
func ReadDisposition(r *Reader) (Disposition, error) {
	f := r.Fields()
	p := Disposition{Receiver: f.Bool(), First: f.Uint32(0)}
	p.Last = f.Uint32(p.First)
	p.Settled = f.Bool()
	state := f.Raw()
	if err := f.done(r); err != nil || state == nil {
		return p, err
	}
	var err error
	p.State, err = readState(state)
	return p, err
}

func readState(data []byte) (State, error) {
	r := NewReader(data)
	s := State{Code: r.Descriptor()}
	f := r.Fields()
	switch s.Code {
	case CodeRejected:
		if raw := f.Raw(); raw != nil && f.err == nil {
			var err error
			if s.Error, err = readError(raw); err != nil {
				return s, err
			}
		}
	case CodeModified:
		s.DeliveryFailed = f.Bool()
		s.UndeliverableHere = f.Bool()
	}
	return s, f.done(&r)
}

func readError(data []byte) (*Error, error) {
	r := NewReader(data)
	if code := r.Descriptor(); code != CodeError {
		r.fail("an error with the descriptor %#x", code)
		return nil, r.err
	}
	f := r.Fields()
	e := &Error{Condition: f.Text(), Description: f.Text(), Info: f.Map()}
	return e, f.done(&r)
}

// ReadDetach reads a Detach.
func ReadDetach(r *Reader) (Detach, error) {
	f := r.Fields()
	p := Detach{Handle: f.Uint32(0), Closed: f.Bool()}
	if raw := f.Raw(); raw != nil && f.err == nil {
		var err error
		if p.Error, err = readError(raw); err != nil {
			return p, err
		}
	}
	return p, f.done(r)
}

// ReadInit reads an Init.
func ReadInit(r *Reader) (Init, error) {
	f := r.Fields()
	p := Init{Mechanism: f.Text(), Response: f.Binary()}
	return p, f.done(r)
}

// Append adds the performative; so do the methods below.
func (p *Open) Append(b []byte) []byte {
	b, list := BeginList(AppendDescriptor(b, CodeOpen))
	b = AppendString(b, p.ContainerID)
	b = AppendNull(b)
	b = AppendUint(b, p.MaxFrameSize)
	b = appendUshort(b, p.ChannelMax)
	fields := 4
	if p.IdleTimeout > 0 {
		b = AppendUint(b, uint32(p.IdleTimeout/time.Millisecond))
		fields++
	}
	return list.End(b, fields)
}

func appendUshort(b []byte, v uint16) []byte { return append(b, codeUshort, byte(v>>8), byte(v)) }

func appendUbyte(b []byte, v uint8) []byte { return append(b, codeUbyte, v) }

// Append adds the answer to a Begin.
func (p *Begin) Append(b []byte) []byte {
	b, list := BeginList(AppendDescriptor(b, CodeBegin))
	b = appendUshort(b, p.RemoteChannel)
	b = AppendUint(b, p.NextOutgoingID)
	b = AppendUint(b, p.IncomingWindow)
	b = AppendUint(b, p.OutgoingWindow)
	b = AppendUint(b, p.HandleMax)
	return list.End(b, 5)
}

// Append adds an Attach. It fails if a filter or a property has no form on the wire.
func (p *Attach) Append(b []byte) ([]byte, error) {
	b, list := BeginList(AppendDescriptor(b, CodeAttach))
	b = AppendString(b, p.Name)
	b = AppendUint(b, p.Handle)
	b = AppendBool(b, p.Receiver)
	b = appendUbyte(b, p.SenderSettleMode)
	b = appendUbyte(b, p.ReceiverSettleMode)
	var err error
	if b, err = p.Source.append(b); err != nil {
		return nil, err
	}
	b = p.Target.append(b)
	b = AppendNull(b)
	b = AppendNull(b)
	b = AppendUint(b, p.InitialDeliveryCount)
	b = AppendUlong(b, p.MaxMessageSize)
	b = AppendNull(b)
	b = AppendNull(b)
	if len(p.Properties) == 0 {
		b = AppendNull(b)
	} else if b, err = AppendValue(b, p.Properties); err != nil {
		return nil, err
	}
	return list.End(b, 14), nil
}

func (s *Source) append(b []byte) ([]byte, error) {
	if s == nil {
		return AppendNull(b), nil
	}
	b, list := BeginList(AppendDescriptor(b, CodeSource))
	b = AppendString(b, s.Address)
	for range 6 {
		b = AppendNull(b)
	}
	if len(s.Filter) == 0 {
		return list.End(AppendNull(b), 8), nil
	}
	b, err := AppendValue(b, s.Filter)
	if err != nil {
		return nil, err
	}
	return list.End(b, 8), nil
}

func (t *Target) append(b []byte) []byte {
	if t == nil {
		return AppendNull(b)
	}
	b, list := BeginList(AppendDescriptor(b, CodeTarget))
	return list.End(AppendString(b, t.Address), 1)
}

// Append adds a Flow that knows what has come in.
func (p *Flow) Append(b []byte) []byte {
	b, list := BeginList(AppendDescriptor(b, CodeFlow))
	b = AppendUint(b, p.NextIncomingID)
	b = AppendUint(b, p.IncomingWindow)
	b = AppendUint(b, p.NextOutgoingID)
	b = AppendUint(b, p.OutgoingWindow)
	if !p.HasHandle {
		return list.End(b, 4)
	}
	b = AppendUint(b, p.Handle)
	b = AppendUint(b, p.DeliveryCount)
	b = AppendUint(b, p.LinkCredit)
	b = AppendUint(b, p.Available)
	b = AppendBool(b, p.Drain)
	return list.End(b, 9)
}

// Append adds a Transfer without its payload.
func (p *Transfer) Append(b []byte) []byte {
	b, list := BeginList(AppendDescriptor(b, CodeTransfer))
	b = AppendUint(b, p.Handle)
	if !p.HasDeliveryID { // a continuation
		b = append(b, codeNull, codeNull, codeNull)
	} else {
		b = AppendUint(b, p.DeliveryID)
		b = AppendBinary(b, p.Tag)
		b = AppendUint(b, p.Format)
	}
	b = AppendBool(b, p.Settled)
	b = AppendBool(b, p.More)
	return list.End(b, 6)
}

// Append adds a Disposition. It fails if the error's info has no form on the wire.
func (p *Disposition) Append(b []byte) ([]byte, error) {
	b, list := BeginList(AppendDescriptor(b, CodeDisposition))
	b = AppendBool(b, p.Receiver)
	b = AppendUint(b, p.First)
	b = AppendUint(b, p.Last)
	b = AppendBool(b, p.Settled)
	if p.State.Code == 0 {
		return list.End(b, 4), nil
	}
	b, err := p.State.append(b)
	if err != nil {
		return nil, err
	}
	return list.End(b, 5), nil
}

func (s *State) append(b []byte) ([]byte, error) {
	b, list := BeginList(AppendDescriptor(b, s.Code))
	switch {
	case s.Code == CodeRejected && s.Error != nil:
		b, err := s.Error.append(b)
		if err != nil {
			return nil, err
		}
		return list.End(b, 1), nil
	case s.Code == CodeModified:
		return list.End(AppendBool(AppendBool(b, s.DeliveryFailed), s.UndeliverableHere), 2), nil
	default:
		return list.End(b, 0), nil
	}
}

func (e *Error) append(b []byte) ([]byte, error) {
	if e == nil {
		return AppendNull(b), nil
	}
	b, list := BeginList(AppendDescriptor(b, CodeError))
	b = AppendSymbol(b, e.Condition)
	b = AppendString(b, e.Description)
	if len(e.Info) == 0 {
		return list.End(b, 2), nil
	}
	b, err := AppendValue(b, e.Info)
	if err != nil {
		return nil, err
	}
	return list.End(b, 3), nil
}

// Append adds a Detach. It fails if the error's info has no form on the wire.
func (p *Detach) Append(b []byte) ([]byte, error) {
	b, list := BeginList(AppendDescriptor(b, CodeDetach))
	b = AppendUint(b, p.Handle)
	b = AppendBool(b, p.Closed)
	b, err := p.Error.append(b)
	if err != nil {
		return nil, err
	}
	return list.End(b, 3), nil
}

// AppendEnd adds an End or a Close, whose code it is given.
func AppendEnd(b []byte, code uint64, e *Error) ([]byte, error) {
	b, list := BeginList(AppendDescriptor(b, code))
	b, err := e.append(b)
	if err != nil {
		return nil, err
	}
	return list.End(b, 1), nil
}

// AppendMechanisms adds what a SASL server offers: short names.
func AppendMechanisms(b []byte, mechanisms ...Symbol) []byte {
	b, list := BeginList(AppendDescriptor(b, CodeMechanisms))
	b, array := begin(b, codeArray32)
	b = append(b, codeSymbol8)
	for _, mechanism := range mechanisms {
		b = append(append(b, byte(len(mechanism))), mechanism...)
	}
	return list.End(array.End(b, len(mechanisms)), 1)
}

// AppendOutcome adds the end of a SASL negotiation: 0 if it succeeded, 1 if the credentials are wrong.
func AppendOutcome(b []byte, code uint8) []byte {
	b, list := BeginList(AppendDescriptor(b, CodeOutcome))
	return list.End(appendUbyte(b, code), 1)
}
