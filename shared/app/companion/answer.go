package companion

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// What a called service answers with a status of success is not always one: a service that sleeps, or that nobody is signed in to, answers with a page, and others tell of a failure in their JSON.

// answerOf reads an answer as JSON, its numbers as they are written; nil if it is none.
func answerOf(reply platform.OutboundReply) (value any) {
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(reply.Body, []byte("\ufeff"))))
	decoder.UseNumber()
	var more json.RawMessage
	if decoder.Decode(&value) != nil || decoder.Decode(&more) != io.EOF {
		return nil
	}
	return value
}

// failing are the members by which JSON tells of a failure when they hold anything, faring those that say how it went, and numbering those that hold a status of HTTP.
var (
	failing   = []string{"error", "errors", "errorMessage", "errorMessages", "errorCode", "fault", "faultString", "exception"}
	faring    = []string{"success", "succeeded", "ok", "isSuccess", "isSuccessful", "status", "result", "outcome", "state"}
	numbering = []string{"status", "statusCode", "status_code", "code"}
	failed    = []string{"false", "fail", "failed", "failure", "error", "errors", "ko", "rejected", "denied", "unauthorized", "forbidden", "unavailable"}
)

// wrongWith says in words what speaks against an answer whose status is one of success; empty: nothing.
func wrongWith(reply platform.OutboundReply) string {
	if text := bytes.TrimSpace(bytes.TrimPrefix(reply.Body, []byte("\ufeff"))); len(text) > 0 && text[0] == '<' {
		return "with a page"
	}
	if tellsFailure(answerOf(reply), false) {
		return "with JSON that tells of a failure"
	}
	return ""
}

// tellsFailure looks at the members of an object, and of what it wraps: some services put all that they say into another object, or a list of one.
func tellsFailure(value any, wrapped bool) bool {
	if list, ok := value.([]any); ok && !wrapped {
		return slices.ContainsFunc(list, func(one any) bool { return tellsFailure(one, true) })
	}
	object, _ := value.(map[string]any)
	for name, member := range object {
		said := strings.ToLower(fmt.Sprint(member))
		number, _ := strconv.Atoi(said)
		switch {
		case has(failing, name) && !isNothing(member), has(faring, name) && has(failed, said),
			!wrapped && has(numbering, name) && number >= 400 && number < 600,
			!wrapped && tellsFailure(member, true):
			return true
		}
	}
	return false
}

// isNothing says whether a member holds nothing: null, false, 0, or what is empty.
func isNothing(value any) bool {
	switch v := value.(type) {
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	case string:
		return strings.TrimSpace(v) == "" || v == "0"
	case json.Number:
		return v == "0"
	}
	return value == nil || value == false
}

// textAt is the text or number at a path of names and positions in JSON, if something is there.
func textAt(value any, path string) (string, bool) {
	for name := range strings.SplitSeq(path, ".") {
		switch at := value.(type) {
		case map[string]any:
			value = at[name]
		case []any:
			n, err := strconv.Atoi(name)
			if err != nil || n < 0 || n >= len(at) {
				return "", false
			}
			value = at[n]
		default:
			return "", false
		}
	}
	switch value.(type) {
	case string, json.Number:
		text := governance.OneLine(fmt.Sprint(value))
		return governance.Clip(text), governance.Says(text) && !isNothing(value)
	}
	return "", false
}
