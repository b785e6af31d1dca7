package hostwire

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrMalformed marks an invocation that is not in the host's envelope, or whose binding holds something else than its trigger sends.
var ErrMalformed = errors.New("hostwire: malformed invocation")

// Invocation is one call of the host: the value of each input binding by name, and what the trigger says about it.
type Invocation struct {
	Data     map[string]json.RawMessage
	Metadata map[string]json.RawMessage
}

// Decode reads the envelope {"Data":{...},"Metadata":{...}}. Its values stay as the host encoded them. Errors: ErrMalformed.
func Decode(body []byte) (Invocation, error) {
	var in Invocation
	if err := json.Unmarshal(body, &in); err != nil {
		return Invocation{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if in.Data == nil {
		return in, fmt.Errorf("%w: no Data", ErrMalformed)
	}
	return in, nil
}

// only returns the value of the one input binding. A trigger's function has no other: which of two would be the trigger's, the envelope does not say.
func (in Invocation) only() (json.RawMessage, error) {
	if len(in.Data) != 1 {
		return nil, fmt.Errorf("%w: %d input bindings, want the trigger's alone", ErrMalformed, len(in.Data))
	}
	for _, value := range in.Data {
		return value, nil
	}
	return nil, nil
}
