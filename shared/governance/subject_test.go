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

func TestSubjectOfKeepsAGuestTheSameThroughTheInvitation(t *testing.T) {
	t.Parallel()
	invited := governance.User{ID: "0f1a2b3c-4d5e-4f60-8a7b-9c0d1e2f3a09", UserPrincipalName: "vera_partner.example#EXT#@contoso.example", DisplayName: "Vera", Mail: "Vera@Partner.example", UserType: governance.UserTypeGuest}
	before := governance.SubjectOf(governance.User{Mail: " vera@partner.EXAMPLE ", UserType: governance.UserTypeGuest})
	after := governance.SubjectOf(invited)
	if before.ID != after.ID {
		t.Errorf("a guest is %s before the invitation and %s after it", before.ID, after.ID)
	}
	if want := governance.NameID("mail:vera@partner.example"); after.ID != want {
		t.Errorf("a guest is %s, want %s", after.ID, want)
	}
	want := governance.Subject{ID: after.ID, ObjectID: invited.ID, DisplayName: "Vera", Email: "Vera@Partner.example", PrincipalName: invited.UserPrincipalName, SubjectType: governance.SubjectUser}
	if after != want {
		t.Errorf("SubjectOf = %+v, want %+v", after, want)
	}
	invited.Mail = ""
	if got, want := governance.SubjectOf(invited).ID, governance.NameID("oid:"+invited.ID); got != want {
		t.Errorf("a guest without an address is %s, want %s", got, want)
	}
}

func TestSubjectOfAMemberIsItsObjectID(t *testing.T) {
	t.Parallel()
	member := governance.User{ID: "0f1a2b3c-4d5e-4f60-8a7b-9c0d1e2f3a02", Mail: "mo@contoso.example", UserType: governance.UserTypeMember}
	id := governance.SubjectOf(member).ID
	if want := governance.NameID("oid:" + member.ID); id != want {
		t.Errorf("a member is %s, want %s", id, want)
	}
	member.ID, member.Mail = strings.ToUpper(member.ID), "married@contoso.example"
	if again := governance.SubjectOf(member).ID; again != id {
		t.Errorf("a member with another address, and the id in other letters, became %s", again)
	}
	guest := governance.SubjectOf(governance.User{ID: member.ID, Mail: member.Mail, UserType: governance.UserTypeGuest}).ID
	if guest == id {
		t.Error("a guest's address names the partition of a member")
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
