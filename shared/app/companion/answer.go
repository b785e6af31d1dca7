package companion

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// What a called service answers with a status of success is not always one: a service that sleeps, or that nobody is signed in to, answers with a page, and others tell of a failure in their JSON.

// answerText is an answer without the marks of its encoding and blanks around it.
func answerText(reply platform.OutboundReply) []byte {
	return bytes.TrimFunc(reply.Body, func(c rune) bool { return c == '\ufeff' || unicode.IsSpace(c) })
}

// answerOf reads an answer as JSON, its numbers as they are written; nil if it is none.
func answerOf(reply platform.OutboundReply) (value any) {
	decoder := json.NewDecoder(bytes.NewReader(answerText(reply)))
	decoder.UseNumber()
	var more json.RawMessage
	if decoder.Decode(&value) != nil || decoder.Decode(&more) != io.EOF {
		return nil
	}
	return value
}

// speaks are the members by which JSON tells how it went, as plain would write them, and how each does.
var speaks = map[string]func(any) bool{
	"success": denies, "succeeded": denies, "successful": denies, "ok": denies, "authenticated": denies, "authorized": denies, "valid": denies,
	"status": fares, "state": fares, "result": fares, "outcome": fares, "message": fares, "msg": fares, "statustext": fares, "statusmessage": fares, "resultstatus": fares,
	"code": fares, "statuscode": fares, "httpstatus": fares, "httpstatuscode": fares, "httpcode": fares, "responsecode": fares, "responsestatus": fares, "resultcode": fares, "returncode": fares,
}

// accuses are the beginnings of members that tell of a failure when they hold anything, such as errorMessage, isError, has_errors and failed.
var accuses = []string{"error", "fault", "fail", "exception"}

// maxAnswerDepth bounds how deeply an answer is nested; what hides deeper is not known to be well.
const maxAnswerDepth = 32

// wrongWith says in words what speaks against an answer whose status is one of success; empty: nothing.
func wrongWith(reply platform.OutboundReply) string {
	text, value := answerText(reply), answerOf(reply)
	switch {
	case len(text) > 0 && text[0] == '<':
		return "with a page"
	case !utf8.Valid(text) || bytes.ContainsFunc(text, func(c rune) bool { return unicode.IsControl(c) && !unicode.IsSpace(c) }):
		return "with something that is no text"
	case len(text) > 0 && (text[0] == '{' || text[0] == '[') && value == nil:
		return "with JSON that is broken off"
	case tellsFailure(value, 0):
		return "with JSON that tells of a failure"
	}
	return ""
}

// wrongUnproven is wrongWith for an answer that nothing proves to be a success: every text of it counts that is not in something else, and it must not be a no.
func wrongUnproven(reply platform.OutboundReply) string {
	value := answerOf(reply)
	if wrong := wrongWith(reply); wrong != "" {
		return wrong
	}
	if text := string(answerText(reply)); value == nil {
		if text == "null" || soundsWrong(text) {
			return "with words that tell of a failure"
		}
		return ""
	}
	texts := []any{value}
	switch v := value.(type) {
	case map[string]any:
		texts = slices.Collect(maps.Values(v))
	case []any:
		texts = v
	case bool, json.Number, string:
		if isNothing(v) {
			return "with a no"
		}
	}
	for _, one := range texts {
		if text, is := one.(string); is && soundsWrong(text) {
			return "with words that tell of a failure"
		}
	}
	return ""
}

// tellsFailure looks at all members of an answer, whatever they are in.
func tellsFailure(value any, depth int) bool {
	if depth > maxAnswerDepth {
		return true
	}
	switch v := value.(type) {
	case []any:
		return slices.ContainsFunc(v, func(one any) bool { return tellsFailure(one, depth+1) })
	case map[string]any:
		for name, member := range v {
			name = plain(name)
			if accusing(name) && !isNothing(member) || speaks[name] != nil && speaks[name](member) || tellsFailure(member, depth+1) {
				return true
			}
		}
	}
	return false
}

// plain is the name of a member without case, signs, and what makes a question of it.
func plain(name string) string {
	name = strings.ToLower(strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return c
		}
		return -1
	}, name))
	for _, begin := range []string{"is", "has", "was"} {
		if rest, ok := strings.CutPrefix(name, begin); ok && (speaks[rest] != nil || accusing(rest)) {
			return rest
		}
	}
	return name
}

func accusing(name string) bool {
	return slices.ContainsFunc(accuses, func(begin string) bool { return strings.HasPrefix(name, begin) })
}

// denies is for members that are a yes or a no.
func denies(value any) bool {
	text, isText := value.(string)
	return isNothing(value) || isText && soundsWrong(text)
}

// fares is for members that hold a status of HTTP or a word; one that holds more than that is looked into.
func fares(value any) bool {
	switch v := value.(type) {
	case bool:
		return !v
	case json.Number:
		number, err := strconv.ParseFloat(v.String(), 64)
		return err == nil && number >= 400 && number < 600
	case string:
		return strings.EqualFold(strings.TrimSpace(v), "no") || wrongStatus.MatchString(v) || soundsWrong(v)
	}
	return false
}

