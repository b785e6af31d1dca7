package amqp

import (
	"encoding/binary"
	"fmt"
	"io"
)

// The types of frames, and the size of their head.
const (
	FrameAMQP = 0
	FrameSASL = 1
	FrameHead = 8
)

// MinMaxFrameSize is the largest frame that every peer takes.
const MinMaxFrameSize = 512

// The protocol headers that a connection starts with.
var (
	HeaderAMQP = [8]byte{'A', 'M', 'Q', 'P', 0, 1, 0, 0}
	HeaderSASL = [8]byte{'A', 'M', 'Q', 'P', 3, 1, 0, 0}
)

// BeginFrame starts a frame; its body is appended, then EndFrame is called with where it started.
func BeginFrame(b []byte, kind byte, channel uint16) []byte {
	return append(b, 0, 0, 0, 0, 2, kind, byte(channel>>8), byte(channel))
}

// EndFrame fills in the size of the frame that starts at start.
func EndFrame(b []byte, start int) []byte {
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

// Frame is one frame as it came: its body is empty if it is a sign of life.
type Frame struct {
	Kind    byte
	Channel uint16
	Body    []byte
}

// ReadFrame reads a frame of at most limit bytes into buffer, which it grows up to limit if need be. The body points into the buffer.
func ReadFrame(from io.Reader, buffer []byte, limit int) (Frame, []byte, error) {
	if cap(buffer) < MinMaxFrameSize {
		buffer = make([]byte, MinMaxFrameSize)
	}
	head := buffer[:FrameHead]
	if _, err := io.ReadFull(from, head); err != nil {
		return Frame{}, buffer, err
	}
	size, offset := int64(binary.BigEndian.Uint32(head)), int64(head[4])*4
	frame := Frame{Kind: head[5], Channel: binary.BigEndian.Uint16(head[6:])}
	if size > int64(limit) || offset < FrameHead || size < offset {
		return Frame{}, buffer, fmt.Errorf("%w: a frame of %d bytes with a head of %d, the limit is %d", ErrMalformed, size, offset, limit)
	}
	n := int(size - FrameHead)
	if cap(buffer) < n {
		buffer = make([]byte, min(max(2*cap(buffer), n), limit))
	}
	rest := buffer[:n]
	if _, err := io.ReadFull(from, rest); err != nil {
		return Frame{}, buffer, err
	}
	frame.Body = rest[offset-FrameHead:]
	return frame, buffer, nil
}
