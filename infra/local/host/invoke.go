package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"latchkey/infra/local/fault"
)

// Why an invocation failed, besides what the connection says.
var (
	// ErrTimeout: functionTimeout has passed; the handler was killed.
	ErrTimeout = errors.New("host: functionTimeout has passed")
	// ErrStatus: the handler answered with a status other than 2xx.
	ErrStatus = errors.New("host: the handler answered with a failure")
	// ErrEmptyAnswer: the handler answered 2xx without a result. On Azure the invocation would hang until functionTimeout, which then kills the handler.
	ErrEmptyAnswer = errors.New("host: the handler answered without a result; on Azure this invocation would hang until functionTimeout")
	// ErrContentType: the handler's answer is not JSON by its content type.
	ErrContentType = errors.New("host: the handler's answer is not application/json")
	// ErrAnswer: the handler's answer is not in the envelope.
	ErrAnswer = errors.New("host: the handler's answer is malformed")
	// ErrFault: a fault was ordered.
	ErrFault = errors.New("host: a fault was ordered")
)

const (
	version   = "4.1037.0.0"
	userAgent = "Azure-Functions-Host/" + version
	maxAnswer = 8 << 20
	// maxKillDelay is how long after the start of an invocation fault.Kill strikes, at most: before, amid or just after the work.
	maxKillDelay = 2 * time.Millisecond
)

func newID() string { return uuid.NewString() }

// invoke posts one envelope to the handler and judges the answer. A nil error means that the invocation succeeded.
func (h *Host) invoke(ctx context.Context, f *function, body []byte) error {
	err := h.attempt(ctx, f, body)
	f.count(err)
	return err
}

func (h *Host) attempt(ctx context.Context, f *function, body []byte) error {
	at, err := h.ready(ctx)
	if err != nil {
		return err
	}
	strike := h.options.Faults.Strike(fault.Handler)
	switch strike {
	case fault.Throttle, fault.Error:
		return fmt.Errorf("%w: %s", ErrFault, strike)
	case fault.Delay:
		if err := pause(ctx, fault.DelayTime); err != nil {
			return err
		}
	case fault.LostResponse: // struck when it has answered
	case fault.Kill:
		time.AfterFunc(rand.N(maxKillDelay), func() { h.worker.kill(at, true) })
	}
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var used lifeUsed
	if h.config.functionTimeout > 0 {
		timer := time.AfterFunc(h.config.functionTimeout, func() {
			used.late.Store(true)
			if at := used.Load(); at != nil { // before the message can come back to it
				h.worker.kill(at, false)
			}
			cancel(ErrTimeout)
		})
		defer timer.Stop()
	}
	request, err := http.NewRequestWithContext(context.WithValue(running, lifeKey{}, &used), http.MethodPost, "http://handler/"+f.Name, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Host = ""          // that of the handler of the moment
	request.ContentLength = -1 // the host writes the envelope as it serializes it, in chunks
	request.Header = http.Header{
		"Content-Type":                   {"application/json; charset=utf-8"},
		"User-Agent":                     {userAgent},
		"X-Azure-Functions-Hostversion":  {version},
		"X-Azure-Functions-Invocationid": {newID()},
	}
	response, err := h.client.Do(request)
	if err != nil {
		return used.judge(ctx, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return used.judge(ctx, err)
	}
	if err := h.judge(f, response, answer); err != nil {
		return err
	}
	if strike == fault.LostResponse {
		return fmt.Errorf("%w: %s", ErrFault, strike)
	}
	return nil
}

// lifeUsed is the life of the handler that got an invocation: the one to end when the invocation takes too long, and not its successor.
type lifeUsed struct {
	atomic.Pointer[endpoint]
	late atomic.Bool
}

type lifeKey struct{}

// judge says why an invocation was not answered. It returns when it is clear whether the handler lives. A process that dies breaks its connections before its parent learns of
// it: a message that was given back in between would come straight back over another dead connection, and use up its delivery count within a millisecond.
func (l *lifeUsed) judge(ctx context.Context, err error) error {
	if at := l.Load(); at != nil && ctx.Err() == nil {
		probing, cancel := context.WithTimeout(ctx, killPatience)
		defer cancel()
		defer context.AfterFunc(at.gone, cancel)()
		_ = at.probe(probing) // an answer: it lives, and has broken this one connection
	}
	switch {
	case l.late.Load():
		return ErrTimeout
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return fmt.Errorf("host: the handler did not answer: %w", err)
}

func (h *Host) judge(f *function, response *http.Response, answer []byte) error {
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("%w: %s", ErrStatus, response.Status)
	}
	answer = bytes.TrimSpace(answer)
	if len(answer) == 0 || string(answer) == "null" {
		return ErrEmptyAnswer
	}
	if len(answer) > maxAnswer {
		return fmt.Errorf("%w: longer than %d bytes", ErrAnswer, maxAnswer)
	}
	contentType := response.Header.Get("Content-Type")
	if contentType != "application/json" {
		media, _, err := mime.ParseMediaType(contentType)
		if err != nil || media != "application/json" && media != "text/json" {
			return fmt.Errorf("%w: %q", ErrContentType, contentType)
		}
	}
	if string(answer) == "{}" {
		return nil
	}
	var result struct {
		Outputs     map[string]json.RawMessage
		Logs        []string
		ReturnValue json.RawMessage
	}
	if err := json.Unmarshal(answer, &result); err != nil {
		return fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	for _, line := range result.Logs {
		h.options.Logger.Info(line, "function", f.Name)
	}
	for name := range result.Outputs {
		h.options.Logger.Warn("an output is dropped; the local host has no output bindings", "function", f.Name, "output", name)
	}
	return nil
}

// ready waits for the handler, as long as the real host would.
func (h *Host) ready(ctx context.Context) (*endpoint, error) {
	if at, err := h.worker.endpoint(done); err == nil {
		return at, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 4*h.config.initializationTimeout)
	defer cancel()
	return h.worker.endpoint(ctx)
}

// done is a context that has ended: who asks with it does not wait.
var done = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