// wrongWords are words that tell of a failure, and wrongPhrases those of several.
var (
	wrongWords = []string{"false", "fail", "fails", "failed", "failing", "failure", "failures", "error", "errors", "errored", "ko", "rejected", "refused", "denied", "declined", "unauthorized", "unauthorised",
		"unauthenticated", "forbidden", "unavailable", "notfound", "invalid", "expired", "exception", "fault", "aborted", "timeout", "unsuccessful", "cannot", "login", "logon", "signin", "hibernating"}
	wrongPhrases = []string{"not authenticated", "not authorized", "not authorised", "not allowed", "not permitted", "not found", "not logged", "not signed", "not valid", "not accepted", "not created", "not successful",
		"sign in", "log in", "log on", "timed out", "bad request", "bad gateway", "access is denied", "could not", "did not", "too many requests"}
	wrongStatus = regexp.MustCompile(`^\s*(?:HTTP/[\d.]+\s+)?[45]\d\d\b`)
	noErrors    = regexp.MustCompile(`\b(no|0|zero|without|without any|without an) (errors?|failures?|faults?|exceptions?)\b`)
)

// soundsWrong says whether a text has words that tell of a failure. failedValidation and FAILED_VALIDATION are two words each.
func soundsWrong(text string) bool {
	var spaced strings.Builder
	last := ' '
	for _, c := range text {
		switch {
		case !unicode.IsLetter(c) && !unicode.IsDigit(c):
			c = ' '
		case unicode.IsUpper(c) && unicode.IsLower(last):
			spaced.WriteByte(' ')
		}
		spaced.WriteRune(unicode.ToLower(c))
		last = c
	}
	words := strings.Fields(noErrors.ReplaceAllString(strings.Join(strings.Fields(spaced.String()), " "), ""))
	joined := " " + strings.Join(words, " ") + " "
	return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(wrongWords, word) }) ||
		slices.ContainsFunc(wrongPhrases, func(phrase string) bool { return strings.Contains(joined, " "+phrase+" ") })
}

// nothings are texts that hold nothing.
var nothings = []string{"false", "no", "n", "f", "null", "nil", "none", "undefined", "nan", "n/a", "na", "unknown", "[object object]"}

// isNothing says whether a member holds nothing: null, false, 0, a text that says so, or what holds nothing else.
func isNothing(value any) bool {
	switch v := value.(type) {
	case []any:
		return !slices.ContainsFunc(v, func(one any) bool { return !isNothing(one) })
	case map[string]any:
		for _, member := range v {
			if !isNothing(member) {
				return false
			}
		}
		return true
	case string: // with a letter or another digit than 0: also GUIDs of zeros are nothing
		return has(nothings, strings.TrimSpace(v)) || !governance.Says(v) || !strings.ContainsFunc(v, func(c rune) bool { return c != '0' && (unicode.IsLetter(c) || unicode.IsDigit(c)) })
	case json.Number:
		number, err := strconv.ParseFloat(v.String(), 64)
		return err != nil || number == 0
	}
	return value == nil || value == false
}

// isNumber says whether a text can be the number of something: it is no word for nothing or for a failure, and not less than 0.
func isNumber(text string) bool {
	number, err := strconv.ParseFloat(text, 64)
	return !isNothing(text) && (err != nil || number > 0) && !has(wrongWords, text)
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
		return governance.Clip(text), isNumber(text) && !isNothing(value)
	}
	return "", false
}

// rowAt is what the text at a path is a part of: the innermost item of a list that the path leads through, or else the object that has it.
func rowAt(value any, path string) (row any) {
	inList := false
	for name := range strings.SplitSeq(path, ".") {
		switch at := value.(type) {
		case map[string]any:
			if !inList {
				row = at
			}
			value = at[name]
		case []any:
			n, err := strconv.Atoi(name)
			if err != nil || n < 0 || n >= len(at) {
				return nil
			}
			if value = at[n]; !inList || isObject(value) {
				row, inList = value, true
			}
		}
	}
	return row
}

func isObject(value any) bool {
	_, is := value.(map[string]any)
	return is
}

// holdsText says whether something has an id in one of its texts: all of it, as a word, or at the end of an address, not in what was asked with it.
func holdsText(value any, id string, depth int) bool {
	among := func(one any) bool { return holdsText(one, id, depth+1) }
	switch v := value.(type) {
	case string:
		text := strings.ToLower(strings.TrimSpace(v))
		if strings.Contains(text, "://") && !strings.ContainsAny(text, " \n") {
			return strings.HasSuffix(text, "/"+id)
		}
		return slices.Contains(strings.FieldsFunc(text, func(c rune) bool { return c != '-' && c != '.' && !unicode.IsLetter(c) && !unicode.IsDigit(c) }), id)
	case []any:
		return depth < maxAnswerDepth && slices.ContainsFunc(v, among)
	case map[string]any:
		return depth < maxAnswerDepth && slices.ContainsFunc(slices.Collect(maps.Values(v)), among)
	}
	return false
}

// gone are the words of a ticket that was taken back: as the name of a member that holds something, or in its state.
var gone = []string{"deleted", "cancelled", "canceled", "withdrawn", "voided", "trashed"}

// isGone says whether a row is of a ticket that was taken back. One that was closed was opened, and is not.
func isGone(value any, isState bool, depth int) bool {
	if depth > maxAnswerDepth {
		return true
	}
	switch v := value.(type) {
	case string:
		return isState && slices.ContainsFunc(gone, func(word string) bool { return strings.Contains(strings.ToLower(v), word) })
	case []any:
		return slices.ContainsFunc(v, func(one any) bool { return isGone(one, isState, depth+1) })
	case map[string]any:
		for name, member := range v {
			name = strings.TrimPrefix(plain(name), "is")
			if slices.ContainsFunc(gone, func(word string) bool { return strings.HasPrefix(name, word) }) && !isNothing(member) ||
				isGone(member, isState || strings.HasSuffix(name, "state") || strings.HasSuffix(name, "status"), depth+1) {
				return true
			}
		}
	}
	return false
}
