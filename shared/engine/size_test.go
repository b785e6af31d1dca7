package engine_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// limit is how much a field of a stored type may hold: bytes of JSON for a text (of each, in a list of texts) or for a whole, elements for a list. A limit that is reached is one that the
// life below comes up against, so that a bound that nobody keeps to is found out.
type limit struct {
	bytes, count int
	reached      bool
}

const (
	id      = 36
	name    = governance.MaxName
	reason  = governance.MaxReason
	words   = 6 * governance.MaxJustification
	hash    = 64
	keyword = 64 // one of ours
)

// limits has a row for each text, list, raw JSON and interface of what a request leads to in the store: a new field of those types fails the test until somebody has said what bounds it,
// and here where.
var limits = map[string]limit{
	"AssignmentRequest.ID":               {bytes: id},
	"AssignmentRequest.Status":           {bytes: keyword},
	"AssignmentRequest.Justification":    {bytes: words, reached: true},                                // engine.Submit
	"AssignmentRequest.Answers":          {bytes: governance.MaxAnswersSize, reached: true},            // Questions.Check
	"AssignmentRequest.Policy":           {bytes: governance.MaxPolicySize, reached: true},             // AssignmentPolicy.Validate
	"AssignmentRequest.AccessPackage":    {bytes: 8 << 10},                                             // AccessPackage.Validate; the short form
	"AssignmentRequest.CalloutInstances": {},                                                           // empty in this release
	"Schedule.Recurrence":                {},                                                           // a request has none: engine.requestedSchedule
	"Assignment.ID":                      {bytes: id},                                                  //
	"Assignment.Status":                  {bytes: keyword},                                             //
	"Assignment.CalloutInstances":        {},                                                           // empty in this release
	"Assignment.AccessPackage":           {bytes: 8 << 10},                                             // as that of the request
	"Assignment.AssignmentPolicy":        {bytes: 2 << 10},                                             // the short form
	"Assignment.RequestID":               {bytes: id},                                                  //
	"Delivery.Handle":                    {bytes: governance.MaxHandle},                                // the origin's
	"Assignment.Deliveries":              {count: governance.MaxRoleScopes, reached: true},             // engine.AddRoleScope
	"Assignment.TargetID":                {},                                                           // never stored
	"Assignment.AccessPackageID":         {},                                                           // never stored
	"Assignment.AssignmentPolicyID":      {},                                                           // never stored
	"Delivery.Reason":                    {bytes: reason, reached: true},                               // engine.Record
	"Grant.OriginSystem":                 {bytes: keyword},                                             // engine.GrantOf
	"Grant.ResourceID":                   {bytes: id},                                                  // a group
	"Grant.Role":                         {bytes: keyword},                                             // engine.GrantOf
	"Subject.ID":                         {bytes: id},                                                  //
	"Subject.ObjectID":                   {bytes: id},                                                  // of the directory, or of a token that was checked
	"Subject.DisplayName":                {bytes: name, reached: true},                                 // Subject.Bounded
	"Subject.Email":                      {bytes: name, reached: true},                                 // Subject.Bounded
	"Subject.PrincipalName":              {bytes: name, reached: true},                                 // Subject.Bounded
	"Approval.ID":                        {bytes: id},                                                  //
	"Approval.Stages":                    {count: governance.MaxStages, reached: true},                 // AssignmentPolicy.Validate
	"ApprovalStage.ID":                   {bytes: id},                                                  //
	"ApprovalStage.DisplayName":          {bytes: keyword},                                             //
	"ApprovalStage.Justification":        {bytes: words, reached: true},                                // engine.Decide
	"ApprovalStage.ApproverUserIDs":      {bytes: id, count: governance.MaxSubjectSets, reached: true}, // SubjectSets
	"ApprovalStage.ApproverGroupIDs":     {bytes: id, count: governance.MaxSubjectSets},                // together with those no more
	"ApprovalStage.AlternateUserIDs":     {bytes: id, count: governance.MaxSubjectSets},                //
	"ApprovalStage.AlternateGroupIDs":    {bytes: id, count: governance.MaxSubjectSets, reached: true},
	"Identity.ID":                        {bytes: id},
	"Identity.DisplayName":               {bytes: name, reached: true}, // engine.Decide

	"AuditEntry.ID":               {bytes: id + 20},
	"AuditEntry.Result":           {bytes: keyword},
	"AuditEntry.PartitionID":      {bytes: id},
	"AuditEntry.TargetID":         {bytes: id},
	"AuditEntry.CorrelationID":    {bytes: id},
	"AuditEntry.PersonalHash":     {bytes: hash},
	"AuditPersonal.Salt":          {bytes: hash},
	"AuditPersonal.Justification": {bytes: words, reached: true},
	"AuditPersonal.Detail":        {bytes: governance.MaxRoleScopes * (reason + 60)}, // engine.reasons
	"AuditPersonal.Before":        {bytes: keyword},
	"AuditPersonal.After":         {bytes: keyword},
	"AuditEntry.PreviousHash":     {bytes: hash},
	"AuditEntry.Hash":             {bytes: hash},
	"AuditInitiator.ObjectID":     {bytes: id},
	"AuditInitiator.AppID":        {bytes: id},

	"Effect.ID":          {bytes: id + 30},
	"Effect.Kind":        {bytes: keyword},
	"Effect.About":       {bytes: id},
	"Effect.RequestID":   {bytes: id},
	"Place.Container":    {bytes: keyword},
	"Place.Partition":    {bytes: id},
	"Effect.TraceParent": {bytes: 55}, // W3C Trace Context
	"Effect.Told":        {bytes: id},
	"Effect.Untold":      {bytes: id, count: engine.MaxUnreached}, // notice.post

	"Head.ID":                 {bytes: id},
	"Head.AuditHash":          {bytes: hash},
	"Head.Holdings":           {count: governance.MaxHoldings, reached: true},                          // engine.room
	"Head.InFlight":           {count: governance.MaxInFlight + governance.MaxHoldings, reached: true}, // engine.Submit; and one removal of each holding
	"Head.RecentCommands":     {bytes: id, count: governance.MaxRecentCommands, reached: true},         // Head.Chain
	"Head.Closing":            {count: governance.MaxClosings, reached: true},                          // engine.Close
	"Closing.Document":        {bytes: 64},                                                             // a kind and an id
	"Closing.By":              {bytes: id},
	"Head.Submitted":          {count: governance.MaxSubmitted, reached: true}, // Head.Room
	"Submitted.PackageID":     {bytes: id},
	"Head.Claims":             {count: governance.MaxTaskClaims, reached: true}, // engine.claim
	"Head.Marks":              {count: governance.MaxTaskMarks, reached: true},  // engine.claim
	"Holding.AssignmentID":    {bytes: id},
	"Holding.PackageID":       {bytes: id},
	"Holding.PolicyID":        {bytes: id},
	"Holding.Grants":          {bytes: 22, count: governance.MaxRoleScopes, reached: true}, // Grant.Key; engine.room bounds those of all
	"Holding.Failed":          {bytes: 22, count: governance.MaxRoleScopes},                // of those
	"Holding.Pending":         {bytes: 22, count: governance.MaxRoleScopes},                // of those, and none that is in Failed
	"InFlight.RequestID":      {bytes: id},
	"InFlight.PackageID":      {bytes: id},
	"InFlight.AssignmentID":   {bytes: id},
	"TaskClaim.Key":           {bytes: 128}, // a word of ours and two ids
	"TaskClaim.TaskID":        {bytes: id},
	"TaskMark.RequestID":      {bytes: id},
	"ApprovalStage.Unreached": {bytes: id, count: engine.MaxUnreached},        // engine.Unreached
	"Head.Asked":              {count: governance.MaxInFlight, reached: true}, // Head.asked
	"Asked.PackageID":         {bytes: id},
	"Asked.Whom":              {bytes: id},
	"Head.Changed":            {bytes: 64, count: governance.MaxChanged, reached: true}, // Head.Change
}

