package hostwire

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// emptyResult answers a successful invocation, always with 200 and as JSON. An empty answer, or 204, would leave the invocation hanging until the host kills the handler; another content type would
// fail it. Latchkey's functions on triggers give nothing back, for the bus does what output bindings cannot: sessions, message ids, scheduling.
var emptyResult = []byte("{}")

// WriteFailure answers a failed invocation. The host looks at the status alone and gives a message back to its queue; code and message are for people.
func WriteFailure(w http.ResponseWriter, status int, code, message string) {
	body, _ := json.Marshal(map[string]map[string]string{"error": {"code": code, "message": message}}) // strings always marshal
	writeJSON(w, status, body)
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a host that has hung up learns nothing anyway
}
