package cosmos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"

	"latchkey/shared/store"
)

// errAbsent is a 404 on an item. It does not leave this package: for a read it is no error, for a write it is a conflict.
var errAbsent = errors.New("the document does not exist")

// statusRetryWith is what Cosmos DB answers when two writes meet inside the server: nothing was written.
const statusRetryWith = 449

const (
	headerSubstatus  = "x-ms-substatus"
	headerRetryAfter = "x-ms-retry-after-ms"
	headerCharge     = "x-ms-request-charge"
)

// headerOf is the header of a response, if there was one.
func headerOf(response *http.Response) http.Header {
	if response == nil {
		return nil
	}
	return response.Header
}

// mapError is the port's error for what the SDK returned. It says the status and the activity, by which Azure support finds the request, and no content.
func mapError(ctx context.Context, err error) error {
	if response, ok := errors.AsType[*azcore.ResponseError](err); ok {
		header := headerOf(response.RawResponse)
		return fmt.Errorf("%w (activity %q)", mapStatus(response.StatusCode, header), header.Get("x-ms-activity-id"))
	}
	if cause := ctx.Err(); cause != nil {
		// The request may have been on its way.
		return fmt.Errorf("%w: %w", store.ErrUnavailable, cause)
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

func mapStatus(status int, header http.Header) error {
	substatus := header.Get(headerSubstatus)
	switch status {
	case http.StatusBadRequest:
		return fmt.Errorf("%w: status 400", store.ErrInvalid)
	case http.StatusNotFound:
		// Substatus 1002: this replica lags behind the session. 1003: the container or database itself is not there.
		if substatus == "" || substatus == "0" {
			return errAbsent
		}
		if substatus == "1003" {
			return fmt.Errorf("%w: %w: status 404/1003", store.ErrUnavailable, store.ErrMissing)
		}
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w: %w: status %d/%s", store.ErrUnavailable, store.ErrForbidden, status, substatus)
	case http.StatusConflict, http.StatusPreconditionFailed, statusRetryWith:
		return fmt.Errorf("%w: status %d", store.ErrConflict, status)
	case http.StatusRequestEntityTooLarge:
		return fmt.Errorf("%w: status 413", store.ErrTooLarge)
	case http.StatusTooManyRequests:
		return &store.ThrottledError{After: retryAfter(header)}
	}
	return fmt.Errorf("%w: status %d/%s", store.ErrUnavailable, status, substatus)
}

// batchError is why a transaction failed: the first operation that failed of itself and not because another did.
func batchError(response azcosmos.TransactionalBatchResponse) error {
	for i, result := range response.OperationResults {
		if status := int(result.StatusCode); status >= http.StatusBadRequest && status != http.StatusFailedDependency {
			if status == http.StatusNotFound {
				// The header's substatus is that of the batch, not of its operation.
				return fmt.Errorf("operation %d: %w", i, errAbsent)
			}
			return fmt.Errorf("operation %d: %w", i, mapStatus(status, headerOf(response.RawResponse)))
		}
	}
	return fmt.Errorf("%w: the batch failed without a reason", store.ErrUnavailable)
}

// asConflict makes a write to what does not exist a conflict.
func asConflict(err error) error {
	if errors.Is(err, errAbsent) {
		return fmt.Errorf("%w: %w", store.ErrConflict, err)
	}
	return err
}

func isAbsent(err error) bool {
	response, ok := errors.AsType[*azcore.ResponseError](err)
	return ok && response.RawResponse != nil && errors.Is(mapStatus(response.StatusCode, response.RawResponse.Header), errAbsent)
}

// retryAfter is the wait that a throttled account asked for.
func retryAfter(header http.Header) time.Duration {
	milliseconds, err := strconv.ParseFloat(header.Get(headerRetryAfter), 64)
	if err != nil || milliseconds < 0 || milliseconds > float64(time.Hour/time.Millisecond) {
		return 0
	}
	return time.Duration(milliseconds * float64(time.Millisecond))
}

// charge is what a failed request cost.
func charge(err error) float32 {
	response, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok {
		return 0
	}
	units, _ := strconv.ParseFloat(headerOf(response.RawResponse).Get(headerCharge), 32) // 0 when it is none
	return float32(units)
}
