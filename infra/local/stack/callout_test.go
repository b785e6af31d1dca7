package stack_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/infra/local/client"
	"latchkey/infra/local/stack"
	"latchkey/infra/local/tenant"
	"latchkey/infra/local/token"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

const managementAPI = "https://management.azure.com"

// action configures an action, over HTTP as an administrator does, and answers with its name.
func action(t *testing.T, kind string, settings object) string {
	t.Helper()
	name := "act-" + strings.ReplaceAll(platform.RandomIDs(), "-", "")[:12]
	text, err := start(t).Tokens.UserToken("ida@contoso.example", start(t).Tenant.Audience)
	if err != nil {
		t.Fatal(err)
	}
	ida := client.Client{Base: start(t).Endpoints.Host + "/api/v1.0/operations", Token: text, HTTP: httpClient}
	if err := ida.Do(t.Context(), http.MethodPut, "/calloutActions/"+name, object{"kind": kind, "settings": settings}, nil); err != nil {
		t.Fatal(err)
	}
	return name
}

// sendCallout posts bytes to an action.
func sendCallout(t *testing.T, path, authorization string, body io.Reader) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, start(t).Endpoints.Host+path, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := httpClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// Every attack on a callout is refused, and changes nothing.
// rules: EXT-18 EXT-20 EXT-21
func TestAttacksOnCallouts(t *testing.T) {
	s := start(t)
	group := newGroup(t)
	name := action(t, "groupMembership", object{"groupId": group})
	rui := s.Tenant.Users[2]
	payload := func(change map[string]any) []byte {
		c := stack.Callout{Stage: "assignmentRequestGranted", RequestID: platform.RandomIDs(), StageInstanceID: platform.RandomIDs(), Package: "P", Wait: "PT1H"}
		native := c.NativePayload(rui, rui)
		for member, value := range change {
			native[member] = value
		}
		data, err := json.Marshal(native)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	issued := func(from *token.Server, appID, resource string) string {
		text, err := from.ApplicationToken(appID, resource)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	good := issued(s.Tokens, stack.EntitlementAppID, managementAPI)
	foreign := tenant.Sample()
	foreign.ID = platform.RandomIDs()
	elsewhere := token.New(token.Options{Tenant: foreign, BaseURL: s.Endpoints.Token, Clock: s.Clock})
	person, err := s.Tokens.UserToken("ida@contoso.example", s.Tenant.Audience)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + "."
	forged := parts[0] + "." + parts[1] + "." + parts[2][:len(parts[2])-6] + "AAAAAA"
	path := "/api/callouts/" + name
	body := payload(nil) // the work of a moment ago
	if status, text := sendCallout(t, path, "Bearer "+good, bytes.NewReader(body)); status != http.StatusAccepted {
		t.Fatalf("%d: %s", status, text)
	}
	over := func(change map[string]any) []byte { // of the same request
		var native map[string]any
		if err := json.Unmarshal(body, &native); err != nil {
			t.Fatal(err)
		}
		native["CustomExtensionStageInstanceId"] = platform.RandomIDs()
		for member, value := range change {
			native[member] = value
		}
		data, _ := json.Marshal(native)
		return data
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	inflated := parts[0] + "." + base64.RawURLEncoding.EncodeToString(bytes.Replace(claims, []byte(stack.EntitlementAppID), []byte(stack.LifecycleAppID), 1)) + "." + parts[2]
	drain(t)
	before, queued := documents(t), messages(t)
	for what, test := range map[string]struct {
		path, authorization string
		body                []byte
		status              int
	}{
		"no token":                   {path, "", payload(nil), 401},
		"a forged signature":         {path, "Bearer " + forged, payload(nil), 401},
		"claims that were changed":   {path, "Bearer " + inflated, payload(nil), 401},
		"a stage that is over":       {path, "Bearer " + good, over(map[string]any{"Stage": "assignmentRequestCreated"}), 409},
		"deep lists":                 {path, "Bearer " + good, []byte(strings.Repeat("[", 100_000)), 400},
		"10 MB of a payload":         {path, "Bearer " + good, payload(map[string]any{"Answers": strings.Repeat("x", 10<<20)}), 413},
		"a template in the path":     {path + "%7B%7Baction%7D%7D", "Bearer " + good, payload(nil), 404},
		"no algorithm":               {path, "Bearer " + none, payload(nil), 401},
		"a foreign tenant's token":   {path, "Bearer " + issued(elsewhere, stack.EntitlementAppID, managementAPI), payload(nil), 401},
		"a foreign caller":           {path, "Bearer " + issued(s.Tokens, "40000000-0000-4000-8000-000000000001", managementAPI), payload(nil), 403},
		"another audience":           {path, "Bearer " + issued(s.Tokens, stack.EntitlementAppID, s.Tenant.Audience), payload(nil), 401},
		"a person's token":           {path, "Bearer " + person, payload(nil), 401},
		"two tokens":                 {path, "Bearer " + good + ", Bearer " + good, payload(nil), 401},
		"another scheme":             {path, "Basic " + good, payload(nil), 401},
		"a proof that is none":       {path, "PoP " + good, payload(nil), 401},
		"another tenant in the body": {path, "Bearer " + good, payload(map[string]any{"TenantId": platform.RandomIDs()}), 403},
		"another application's body": {path, "Bearer " + issued(s.Tokens, stack.LifecycleAppID, managementAPI), payload(nil), 403},
		"an unknown action":          {"/api/callouts/nothing-here", "Bearer " + good, payload(nil), 404},
		"a trigger's path":           {"/api/callouts/../../extensions", "Bearer " + good, payload(nil), 404},
		"an unknown stage":           {path, "Bearer " + good, payload(map[string]any{"Stage": "assignmentRequestStolen"}), 400},
		"a request that is over":     {path, "Bearer " + good, payload(map[string]any{"State": "Denied"}), 409},
		"10 MB":                      {path, "Bearer " + good, bytes.Repeat([]byte("["), 10<<20), 413},
		"deep nesting":               {path, "Bearer " + good, []byte(strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)), 400},
		"no JSON":                    {path, "Bearer " + good, []byte("hello"), 400},
		"no body":                    {path, "Bearer " + good, nil, 400},
		"a ticket without a key":     {"/api/callouts/tickets/" + platform.RandomIDs() + "." + platform.RandomIDs(), "Bearer " + good, []byte(`{"status":"completed"}`), 401},
	} {
		status, text := sendCallout(t, test.path, test.authorization, bytes.NewReader(test.body))
		if status != test.status || strings.Contains(text, parts[1]) {
			t.Errorf("%s: %d, want %d: %s", what, status, test.status, text)
		}
		drain(t)
		unchanged(t, before)
		if messages(t) != queued {
			t.Errorf("%s: something was queued", what)
		}
		if t.Failed() {
			return
		}
	}

	// What is good is taken once, however often it is sent; what a stage ago was good is not.
	for range 3 {
		if status, text := sendCallout(t, path, "Bearer "+good, bytes.NewReader(body)); status != http.StatusAccepted {
			t.Fatalf("%d: %s", status, text)
		}
	}
	drain(t)
	if got := members(t, group); len(got) != 1 || got[0] != rui.ID {
		t.Errorf("the group has %v", got)
	}
	unchanged(t, before)
	if messages(t) != queued {
		t.Error("a repetition was queued")
	}
	advance(t, governance.Duration{Time: 2 * time.Hour})
	before, queued = documents(t), messages(t)
	if status, text := sendCallout(t, path, "Bearer "+good, bytes.NewReader(payload(nil))); status != 401 {
		t.Errorf("an expired token: %d %s", status, text)
	}
	unchanged(t, before)
	if messages(t) != queued {
		t.Error("with an expired token something was queued")
	}
}

// messages is all that the queues hold and have ever numbered: a message that came and went shows.
func messages(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	if err := start(t).Bus.Snapshot(&all); err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// A token for callouts opens nothing of the API, and the actions are their administrators' alone.
func TestActionsAreForAdministrators(t *testing.T) {
	s := start(t)
	name := action(t, "revokeSessions", object{})
	callout, err := s.Tokens.ApplicationToken(stack.EntitlementAppID, managementAPI)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.Endpoints.Host+"/api/v1.0/operations/calloutActions", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+callout)
	response, err := httpClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a token for callouts lists the actions: %d", response.StatusCode)
	}
	operations := func(who, method, path string, body any) int {
		text, err := s.Tokens.UserToken(who, s.Tenant.Audience)
		if err != nil {
			t.Fatal(err)
		}
		var data []byte
		if method == http.MethodPut {
			data, _ = json.Marshal(body)
		}
		request, err := http.NewRequestWithContext(t.Context(), method, s.Endpoints.Host+"/api/v1.0/operations"+path, bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+text)
		request.Header.Set("Content-Type", "application/json")
		response, err := httpClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	for _, call := range []struct{ method, path string }{{"GET", "/calloutActionKinds"}, {"GET", "/calloutActions"}, {"GET", "/calloutActions/" + name}, {"PUT", "/calloutActions/mine"}, {"DELETE", "/calloutActions/" + name}, {"POST", "/calloutActions/" + name + "/check"}, {"GET", "/callouts"}} {
		var body any
		if call.method == "PUT" {
			body = map[string]any{"kind": "revokeSessions"}
		}
		if status := operations("rui@contoso.example", call.method, call.path, body); status != http.StatusForbidden {
			t.Errorf("anybody may %s %s: %d", call.method, call.path, status)
		}
	}
	for path, method := range map[string]string{"/calloutActionKinds": "GET", "/calloutActions": "GET", "/calloutActions/" + name: "GET", "/calloutActions/" + name + "/check": "POST", "/callouts?$top=2": "GET"} {
		if status := operations("ida@contoso.example", method, path, nil); status != http.StatusOK {
			t.Errorf("an administrator may not %s %s: %d", method, path, status)
		}
	}
}

// Who may activate a directory role gets no pass, though the role is not held now.
func TestNoPassForWhoMayActivateARole(t *testing.T) {
	s := start(t)
	sent, err := s.CallOut(t.Context(), stack.Callout{Action: action(t, "temporaryAccessPass", object{}), Target: "owen", Requestor: "vera", Package: "P", Wait: "PT1H"})
	if err != nil || sent.Status != http.StatusAccepted || !strings.Contains(string(sent.Resume), "Owen Owner may activate a directory role") {
		t.Errorf("%+v, %v", sent, err)
	}
	for _, mail := range s.Graph.Mail("vera@contoso.example") {
		if strings.HasPrefix(mail.Subject, "Temporary Access Pass") {
			t.Error("a pass was delivered")
		}
	}
}

// A pass through all the wires is with the manager, and nowhere else: not in a document, a message that is parked, or a log line.
func TestAPassLiesNowhere(t *testing.T) {
	s := start(t)
	name := action(t, "temporaryAccessPass", object{"deliverTo": "manager"})
	for range 3 {
		sent, err := s.CallOut(t.Context(), stack.Callout{Action: name, Target: "renate", Requestor: "marta", Package: "P", Wait: "PT1H"})
		if err != nil || sent.Status != http.StatusAccepted || len(sent.Resume) == 0 {
			t.Fatalf("%+v, %v", sent, err)
		}
	}
	var values []string
	for _, mail := range s.Graph.Mail("marta@contoso.example") {
		if strings.HasPrefix(mail.Subject, "Temporary Access Pass for Renate") {
			_, rest, _ := strings.Cut(mail.HTML, "<code>")
			value, _, _ := strings.Cut(rest, "</code>")
			values = append(values, html.UnescapeString(value))
		}
	}
	if len(values) != 3 {
		t.Fatalf("%d passes were delivered", len(values))
	}
	var all strings.Builder
	for id, document := range documents(t) {
		all.WriteString(id + document + "\n")
	}
	if err := s.Bus.Snapshot(&all); err != nil {
		t.Fatal(err)
	}
	for _, resume := range s.Graph.Resumes() {
		all.Write(resume.Body)
	}
	shared.log.mu.Lock()
	all.WriteString(strings.Join(shared.log.lines, "\n"))
	shared.log.mu.Unlock()
	for _, value := range values {
		escaped, _ := json.Marshal(value)
		if len(value) < 8 || strings.Contains(all.String(), value) || strings.Contains(all.String(), strings.Trim(string(escaped), `"`)) {
			t.Errorf("the pass %q lies about", value)
		}
	}
}
