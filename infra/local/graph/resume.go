package graph

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// resumableStages are those that may wait (EXT-14).
var resumableStages = []string{"assignmentRequestCreated", "assignmentRequestApproved", "assignmentRequestGranted", "assignmentRequestRemoved", "assignmentRequestDeterminingApprovalRequirements"}

// resumeRequest ends the wait of an access package's custom extension (EXT-13 to EXT-16). The emulator holds no requests, so it cannot say that nothing waits;
// what came is read with Server.Resumes.
func (c *call) resumeRequest() (reply, error) {
	var body json.RawMessage
	if err := c.decode(&body); err != nil {
		return reply{}, err
	}
	var shape struct {
		Source string `json:"source"`
		Type   string `json:"type"`
		Data   *struct {
			Type     string `json:"@odata.type"`
			Stage    string `json:"stage"`
			Instance string `json:"customExtensionStageInstanceId"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &shape) != nil || shape.Data == nil {
		return reply{}, badRequest("The body has no 'data'.")
	}
	kind := strings.TrimPrefix(shape.Data.Type, "#")
	switch {
	case kind != "microsoft.graph.accessPackageAssignmentRequestCallbackData" && kind != "microsoft.graph.assignmentRequestApprovalStageCallbackData":
		return reply{}, badRequest("The type of 'data' is not that of a callback.")
	case !slices.Contains(resumableStages, shape.Data.Stage):
		return reply{}, badRequest("The stage '" + shape.Data.Stage + "' cannot be resumed.")
	case shape.Data.Instance == "":
		return reply{}, badRequest("The customExtensionStageInstanceId is required.")
	case shape.Type == "" || shape.Source == "":
		return reply{}, badRequest("The source and the type are required.")
	}
	return c.record(body)
}

// resumeTask ends the wait of a lifecycle workflow's custom task extension.
func (c *call) resumeTask() (reply, error) {
	var body json.RawMessage
	if err := c.decode(&body); err != nil {
		return reply{}, err
	}
	var shape struct {
		Data *struct {
			Status string `json:"operationStatus"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &shape) != nil || shape.Data == nil {
		return reply{}, badRequest("The body has no 'data'.")
	}
	if status := strings.ToLower(shape.Data.Status); status != "completed" && status != "failed" && status != "canceled" {
		return reply{}, badRequest("The operationStatus '" + shape.Data.Status + "' is not known.")
	}
	return c.record(body)
}

func (c *call) record(body json.RawMessage) (reply, error) {
	s := c.server
	_, below, _ := strings.Cut(c.request.URL.Path[1:], "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Resumes = append(s.state.Resumes, Resume{Path: "/" + below, Body: slices.Clone(body), DateTime: s.clock.Now()})
	if over := len(s.state.Resumes) - maxResumes; over > 0 {
		s.state.Resumes = slices.Delete(s.state.Resumes, 0, over)
	}
	return reply{status: http.StatusNoContent}, nil
}
