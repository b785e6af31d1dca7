package governance_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"latchkey/shared/governance"
)

// Partitions are named by these ids: a release that computes others finds nobody's access any more.
func TestNameIDNeverChanges(t *testing.T) {
	t.Parallel()
	namespace := uuid.MustParse("6c617463-686b-6579-8a10-5f2611202026")
	for name, want := range map[string]string{
		"": "e75c41cc-0290-5bbf-9a23-2cdc8c4117cb",
		"oid:0f1a2b3c-4d5e-4f60-8a7b-9c0d1e2f3a02":      "ef74a750-706e-5215-ac46-cdacfe0c54f5",
		"mail:vera@partner.example":                     "1658a4d5-9c87-5004-968f-c3e08bf4f99f",
		"assignment:019aa1de-5c10-7000-8000-0000000000": "fd19f3d8-17fe-5a4f-aaa2-b99b813c093b",
		"grüße": "bf4b6a33-157b-5214-a7dd-9637898508ab",
	} {
		got := governance.NameID(name)
		if got != want {
			t.Errorf("NameID(%q) = %s, want %s", name, got, want)
		}
		if independent := uuid.NewSHA1(namespace, []byte(name)).String(); got != independent {
			t.Errorf("NameID(%q) = %s, a version 5 UUID would be %s", name, got, independent)
		}
		if !governance.IsGUID(got) {
			t.Errorf("NameID(%q) = %s is no GUID", name, got)
		}
	}
}

// A person stays one subject whatever is told of them later, and shares it with nobody.
func TestSubjectOfComesFromTheObjectIDAlone(t *testing.T) {
	t.Parallel()
	guest := governance.User{ID: "0f1a2b3c-4d5e-4f60-8a7b-9c0d1e2f3a09", UserPrincipalName: "vera_partner.example#EXT#@contoso.example", DisplayName: "Vera", Mail: "Vera@Partner.example", UserType: governance.UserTypeGuest}
	subject := governance.SubjectOf(guest)
	want := governance.Subject{ID: governance.NameID("oid:" + guest.ID), ObjectID: guest.ID, DisplayName: "Vera", Email: "Vera@Partner.example", PrincipalName: guest.UserPrincipalName, SubjectType: governance.SubjectUser}
	if subject != want || governance.SubjectID(guest.ID) != want.ID {
		t.Errorf("SubjectOf = %+v, want %+v", subject, want)
	}
	for what, change := range map[string]func(*governance.User){
		"a member": func(u *governance.User) { u.UserType = governance.UserTypeMember }, "without a type": func(u *governance.User) { u.UserType = "" },
		"another address": func(u *governance.User) { u.Mail = "married@partner.example" }, "no address": func(u *governance.User) { u.Mail = "" },
		"other letters": func(u *governance.User) { u.ID = strings.ToUpper(u.ID) }, "another name": func(u *governance.User) { u.DisplayName, u.UserPrincipalName = "V", "v@contoso.example" },
	} {
		later := guest
		if change(&later); governance.SubjectOf(later).ID != subject.ID {
			t.Errorf("%s: another subject", what)
		}
	}
	again := guest
	again.ID = "0f1a2b3c-4d5e-4f60-8a7b-9c0d1e2f3a0a" // deleted and invited again, or another who shares the address
	if governance.SubjectOf(again).ID == subject.ID {
		t.Error("two people are one subject, because of their address")
	}
}

func TestIsGUID(t *testing.T) {
	t.Parallel()
	const good = "0f1a2b3c-4d5e-4f60-8a7b-9c0d1e2f3a02"
	for text, want := range map[string]bool{
		good: true, strings.ToUpper(good): true, governance.NobodyID: true,
		"": false, good[1:]: false, good + "0": false, "{" + good + "}": false, strings.ReplaceAll(good, "-", ""): false, "g" + good[1:]: false,
		"0f1a2b3c-4d5e-4f60-8a7b-9c0d1e2f3a0 ": false, "0f1a2b3c04d5e04f6008a7b09c0d1e2f3a02": false, "0f1a2b3c-4d5e-4f60-8a7b-9c0d1e2f3aé": false, strings.Repeat("-", 36): false,
	} {
		if got := governance.IsGUID(text); got != want {
			t.Errorf("IsGUID(%q) = %t", text, got)
		}
	}
}

func FuzzIsGUID(f *testing.F) {
	f.Add("0f1a2b3c-4d5e-4f60-8a7b-9c0d1e2f3a02")
	f.Add("0f1a2b3c-4d5e-4f60-8a7b-9c0d1e2f3a0é")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := uuid.Parse(text)
		if want := err == nil && len(text) == 36; governance.IsGUID(text) != want {
			t.Fatalf("IsGUID(%q) = %t, google/uuid says %v", text, !want, err)
		}
	})
}
