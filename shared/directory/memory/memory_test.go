package memory_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/shared/directory"
	"latchkey/shared/directory/directorytest"
	"latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

func TestConformance(t *testing.T) {
	const retryAfter = 30 * time.Second
	kinds := map[directorytest.Fault]memory.FaultKind{
		directorytest.Throttled: memory.FaultThrottled, directorytest.Unavailable: memory.FaultUnavailable, directorytest.LostResponse: memory.FaultLostResponse,
	}
	directorytest.Run(t, func(*testing.T) directorytest.Tenant {
		clock := platform.NewManualClock(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC))
		dir := memory.New(memory.Options{Clock: clock})
		return directorytest.Tenant{
			Directory: dir, RetryAfter: retryAfter, Pass: func(d time.Duration) { clock.Advance(d) }, Lag: dir.SetLag, Purge: dir.Purge,
			Delete: func(id string) error {
				o, _ := dir.Object(id)
				return dir.Delete(o.Kind, id)
			},
			SeeHidden: func() { dir.PutGranted(directory.PermissionHidden) },
			Restore: func(id string) error {
				_, err := dir.Restore(id)
				return err
			},
			PutUser: dir.PutUser, PutGroup: dir.PutGroup, PutMember: dir.PutMember, PutOwner: dir.PutOwner, Members: dir.MemberIDs, IsOwner: dir.IsOwner,
			PutServicePrincipal: func(id, name string) {
				dir.PutServicePrincipal(memory.ServicePrincipal{ID: id, AppID: id, DisplayName: name})
			},
			BlockApplication: func(id string) { dir.PutServicePrincipal(memory.ServicePrincipal{ID: id, AppID: id, Blocked: true}) },
			Sent: func() []governance.Mail {
				var mails []governance.Mail
				for _, sent := range dir.Sent() {
					mails = append(mails, sent.Mail)
				}
				return mails
			},
			Fail: func(fault directorytest.Fault, calls int) {
				left := calls
				dir.SetFault(func(memory.Operation) memory.Fault {
					if calls > 0 && left == 0 {
						return memory.Fault{}
					}
					left--
					return memory.Fault{Kind: kinds[fault], RetryAfter: retryAfter}
				})
			},
			Heal: func() { dir.SetFault(nil) },
		}
	})
}

func user(n int) governance.User {
	return governance.User{ID: fmt.Sprintf("U%d", n), UserPrincipalName: fmt.Sprintf("User%d@contoso.example", n), UserType: governance.UserTypeMember}
}

func TestIDsIgnoreCaseAndKeepTheirSpelling(t *testing.T) {
	dir := memory.New(memory.Options{})
	dir.PutUser(user(1))
	for _, id := range []string{"u1", "U1", "user1@CONTOSO.example"} {
		if got, err := dir.User(t.Context(), id); err != nil || got.ID != "U1" {
			t.Errorf("User(%q) = %q, %v", id, got.ID, err)
		}
	}
}

