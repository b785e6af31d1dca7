package app_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"latchkey/shared/app"
	"latchkey/shared/bus"
	busmemory "latchkey/shared/bus/memory"
	"latchkey/shared/governance"
	"latchkey/shared/store"
	storememory "latchkey/shared/store/memory"
)

type versioned = app.Versioned[governance.AssignmentRequest]

var listAll = app.ListOptions{}

// downStore has the store answer nothing, or again.
func (s *stand) downStore(down bool) {
	s.store.SetFault(func(string) storememory.Fault {
		if down {
			return storememory.Unavailable
		}
		return storememory.NoFault
	})
}

// downBus has the bus accept nothing, or again.
func (s *stand) downBus(down bool) {
	if !down {
		s.broker.SetFaults(nil)
		return
	}
	s.broker.SetFaults(&busmemory.Faults{Send: func(string, int) busmemory.SendFault { return busmemory.SendLost }})
}

// newSlowStand is a stand with a second instance whose first change to the directory stalls.
func newSlowStand(t *testing.T) (*stand, *app.App, *late) {
	s := newStand(t)
	stall := &late{Directory: s.directory}
	options := s.options
	options.Directory = stall
	return s, app.New(options), stall
}

// TestMuted: a policy may mute the mails to who gets access; approvers are asked all the same. rules: POL-12 NOT-02 NOT-08.
func TestMuted(t *testing.T) {
	s := newStand(t)
	packageID := s.pack(s.catalog("catalog"), "package", member(g1))
	policy := approvedPolicy(packageID, manager())
	policy.NotificationSettings = &governance.NotificationSettings{IsAssignmentNotificationDisabled: true}
	s.policy(policy)
	made := s.submit(user(alice), request(packageID))
	s.drain()
	mail := s.directory.SentTo("mia@example.com")
	if len(mail) != 1 {
		t.Fatalf("mia got %d mails", len(mail))
	}
	for _, wanted := range []string{"Alice", "package", "because", "4 December 2026"} {
		if !strings.Contains(mail[0].Text, wanted) || !strings.Contains(mail[0].HTML, wanted) {
			t.Errorf("the mail does not say %q: %s", wanted, mail[0].Text)
		}
	}
	s.must(s.decide(made.ID, mia, governance.ResultApprove, ""))
	s.drain()
	s.submit(user(alice), removal(governance.RequestUserRemove, made.Assignment.ID))
	s.drain()
	if mails := s.mails("alice"); len(mails) != 0 {
		t.Errorf("alice got %q", mails)
	}
}

// TestMailsSayWhatPeopleTyped, and no more: neither markup nor a line of a header. rules: NOT-08.
func TestMailsSayWhatPeopleTyped(t *testing.T) {
	s := newStand(t)
	s.options.PortalURL = "https://portal.example/"
	s.app = app.New(s.options)
	packageID := s.pack(s.catalog("catalog"), "<b>package</b>\r\nBcc: eve@example.com", member(g1))
	s.policy(approvedPolicy(packageID, members(helpdesk)))
	draft := request(packageID)
	draft.Justification = "<script>alert(1)</script>"
	made := s.submit(user(alice), draft)
	s.drain()
	sent := s.directory.Sent()
	if len(sent) != 1 || len(sent[0].To) != 2 {
		t.Fatalf("%d mails", len(sent))
	}
	if mail := sent[0]; strings.ContainsAny(mail.Subject, "\r\n") || strings.Contains(mail.HTML, "<script>") || strings.Contains(mail.HTML, "<b>") || !strings.Contains(mail.HTML, "https://portal.example/#/approvals/"+made.ID) {
		t.Errorf("the mail is %+v", mail)
	}
	s.must(s.decide(made.ID, hanna, governance.ResultDeny, ""))
	s.drain()
	if denied := s.directory.SentTo("alice@example.com"); len(denied) != 1 || strings.ContainsAny(denied[0].Subject, "\r\n") {
		t.Errorf("alice got %+v", denied)
	}
}