// stored are the kinds of documents that a request leads to.
var stored = []any{governance.Head{}, governance.AssignmentRequest{}, governance.Assignment{}, governance.AuditEntry{}, governance.Effect{}}

var (
	dateTime = reflect.TypeFor[governance.DateTime]()
	duration = reflect.TypeFor[governance.Duration]()
	clock    = reflect.TypeFor[time.Time]()
	text8    = reflect.TypeFor[string]()
)

// unbounded visits the fields of a type and of the types below it, and names those that could hold anything and have no limit.
func unbounded(kind reflect.Type, seen map[reflect.Type]bool, found func(field string)) {
	for kind.Kind() == reflect.Pointer || kind.Kind() == reflect.Slice {
		kind = kind.Elem()
	}
	if kind.Kind() != reflect.Struct || kind == dateTime || kind == duration || kind == clock || seen[kind] {
		return
	}
	seen[kind] = true
	for i := range kind.NumField() {
		field := kind.Field(i)
		bound, known := limits[kind.Name()+"."+field.Name]
		element := field.Type
		for element.Kind() == reflect.Pointer {
			element = element.Elem()
		}
		open := element == text8 || element.Kind() == reflect.Slice || element.Kind() == reflect.Map || element.Kind() == reflect.Interface // texts of a type of their own are one of a set
		if open && !known {
			found(kind.Name() + "." + field.Name)
		}
		if !known || bound.count > 0 {
			unbounded(element, seen, found)
		}
	}
}

