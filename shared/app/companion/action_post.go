package companion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/platform"
)

// What the actions share that send things: secrets by name, placeholders, requests.

// need is a secret that settings name: by which setting, for which use, in calls of which address.
type need struct {
	setting, name string
	use           platform.SecretUse
	address       string
}

// needy is a plan that needs secrets. That each is for this use and this host is looked at when the settings are saved, and again whenever it is used: what a secret is for may have changed.
type needy interface{ needs() []need }

func needsOf(p plan) []need {
	if needy, ok := p.(needy); ok {
		return needy.needs()
	}
	return nil
}

// of is the secret, for what it is needed for. Errors: platform.ErrNoSecret, platform.ErrOtherSecret.
func (n need) of(secrets platform.Secrets) (governance.Secret, error) {
	value, err := secrets.For(n.name, n.use, n.address)
	return governance.Hide(value), err
}

// binding says in words why a secret cannot be used; empty: it can, or is not there.
func (n need) binding(secrets platform.Secrets) string {
	if _, err := n.of(secrets); errors.Is(err, platform.ErrOtherSecret) {
		return fmt.Sprintf("The secret %s is not for this: the app setting CalloutSecrets binds it to another use than %s, or to other hosts than that of the address.", n.name, n.use)
	}
	return ""
}

// inWork is the secret for work. Errors: a giveUp.
func (n need) inWork(w *work) (governance.Secret, error) {
	value, err := n.of(w.Secrets)
	if errors.Is(err, platform.ErrNoSecret) {
		return value, giveUpf(nil, "The secret %s is not set.", n.name)
	}
	if err != nil {
		return value, giveUpf(nil, "%s", n.binding(w.Secrets))
	}
	return value, nil
}

// post sends JSON. Errors: a giveUp for what waiting does not mend, CodeUnavailable or a ThrottledError for the rest.
func post(ctx context.Context, through Outbound, address string, header http.Header, body json.RawMessage) (platform.OutboundReply, error) {
	header.Set("Content-Type", "application/json")
	return exchange(ctx, through, platform.OutboundCall{Method: http.MethodPost, URL: address, Header: header, Body: body})
}

// exchange sends a request to an address of the settings. Errors: those of post.
func exchange(ctx context.Context, through Outbound, call platform.OutboundCall) (platform.OutboundReply, error) {
	reply, err := through.Send(ctx, call)
	switch {
	case errors.Is(err, platform.ErrNotAllowed):
		return reply, giveUpf(err, "The address may not be called: it is not a public one, or not https.")
	case err != nil:
		return reply, ledger.Unavailable("The called service", err)
	case reply.Status >= 200 && reply.Status < 300:
		return reply, nil
	case reply.Status == http.StatusTooManyRequests:
		return reply, ledger.Unavailable("The called service", &directory.ThrottledError{After: reply.After})
	case reply.Status == http.StatusRequestTimeout || reply.Status >= 500:
		return reply, ledger.Unavailable("The called service", fmt.Errorf("it answered %d", reply.Status))
	case reply.Status >= 300 && reply.Status < 400:
		return reply, giveUpf(nil, "The called service redirects, which is not followed (%d).", reply.Status)
	}
	return reply, giveUpf(nil, "The called service refused the request (%d).", reply.Status)
}

// placeholders are what settings may have filled in, as {{name}}, with the values of a task.
func placeholders(task governance.Task) map[string]string {
	return map[string]string{
		"action":                    task.Action,
		"calloutId":                 task.ID,
		"stage":                     string(task.Stage),
		"requestId":                 task.RequestID,
		"accessPackage.displayName": task.AccessPackage.DisplayName,
		"accessPackage.id":          task.AccessPackage.ID,
		"catalog.displayName":       task.Catalog.DisplayName,
		"target.objectId":           task.Target.ObjectID,
		"target.displayName":        task.Target.DisplayName,
		"target.principalName":      task.Target.PrincipalName,
		"requestor.objectId":        task.Requestor.ObjectID,
		"requestor.displayName":     task.Requestor.DisplayName,
	}
}

