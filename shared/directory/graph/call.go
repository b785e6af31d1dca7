package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	abstractions "github.com/microsoft/kiota-abstractions-go"

	"latchkey/shared/directory"
	"latchkey/shared/platform"
)

// MaxWait is the longest wait within a call. What asks for more is the caller's to schedule.
const MaxWait = 2 * time.Second

const (
	exchangeTimeout = 60 * time.Second // of one HTTP exchange: Graph itself gives up earlier
	maxTries        = 2
	retryPause      = 100 * time.Millisecond // after a failure that names no wait; up to as much again is added, so that a crowd does not come back at once
)

// repeatable says which failures a second try within the call may follow.
type repeatable int

const (
	ifIdempotent repeatable = iota // reads and changes that find their work done
	ifNotDone                      // only when Graph says that it did nothing
)

// call sends a request of the SDK's builders, perhaps twice, and decodes the answer into result unless that is nil.
//
// The answer is taken by Kiota's response handler rather than by the SDK's models: a model of a user builds a table of some 170 closures for each user that it
// reads, and keeps every property in a map.
func (d *Directory) call(ctx context.Context, operation Operation, again repeatable, request *abstractions.RequestInformation, result any) error {
	if err := ctx.Err(); err != nil { // nothing is sent
		return fmt.Errorf("%w: %s: %w", directory.ErrUnavailable, operation, err)
	}
	handler := abstractions.NewRequestHandlerOption()
	handler.SetResponseHandler(func(response any, _ abstractions.ErrorMappings) (any, error) {
		return nil, decode(response, result)
	})
	request.AddRequestOptions([]abstractions.RequestOption{handler})
	if len(request.Content) > 0 {
		request.Headers.Add("Content-Length", strconv.Itoa(len(request.Content))) // Kiota sends chunks unless it is told
	}
	for try := 1; ; try++ {
		err := d.once(ctx, operation, request)
		if err == nil || try == maxTries {
			return err
		}
		wait, ok := pause(err, again)
		if !ok || !sleep(ctx, wait) {
			return err
		}
	}
}

// once does one HTTP exchange, in a span that names the operation and nothing of what it is about.
func (d *Directory) once(ctx context.Context, operation Operation, request *abstractions.RequestInformation) error {
	seen := &answer{}
	ctx, span := platform.Start(ctx, platform.Client, "graph "+string(operation))
	begin := time.Now()
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout) // not the client's: that starts a goroutine for each exchange
	defer cancel()
	err := d.send(context.WithValue(ctx, answerKey{}, seen), request)
	err = classify(operation, seen, err)
	span.End(err)
	if d.observe != nil {
		d.observe(operation, seen.status, err, time.Since(begin))
	}
	return err
}

// send turns a panic of Kiota's into an error: it takes for granted how an answer's headers look.
func (d *Directory) send(ctx context.Context, request *abstractions.RequestInformation) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("graph: the SDK cannot read the answer: %v", cause)
		}
	}()
	return d.adapter.SendNoContent(ctx, request, nil)
}

// decode reads the body of an answer into result and leaves the connection fit for use.
func decode(from any, result any) error {
	response, ok := from.(*http.Response)
	if !ok || response == nil {
		return errors.New("graph: the SDK gave no HTTP response")
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("graph: read the answer: %w", err)
	}
	if response.StatusCode >= 300 {
		return nil
	}
	if result == nil { // Graph answers these with nothing, or in its JSON: a page comes from somebody else, and value false is a refusal
		var said struct{ Value any }
		if len(body) > 0 && (json.Unmarshal(body, &said) != nil || said.Value == false) {
			return errors.New("graph: the answer is not one of success")
		}
		return nil
	}
	if err := json.Unmarshal(body, result); err != nil {
		return fmt.Errorf("graph: the answer is not what Graph answers: %w", err)
	}
	return nil
}

// pause says whether a second try may follow err, and after which wait.
func pause(err error, again repeatable) (time.Duration, bool) {
	switch {
	case errors.Is(err, directory.ErrThrottled):
		after := directory.RetryAfter(err)
		return after, after > 0 && after <= MaxWait
	case errors.Is(err, directory.ErrUnavailable) && again == ifIdempotent:
		return retryPause + rand.N(retryPause), true
	}
	return 0, false
}

// sleep waits, unless the context ends before the wait would.
func sleep(ctx context.Context, wait time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
