package governance

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// OnFailure says what the source is told when the work has failed for good.
type OnFailure string

// The choices.
const (
	FailureReports OnFailure = "report" // the process goes on, with the reason
	FailureDenies  OnFailure = "deny"   // the request is denied, where the stage allows it (EXT-15)
)

// CalloutAction is an action that sources may call, as it is configured: the name in the path, what it does, how, and for whom.
type CalloutAction struct {
	Name             string          `json:"name"`
	DisplayName      string          `json:"displayName,omitempty"`
	Kind             string          `json:"kind"`
	IsEnabled        *bool           `json:"isEnabled,omitempty"` // absent: yes
	Settings         json.RawMessage `json:"settings"`
	Callers          []string        `json:"callers,omitempty"` // application ids; empty: every configured caller
	Stages           []TaskStage     `json:"stages,omitempty"`  // empty: every stage that the kind can serve
	OnFailure        OnFailure       `json:"onFailure,omitempty"`
	ModifiedDateTime *DateTime       `json:"modifiedDateTime,omitempty"`
}

// DocumentKind implements Document.
func (CalloutAction) DocumentKind() string { return "action" }

// DocumentID implements Document.
func (a CalloutAction) DocumentID() string { return a.Name }

// Finding is something that a pre-flight check found.
type Finding struct {
	Severity string `json:"severity"` // error: it will fail; warning: it may
	Target   string `json:"target,omitempty"`
	Message  string `json:"message"`
}

var actionName = regexp.MustCompile(`^[a-z][a-z0-9-]{1,39}$`)

// maxActionTitle bounds an action's displayName, in characters.
const maxActionTitle = 200

// reservedActionNames mean something else in the path.
var reservedActionNames = []string{"tickets"}

// Enabled says whether it may be called.
func (a *CalloutAction) Enabled() bool { return a.IsEnabled == nil || *a.IsEnabled }

// Validate checks everything but the settings, which are the kind's. Errors: CodeInvalid.
func (a *CalloutAction) Validate() error {
	if a.DisplayName != "" {
		if err := named("displayName", &a.DisplayName, maxActionTitle); err != nil {
			return err
		}
	}
	switch {
	case !actionName.MatchString(a.Name):
		return Invalid("name", "name is the action in the path: 2 to 40 of a to z, 0 to 9 and -, a letter first.")
	case slices.Contains(reservedActionNames, a.Name), strings.HasPrefix(a.Name, "operations"), strings.HasPrefix(a.Name, "identitygovernance"): // the latter two are routes of others
		return Invalid("name", "%q is not free; choose another name.", a.Name)
	case len(a.Callers) > 20:
		return Invalid("callers", "callers names at most 20 applications.")
	}
	for i, id := range a.Callers {
		if !IsGUID(id) {
			return Invalid(fmt.Sprintf("callers/%d", i), "%q is no application id.", Clip(id))
		}
	}
	for i, stage := range a.Stages {
		if !slices.Contains(TaskStages(), stage) {
			return Invalid(fmt.Sprintf("stages/%d", i), "There is no stage %q.", Clip(string(stage)))
		}
	}
	switch a.OnFailure {
	case "":
		a.OnFailure = FailureReports
	case FailureReports, FailureDenies:
	default:
		return Invalid("onFailure", "onFailure is report or deny.")
	}
	return nil
}
