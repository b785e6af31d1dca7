package stack_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"latchkey/infra/local/client"
	"latchkey/infra/local/stack"
)

// A request waits for the answer to a ticket, as docs/companion/ticket.md has it tried on one's own machine.
//
// rules: BEY-28 EXT-26
func TestATicketOverAllWires(t *testing.T) {
	hostJSON, err := stack.ReadHostJSON()
	if err != nil {
		t.Fatal(err)
	}
	s, err := stack.Start(t.Context(), stack.Options{HostJSON: hostJSON, ManualTimers: true, Desk: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background())
	token, err := client.SignIn(t.Context(), s.Endpoints.Token, s.Endpoints.TenantID, s.Endpoints.Audience, "ida@contoso.example")
	if err != nil {
		t.Fatal(err)
	}
	var made struct{ Findings []any }
	if err := (&client.Client{Base: s.Endpoints.Host + "/api/v1.0/operations", Token: token}).Do(t.Context(), http.MethodPut, "/calloutActions/laptop-ticket", map[string]any{
		"kind": "ticket", "settings": map[string]any{
			"url": s.Endpoints.Control + "/desk", "authorizationSecret": "desk", "answerSecret": "answers", "numberPath": "result.number",
			"body": map[string]any{"short_description": "{{accessPackage.displayName}} for {{target.displayName}}", "correlation_id": "{{ticket.id}}", "u_answer_url": "{{ticket.url}}", "u_answer_key": "{{ticket.key}}"},
			"find": map[string]any{"url": s.Endpoints.Control + "/desk?text={{ticket.id}}", "numberPath": "result.0.number"},
		},
	}, &made); err != nil || len(made.Findings) != 0 {
		t.Fatalf("findings %v, %v", made.Findings, err)
	}
	request := stack.Callout{Action: "laptop-ticket", Stage: "assignmentRequestApproved", Target: "rui", Package: "Laptop", Wait: "P7D"}
	sent, err := s.CallOut(t.Context(), request)
	if err != nil || sent.Status != http.StatusAccepted || sent.Resume != nil {
		t.Fatalf("the callout: %+v, %v", sent, err)
	}
	control := &client.Client{Base: s.Endpoints.Control}
	var tickets struct {
		Result []struct {
			Number string
			Body   struct {
				Description string `json:"short_description"`
				ID          string `json:"correlation_id"`
				URL         string `json:"u_answer_url"`
				Key         string `json:"u_answer_key"`
			}
		}
	}
	if err := control.Do(t.Context(), http.MethodGet, "/desk", nil, &tickets); err != nil || len(tickets.Result) != 1 || tickets.Result[0].Body.Description != "Laptop for Rui Report" {
		t.Fatalf("the tickets: %+v, %v", tickets, err)
	}
	ticket := tickets.Result[0].Body
	reply := func(key string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, ticket.URL, strings.NewReader(`{"status":"completed","detail":"The laptop is on its way."}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Latchkey-Ticket-Key", key)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	if status := reply(ticket.Key + "x"); status != http.StatusUnauthorized {
		t.Errorf("another key: %d", status)
	}
	if status := reply(ticket.Key); status >= http.StatusBadRequest {
		t.Errorf("the answer: %d", status)
	}
	request.RequestID, request.StageInstanceID = sent.RequestID, sent.StageInstanceID
	again, err := s.CallOut(t.Context(), request) // the same piece of work, whose end it waits for
	var resume struct {
		Data struct {
			Detail string `json:"customExtensionStageInstanceDetail"`
		}
	}
	if err != nil || json.Unmarshal(again.Resume, &resume) != nil || !strings.Contains(resume.Data.Detail, "The laptop is on its way.") {
		t.Errorf("the resume: %s, %v", again.Resume, err)
	}
	if status := reply(ticket.Key); status != http.StatusConflict {
		t.Errorf("a second answer: %d", status)
	}
	if err := control.Do(t.Context(), http.MethodGet, "/desk?text=no+such+text", nil, &tickets); err != nil || len(tickets.Result) != 0 {
		t.Errorf("a search for nothing finds %+v, %v", tickets.Result, err)
	}
	if err := control.Do(t.Context(), http.MethodPost, "/reset", nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := control.Do(t.Context(), http.MethodGet, "/desk", nil, &tickets); err != nil || len(tickets.Result) != 0 {
		t.Errorf("after a reset: %+v, %v", tickets.Result, err)
	}
}
