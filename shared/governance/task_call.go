package governance

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// TaskCall is what a source sent, read: the same whichever form it came in.
type TaskCall struct {
	// Task is as much of the task as the payload says. RequestID is of entitlement management's request, or the task's processing result. Target without an object id has the source's own id: who is not in
	// the directory yet.
	Task
	Timeout      Duration // how long the source waits; zero: it did not say
	SentAt       time.Time
	RequestState string // of the request, as the source sees it
	TenantID     string // that the payload names, if it names one
}

// callBody is entitlement management's payload: in camelCase within the documented envelope (EXT-12), and in PascalCase without one as it is really sent (EXT-11).
// encoding/json reads both into the same fields, since it does not mind the case.
type callBody struct {
	AccessPackageAssignmentRequestID string `json:"accessPackageAssignmentRequestId"`
	RequestID                        string `json:"requestId"`
	CallbackURIPath                  string `json:"callbackUriPath"`
	StageInstanceID                  string `json:"customExtensionStageInstanceId"`
	Stage                            string `json:"stage"`
	State                            string `json:"state"`
	Status                           string `json:"status"`
	TenantID                         string `json:"tenantId"`
	CallbackConfiguration            *struct {
		DurationBeforeTimeout string `json:"durationBeforeTimeout"`
		TimeoutDuration       string `json:"timeoutDuration"` // EXT-04: both are in use
	} `json:"callbackConfiguration"`
	AccessPackage        Named `json:"accessPackage"`
	AccessPackageCatalog Named `json:"accessPackageCatalog"`
	Catalog              Named `json:"catalog"`
	Assignment           *struct {
		ID     string  `json:"id"`
		Target callWho `json:"target"`
	} `json:"assignment"`
	Requestor *callWho `json:"requestor"`

	// Of a lifecycle workflow's task.
	Subject              *callWho `json:"subject"`
	TargetSubject        *callWho `json:"targetSubject"` // what newer descriptions of the task name beside the subject
	Task                 *Named   `json:"task"`
	Workflow             *Named   `json:"workflow"`
	TaskProcessingResult *struct {
		ID              string `json:"id"`
		CreatedDateTime string `json:"createdDateTime"`
	} `json:"taskProcessingResult"`
}

type callWho struct {
	ID                string `json:"id"`
	ObjectID          string `json:"objectId"`
	DisplayName       string `json:"displayName"`
	PrincipalName     string `json:"principalName"`
	UserPrincipalName string `json:"userPrincipalName"`
	Email             string `json:"email"`
}

// maxCallName bounds a name that a payload brings along.
const maxCallName = 256

func (w *callWho) subject(objectID string) Subject {
	return Subject{ObjectID: strings.ToLower(objectID), DisplayName: cut(w.DisplayName), PrincipalName: cut(w.login()), SubjectType: SubjectUser}
}

func (w *callWho) login() string { return cmp.Or(w.PrincipalName, w.UserPrincipalName) }

// names are the two names that a payload may have for one login.
func (w *callWho) names(at string) [4]string {
	if w == nil {
		return [4]string{}
	}
	return [4]string{at + "/userPrincipalName", w.UserPrincipalName, at + "/principalName", w.PrincipalName}
}

func cut(text string) string {
	text = OneLine(text)
	if len(text) > maxCallName {
		text = strings.ToValidUTF8(text[:maxCallName], "")
	}
	return text
}