func TestEveryStoredFieldHasALimit(t *testing.T) {
	t.Parallel()
	seen := map[reflect.Type]bool{}
	for _, document := range stored {
		unbounded(reflect.TypeOf(document), seen, func(field string) {
			t.Errorf("%s is stored with a request, and nothing in the table of limits says how large it may be: bound it where it comes in, and say so here", field)
		})
	}
	for field := range limits {
		kind, member, _ := strings.Cut(field, ".")
		found := false
		for one := range seen {
			if one.Name() == kind {
				_, found = one.FieldByName(member)
			}
		}
		if !found {
			t.Errorf("the table of limits has %s, which is not stored", field)
		}
	}
	type later struct {
		Answer string
		More   []string
		Any    any
		Plain  int
	}
	var missing []string
	unbounded(reflect.TypeFor[later](), map[reflect.Type]bool{}, func(field string) { missing = append(missing, field) })
	if len(missing) != 3 {
		t.Errorf("of a type without limits, only %v are found", missing)
	}
}

// full is a subject whose every commit is held against the limits of a batch and of each field.
type full struct {
	t *testing.T
	engine.State
	now     time.Time
	most    map[string]int // the largest of each field so far
	largest map[string]int // the largest batch of each step, in bytes
}

// do has command decide, and measures what is committed of it.
func (f *full) do(step string, command func(engine.State) (engine.Change, error)) engine.Change {
	f.t.Helper()
	change, err := command(f.State)
	if err != nil || change.IsEmpty() {
		f.t.Fatalf("%s: %v, empty: %t", step, err, change.IsEmpty())
	}
	head, sealed := engine.Seal(f.Head, change, governance.NameID(step), strings.Repeat("s", hash))
	var operations []store.Operation
	put := func(id, kind string, due time.Time, body any) int {
		f.measure(reflect.ValueOf(body))
		data, err := json.Marshal(body)
		if err != nil {
			f.t.Fatal(err)
		}
		operations = append(operations, store.Operation{Verb: store.Create, Document: store.Document{ID: kind + ":" + id, Kind: kind, DueAt: due, Body: data}})
		return len(data)
	}
	if size := put(head.ID, "head", time.Time{}, head); size > governance.MaxHeadSize {
		f.t.Errorf("%s: a head of %d bytes, at most %d", step, size, governance.MaxHeadSize)
	}
	f.Head = head
	keep(f.State, sealed.Write...)
	for _, document := range sealed.Write {
		var due time.Time
		switch one := document.(type) {
		case governance.Assignment:
			due = one.Due()
		case governance.AssignmentRequest:
			due = engine.RequestDue(one)
		}
		put(document.DocumentID(), document.DocumentKind(), due, document)
	}
	for _, entry := range sealed.Audit {
		put(entry.ID, "audit", time.Time{}, entry)
	}
	for _, effect := range sealed.Effects {
		effect.Place, effect.TraceParent = governance.Place{Container: string(store.Subjects), Partition: head.ID}, strings.Repeat("0", 55)
		put(effect.ID, "outbox", f.now, effect)
	}
	if err := store.CheckCommit(store.Subjects, head.ID, operations); err != nil {
		f.t.Fatalf("%s cannot be stored: %v", step, err)
	}
	size := 0
	for _, operation := range operations {
		size += len(operation.Document.Body) + 512
	}
	if f.largest[step] = max(f.largest[step], size); size > store.MaxBatchBytes*3/4 || len(operations) > store.MaxOperations*3/4 {
		f.t.Errorf("%s is %d operations of %d bytes: it fits, but without room for what other parts of a commit may need", step, len(operations), size)
	}
	return sealed
}

