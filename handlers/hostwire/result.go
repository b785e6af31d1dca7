package hostwire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// Result is what a function gives back: values of output bindings by name, the return value, and lines that the host logs with the invocation.
// Latchkey's functions give back nothing, for the bus does what output bindings cannot: sessions, message ids, scheduling.
type Result struct {
	Outputs     map[string]any `json:",omitempty"`
	Logs        []string       `json:",omitempty"`
	ReturnValue any            `json:",omitempty"`
}

var emptyResult = []byte("{}")

// WriteResult answers a successful invocation: always 200, always JSON, never empty. An empty answer, or 204, would leave the invocation hanging until the host
// kills the handler; another content type would fail it. A result that cannot be encoded is answered as a failure.
func WriteResult(w http.ResponseWriter, result Result) {
	body := emptyResult
	if len(result.Outputs) > 0 || len(result.Logs) > 0 || result.ReturnValue != nil {
		if s, ok := result.ReturnValue.(string); ok {
			result.ReturnValue = protect(s)
		}
		outputs := make(map[string]any, len(result.Outputs))
		for name, value := range result.Outputs {
			if s, ok := value.(string); ok {
				value = protect(s)
			}
			outputs[name] = value
		}
		result.Outputs = outputs
		var err error
		if body, err = json.Marshal(result); err != nil {
			WriteFailure(w, http.StatusInternalServerError, "unencodableResult", fmt.Sprintf("The result cannot be encoded: %v", err))
			return
		}
	}
	writeJSON(w, http.StatusOK, body)
}

// WriteFailure answers a failed invocation. The host looks at the status alone and gives a message back to its queue; code and message are for people.
func WriteFailure(w http.ResponseWriter, status int, code, message string) {
	var failure struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	failure.Error.Code, failure.Error.Message = code, message
	body, err := json.Marshal(failure)
	if err != nil {
		body = emptyResult
	}
	writeJSON(w, status, body)
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a host that has hung up learns nothing anyway
}

// protect saves a string from being taken for base64. The host decodes every string output that happens to be valid base64 ("test", a hex digest) and hands on
// the bytes; encoded here first, what it decodes is the text itself.
func protect(s string) string {
	if !looksLikeBase64(s) {
		return s
	}
	return base64.StdEncoding.EncodeToString([]byte(s))
}

// looksLikeBase64 says what .NET's Convert.FromBase64String would accept: white space anywhere, padding at the end, a length of whole groups.
func looksLikeBase64(s string) bool {
	stripped := bytes.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\r', '\n':
			return -1
		}
		return r
	}, []byte(s))
	if len(stripped) == 0 {
		return false
	}
	_, err := base64.StdEncoding.Decode(make([]byte, base64.StdEncoding.DecodedLen(len(stripped))), stripped)
	return err == nil
}