// ParseTask reads what a source sent. Errors: CodeInvalid, which name the property.
func ParseTask(data []byte) (TaskCall, error) {
	if err := checkMembers(data); err != nil {
		return TaskCall{}, err
	}
	var envelope struct {
		Type     string          `json:"type"`
		Source   string          `json:"source"`
		TenantID string          `json:"tenantId"`
		Data     json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(data, &envelope); err != nil {
		return TaskCall{}, Invalid("body", "The payload is not one of a custom extension.")
	}
	if len(envelope.Data) == 0 || string(envelope.Data) == "null" {
		return parseCallBody(TaskCall{TenantID: envelope.TenantID}, data)
	}
	if envelope.Data[0] != '{' {
		return TaskCall{}, Invalid("data", "data must be an object.")
	}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(data, &members) // which is an object
	for _, name := range slices.Sorted(maps.Keys(members)) {
		var beside callBody
		one, _ := json.Marshal(map[string]json.RawMessage{name: members[name]})
		if err := json.Unmarshal(one, &beside); err != nil || beside != (callBody{TenantID: beside.TenantID}) {
			return TaskCall{}, Invalid(name, "%s stands beside data: the payload must say what is to be done in one of the two.", name)
		}
	}
	call, err := parseCallBody(TaskCall{TenantID: envelope.TenantID}, envelope.Data)
	return call, Within("data", err)
}

// oneThing is the error that two members of a payload, which mean the same, say different things; nil if they do not.
func oneThing(pairs [][4]string) error {
	for _, p := range pairs {
		if p[1] != "" && p[3] != "" && !strings.EqualFold(p[1], p[3]) {
			return Invalid(p[0], "%s is %q and %s is %q: the payload must say one thing.", p[0], Clip(p[1]), p[2], Clip(p[3]))
		}
	}
	return nil
}

func parseCallBody(call TaskCall, payload []byte) (TaskCall, error) {
	var body callBody
	if err := json.Unmarshal(payload, &body); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return TaskCall{}, Invalid(strings.ReplaceAll(wrong.Field, ".", "/"), "%s has the wrong type.", wrong.Field)
		}
		return TaskCall{}, Invalid("body", "The payload is not one of a custom extension.")
	}
	if err := oneThing([][4]string{{"tenantId", body.TenantID, "tenantId beside data", call.TenantID}}); err != nil {
		return TaskCall{}, err
	}
	call.TenantID = cmp.Or(body.TenantID, call.TenantID)
	task := body.TaskProcessingResult != nil || body.Task != nil || body.Workflow != nil || body.Subject != nil || body.TargetSubject != nil
	request := body.Stage != "" || body.Assignment != nil || body.Requestor != nil || body.AccessPackageAssignmentRequestID+body.RequestID != ""
	switch {
	case task && request:
		return TaskCall{}, Invalid("stage", "The payload is of a task (subject, targetSubject, task, workflow, taskProcessingResult) and of a request (stage, assignment, requestor, requestId); it must be of one of them.")
	case task:
		return call.lifecycle(body)
	}
	return call.entitlement(body)
}

func (c TaskCall) entitlement(body callBody) (TaskCall, error) {
	c.Source = SourceEntitlement
	if strings.EqualFold(body.Stage, string(StageConnectionTest)) {
		c.Stage = StageConnectionTest
		return c, nil
	}
	known := slices.IndexFunc(TaskStages(), func(s TaskStage) bool { return strings.EqualFold(string(s), body.Stage) })
	if known < 0 || TaskStages()[known] == StageLifecycleTask {
		if body.Stage == "" {
			return c, Invalid("Stage", "The payload has no Stage: it is not one of a custom extension.")
		}
		return c, Invalid("Stage", "The stage %q is not known.", Clip(body.Stage))
	}
	c.Stage = TaskStages()[known]
	c.RequestID = cmp.Or(body.AccessPackageAssignmentRequestID, body.RequestID)
	if c.RequestID == "" && !c.Stage.MayWait() && body.Assignment != nil { // before an expiry there is no request
		c.RequestID = body.Assignment.ID
	}
	if err := oneThing([][4]string{
		{"requestId", body.RequestID, "AccessPackageAssignmentRequestId", body.AccessPackageAssignmentRequestID},
		{"Catalog/Id", body.Catalog.ID, "AccessPackageCatalog/Id", body.AccessPackageCatalog.ID},
		{"Catalog/DisplayName", body.Catalog.DisplayName, "AccessPackageCatalog/DisplayName", body.AccessPackageCatalog.DisplayName},
		body.Requestor.names("Requestor"),
	}); err != nil {
		return c, err
	}
	if !IsGUID(c.RequestID) {
		return c, Invalid("AccessPackageAssignmentRequestId", "AccessPackageAssignmentRequestId must be a GUID.")
	}
	if !IsGUID(body.StageInstanceID) {
		return c, Invalid("CustomExtensionStageInstanceId", "CustomExtensionStageInstanceId must be a GUID.")
	}
	c.RequestID, c.StageInstanceID = strings.ToLower(c.RequestID), strings.ToLower(body.StageInstanceID)
	c.RequestState = body.State
	c.AccessPackage, c.Catalog = body.AccessPackage.cut(), body.AccessPackageCatalog.cut()
	if c.Catalog.ID == "" {
		c.Catalog = body.Catalog.cut()
	}
	if err := c.people(body); err != nil {
		return c, err
	}
	if body.CallbackConfiguration == nil {
		return c, nil
	}
	if !c.Stage.MayWait() {
		return c, Invalid("CallbackConfiguration", "Nothing waits at the stage %s.", c.Stage)
	}
	c.Waits = true
	if path := body.CallbackURIPath; path != "" && !entitlementPath(path, c.RequestID) {
		return c, Invalid("CallbackUriPath", "CallbackUriPath is not that of the request %s.", c.RequestID)
	}
	c.ResumePath = "/identityGovernance/entitlementManagement/assignmentRequests/" + c.RequestID + "/resume"
	text := cmp.Or(body.CallbackConfiguration.DurationBeforeTimeout, body.CallbackConfiguration.TimeoutDuration)
	if text == "" {
		return c, nil
	}
	var err error
	if c.Timeout, err = callDuration(text); err != nil || c.Timeout.IsZero() {
		return c, Invalid("CallbackConfiguration/DurationBeforeTimeout", "%q is no duration such as PT1H.", Clip(text))
	}
	other := cmp.Or(body.CallbackConfiguration.TimeoutDuration, text)
	if is, err := callDuration(other); err != nil || !is.AddTo(time.Time{}).Equal(c.Timeout.AddTo(time.Time{})) {
		return c, oneThing([][4]string{{"CallbackConfiguration/TimeoutDuration", other, "CallbackConfiguration/DurationBeforeTimeout", text}})
	}
	return c, nil
}