// measure takes note of how large the fields of a document are, and refuses those beyond their limit.
func (f *full) measure(value reflect.Value) {
	for value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return
		}
		value = value.Elem()
	}
	kind := value.Type()
	if kind.Kind() != reflect.Struct || kind == dateTime || kind == duration || kind == clock {
		return
	}
	for i := range kind.NumField() {
		field, at := value.Field(i), kind.Name()+"."+kind.Field(i).Name
		bound, known := limits[at]
		switch {
		case !known:
			f.measure(field)
		case bound.count > 0:
			f.note(at, field.Len(), bound.count)
			for j := range field.Len() {
				if element := field.Index(j); element.Type() == text8 {
					f.note(at+"[]", size(f.t, element), bound.bytes)
				} else {
					f.measure(element)
				}
			}
		default:
			f.note(at, size(f.t, field), bound.bytes)
		}
	}
}

func (f *full) note(field string, size, most int) {
	f.most[field] = max(f.most[field], size)
	if size > most {
		f.t.Errorf("%s has %d, and its limit is %d", field, size, most)
	}
}

// size is how many bytes of JSON a value takes, without the quotes of a text; nothing takes none.
func size(t *testing.T, value reflect.Value) int {
	t.Helper()
	if value.IsZero() {
		return 0
	}
	data := encoded(t, value.Interface())
	if value.Type() == text8 {
		return len(data) - 2
	}
	return len(data)
}

