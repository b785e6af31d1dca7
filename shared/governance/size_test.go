package governance_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"latchkey/shared/governance"
)

func TestClip(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		most int
		want string
	}{
		{"", 10, ""}, {"0123456789", 10, "0123456789"}, {"0123456789x", 10, "0123456…"}, {"<<", 12, "<<"}, {"<<<", 12, "<…"}, {`""""""`, 10, `"""…`}, {"ääääää", 10, "äää…"}, {"\x00\x00", 11, "\x00…"},
	} {
		if got := governance.Shorten(test.text, test.most); got != test.want {
			t.Errorf("%q in %d bytes is %q, want %q", test.text, test.most, got, test.want)
		}
	}
}

func FuzzClip(f *testing.F) {
	for _, seed := range []string{"", "plain", "<script>&", "\x00\x1f\b\f\n\r\t", `"\"`, "\u2028\u2029", "ä😀", "\xff\xfe", "\ufffd"} {
		f.Add(seed, 20)
	}
	f.Fuzz(func(t *testing.T, text string, most int) {
		most = 10 + max(0, most)%1000
		clipped := governance.Shorten(text, most)
		if size := len(encode(t, clipped)) - len(`""`); size > most {
			t.Fatalf("%q in %d bytes is %q, which takes %d", text, most, clipped, size)
		}
		if clipped != text && (!strings.HasSuffix(clipped, "…") || !strings.HasPrefix(text, strings.TrimSuffix(clipped, "…"))) {
			t.Fatalf("%q is clipped to %q", text, clipped)
		}
		if whole := len(encode(t, text)) - len(`""`); clipped != text && whole <= most && utf8.ValidString(text) && !strings.ContainsAny(text, "\b\f\n\r\t\ufffd") { // those count for more than they take
			t.Fatalf("%q takes %d bytes, and is clipped to %d", text, whole, most)
		}
	})
}

// rules: RES-10
func TestGrantsHaveKeys(t *testing.T) {
	t.Parallel()
	one := governance.Grant{OriginSystem: governance.OriginGroup, ResourceID: groupID, Role: governance.GrantMember}
	if same := one; same.Key() != one.Key() || len(one.Key()) != 22 {
		t.Errorf("equal grants have the keys %s and %s", one.Key(), same.Key())
	}
	seen := map[string]governance.Grant{}
	for _, grant := range []governance.Grant{
		one, {}, {OriginSystem: "AadGroup"}, {ResourceID: "AadGroup"}, {Role: "AadGroup"}, {OriginSystem: "Aad", ResourceID: "Group"}, {ResourceID: "Aad", Role: "Group"},
		{OriginSystem: one.OriginSystem, ResourceID: one.ResourceID, Role: governance.GrantOwner}, {OriginSystem: one.OriginSystem, ResourceID: userID, Role: one.Role}, {OriginSystem: "SharePointOnline", ResourceID: one.ResourceID, Role: one.Role},
		{OriginSystem: one.OriginSystem, ResourceID: strings.Repeat("https://sites.example/", 100), Role: one.Role},
	} {
		if other, twice := seen[grant.Key()]; twice {
			t.Errorf("%v and %v have one key", grant, other)
		}
		seen[grant.Key()] = grant
		if len(grant.Key()) != 22 {
			t.Errorf("the key of %v is %s", grant, grant.Key())
		}
	}
}

// A policy is refused by its largest member, in the bytes in which it is stored.
func TestAPolicyHasASize(t *testing.T) {
	t.Parallel()
	for member, policy := range map[string]string{
		"questions":      `"questions":[{"text":"a","localizations":[{"languageCode":"en","text":"` + strings.Repeat("<", 70_000) + `"}]}]`,
		"questions/":     `"questions":[{"text":"a","choices":[{"actualValue":"a","text":"` + strings.Repeat("x", 400_000) + `"}]}]`,
		"reviewSettings": `"reviewSettings":{"expirationBehavior":"` + strings.Repeat("x", 400_000) + `"}`,
	} {
		p := decode[governance.AssignmentPolicy](t, `{"displayName":"p",`+policy+`}`)
		refuses(t, p.Validate(time.Now(), time.Time{}, counter()), strings.TrimSuffix(member, "/"), "as it is stored, and may take 393216")
	}
}

// rules: QUE-01
func TestAnswersHaveASize(t *testing.T) {
	t.Parallel()
	questions := governance.Questions{&governance.TextInputQuestion{QuestionBase: governance.QuestionBase{ID: "why", Text: "Why?"}}}
	answer := func(value, odataType string) []governance.Answer {
		return []governance.Answer{{Value: value, DisplayValue: value, Type: odataType, AnsweredQuestion: &governance.AnsweredRefers{ID: "why", Type: odataType}}}
	}
	for i := range governance.MaxQuestions {
		questions = append(questions, &governance.TextInputQuestion{QuestionBase: governance.QuestionBase{ID: fmt.Sprint(i), Text: "Why?"}})
	}
	all := func(value string, count int) (answers []governance.Answer) {
		for i := range count {
			answers = append(answers, governance.Answer{Value: value, AnsweredQuestion: &governance.AnsweredRefers{ID: fmt.Sprint(i)}})
		}
		return answers
	}
	refuses(t, questions.Check(all(strings.Repeat("x", 4000), 50), true), "", "")
	refuses(t, questions.Check(all(strings.Repeat("<", 4000), 10), true), "", "")
	refuses(t, questions.Check(all(strings.Repeat("<", 4000), 11), true), "answers", "may take 262144")
	refuses(t, questions.Check(answer("x", strings.Repeat("x", 300_000)), true), "", "") // what it says of its type is not kept
	asked := answer("x", "Microsoft.Graph.accessPackageAnswerString")
	kept := encode(t, questions.Kept(asked))
	if want := `[{"@odata.type":"#microsoft.graph.accessPackageAnswerString","value":"x","displayValue":"x","answeredQuestion":{"@odata.type":"#microsoft.graph.accessPackageTextInputQuestion","id":"why"}}]`; kept != want {
		t.Errorf("kept is %s", kept)
	}
	if asked[0].Type != "Microsoft.Graph.accessPackageAnswerString" || asked[0].AnsweredQuestion.Type != asked[0].Type {
		t.Errorf("Kept has changed what it was given: %v", asked)
	}
	if kept := encode(t, questions.Kept(answer("x", ""))); strings.Contains(kept, "odata") {
		t.Errorf("a type that nobody gave is kept: %s", kept)
	}
}

func TestSubjectsAreBounded(t *testing.T) {
	t.Parallel()
	mo := governance.Subject{ID: "s", ObjectID: userID, DisplayName: "Mo <&>", Email: "mo@contoso.example", PrincipalName: "mo_partner#EXT#@contoso.example", SubjectType: governance.SubjectUser}
	if mo.Bounded() != mo {
		t.Errorf("an ordinary subject becomes %v", mo.Bounded())
	}
	long := mo
	long.DisplayName, long.Email, long.PrincipalName = strings.Repeat("<", 1000), strings.Repeat("m", 2000), strings.Repeat("u", 1000)+strings.Repeat("<", 100)
	long = long.Bounded()
	if size := len(encode(t, long.DisplayName)); size > governance.MaxName+2 || !strings.HasSuffix(long.DisplayName, "<…") || long.Email != "" || long.PrincipalName != "" {
		t.Errorf("a subject of very long names becomes %v", long)
	}
	if _, err := json.Marshal(long); err != nil {
		t.Error(err)
	}
}