func TestDeletingAUserTakesEveryEdge(t *testing.T) {
	dir := memory.New(memory.Options{})
	for n := 1; n <= 3; n++ {
		dir.PutUser(user(n))
	}
	dir.PutGroup(governance.Group{ID: "g"})
	for _, err := range []error{dir.SetManager("U1", "U2"), dir.SetManager("U2", "U3"), dir.PutMember("g", "U2"), dir.PutOwner("g", "U2"), dir.Delete(memory.KindUser, "U2")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if got, err := dir.User(t.Context(), "U1"); err != nil || got.ManagerID != "" {
		t.Errorf("the manager of 1 is %q, %v; want none", got.ManagerID, err)
	}
	if reports, _ := dir.Reports("U3"); len(reports) != 0 {
		t.Errorf("3 still has %d reports", len(reports))
	}
	if len(dir.MemberIDs("g")) != 0 || dir.IsOwner("g", "U2") {
		t.Error("the group still has the user")
	}
	dir.PutUser(user(2)) // the name and the id are free again, without the old edges
	if groups, err := dir.MemberOf(t.Context(), "U2"); err != nil || len(groups) != 0 {
		t.Errorf("the new user is in %v, %v", groups, err)
	}
	if err := dir.Delete(memory.KindGroup, "g"); err != nil {
		t.Fatal(err)
	}
	if err := dir.Delete(memory.KindGroup, "g"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("deleting twice: %v", err)
	}
}

func TestPutKeepsMembershipsAndMovesNames(t *testing.T) {
	dir := memory.New(memory.Options{})
	dir.PutUser(user(1))
	dir.PutGroup(governance.Group{ID: "g"})
	if err := dir.PutMember("g", "u1"); err != nil {
		t.Fatal(err)
	}
	renamed := user(1)
	renamed.UserPrincipalName = "new@contoso.example"
	dir.PutUser(renamed)
	dir.PutGroup(governance.Group{ID: "g", DisplayName: "Renamed"})
	if got := dir.MemberIDs("g"); !slices.Equal(got, []string{"U1"}) {
		t.Errorf("members are %v", got)
	}
	if _, err := dir.User(t.Context(), "user1@contoso.example"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("the old name still finds: %v", err)
	}
	if _, err := dir.User(t.Context(), "new@contoso.example"); err != nil {
		t.Error(err)
	}
}

func TestPagingSeesEveryUserOnceWhileOthersComeAndGo(t *testing.T) {
	dir := memory.New(memory.Options{})
	for n := range 5000 {
		dir.PutUser(user(n))
	}
	seen := map[string]int{}
	var after uint64
	for page := 0; ; page++ {
		users, next := dir.List(memory.KindUser, after, 100, func(o *memory.Object) bool { return strings.HasSuffix(o.User.ID, "7") })
		for _, u := range users {
			seen[u.ID()]++
		}
		if err := dir.Delete(memory.KindUser, fmt.Sprintf("u%d", page*10)); err != nil { // none that ends in 7
			t.Fatal(err)
		}
		if next == 0 {
			break
		}
		after = next
	}
	if len(seen) != 500 {
		t.Errorf("saw %d users, want 500", len(seen))
	}
	for id, times := range seen {
		if times != 1 {
			t.Errorf("saw %s %d times", id, times)
		}
	}
}

func TestListOnAPageBoundarySaysThatThereIsNoMore(t *testing.T) {
	dir := memory.New(memory.Options{})
	for n := range 10 {
		dir.PutUser(user(n))
	}
	if page, next := dir.List(memory.KindUser, 0, 10, nil); len(page) != 10 || next != 0 {
		t.Errorf("got %d users and next %d", len(page), next)
	}
}

func TestMembersArePagedInOrderAcrossRemovals(t *testing.T) {
	dir := memory.New(memory.Options{})
	dir.PutGroup(governance.Group{ID: "g"})
	for n := range 300 {
		dir.PutUser(user(n))
		if err := dir.PutMember("g", user(n).ID); err != nil {
			t.Fatal(err)
		}
	}
	first, next, ok := dir.Members("g", 0, 100)
	if !ok || len(first) != 100 || next == 0 {
		t.Fatalf("got %d, next %d", len(first), next)
	}
	for n := range 90 { // enough that the set is compacted below the reader
		if err := dir.RemoveMember(t.Context(), "g", user(n).ID); err != nil {
			t.Fatal(err)
		}
	}
	for n := 110; n < 250; n++ {
		if err := dir.RemoveMember(t.Context(), "g", user(n).ID); err != nil {
			t.Fatal(err)
		}
	}
	var rest []string
	for next != 0 {
		var page []*memory.Object
		page, next, _ = dir.Members("g", next, 7)
		for _, o := range page {
			rest = append(rest, o.ID())
		}
	}
	var want []string
	for n := range 300 {
		if n >= 100 && n < 110 || n >= 250 {
			want = append(want, user(n).ID)
		}
	}
	if !slices.Equal(rest, want) {
		t.Errorf("the rest is %v, want %v", rest, want)
	}
}

func TestChangesTellWhatChangedSince(t *testing.T) {
	dir := memory.New(memory.Options{})
	for n := range 4 {
		dir.PutUser(user(n))
	}
	_, _, since := dir.Changes(memory.KindUser, 0)
	if err := dir.SetManager("u1", "u2"); err != nil {
		t.Fatal(err)
	}
	if err := dir.Delete(memory.KindUser, "u3"); err != nil {
		t.Fatal(err)
	}
	changed, deleted, latest := dir.Changes(memory.KindUser, since)
	if len(changed) != 1 || changed[0].ID() != "U1" || len(deleted) != 1 || deleted[0].ID != "U3" {
		t.Errorf("changed %v, deleted %v", changed, deleted)
	}
	if changed, deleted, _ := dir.Changes(memory.KindUser, latest); len(changed)+len(deleted) != 0 {
		t.Errorf("nothing changed, got %v %v", changed, deleted)
	}
}

func TestMailCarriesTheTimeOfTheClockAndIsBounded(t *testing.T) {
	clock := platform.NewManualClock(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC))
	dir := memory.New(memory.Options{Clock: clock, MaxSent: 3})
	for n := range 10 {
		if err := dir.SendMail(t.Context(), governance.Mail{To: []string{fmt.Sprintf("P%d@contoso.example", n)}, Subject: "s"}); err != nil {
			t.Fatal(err)
		}
		clock.Advance(time.Hour)
	}
	if sent := dir.Sent(); len(sent) != 3 || sent[2].SentDateTime != time.Date(2026, 3, 1, 17, 0, 0, 0, time.UTC) {
		t.Errorf("sent is %v", sent)
	}
	if got := dir.SentTo("p9@CONTOSO.example"); len(got) != 1 || got[0].To[0] != "P9@contoso.example" {
		t.Errorf("mail of 9 is %v", got)
	}
}

