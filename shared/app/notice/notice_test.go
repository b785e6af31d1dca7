package notice_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/infra/local/ledgertest"
	"latchkey/shared/app/notice"
	"latchkey/shared/directory"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

// stand is a notifier in a tenant in which hanna and henk are the help desk.
type stand struct {
	*ledgertest.Stand
	directory *directorymemory.Directory
	notifier  *notice.Notifier
	effects   int
}

var (
	place    = ledger.SubjectPlace(ledgertest.ID("alice"))
	helpdesk = ledgertest.ID("helpdesk")
)

func newStand(t *testing.T) *stand {
	s := &stand{Stand: ledgertest.New(t)}
	s.directory = directorymemory.New(directorymemory.Options{Clock: s.Clock})
	for _, name := range []string{"alice", "bob", "carl", "hanna", "henk"} {
		s.directory.PutUser(governance.User{ID: ledgertest.ID(name), DisplayName: strings.ToUpper(name[:1]) + name[1:], Mail: strings.ToUpper(name[:1]) + name[1:] + "@example.com", AccountEnabled: true})
	}
	s.directory.PutUser(governance.User{ID: ledgertest.ID("gone"), Mail: "gone@example.com"}) // the account is disabled
	s.directory.PutUser(governance.User{ID: ledgertest.ID("mute"), AccountEnabled: true})
	s.directory.PutGroup(governance.Group{ID: helpdesk, DisplayName: "helpdesk", SecurityEnabled: true})
	for _, name := range []string{"hanna", "henk", "alice"} {
		s.Must(s.directory.PutMember(helpdesk, ledgertest.ID(name)))
	}
	s.notifier = &notice.Notifier{Ledger: s.Ledger, Directory: directory.NewRecent(s.directory, s.Ledger.Now), Log: s.Logger, PortalURL: "https://portal.example/"}
	return s
}

// request is alice's, and waits in its one stage for bob, or for the help desk instead of him.
func request() governance.AssignmentRequest {
	alice := &governance.Subject{ID: place.Partition, ObjectID: ledgertest.ID("alice"), DisplayName: "Alice", PrincipalName: "alice@example.com", Email: "alice@example.com"}
	return governance.AssignmentRequest{
		ID: ledgertest.ID("request"), RequestType: governance.RequestUserAdd, State: governance.StatePendingApproval, Justification: "because", CreatedDateTime: governance.At(ledgertest.Noon), Requestor: alice,
		AccessPackage: &governance.AccessPackage{ID: ledgertest.ID("package"), DisplayName: "the package", Catalog: &governance.Catalog{}}, Assignment: &governance.Assignment{ID: ledgertest.ID("assignment"), Target: alice},
		Schedule: &governance.Schedule{}, Policy: &governance.AssignmentPolicy{RequestApprovalSettings: &governance.ApprovalSettings{Stages: []governance.ApprovalStageSettings{{}}}},
		Approval: &governance.Approval{ID: ledgertest.ID("request"), Stages: []governance.ApprovalStage{{
			ID: ledgertest.ID("stage"), DisplayName: "Stage 1", Status: governance.StageInProgress, EndsDateTime: governance.At(ledgertest.Noon.Add(14 * 24 * time.Hour)),
			ApproverUserIDs: []string{ledgertest.ID("bob"), ledgertest.ID("gone"), ledgertest.ID("mute"), ledgertest.ID("nobody"), ledgertest.ID("bob")}, ApproverGroupIDs: []string{ledgertest.ID("no group")},
			AlternateUserIDs: []string{ledgertest.ID("hanna")}, AlternateGroupIDs: []string{helpdesk},
		}}},
	}
}

// notify has a request told of, and answers with the mails that went out.
func (s *stand) notify(kind governance.NotificationKind, request governance.AssignmentRequest) []directorymemory.Sent {
	s.Helper()
	before := len(s.directory.Sent())
	s.Must(s.notifier.Notify(s.Context(), s.commit(kind, request)))
	return s.directory.Sent()[before:]
}