// nobody is how .NET writes the id of somebody who has none.
const nobody = "00000000-0000-0000-0000-000000000000"

func (c *TaskCall) people(body callBody) error {
	switch {
	case body.Assignment != nil:
		who := body.Assignment.Target
		if err := oneThing([][4]string{who.names("Assignment/Target")}); err != nil {
			return err
		}
		switch {
		case (who.ObjectID == "" || who.ObjectID == nobody) && IsGUID(who.ID): // a guest to be, who is invited when access is given
			c.Target = who.subject("")
			c.Target.ID = strings.ToLower(who.ID)
		case IsGUID(who.ObjectID):
			c.Target = who.subject(who.ObjectID)
		default:
			return Invalid("Assignment/Target/ObjectId", "Assignment/Target/ObjectId must be the object id of the person whom the access is for.")
		}
	case body.Requestor != nil && IsGUID(body.Requestor.ObjectID):
		c.Target = body.Requestor.subject(body.Requestor.ObjectID)
	default:
		return Invalid("Assignment/Target/ObjectId", "The payload names nobody whom the access is for.")
	}
	if body.Requestor != nil && IsGUID(body.Requestor.ObjectID) {
		c.Requestor = body.Requestor.subject(body.Requestor.ObjectID)
	}
	return nil
}

func (c TaskCall) lifecycle(body callBody) (TaskCall, error) {
	c.Source, c.Stage = SourceLifecycle, StageLifecycleTask
	subject := cmp.Or(body.Subject, body.TargetSubject, &callWho{})
	target := cmp.Or(body.TargetSubject, subject)
	if err := oneThing([][4]string{
		{"targetSubject/id", target.ID, "subject/id", subject.ID}, {"subject/objectId", subject.ObjectID, "subject/id", subject.ID},
		{"targetSubject/objectId", target.ObjectID, "subject/id", subject.ID}, subject.names("subject"), target.names("targetSubject"),
		{"targetSubject/principalName", target.login(), "subject/principalName", subject.login()},
	}); err != nil {
		return c, err
	}
	switch {
	case !IsGUID(subject.ID) || !IsGUID(target.ID):
		return c, Invalid("subject/id", "subject/id must be the object id of the person whom the task is for.")
	case body.TaskProcessingResult == nil || !IsGUID(body.TaskProcessingResult.ID):
		return c, Invalid("taskProcessingResult/id", "taskProcessingResult/id must be a GUID.")
	}
	c.RequestID = strings.ToLower(body.TaskProcessingResult.ID)
	var ok bool
	if c.SentAt, ok = callInstant(body.TaskProcessingResult.CreatedDateTime); !ok {
		return c, Invalid("taskProcessingResult/createdDateTime", "%q is no date and time such as 2030-01-31T00:00:00Z.", Clip(body.TaskProcessingResult.CreatedDateTime))
	}
	c.Target = subject.subject(subject.ID)
	if body.Workflow != nil {
		c.AccessPackage = body.Workflow.cut()
	}
	if body.CallbackURIPath == "" {
		return c, nil
	}
	path := taskPath.FindStringSubmatch(body.CallbackURIPath)
	if path == nil || !strings.EqualFold(path[2], c.RequestID) {
		return c, Invalid("callbackUriPath", "callbackUriPath is not that of the task's processing result.")
	}
	c.Waits, c.ResumePath = true, "/identityGovernance/"+path[1]+"/resume"
	return c, nil
}

