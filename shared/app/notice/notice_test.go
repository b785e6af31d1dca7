package notice_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/infra/local/ledgertest"
	"latchkey/shared/app/notice"
	"latchkey/shared/directory"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// stand is a notifier in a tenant in which hanna and henk are the help desk.
type stand struct {
	*ledgertest.Stand
	directory *directorymemory.Directory
	notifier  *notice.Notifier
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
			ID: ledgertest.ID("stage"), Status: governance.StageInProgress, EndsDateTime: governance.At(ledgertest.Noon.Add(14 * 24 * time.Hour)),
			ApproverUserIDs: []string{ledgertest.ID("bob"), ledgertest.ID("gone"), ledgertest.ID("mute"), ledgertest.ID("nobody"), ledgertest.ID("bob")}, ApproverGroupIDs: []string{ledgertest.ID("no group")},
			AlternateUserIDs: []string{ledgertest.ID("hanna")}, AlternateGroupIDs: []string{helpdesk},
		}}},
	}
}

// notify tells of a request, and answers with the mails that went out.
func (s *stand) notify(kind governance.NotificationKind, request governance.AssignmentRequest) []directorymemory.Sent {
	s.Helper()
	s.Put(place, request)
	before := len(s.directory.Sent())
	s.Must(s.notifier.Notify(s.Context(), about(kind)))
	return s.directory.Sent()[before:]
}

func about(kind governance.NotificationKind) governance.Effect {
	effect := governance.EffectOf(request(), governance.WorkNotify)
	effect.Place, effect.RequestID, effect.Notification = place, effect.About, kind
	return effect
}

// TestNotices: each goes to whom it is for, in its words. rules: NOT-02 NOT-06 NOT-08.
func TestNotices(t *testing.T) {
	bob, alice, desk := []string{"bob@example.com"}, []string{"alice@example.com"}, []string{"hanna@example.com", "henk@example.com"}
	action := "Action required: approve or deny the request of Alice by 4 December 2026 12:00 UTC"
	asks := "Alice asks for access to the package.\nJustification: because\nRequested on 20 November 2026 12:00 UTC.\nWithout a decision the request is denied on 4 December 2026 12:00 UTC."
	link := "\nhttps://portal.example/#/approvals/" + ledgertest.ID("request")
	for kind, c := range map[governance.NotificationKind]struct {
		to            []string
		subject, text string
	}{
		governance.NotifyApprovers:        {bob, action, asks + link},
		governance.NotifyAlternates:       {desk, action, asks + "\nIt comes to you because nobody has decided it so far." + link},
		governance.NotifyDenied:           {alice, "Your request for the package was denied", "Your request for access to the package was denied.\nReason: none given"},
		governance.NotifyApprovalTimedOut: {alice, "Your request for the package has expired", "Nobody decided your request for access to the package in time. You may ask again."},
		governance.NotifyDelivered:        {alice, "You now have access to the package", "You now have access to the package."},
		governance.NotifyEnded:            {alice, "Your access to the package has ended", "Your access to the package has ended."},
		governance.NotifyDeliveryFailed: {alice, "Your access to the package could not be set up",
			"Your access to the package could not be set up completely. Those who look after it have been told."},
	} {
		s := newStand(t)
		sent := s.notify(kind, request())
		if len(sent) != 1 {
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
	}
}

// TestWithoutAPortal there is no link; without a stage, no reason; without a name, the principal's; without an address, no mail.
func TestWithoutAPortal(t *testing.T) {
	s := newStand(t)
	s.notifier.PortalURL = ""
	nameless := request()
	nameless.Requestor.DisplayName = ""
	nameless.Approval.Stages[0].Justification = "not now"
	if sent := s.notify(governance.NotifyApprovers, nameless); len(sent) != 1 || strings.Contains(sent[0].HTML, "<a") || !strings.HasPrefix(sent[0].Text, "alice@example.com asks") {
		t.Errorf("sent are %+v", sent)
	}
	if sent := s.notify(governance.NotifyDenied, nameless); len(sent) != 1 || !strings.HasSuffix(sent[0].Text, "\nReason: not now") {
		t.Errorf("sent are %+v", sent)
	}
	nameless.State, nameless.Approval = governance.StateDelivered, nil
	if sent := s.notify(governance.NotifyDenied, nameless); len(sent) != 1 || strings.Contains(sent[0].Text, "Reason") || strings.Contains(sent[0].Text, "\n") {
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
	typed := request()
	typed.AccessPackage.DisplayName = "<b>package</b>\r\nBcc: eve@example.com"
	typed.Justification = "<script>alert(1)</script>{until}"
	sent := s.notify(governance.NotifyApprovers, typed)
	if len(sent) != 1 || len(sent[0].To) != 1 {
		t.Fatalf("%+v", sent)
	}
	if mail := sent[0]; strings.ContainsAny(mail.Subject, "\r\n") || strings.Contains(mail.HTML, "<script>") || strings.Contains(mail.HTML, "<b>") || !strings.Contains(mail.Text, "</script>{until}") {
		t.Errorf("the mail is %+v", mail)
	}
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

// TestWhatCannotBeTold: a request that is not there, and a directory that is away, are for later; a refusal is told and over; what there is no notice for is parked.
func TestWhatCannotBeTold(t *testing.T) {
	s := newStand(t)
	err := s.notifier.Notify(t.Context(), about(governance.NotifyDenied))
	s.Refused(err, governance.CodeUnavailable)
	if !errors.Is(err, ledger.ErrNoDocument) {
		t.Errorf("without its request: %v", err)
	}
	s.Put(place, request())
	s.Refused(s.notifier.Notify(t.Context(), about("birthday")), governance.CodeInvalid, "birthday")
	for _, operation := range []directorymemory.Operation{directorymemory.OperationSendMail, directorymemory.OperationUser, directorymemory.OperationGroupMembers} {
		s.directory.SetFault(func(one directorymemory.Operation) directorymemory.Fault {
			if one == operation {
				return directorymemory.Fault{Kind: directorymemory.FaultUnavailable}
			}
			return directorymemory.Fault{}
		})
		s.Clock.Advance(directory.RecentFor) // nothing is remembered
		if err := s.notifier.Notify(t.Context(), about(governance.NotifyAlternates)); !errors.Is(err, directory.ErrUnavailable) {
			t.Errorf("while %v fails: %v", operation, err)
		}
	}
	s.directory.SetFault(nil)
	s.notifier.Directory = directory.NewRecent(refusing{s.directory}, s.Ledger.Now)
	s.Must(s.notifier.Notify(t.Context(), about(governance.NotifyDenied)))
	if told := s.Lines("a notification was refused"); len(told) != 1 || told[0]["alert"] != true || len(s.directory.Sent()) != 0 {
		t.Errorf("told: %v", told)
	}
}

// refusing is a directory that takes no mail.
type refusing struct{ *directorymemory.Directory }

// SendMail implements directory.Directory.
func (refusing) SendMail(directorymemory.Context, governance.Mail) error { return directory.ErrRefused }