// commit keeps a request, and the effect of telling of it. The message for it says so.
func (s *stand) commit(kind governance.NotificationKind, request governance.AssignmentRequest) governance.Effect {
	s.Helper()
	s.effects++
	effect := governance.EffectOf(request, governance.WorkNotify)
	effect.ID, effect.Place, effect.RequestID, effect.Notification = fmt.Sprintf("effect-%d", s.effects), place, effect.About, kind
	live := governance.Assignment{ID: request.Assignment.ID, State: governance.AssignmentDelivered, Target: request.Assignment.Target, AccessPackage: request.AccessPackage,
		AssignmentPolicy: &governance.AssignmentPolicy{ID: ledgertest.ID("policy")}, Schedule: &governance.Schedule{}}
	s.Put(place, request, effect, live)
	return effect
}

// kept are the effects that are not over.
func (s *stand) kept() []governance.Effect {
	s.Helper()
	var all []governance.Effect
	for _, document := range s.Documents(store.Subjects, "outbox") {
		effect, err := ledger.Decode[governance.Effect](document)
		s.Must(err)
		all = append(all, effect)
	}
	return all
}

// as is the request in a state, its stage with a status and a result.
func as(state governance.RequestState, status governance.StageStatus, result governance.ReviewResult) governance.AssignmentRequest {
	r := request()
	r.State = state
	r.Approval.Stages[0].Status, r.Approval.Stages[0].ReviewResult = status, result
	r.Approval.Stages[0].ReviewedBy = &governance.Identity{ID: governance.NobodyID}
	if status == governance.StageCompleted {
		r.Approval.Stages[0].ReviewedBy = &governance.Identity{ID: ledgertest.ID("carl"), DisplayName: "Carl"}
	}
	return r
}

// happened is the request as it is when a notice of a kind is true.
func happened(kind governance.NotificationKind) governance.AssignmentRequest {
	switch kind {
	case governance.NotifyStageApproved, governance.NotifyApproved:
		return as(governance.StateDelivering, governance.StageCompleted, governance.ResultApprove)
	case governance.NotifyDenied:
		return as(governance.StateDenied, governance.StageCompleted, governance.ResultDeny)
	case governance.NotifyStageTimedOut, governance.NotifyApprovalTimedOut, governance.NotifyRequestEnded:
		return as(governance.StateDenied, governance.StageExpired, governance.ResultNotReviewed)
	case governance.NotifyCanceled:
		return as(governance.StateCanceled, governance.StageExpired, governance.ResultNotReviewed)
	case governance.NotifyDelivered:
		return as(governance.StateDelivered, governance.StageCompleted, governance.ResultApprove)
	case governance.NotifyDeliveryFailed:
		return as(governance.StateDeliveryFailed, governance.StageCompleted, governance.ResultApprove)
	case governance.NotifyEnded:
		over := as(governance.StateDelivered, governance.StageCompleted, governance.ResultApprove)
		over.RequestType, over.Approval = governance.RequestUserRemove, nil
		return over
	case governance.NotifyAlternates:
		escalated := as(governance.StatePendingApproval, governance.StageInProgress, governance.ResultNotReviewed)
		escalated.Approval.Stages[0].Escalated = true
		return escalated
	case governance.NotifyApprovers, governance.NotifyReminded:
	}
	return as(governance.StatePendingApproval, governance.StageInProgress, governance.ResultNotReviewed)
}