// noTask has the placeholders of every task, all empty: what templates are checked with.
var noTask = placeholders(governance.Task{})

var placeholder = regexp.MustCompile(`\{\{\s*([^{}]*?)\s*\}\}`)

// checkTemplate refuses what is no placeholder though it looks like one. known are those that there are, all empty.
func checkTemplate(setting, text string, known map[string]string) error {
	rest := fill(text, known)
	if strings.Contains(rest, "{{") || strings.Contains(rest, "}}") || strings.Contains(rest, "${") || strings.Contains(rest, "<%") {
		return governance.Invalid(setting, "%s has a placeholder that does not exist; there are %s.", setting, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	}
	return nil
}

// fill puts values where their placeholders are, once: a value that looks like a placeholder stays as it is.
func fill(text string, values map[string]string) string {
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		if value, ok := values[placeholder.FindStringSubmatch(found)[1]]; ok {
			return value
		}
		return found
	})
}

// checkJSONTemplate is checkTemplate for every text of a JSON value.
func checkJSONTemplate(setting string, template json.RawMessage, known map[string]string) error {
	var value any
	if err := json.Unmarshal(template, &value); err != nil {
		return governance.Invalid(setting, "%s is no valid JSON.", setting)
	}
	if _, isObject := value.(map[string]any); !isObject {
		return governance.Invalid(setting, "%s must be a JSON object.", setting)
	}
	_, err := eachText(value, 0, func(text string) (string, error) { return text, checkTemplate(setting, text, known) })
	return err
}

// fillJSON fills the texts of a JSON value: what is filled in stays text, whatever it looks like.
func fillJSON(template json.RawMessage, values map[string]string) (json.RawMessage, error) {
	var value any
	if err := json.Unmarshal(template, &value); err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	filled, err := eachText(value, 0, func(text string) (string, error) { return fill(text, values), nil })
	if err != nil {
		return nil, err
	}
	return json.Marshal(filled)
}

// maxTemplateDepth bounds how deeply a template is nested.
const maxTemplateDepth = 16

func eachText(value any, depth int, do func(string) (string, error)) (any, error) {
	if depth > maxTemplateDepth {
		return nil, governance.Invalid("body", "The template is nested deeper than %d levels.", maxTemplateDepth)
	}
	var err error
	switch v := value.(type) {
	case string:
		return do(v)
	case []any:
		for i := range v {
			if v[i], err = eachText(v[i], depth+1, do); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for name := range v {
			if _, err = do(name); err != nil {
				return nil, err
			}
			if v[name], err = eachText(v[name], depth+1, do); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

var headerName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$") }) // 0.1 MB that few need

// ownHeaders are those that settings do not set: the connection's, and Latchkey's own.
var ownHeaders = []string{"host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect",
	"authorization", "proxy-authorization", "cookie", "user-agent"}

func checkHeaders(headers map[string]string) error {
	if len(headers) > 20 {
		return governance.Invalid("headers", "There are at most 20 headers.")
	}
	for name, value := range headers {
		at := "headers/" + governance.Clip(name)
		switch {
		case !headerName().MatchString(name) || slices.Contains(ownHeaders, strings.ToLower(name)) || strings.HasPrefix(strings.ToLower(name), "latchkey-"):
			return governance.Invalid(at, "%q is no header that settings may set.", governance.Clip(name))
		case value == "": // null, too
			return governance.Invalid(at, "The header %s has no value; leave it out or give it one.", governance.Clip(name))
		case len(value) > 1000 || strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' }):
			return governance.Invalid(at, "The header %s has characters that a header must not have.", governance.Clip(name))
		case strings.Contains(value, "{{"):
			return governance.Invalid(at, "Headers take no placeholders: what is filled in is not Latchkey's.")
		}
	}
	return nil
}

// headerOf are the headers that settings set, and the name of a delivery, which stays the same when the call is repeated.
func headerOf(delivery string, settings map[string]string) http.Header {
	header := http.Header{"Latchkey-Delivery": {delivery}}
	for name, value := range settings {
		header.Set(name, value)
	}
	return header
}