func TestSnapshotRestoresEverything(t *testing.T) {
	clock := platform.NewManualClock(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC))
	dir := memory.New(memory.Options{Clock: clock})
	dir.PutUser(user(1))
	dir.PutUser(user(2))
	dir.PutGroup(governance.Group{ID: "g", GroupTypes: []string{"DynamicMembership"}})
	dir.PutServicePrincipal(memory.ServicePrincipal{ID: "sp", AppID: "app", AppRoles: []memory.AppRole{{ID: "r", Value: "v", IsEnabled: true}}})
	if _, err := dir.Update("u1", func(o *memory.Object) error { o.Attributes["jobTitle"] = "Baker"; return nil }); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		dir.SetManager("u1", "u2"), dir.PutMember("g", "u1"), dir.PutMember("g", "sp"), dir.PutOwner("g", "u2"),
		dir.SendMail(t.Context(), governance.Mail{To: []string{"a@b.example"}, Subject: "s", HTML: "h", Text: "t"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	dir.PutUser(user(3))
	for _, err := range []error{dir.PutMember("g", "u3"), dir.SetManager("u2", "u3"), dir.Delete(memory.KindUser, "u3")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var image bytes.Buffer
	if err := dir.Snapshot(&image); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Hour)
	other := memory.New(memory.Options{Clock: clock})
	other.PutUser(user(9))
	if err := other.Load(bytes.NewReader(image.Bytes())); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"u1", "u2", "g", "sp"} {
		want, _ := dir.Object(id)
		got, ok := other.Object(id)
		if !ok {
			t.Fatalf("%s is gone", id)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
	}
	if _, ok := other.Object("u9"); ok {
		t.Error("what was there before is still there")
	}
	if got := other.MemberIDs("g"); !slices.Equal(got, []string{"U1", "sp"}) {
		t.Errorf("members are %v", got)
	}
	if reports, _ := other.Reports("u2"); len(reports) != 1 || !other.IsOwner("g", "u2") {
		t.Error("reports or owners are lost")
	}
	if _, err := other.Restore("u3"); err != nil || !other.IsMember("g", "u3") {
		t.Errorf("a deleted user is lost: %v", err)
	}
	if reports, _ := other.Reports("u3"); len(reports) != 1 || other.Count(memory.KindUser) != 3 {
		t.Errorf("the restored user has the reports %v", reports)
	}
	if diff := cmp.Diff(dir.Sent(), other.Sent()); diff != "" {
		t.Errorf("mail (-want +got):\n%s", diff)
	}
	if err := other.Load(strings.NewReader(`{"schemaVersion":99}`)); err == nil || other.Count(memory.KindUser) != 3 {
		t.Errorf("a snapshot of another version: %v, %d users", err, other.Count(memory.KindUser))
	}
}

func TestUpdateThatFailsChangesNothing(t *testing.T) {
	dir := memory.New(memory.Options{})
	dir.PutUser(user(1))
	dir.PutUser(user(2))
	boom := errors.New("boom")
	_, err := dir.Update("u1", func(o *memory.Object) error {
		o.User.DisplayName, o.Attributes["x"] = "changed", 1
		return boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	_, err = dir.Update("u1", func(o *memory.Object) error { o.User.UserPrincipalName = "USER2@contoso.example"; return nil })
	if !errors.Is(err, memory.ErrExists) {
		t.Errorf("a taken name: %v", err)
	}
	_, err = dir.Update("u1", func(o *memory.Object) error { o.User.ID = "u3"; return nil })
	if !errors.Is(err, directory.ErrRefused) {
		t.Errorf("another id: %v", err)
	}
	if o, _ := dir.Object("u1"); o.User.DisplayName != "" || len(o.Attributes) != 0 || o.User.UserPrincipalName != "User1@contoso.example" {
		t.Errorf("the user became %+v", o)
	}
}

func TestForbiddenFault(t *testing.T) {
	dir := memory.New(memory.Options{})
	dir.PutUser(user(1))
	dir.SetFault(func(operation memory.Operation) memory.Fault {
		if operation == memory.OperationUser {
			return memory.Fault{Kind: memory.FaultForbidden}
		}
		return memory.Fault{}
	})
	if _, err := dir.User(t.Context(), "u1"); !errors.Is(err, directory.ErrForbidden) {
		t.Errorf("got %v", err)
	}
	if _, err := dir.MemberOf(t.Context(), "u1"); err != nil {
		t.Errorf("another operation was struck: %v", err)
	}
}

func BenchmarkAddAndRemoveMemberOf100000(b *testing.B) {
	dir := memory.New(memory.Options{})
	dir.PutGroup(governance.Group{ID: "g"})
	for n := range 100_000 {
		dir.PutUser(user(n))
		if err := dir.PutMember("g", user(n).ID); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		id := user(n % 100_000).ID
		if err := dir.RemoveMember(b.Context(), "g", id); err != nil {
			b.Fatal(err)
		}
		if err := dir.AddMember(b.Context(), "g", id); err != nil {
			b.Fatal(err)
		}
	}
}

// People change, and every index follows: the address that two guests share goes on finding the other one.
func TestUpdateMovesEveryIndex(t *testing.T) {
	dir := memory.New(memory.Options{})
	for n := range 4 {
		one := user(n)
		one.Mail = "shared@contoso.example"
		dir.PutUser(one)
	}
	change := func(id string, do func(*governance.User)) {
		t.Helper()
		if _, err := dir.Update(id, func(o *memory.Object) error { do(&o.User); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	change("u0", func(u *governance.User) { u.Mail, u.UserType, u.ManagerID = "other@contoso.example", "", "U2" })
	change("u2", func(u *governance.User) {
		u.UserType, u.AccountEnabled, u.DisplayName = governance.UserTypeGuest, true, "Two"
	})
	for address, want := range map[string]string{"SHARED@contoso.example": "U1", "other@contoso.example": "U0"} {
		if got, ok := dir.UserByMail(address); !ok || got.ID() != want {
			t.Errorf("%s is the address of %v", address, got)
		}
	}
	if err := dir.Delete(memory.KindUser, "u1"); err != nil {
		t.Fatal(err)
	}
	if got, ok := dir.UserByMail("shared@contoso.example"); !ok || got.ID() != "U2" || got.User.UserType != governance.UserTypeGuest {
		t.Errorf("the address is that of %v", got)
	}
	change("u2", func(u *governance.User) { u.Mail = "" })
	change("u3", func(u *governance.User) { u.Mail = "" })
	if got, ok := dir.UserByMail("shared@contoso.example"); ok {
		t.Errorf("nobody's address is that of %v", got)
	}
	change("u0", func(u *governance.User) { u.ManagerID = "U3" })
	for id, want := range map[string]int{"u2": 0, "u3": 1} {
		if reports, _ := dir.Reports(id); len(reports) != want {
			t.Errorf("%s has %d reports, want %d", id, len(reports), want)
		}
	}
	if got, err := dir.User(t.Context(), "u0"); err != nil || got.UserType != "" {
		t.Errorf("the type of 0 became %q, %v", got.UserType, err)
	}
}