// TestNotices: each goes to whom it is for, in its words. rules: NOT-01 NOT-02 NOT-03 NOT-04 NOT-05 NOT-06 NOT-08.
func TestNotices(t *testing.T) {
	bob, alice, desk := []string{"bob@example.com"}, []string{"alice@example.com"}, []string{"hanna@example.com", "henk@example.com"}
	asks := "Alice asks for access to the package.\nJustification: because\nRequested on 20 November 2026 12:00 UTC.\nWithout a decision the request is denied on 4 December 2026 12:00 UTC."
	link := "\nhttps://portal.example/#/approvals/" + ledgertest.ID("request")
	wanted := map[governance.NotificationKind]struct {
		to            []string
		subject, text string
	}{
		governance.NotifyApprovers:  {bob, "Action required: approve or deny the request of Alice by 4 December 2026 12:00 UTC", asks + link},
		governance.NotifyAlternates: {desk, "Action required: approve or deny the forwarded request of Alice by 4 December 2026 12:00 UTC", asks + "\nIt comes to you because nobody has decided it so far." + link},
		governance.NotifyReminded:   {bob, "Reminder: approve or deny the request of Alice by 4 December 2026 12:00 UTC", asks + "\nNobody has decided it so far." + link},
		governance.NotifyStageApproved: {bob, "Stage 1 of the request of Alice for the package was approved",
			"Carl approved Stage 1 of the request of Alice for access to the package. It goes on to the next.\nReason: none given"},
		governance.NotifyApproved: {bob, "The request of Alice for the package was approved",
			"Carl approved the request of Alice for access to the package. Nothing is left to approve.\nReason: none given"},
		governance.NotifyStageTimedOut: {bob, "The request of Alice for the package has expired",
			"Nobody decided the request of Alice for access to the package in time. There is nothing left to do."},
		governance.NotifyDenied:           {alice, "Your request for the package was denied", "Your request for access to the package was denied.\nReason: none given"},
		governance.NotifyApprovalTimedOut: {alice, "Your request for the package has expired", "Nobody decided your request for access to the package in time. You may ask again."},
		governance.NotifyRequestEnded: {alice, "Your request for the package has expired",
			"The time for which you asked for access to the package is over, so your request was closed. You may ask again."},
		governance.NotifyCanceled:  {alice, "Your request for the package was canceled", "Somebody who looks after the package canceled your request for access to it. You may ask again."},
		governance.NotifyDelivered: {alice, "You now have access to the package", "You now have access to the package."},
		governance.NotifyEnded:     {alice, "Your access to the package has ended", "Your access to the package has ended."},
		governance.NotifyDeliveryFailed: {alice, "Your access to the package could not be set up",
			"Your access to the package could not be set up completely. Those who look after it have been told."},
	}
	for _, kind := range engine.NoticeKinds() {
		c, told := wanted[kind]
		s := newStand(t)
		sent := s.notify(kind, happened(kind))
		if !told || len(sent) != 1 {
			t.Errorf("%s: %d mails", kind, len(sent))
			continue
		}
		to := slices.Sorted(slices.Values(sent[0].To))
		if !slices.Equal(to, c.to) || sent[0].Subject != c.subject || sent[0].Text != c.text {
			t.Errorf("%s goes to %q: %q, %q", kind, to, sent[0].Subject, sent[0].Text)
		}
		for line := range strings.Lines(strings.TrimSuffix(c.text, link)) {
			if !strings.Contains(sent[0].HTML, "<p>"+strings.TrimSpace(line)+"</p>") {
				t.Errorf("%s: the HTML lacks %q: %s", kind, line, sent[0].HTML)
			}
		}
		if strings.Contains(sent[0].HTML, ">Open the request</a>") != strings.HasSuffix(c.text, link) {
			t.Errorf("%s: the HTML is %s", kind, sent[0].HTML)
		}
		if left := s.kept(); len(left) != 0 {
			t.Errorf("%s: %+v is not over", kind, left)
		}
	}
}

// TestWhatIsNotSo is told to nobody, whatever was committed: each notice is held against each state that others are true in. rules: NOT-06.
func TestWhatIsNotSo(t *testing.T) {
	for _, kind := range engine.NoticeKinds() {
		notice, _ := engine.NoticeOf(kind)
		for _, other := range engine.NoticeKinds() {
			s, now := newStand(t), happened(other)
			stage := governance.ApprovalStage{}
			if now.Approval != nil {
				stage = now.Approval.Stages[0]
			}
			wanted := 0
			if notice.Holds(now, stage) {
				wanted = 1
			}
			if sent := s.notify(kind, now); len(sent) != wanted || len(s.kept()) != 0 {
				t.Errorf("%s while %s: %+v", kind, other, sent)
			}
		}
	}
	for kind, others := range map[governance.NotificationKind][]governance.NotificationKind{
		governance.NotifyDelivered: {governance.NotifyApprovers, governance.NotifyDenied, governance.NotifyCanceled, governance.NotifyEnded, governance.NotifyDeliveryFailed},
		governance.NotifyApprovers: {governance.NotifyApproved, governance.NotifyDenied, governance.NotifyCanceled, governance.NotifyDelivered, governance.NotifyStageTimedOut},
		governance.NotifyDenied:    {governance.NotifyApprovers, governance.NotifyApproved, governance.NotifyCanceled},
	} {
		for _, other := range others {
			if sent := newStand(t).notify(kind, happened(other)); len(sent) != 0 {
				t.Errorf("%s while %s: %+v", kind, other, sent)
			}
		}
	}
}