// TestAnApproverIsNotAskedInVain: when the mail is late, and the stage is decided, nobody is asked any more. rules: NOT-02.
func TestAnApproverIsNotAskedInVain(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.approvedPackage(people(bob, carl))
	made := s.submit(user(alice), request(packageID))
	s.must(s.decide(made.ID, bob, governance.ResultApprove, ""))
	s.drain()
	if mails := append(s.mails("bob"), s.mails("carl")...); len(mails) != 0 {
		t.Errorf("they got %q", mails)
	}
}

// TestVerifyAudit: a chain that somebody has touched shows where. rules: AUD-01.
func TestVerifyAudit(t *testing.T) {
	for name, c := range map[string]struct {
		touch    func(s *stand, entries []store.Document) []store.Operation
		brokenAt int64
	}{
		"untouched": {func(*stand, []store.Document) []store.Operation { return nil }, 0},
		"one entry says something else": {func(s *stand, entries []store.Document) []store.Operation {
			var entry governance.AuditEntry
			s.must(json.Unmarshal(entries[2].Body, &entry))
			entry.InitiatedBy.ObjectID = eve
			return []store.Operation{{Verb: store.Replace, Document: rewritten(s, entries[2], entry)}}
		}, 3},
		"one entry says something else and was sealed again": {func(s *stand, entries []store.Document) []store.Operation {
			var entry governance.AuditEntry
			s.must(json.Unmarshal(entries[2].Body, &entry))
			entry.InitiatedBy.ObjectID = eve
			entry.Seal(entry.PartitionID, entry.Sequence, entry.PreviousHash)
			return []store.Operation{{Verb: store.Replace, Document: rewritten(s, entries[2], entry)}}
		}, 4},
		"the first entry is gone": {func(_ *stand, entries []store.Document) []store.Operation {
			return []store.Operation{{Verb: store.Delete, Document: entries[0]}}
		}, 1},
		"the last entry is gone": {func(_ *stand, entries []store.Document) []store.Operation {
			return []store.Operation{{Verb: store.Delete, Document: entries[len(entries)-1]}}
		}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			packageID, _ := s.openPackage("package", member(g1))
			s.submit(user(alice), request(packageID))
			s.drain()
			entries := make([]store.Document, 5)
			for _, document := range s.documents(store.Subjects, "audit") {
				var entry governance.AuditEntry
				s.must(json.Unmarshal(document.Body, &entry))
				entries[entry.Sequence-1] = document
			}
			if operations := c.touch(s, entries); operations != nil {
				_, err := s.store.Commit(t.Context(), store.Subjects, subjectID(alice), operations)
				s.must(err)
			}
			report, err := s.app.VerifyAudit(t.Context(), callerWith('p'), false, strings.ToUpper(subjectID(alice)))
			s.must(err)
			if report.Verified != (c.brokenAt == 0) || report.BrokenAt != c.brokenAt {
				t.Errorf("the report is %+v, wanted a break at %d", report, c.brokenAt)
			}
			if alert := strings.Contains(s.log.String(), "audit chain is broken"); alert == report.Verified {
				t.Errorf("somebody was told: %t", alert)
			}
		})
	}
	s := newStand(t)
	_, err := s.app.VerifyAudit(t.Context(), admin(), false, subjectID(alice))
	s.refused(err, governance.CodeNotFound)
}

func rewritten(s *stand, document store.Document, entry governance.AuditEntry) store.Document {
	body, err := json.Marshal(entry)
	s.must(err)
	document.Body, document.ETag = body, ""
	return document
}