func encoded(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func guid(what string, n int) string { return governance.NameID(fmt.Sprint(what, n)) }

// people100 are as many people, or groups, as a list may name.
func people100(what string, groups bool) governance.SubjectSets {
	var sets governance.SubjectSets
	for i := range governance.MaxSubjectSets {
		if groups {
			sets = append(sets, governance.GroupMembers{GroupID: guid(what, i)})
		} else {
			sets = append(sets, governance.SingleUser{UserID: guid(what, i)})
		}
	}
	return sets
}

// fullPolicy is as large as a policy may be.
func fullPolicy(t *testing.T) governance.AssignmentPolicy {
	t.Helper()
	p := governance.AssignmentPolicy{
		ID: guid("policy", 0), DisplayName: strings.Repeat("<", governance.MaxDisplayName), Description: strings.Repeat("\x01", governance.MaxDescription),
		AllowedTargetScope: governance.ScopeAllMemberUsers,
		RequestorSettings:  &governance.RequestorSettings{EnableTargetsToSelfAddAccess: true, EnableTargetsToSelfRemoveAccess: true, AllowCustomAssignmentSchedule: true},
		AccessPackage:      &governance.AccessPackage{ID: guid("package", 0)}, Catalog: &governance.Catalog{ID: guid("catalog", 0)},
	}
	day, week := governance.Days(1), governance.Days(7)
	settings := &governance.ApprovalSettings{IsApprovalRequiredForAdd: true, IsRequestorJustificationRequired: true}
	for i := range governance.MaxStages {
		settings.Stages = append(settings.Stages, governance.ApprovalStageSettings{
			DurationBeforeAutomaticDenial: &week, DurationBeforeEscalation: &day, IsEscalationEnabled: true, IsApproverJustificationRequired: true,
			PrimaryApprovers: people100("approver", false), EscalationApprovers: people100(fmt.Sprint("alternates", i), true),
			FallbackPrimaryApprovers: people100("fallback", false), FallbackEscalationApprovers: people100("last", true),
		})
	}
	p.RequestApprovalSettings = settings
	for i := range governance.MaxQuestions {
		p.Questions = append(p.Questions, &governance.TextInputQuestion{QuestionBase: governance.QuestionBase{ID: guid("question", i), Text: "Why?", IsRequired: true}})
	}
	padding := &governance.LocalizedText{LanguageCode: "en", Text: "x"}
	first := &p.Questions[0].(*governance.TextInputQuestion).Localizations
	*first = append(*first, *padding)
	validate := func() error { return p.Validate(start, time.Time{}, func() string { return "" }) }
	if err := validate(); err != nil {
		t.Fatal(err)
	}
	left := governance.MaxPolicySize - len(encoded(t, p)) + len(padding.Text)
	(*first)[0].Text = strings.Repeat("<", left/6) + strings.Repeat("x", left%6)
	if err := validate(); err != nil || len(encoded(t, p)) != governance.MaxPolicySize {
		t.Fatalf("a policy of %d bytes: %v", len(encoded(t, p)), err)
	}
	(*first)[0].Text += "x"
	refused(t, validate(), governance.CodeInvalid, "may take 393216")
	(*first)[0].Text = (*first)[0].Text[1:] + "xxxx" // as many bytes as before
	if err := validate(); err != nil {
		t.Fatal(err)
	}
	return p
}

// fullAnswers are as large as answers may be.
func fullAnswers(t *testing.T, p governance.AssignmentPolicy) []governance.Answer {
	t.Helper()
	var answers []governance.Answer
	for i := range governance.MaxQuestions {
		answers = append(answers, governance.Answer{
			Type: "#microsoft.graph.accessPackageAnswerString", Value: strings.Repeat("<", governance.MaxAnswer/10),
			AnsweredQuestion: &governance.AnsweredRefers{Type: "microsoft.graph.accessPackageTextInputQuestion", ID: guid("question", i)},
		})
	}
	left := governance.MaxAnswersSize - len(encoded(t, p.Questions.Kept(answers)))
	for i := range answers {
		most := min(left/6, governance.MaxAnswer-len(answers[i].Value)-6)
		answers[i].Value += strings.Repeat("<", most)
		if left -= 6 * most; left < 6 {
			answers[i].Value += strings.Repeat("x", left)
			break
		}
	}
	return answers
}

// fullPackage grants as much as a package can, and to no group twice.
func fullPackage() governance.AccessPackage {
	p := governance.AccessPackage{
		ID: guid("package", 0), DisplayName: strings.Repeat("&", governance.MaxDisplayName), Description: strings.Repeat("\x01", governance.MaxDescription),
		Catalog: &governance.Catalog{ID: guid("catalog", 0)},
	}
	for i := range governance.MaxRoleScopes {
		p.ResourceRoleScopes = append(p.ResourceRoleScopes, pack("", guid("group", i)).ResourceRoleScopes...)
	}
	return p
}

// fullHead has room for one more holding and one more request, and for nothing else.
func fullHead(t *testing.T) governance.Head {
	t.Helper()
	head := governance.Head{ID: guid("subject", 0), AuditSequence: 1 << 40, AuditHash: strings.Repeat("f", hash)}
	end := new(governance.DateTime)
	if err := json.Unmarshal([]byte(`"2030-01-31T00:00:00.123456789+14:00"`), end); err != nil {
		t.Fatal(err)
	}
	left := governance.MaxGrants - governance.MaxRoleScopes
	for i := range governance.MaxHoldings - 1 {
		holding := governance.Holding{AssignmentID: guid("a", i), PackageID: guid("p", i), PolicyID: guid("po", i), State: governance.AssignmentPartiallyDelivered, Removing: true, EndDateTime: end}
		for range min(left, governance.MaxRoleScopes) {
			holding.Grants = append(holding.Grants, grantOf(guid("g", left)).Key())
			left--
		}
		head.Holdings = append(head.Holdings, holding)
		head.InFlight = append(head.InFlight, governance.InFlight{RequestID: guid("r", i), PackageID: guid("p", i), AssignmentID: guid("a", i), Type: governance.RequestSystemRemove, State: governance.StateDelivering})
	}
	for i := range governance.MaxRecentCommands {
		head.RecentCommands = append(head.RecentCommands, guid("command", i))
	}
	for i := range governance.MaxSubmitted {
		head.Submitted = append(head.Submitted, governance.Submitted{PackageID: guid("p", i), At: governance.At(start)})
	}
	for i := range governance.MaxChanged {
		head.Change(governance.StoredID("package", guid("p", i)))
	}
	for i := range governance.MaxClosings {
		head.Closing = append(head.Closing, governance.Closing{Document: governance.StoredID("package", guid("p", i)), By: guid("d", i), Until: governance.At(start)})
	}
	for i := range governance.MaxTaskClaims {
		head.Claims = append(head.Claims, governance.TaskClaim{Key: "intuneApp:" + guid("app", i) + ":" + guid("group", i), TaskID: guid("callout", i)})
	}
	for i := range governance.MaxTaskMarks {
		head.Marks = append(head.Marks, governance.TaskMark{RequestID: guid("r", i), Stage: governance.StageFourteenDaysBefore})
	}
	return head
}

// begun is a subject at its limits, and a request at its limits that it may make. The requests in flight are as many as there can be with it: those of MaxInFlight and a removal of each
// holding.
func begun(t *testing.T) (*full, engine.Submission) {
	t.Helper()
	p := fullPolicy(t)
	person := people[mo]
	person.User.DisplayName, person.User.Mail, person.User.UserPrincipalName = strings.Repeat("<", 10_000), strings.Repeat("m", name), strings.Repeat("&", name/6)
	by := caller(mo)
	by.AppID = guid("app", 0)
	cmd := engine.Submission{
		RequestID: guid("request", 0), AssignmentID: guid("assignment", 0), Type: governance.RequestUserAdd, Justification: strings.Repeat("<", governance.MaxJustification),
		Answers: fullAnswers(t, p), Caller: by, Requestor: governance.SubjectOf(person.User), Target: person, Catalog: catalog(), Package: fullPackage(), Policies: []governance.AssignmentPolicy{p},
		Schedule: &governance.Schedule{Expiration: endsOn(t, "2030-01-31T00:00:00.123456789+14:00")},
	}
	f := &full{
		t: t, now: start, most: map[string]int{}, largest: map[string]int{},
		State: stateOf(fullHead(t)),
	}
	for i := range governance.MaxInFlight {
		f.Head.Asked = append(f.Head.Asked, governance.Asked{PackageID: guid("wanted", i), Whom: guid("whom", i), Stage: governance.MaxStages - 1, At: governance.At(f.now)})
	}
	for i := range governance.MaxInFlight - 1 {
		f.Head.InFlight = append(f.Head.InFlight, governance.InFlight{RequestID: guid("add", i), PackageID: guid("wanted", i), AssignmentID: guid("next", i), Type: governance.RequestUserAdd, State: governance.StatePendingApproval})
	}
	return f, cmd
}

func endsOn(t *testing.T, text string) *governance.Expiration {
	t.Helper()
	e := &governance.Expiration{Type: governance.ExpirationAfterDateTime, EndDateTime: new(governance.DateTime)}
	if err := json.Unmarshal([]byte(`"`+text+`"`), e.EndDateTime); err != nil {
		t.Fatal(err)
	}
	return e
}

// submit makes the request.
func (f *full) submit(cmd engine.Submission) {
	f.t.Helper()
	f.do("submit", func(s engine.State) (engine.Change, error) { return engine.Submit(s, asking(cmd), f.now) })
}

func (f *full) decide(cmd engine.Submission, stage int, result governance.ReviewResult) {
	f.t.Helper()
	pack := cmd.Package
	d := engine.Decision{
		RequestID: cmd.RequestID, StageID: governance.NameID(fmt.Sprintf("stage:%s:%d", cmd.RequestID, stage)), Result: result, Justification: strings.Repeat("<", governance.MaxJustification),
		Approver: governance.Caller{Kind: governance.CallerUser, ObjectID: guid("approver", 0), AppID: guid("app", 0), DisplayName: strings.Repeat(">", 10_000)}, Package: &pack,
	}
	f.do(fmt.Sprint(result, " stage ", stage), func(s engine.State) (engine.Change, error) { return engine.Decide(s, d, f.now) })
}

// record writes down that of all steps of the plan every nth fails, for the longest of reasons; 0: none.
func (f *full) record(step string, cmd engine.Submission, nth int, transient bool) {
	f.t.Helper()
	var outcomes []engine.Outcome
	for i, step := range engine.Plan(f.State, cmd.AssignmentID) {
		outcome := engine.Outcome{Step: step}
		if nth > 0 && i%nth == 0 {
			outcome.Reason, outcome.Transient = strings.Repeat("<", 100_000), transient
		}
		outcomes = append(outcomes, outcome)
	}
	f.do(step, func(s engine.State) (engine.Change, error) {
		return engine.Record(s, cmd.AssignmentID, outcomes, f.now)
	})
}

func (f *full) due(step string, cmd engine.Submission) {
	f.t.Helper()
	f.do(step, func(s engine.State) (engine.Change, error) {
		if assignment, ok := engine.Find[governance.Assignment](s, cmd.AssignmentID); ok {
			f.now = assignment.Due()
			return engine.AssignmentIsDue(s, cmd.AssignmentID, f.now)
		}
		request, _ := engine.Find[governance.AssignmentRequest](s, cmd.RequestID)
		f.now = engine.RequestDue(request)
		return engine.RequestIsDue(s, cmd.RequestID, engine.Facts{Package: &cmd.Package}, f.now)
	})
}

// What is accepted can be recorded, whatever becomes of it: every commit of a request that is as large as any, of a subject that holds as much as any, fits into a batch with room.
func TestEveryCommitFits(t *testing.T) {
	t.Parallel()
	f, cmd := begun(t)
	whole := f.most
	f.submit(cmd)
	for stage := range governance.MaxStages {
		f.due("escalate", cmd)
		f.decide(cmd, stage, governance.ResultApprove)
	}
	for range engine.RetryDelays {
		f.record("retry", cmd, 1, true)
	}
	f.record("fail", cmd, 1, true)
	admin := governance.Caller{Kind: governance.CallerUser, ObjectID: ann, AppID: guid("app", 1)}
	f.do("reprocess", func(s engine.State) (engine.Change, error) { return engine.Reprocess(s, cmd.RequestID, admin, f.now) })
	f.record("deliver in part", cmd, 2, false)
	f.do("reprocess", func(s engine.State) (engine.Change, error) { return engine.Reprocess(s, cmd.RequestID, admin, f.now) })
	f.record("deliver the rest", cmd, 0, false)
	f.due("expire", cmd)
	for range engine.RetryDelays {
		f.record("retry of the removal", cmd, 1, true)
	}
	f.record("fail to remove", cmd, 1, false)
	f.due("insist", cmd)
	f.record("remove", cmd, 0, false)

	for name, end := range map[string]func(f *full, cmd engine.Submission){
		"cancel": func(f *full, cmd engine.Submission) {
			f.do("cancel", func(s engine.State) (engine.Change, error) {
				return engine.Cancel(s, cmd.RequestID, cmd.Caller, f.now)
			})
		},
		"deny":     func(f *full, cmd engine.Submission) { f.decide(cmd, 0, governance.ResultDeny) },
		"time out": func(f *full, cmd engine.Submission) { f.due("escalate", cmd); f.due("time out", cmd) },
		"postpone, start and be removed": func(f *full, cmd engine.Submission) {
			for stage := range governance.MaxStages {
				f.decide(cmd, stage, governance.ResultApprove)
			}
			f.due("start", cmd)
			f.record("deliver at once", cmd, 0, false)
			removal := engine.Submission{RequestID: guid("removal", 0), AssignmentID: cmd.AssignmentID, Type: governance.RequestAdminRemove, Justification: cmd.Justification, Caller: admin, Requestor: cmd.Requestor}
			f.do("remove by hand", func(s engine.State) (engine.Change, error) { return engine.Submit(s, asking(removal), f.now) })
			f.record("removed at once", cmd, 0, false)
		},
	} {
		other, cmd := begun(t)
		if strings.HasPrefix(name, "postpone") {
			cmd.Schedule.StartDateTime = governance.At(start.AddDate(1, 0, 0))
		}
		other.most = whole
		other.submit(cmd)
		end(other, cmd)
		for step, size := range other.largest {
			f.largest[step] = max(f.largest[step], size)
		}
	}
	for field, bound := range limits {
		at, most := field, bound.count
		if most == 0 {
			most = bound.bytes
		}
		if bound.reached && f.most[at] < most-10 {
			t.Errorf("%s comes to %d of %d: this test is not one at the limits", at, f.most[at], most)
		}
	}
	t.Logf("the largest commits, in bytes of %d: %v", store.MaxBatchBytes, f.largest)
}