// TestForgedMessages decide nothing: what was not committed is told to nobody, whatever the message says; what was, once, however many messages there are. rules: NOT-06.
func TestForgedMessages(t *testing.T) {
	s := newStand(t)
	true1 := s.commit(governance.NotifyApprovers, happened(governance.NotifyApprovers))
	for name, change := range map[string]func(*governance.Effect){
		"another id":         func(e *governance.Effect) { e.ID = "effect-9" },
		"no place":           func(e *governance.Effect) { e.Place = governance.Place{} },
		"a foreign place":    func(e *governance.Effect) { e.Place = ledger.SubjectPlace(ledgertest.ID("bob")) },
		"a strange place":    func(e *governance.Effect) { e.Partition = strings.Repeat("/", 3000) },
		"a strange id":       func(e *governance.Effect) { e.ID = "a/b?#" },
		"what is not so":     func(e *governance.Effect) { e.ID, e.Notification = "effect-9", governance.NotifyDelivered },
		"a stage below zero": func(e *governance.Effect) { e.ID, e.Stage = "effect-9", -1 },
		"a stage too far":    func(e *governance.Effect) { e.ID, e.Stage = "effect-9", 1<<40 },
	} {
		forged := true1
		change(&forged)
		if err := s.notifier.Notify(t.Context(), forged); err != nil && governance.CodeOf(err) != governance.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
		if sent := s.directory.Sent(); len(sent) != 0 {
			t.Fatalf("%s: %+v", name, sent)
		}
	}
	for _, kind := range []governance.NotificationKind{"", "nonsense"} {
		forged := true1
		forged.Notification = kind
		s.Refused(s.notifier.Notify(t.Context(), forged), governance.CodeInvalid)
	}
	for range 200 {
		forged := true1
		forged.Stage, forged.Begun, forged.Notification = -1, -5, governance.NotifyDelivered // the message only says where to look
		s.Must(s.notifier.Notify(t.Context(), forged))
	}
	if sent := s.directory.Sent(); len(sent) != 1 || sent[0].To[0] != "bob@example.com" {
		t.Errorf("sent are %+v", sent)
	}
	for _, stage := range []int{-1, 7} {
		stored := s.commit(governance.NotifyApprovers, happened(governance.NotifyApprovers))
		stored.Stage = stage
		s.Put(place, stored)
		s.Must(s.notifier.Notify(t.Context(), stored))
	}
	if sent := s.directory.Sent(); len(sent) != 1 || len(s.kept()) != 0 {
		t.Errorf("sent are %+v", sent)
	}
}

// TestALostAnswer: a mail that was begun, and of which nobody knows whether it went out, is sent once more, and never a third time; what certainly did not go out does not count.
func TestALostAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		fault directorymemory.FaultKind
		mails int
		told  int // that it may not have arrived
	}{
		"its answer is lost":     {directorymemory.FaultLostResponse, 2, 1},
		"nobody knows":           {directorymemory.FaultUnavailable, 1, 1},
		"nothing was done":       {directorymemory.FaultUndone, 1, 0},
		"the mailbox is crowded": {directorymemory.FaultThrottled, 1, 0},
	} {
		for failures := range 6 {
			s := newStand(t)
			left := failures
			s.directory.SetFault(func(one directorymemory.Operation) directorymemory.Fault {
				if one != directorymemory.OperationSendMail || left == 0 {
					return directorymemory.Fault{}
				}
				left--
				return directorymemory.Fault{Kind: c.fault}
			})
			effect := s.commit(governance.NotifyApprovers, happened(governance.NotifyApprovers))
			for range 8 {
				s.Must(s.notifier.Notify(t.Context(), effect))
				s.Must(s.notifier.Notify(t.Context(), effect)) // a copy
				s.Clock.Advance(5 * time.Hour)
			}
			mails, told := 1, 0
			if failures > 0 && c.fault == directorymemory.FaultLostResponse {
				mails = 2
			}
			if failures > 1 && c.told > 0 {
				told = 1
				if c.fault == directorymemory.FaultUnavailable {
					mails = 0
				}
			}
			if sent := s.directory.Sent(); len(sent) != mails || len(s.kept()) != 0 || len(s.Lines("a notification may not have arrived")) != told {
				t.Errorf("%s %d times: %d mails went out, %d lines, left are %+v", name, failures, len(sent), len(s.Lines("a notification may not have arrived")), s.kept())
			}
		}
	}
}