// TestAMessageThatCannotBeRead is put aside with its reason, loudly, and only by the queues' own handler.
func TestAMessageThatCannotBeRead(t *testing.T) {
	s := newStand(t)
	message := app.Received{Queue: bus.Provisioning, ID: "broken", SessionID: "session", Subject: "provision", Body: []byte("{")}
	s.refused(s.app.ParkMessage(t.Context(), admin(), message, errors.New("no JSON")), governance.CodeForbidden)
	s.must(s.app.ParkMessage(t.Context(), system(), message, errors.New("no JSON")))
	queue, err := s.broker.Queue(bus.Parked)
	s.must(err)
	parked := queue.Peek(0, 10, nil)
	if len(parked) != 1 || string(parked[0].Message.Body) != "{" || parked[0].Message.Properties["reason"] != "no JSON" || parked[0].Message.Properties["messageId"] != "broken" {
		t.Errorf("parked %+v", parked)
	}
	if !strings.Contains(s.log.String(), `"alert":true`) {
		t.Error("nobody was told")
	}
	s.downBus(true)
	if err := s.app.ParkMessage(t.Context(), system(), message, errors.New("no JSON")); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("while the bus is away: %v", err)
	}
}

// TestADocumentOfALaterRelease is read if it is of the next release, and refused rather than misread if it is of one after that (DESIGN section 2, 10).
func TestADocumentOfALaterRelease(t *testing.T) {
	for version, readable := range map[int]bool{1: true, 2: true, 3: false} {
		s := newStand(t)
		packageID, _ := s.openPackage("package", member(g1))
		made := s.submit(user(alice), request(packageID))
		found, err := s.store.Get(t.Context(), store.Subjects, subjectID(alice), "request:"+made.ID)
		s.must(err)
		found[0].SchemaVersion = version
		_, err = s.store.Commit(t.Context(), store.Subjects, subjectID(alice), []store.Operation{{Verb: store.Replace, Document: found[0]}})
		s.must(err)
		if _, err := s.app.Request(t.Context(), admin(), made.ID); (err == nil) != readable {
			t.Errorf("version %d: %v", version, err)
		}
	}
}

// TestListAudit: the trail can be asked by whom and about what. rules: AUD-01.
func TestListAudit(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	made := s.submit(user(alice), request(packageID))
	s.submit(user(bob), request(packageID))
	s.drain()
	page, err := s.app.ListAudit(t.Context(), admin(), false, app.ListOptions{Filter: app.Compare{Path: []string{"correlationId"}, Comparison: app.Equal, Value: made.ID}})
	s.must(err)
	if len(page.Items) != 5 {
		t.Errorf("%d entries", len(page.Items))
	}
	for _, item := range page.Items {
		if item.Value.CorrelationID != made.ID {
			t.Errorf("%+v", item.Value)
		}
	}
}

// TestHealth: each dependency is asked, and what fails is named with what that stops and what mends it, without an address or an id.
func TestHealth(t *testing.T) {
	s := newStand(t)
	check := func(storeStatus, directoryStatus string) {
		t.Helper()
		reports := s.app.CheckHealth(t.Context())
		asked := map[string]bool{}
		for _, report := range reports {
			asked[report.Dependency] = true
			wanted := storeStatus
			switch {
			case report.Dependency == "directory":
				wanted = directoryStatus
			case strings.HasPrefix(report.Dependency, "permission/"):
				wanted = "ok"
			}
			ok := report.Status == "ok"
			if report.Status != wanted || ok != (report.Detail == "") || ok != (report.Stops == "") || ok != (report.Mend == "") {
				t.Errorf("%+v, wanted %s", report, wanted)
			}
			if strings.Contains(report.Detail+report.Mend, "injected") {
				t.Errorf("it passes on the words of the adapter: %+v", report)
			}
		}
		if !asked["store/subjects"] || !asked["store/catalogs"] || !asked["directory"] {
			t.Errorf("it asked %v", asked)
		}
		healthy := storeStatus == "ok" && directoryStatus == "ok"
		if err := app.Healthy(reports); (err == nil) != healthy || err != nil && app.CodeOf(err) != governance.CodeUnavailable {
			t.Errorf("healthy: %v", err)
		}
	}
	check("ok", "ok")
	s.downStore(true)
	check("failing", "ok")
	s.downDirectory(true)
	check("failing", "failing")
	s.downStore(false)
	check("ok", "failing")
}