// callInstant reads when something was sent; nothing is the zero time. .NET leaves the offset out where it means UTC.
func callInstant(text string) (time.Time, bool) {
	if text == "" {
		return time.Time{}, true
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

func (n Named) cut() Named {
	if len(n.ID) > 64 {
		n.ID = ""
	}
	n.DisplayName = cut(n.DisplayName)
	return n
}

const guidPattern = `[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}`

var (
	requestPath = regexp.MustCompile(`^/?(?:beta/|v1\.0/)?identityGovernance/entitlementManagement/(?:accessPackageA|a)ssignmentRequests(?:/(` + guidPattern + `)|\('(` + guidPattern + `)'\))/resume$`)
	taskPath    = regexp.MustCompile(`^/?(?:beta/|v1\.0/)?identityGovernance/(lifecycleWorkflows/workflows/` + guidPattern + `/(?:tasks|taskReports|userProcessingResults)/` + guidPattern + `/taskProcessingResults/(` + guidPattern + `))/(?:microsoft\.graph\.identityGovernance\.)?resume$`)
)

// entitlementPath says whether a path resumes this request.
func entitlementPath(path, requestID string) bool {
	parts := requestPath.FindStringSubmatch(path)
	return parts != nil && (strings.EqualFold(parts[1], requestID) || strings.EqualFold(parts[2], requestID))
}

var timeSpan = regexp.MustCompile(`^(?:(\d{1,3})\.)?(\d{1,2}):(\d{2}):(\d{2})$`)

// callDuration reads ISO 8601, and the form of .NET.
func callDuration(text string) (Duration, error) {
	if parts := timeSpan.FindStringSubmatch(text); parts != nil {
		iso := "P"
		if parts[1] != "" {
			iso += parts[1] + "D"
		}
		text = iso + "T" + parts[2] + "H" + parts[3] + "M" + parts[4] + "S"
	}
	return ParseDuration(text)
}

// level is an object or a list of a payload that is being read.
type level struct {
	members map[string]bool // those that were read; nil for a list
	name    string          // of the member whose value comes next; empty: a name comes
	count   int             // of the values that were read
}

// checkMembers refuses a payload that has a member twice, also in another case: who checks it and who uses it must see the same.
func checkMembers(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	var open []level
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return Invalid("body", "The body is no valid JSON.")
		}
		delimiter, isDelimiter := token.(json.Delim)
		if len(open) == 0 && delimiter != '{' {
			return Invalid("body", "The payload must be an object.")
		}
		if delimiter == '}' || delimiter == ']' {
			open = open[:len(open)-1]
		} else if top := len(open) - 1; top >= 0 && open[top].members != nil && open[top].name == "" {
			name, _ := token.(string)
			open[top].name = Clip(name) + "/"
			name = strings.ToLower(strings.ToUpper(name)) // what encoding/json takes for one letter is one
			if open[top].members[name] {
				at := ""
				for _, one := range open {
					at += cmp.Or(one.name, strconv.Itoa(one.count)+"/")
				}
				at = strings.TrimSuffix(at, "/")
				return Invalid(at, "%s is given twice in one object of the payload.", at)
			}
			open[top].members[name] = true
			continue
		} else if isDelimiter {
			inside := level{}
			if delimiter == '{' {
				inside.members = map[string]bool{}
			}
			if open = append(open, inside); len(open) > maxCallDepth {
				return Invalid("body", "The payload is nested deeper than %d levels.", maxCallDepth)
			}
			continue
		}
		if top := len(open) - 1; top >= 0 {
			open[top].name, open[top].count = "", open[top].count+1
		}
	}
}

// maxCallDepth is how deeply a payload may be nested; real ones have five levels.
const maxCallDepth = 16