// TestACrash: whoever dies between the beginning of a mail and its outcome leaves one that is sent once more; meanwhile copies send nothing.
func TestACrash(t *testing.T) {
	s := newStand(t)
	effect := s.commit(governance.NotifyApprovers, happened(governance.NotifyApprovers))
	for deaths := 1; deaths <= 3; deaths++ {
		dying, die := context.WithCancel(t.Context())
		s.notifier.Directory = directory.NewRecent(crashing{s.directory, die}, s.Ledger.Now)
		if err := s.notifier.Notify(dying, effect); deaths < 3 && err == nil {
			t.Errorf("it did not die: %v", err)
		}
		s.notifier.Directory = directory.NewRecent(s.directory, s.Ledger.Now)
		s.Must(s.notifier.Notify(t.Context(), effect))
		if sent := s.directory.Sent(); len(sent) != min(deaths, 2) {
			t.Fatalf("after %d deaths %d mails went out", deaths, len(sent))
		}
		s.Clock.Advance(7 * time.Minute)
	}
	if told := s.Lines("a notification may not have arrived"); len(told) != 1 || len(s.kept()) != 0 {
		t.Errorf("told: %v, left: %+v", told, s.kept())
	}
}

// crashing is a directory that sends mail, and whose caller dies before it hears of it.
type crashing struct {
	*directorymemory.Directory
	die func()
}

// SendMail implements directory.Directory.
func (c crashing) SendMail(ctx directorymemory.Context, mail governance.Mail) error {
	err := c.Directory.SendMail(ctx, mail)
	c.die()
	return errors.Join(err, directory.ErrUnavailable)
}

// TestManyReaders get several mails; an address that is malformed or refused is left out, and everybody else gets theirs, once.
func TestManyReaders(t *testing.T) {
	for _, bad := range [][]int{nil, {0}, {60}, {3, 4, 70, 119}} {
		s := newStand(t)
		crowd := ledgertest.ID("crowd")
		s.directory.PutGroup(governance.Group{ID: crowd, DisplayName: "crowd", SecurityEnabled: true})
		var want, refused []string
		for i := range 120 {
			one := governance.User{ID: ledgertest.ID(fmt.Sprintf("reader%d", i)), Mail: fmt.Sprintf("reader%d@example.com", i), AccountEnabled: true}
			switch {
			case slices.Contains(bad, i) && i%2 == 0:
				s.directory.PutRefused(one.Mail)
				refused = append(refused, one.ID)
			case slices.Contains(bad, i):
				one.Mail = "reader at example.com"
				refused = append(refused, one.ID)
			default:
				want = append(want, one.Mail)
			}
			s.directory.PutUser(one)
			s.Must(s.directory.PutMember(crowd, one.ID))
		}
		asked := happened(governance.NotifyApprovers)
		asked.Approval.Stages[0].ApproverUserIDs, asked.Approval.Stages[0].ApproverGroupIDs = nil, []string{crowd}
		var got []string
		for _, sent := range s.notify(governance.NotifyApprovers, asked) {
			if len(sent.To) > 50 {
				t.Errorf("%d in one mail", len(sent.To))
			}
			got = append(got, sent.To...)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("with %v: %d were told of %d", bad, len(got), len(want))
		}
		told := s.Log()
		for _, id := range refused {
			if !strings.Contains(told, id) {
				t.Errorf("nobody hears of %s", id)
			}
		}
		if strings.Contains(told, "example.com") {
			t.Errorf("an address is in the log: %s", told)
		}
	}
}

// TestWithoutAPortal there is no link; without a name, the principal's; without an address, no mail.
func TestWithoutAPortal(t *testing.T) {
	s := newStand(t)
	s.notifier.PortalURL = ""
	nameless := happened(governance.NotifyApprovers)
	nameless.Requestor.DisplayName = ""
	if sent := s.notify(governance.NotifyApprovers, nameless); len(sent) != 1 || strings.Contains(sent[0].HTML, "<a") || !strings.HasPrefix(sent[0].Text, "alice@example.com asks") {
		t.Errorf("sent are %+v", sent)
	}
	nameless = happened(governance.NotifyDenied)
	nameless.Approval.Stages[0].Justification = "not now"
	if sent := s.notify(governance.NotifyDenied, nameless); len(sent) != 1 || !strings.HasSuffix(sent[0].Text, "\nReason: not now") {
		t.Errorf("sent are %+v", sent)
	}
	nameless.Assignment.Target.Email = "former@example.com" // mail goes where the person is now, not where they were when they asked
	if sent := s.notify(governance.NotifyDenied, nameless); len(sent) != 1 || sent[0].To[0] != "alice@example.com" {
		t.Errorf("sent are %+v", sent)
	}
	nameless.Assignment.Target.ObjectID = "99999999-9999-4999-8999-999999999999"
	if sent := s.notify(governance.NotifyDenied, nameless); len(sent) != 0 || len(s.Lines("a notification has nobody to go to")) != 1 {
		t.Errorf("sent are %+v", sent)
	}
}

// TestMailsSayWhatPeopleTyped, and no more: neither markup nor a line of a header, nor what stands for something in our own words. rules: NOT-08.
func TestMailsSayWhatPeopleTyped(t *testing.T) {
	s := newStand(t)
	typed := happened(governance.NotifyApprovers)
	typed.AccessPackage.DisplayName = "<b>package</b>\r\nBcc: eve@example.com"
	typed.Justification = "<script>alert(1)</script>{until}"
	sent := s.notify(governance.NotifyApprovers, typed)
	if len(sent) != 1 || len(sent[0].To) != 1 {
		t.Fatalf("%+v", sent)
	}
	if mail := sent[0]; strings.ContainsAny(mail.Subject, "\r\n") || strings.Contains(mail.HTML, "<script>") || strings.Contains(mail.HTML, "<b>") || !strings.Contains(mail.Text, "</script>{until}") {
		t.Errorf("the mail is %+v", mail)
	}
	typed.State, typed.Approval.Stages[0].Status, typed.Approval.Stages[0].ReviewResult = governance.StateDenied, governance.StageCompleted, governance.ResultDeny
	if denied := s.notify(governance.NotifyDenied, typed); len(denied) != 1 || strings.ContainsAny(denied[0].Subject, "\r\n") {
		t.Errorf("alice got %+v", denied)
	}
}

// TestAnApproverIsNotAskedInVain: when the mail is late, and the stage is decided, nobody is asked any more. rules: NOT-02.
func TestAnApproverIsNotAskedInVain(t *testing.T) {
	for name, late := range map[string]func(*governance.AssignmentRequest){
		"the stage is decided":   func(r *governance.AssignmentRequest) { r.Approval.Stages[0].Status = governance.StageCompleted },
		"the request is over":    func(r *governance.AssignmentRequest) { r.State = governance.StateCanceled },
		"there is no approval":   func(r *governance.AssignmentRequest) { r.Approval = nil },
		"there is no such stage": func(r *governance.AssignmentRequest) { r.Approval.Stages = nil },
	} {
		for _, kind := range []governance.NotificationKind{governance.NotifyApprovers, governance.NotifyAlternates} {
			s := newStand(t)
			decided := request()
			late(&decided)
			if sent := s.notify(kind, decided); len(sent) != 0 {
				t.Errorf("%s: they got %+v", name, sent)
			}
		}
	}
}

// TestWhatCannotBeTold: a request that is not there, and a directory that is away, are for later; a refusal is told and over; what there is no request for is parked in the end. Whoever must decide is told
// whenever it becomes possible.
func TestWhatCannotBeTold(t *testing.T) {
	waits := func(s *stand, attempt int) {
		t.Helper()
		if kept := s.kept(); len(kept) != 1 || kept[0].Attempt != attempt || !kept[0].NotBefore.After(s.Clock.Now()) || kept[0].Begun != 0 {
			t.Errorf("kept: %+v", kept)
		}
	}
	s := newStand(t)
	missing := request()
	missing.ID = ledgertest.ID("nowhere")
	effect := governance.EffectOf(missing, governance.WorkNotify)
	effect.ID, effect.Place, effect.Notification = "effect", place, governance.NotifyDenied
	s.Put(place, effect)
	for attempt := range engine.RetryDelays {
		s.Must(s.notifier.Notify(t.Context(), effect))
		waits(s, attempt+1)
		s.Clock.Advance(5 * time.Hour)
	}
	s.Refused(s.notifier.Notify(t.Context(), effect), governance.CodeInvalid, "is not there")
	if len(s.kept()) != 0 {
		t.Errorf("kept: %+v", s.kept())
	}
	for _, operation := range []directorymemory.Operation{directorymemory.OperationSendMail, directorymemory.OperationUser, directorymemory.OperationGroupMembers} {
		s := newStand(t)
		s.directory.SetFault(func(one directorymemory.Operation) directorymemory.Fault {
			if one == operation {
				return directorymemory.Fault{Kind: directorymemory.FaultUndone}
			}
			return directorymemory.Fault{}
		})
		effect := s.commit(governance.NotifyAlternates, happened(governance.NotifyAlternates))
		for attempt := range 8 {
			s.Must(s.notifier.Notify(t.Context(), effect))
			waits(s, attempt+1)
			s.Clock.Advance(5 * time.Hour)
		}
		if told := s.Lines("a notification could not be sent"); len(told) != 1 || told[0]["alert"] != true {
			t.Errorf("told: %v", told)
		}
		s.directory.SetFault(nil)
		s.Must(s.notifier.Notify(t.Context(), effect))
		if len(s.directory.Sent()) != 1 || len(s.kept()) != 0 {
			t.Errorf("sent: %+v", s.directory.Sent())
		}
	}
	s = newStand(t)
	s.notifier.Directory = directory.NewRecent(refusing{s.directory}, s.Ledger.Now)
	s.notify(governance.NotifyDenied, happened(governance.NotifyDenied))
	if told := s.Lines("a notification was refused"); len(told) != 1 || told[0]["alert"] != true || len(s.directory.Sent()) != 0 || len(s.kept()) != 0 {
		t.Errorf("told: %v", told)
	}
}

// TestWithoutASender: when the mailbox that sends is refused, those who have to decide count as untold. rules: APR-02.
func TestWithoutASender(t *testing.T) {
	s := newStand(t)
	s.notifier.Directory = directory.NewRecent(refusing{s.directory}, s.Ledger.Now)
	s.notify(governance.NotifyApprovers, happened(governance.NotifyApprovers))
	found, err := ledger.GetAt[governance.AssignmentRequest](t.Context(), s.Ledger, place, ledgertest.ID("request"), "request")
	s.Must(err)
	stage := found.Value.Approval.Stages[0]
	if !slices.Contains(stage.Unreached, ledgertest.ID("bob")) || stage.LookDateTime.Instant().After(s.Clock.Now()) || len(s.kept()) != 0 {
		t.Errorf("unreached are %v, others are looked for at %v", stage.Unreached, stage.LookDateTime)
	}
	if untold, err := s.Ledger.SomebodyIsUntold(t.Context()); err != nil || !untold {
		t.Errorf("health does not know: %v", err)
	}
}

// refusing is a directory that takes no mail.
type refusing struct{ *directorymemory.Directory }

// SendMail implements directory.Directory.
func (refusing) SendMail(directorymemory.Context, governance.Mail) error { return directory.ErrRefused }
