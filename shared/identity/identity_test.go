package identity_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/shared/governance"
	"latchkey/shared/identity"
)

// rules: ROL-01 (directory roles arrive, for people only) ROL-06 EXT-21 (appid and azp)
func TestCaller(t *testing.T) {
	adele := governance.Caller{
		Kind: governance.CallerUser, TenantID: tenantID, ObjectID: personID, AppID: clientID, DisplayName: "Adele Vance",
		Scopes:         []string{governance.PermissionReadWriteAll, governance.PermissionSubjectAccess},
		DirectoryRoles: []string{governance.RoleIdentityGovernanceAdministrator},
	}
	daemon := governance.Caller{
		Kind: governance.CallerApplication, TenantID: tenantID, ObjectID: principalID, AppID: clientID,
		Permissions: []string{governance.PermissionReadWriteAll},
	}
	powerless := daemon
	powerless.Permissions = nil
	oneScope := adele
	oneScope.Scopes = []string{governance.PermissionReadAll + "\t" + governance.PermissionReadWriteAll + "\u00a0" + governance.PermissionSubjectAccess}
	spelled := adele
	spelled.Scopes = []string{"entitlementmanagement.readwrite.all"}
	renamed := adele
	renamed.DisplayName = strings.Repeat("é", 256)
	tests := []struct {
		name  string
		token draft
		want  governance.Caller
	}{
		{"a person, v2", person(), adele},
		{"a person, v1", person().v1(), adele},
		{"a person who says so", person().claim("idtyp", "user"), adele},
		{"a person's app roles are no application permissions", person().claim("roles", []string{governance.PermissionReadWriteAll}), adele},
		{"a person with ids in upper case", person().claim("oid", strings.ToUpper(personID)).claim("azp", strings.ToUpper(clientID)), adele},
		{"a person whose scopes are split at other blanks", person().claim("scp", oneScope.Scopes[0]), oneScope},
		{"a person whose scopes are split at several blanks", person().claim("scp", "  "+strings.Join(adele.Scopes, "   ")+" "), adele},
		{"a person whose scope is in other letters", person().claim("scp", spelled.Scopes[0]), spelled},
		{"a person with a very long name", person().claim("name", strings.Repeat("é", 300)), renamed},
		{"an application, v2", application(), daemon},
		{"an application, v1", application().v1(), daemon},
		{"an application that does not say so is its own subject", application().without("idtyp"), daemon},
		{"an application without any permission", application().without("roles"), powerless},
		{"an application's directory roles are not a person's", application().claim("wids", []string{governance.RoleGlobalAdministrator}), daemon},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t)
			token := test.token.token()
			for _, how := range []string{"without keys", "verified", "remembered", "remembered, after the caller changed theirs"} {
				got, err := s.validator.Validate(t.Context(), token)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", how, diff)
				}
				for _, list := range [][]string{got.Scopes, got.Permissions, got.DirectoryRoles} {
					for i := range list {
						list[i] = "spoiled by the caller"
					}
				}
			}
		})
	}
}

// A token that comes again costs a digest and not a signature, after a rotation, too.
func TestARememberedTokenIsCheap(t *testing.T) {
	s := newScene(t)
	validate := func(token string) {
		if _, err := s.validator.Validate(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	validate(person().token())
	s.authority.set(func(a *authorityStub) { a.keys = append(a.keys, publish("key-2", keys()[1])) })
	rotated := person().head("kid", "key-2").signedBy(keys()[1]).token()
	validate(rotated)
	validate(rotated)
	if allocations := testing.AllocsPerRun(100, func() { validate(rotated) }); allocations > 10 {
		t.Errorf("a remembered token costs %v allocations", allocations)
	}
}

// Not every token comes out of a header.
func TestOversizedToken(t *testing.T) {
	s := newScene(t)
	fits := identity.MaxTokenBytes - len(person().claim("padding", "").token()) - 20
	if _, err := s.validator.Validate(t.Context(), person().claim("padding", strings.Repeat("x", fits*3/4)).token()); err != nil {
		t.Errorf("a large token: %v", err)
	}
	for _, token := range []string{person().claim("padding", strings.Repeat("x", identity.MaxTokenBytes)).token(), ""} {
		if _, err := s.validator.Validate(t.Context(), token); governance.CodeOf(err) != governance.CodeUnauthorized {
			t.Errorf("a token of %d bytes: %v", len(token), err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	good := identity.Options{TenantID: tenantID, Audiences: []string{apiID}}
	tests := []struct {
		name   string
		change func(*identity.Options)
		want   string // in the error; empty: none
	}{
		{"nothing", func(*identity.Options) {}, ""},
		{"a sovereign cloud", func(o *identity.Options) { o.Authority = "https://login.microsoftonline.us/" }, ""},
		{"this machine, allowed", func(o *identity.Options) { o.Authority, o.AllowInsecureLoopback = "http://127.0.0.1:7073", true }, ""},
		{"no tenant", func(o *identity.Options) { o.TenantID = "" }, "TenantID"},
		{"any tenant", func(o *identity.Options) { o.TenantID = "common" }, "TenantID"},
		{"no audience", func(o *identity.Options) { o.Audiences = nil }, "Audiences"},
		{"an empty audience", func(o *identity.Options) { o.Audiences = []string{apiID, " "} }, "Audiences"},
		{"plain http", func(o *identity.Options) { o.Authority = "http://127.0.0.1:7073" }, "Authority"},
		{"plain http elsewhere", func(o *identity.Options) { o.Authority, o.AllowInsecureLoopback = "http://login.example", true }, "Authority"},
		{"credentials", func(o *identity.Options) { o.Authority = "https://me:secret@login.example" }, "Authority"},
		{"keys over plain http", func(o *identity.Options) { o.JWKSURL, o.AllowInsecureLoopback = "http://login.example/keys", true }, "JWKSURL"},
		{"keys in a file", func(o *identity.Options) { o.JWKSURL = "file:///etc/keys" }, "JWKSURL"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			options := good
			test.change(&options)
			_, err := identity.New(t.Context(), options)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

// Whatever arrives, nothing panics, and every refusal says that it is one.
func FuzzValidate(f *testing.F) {
	good := person().token()
	for _, seed := range []string{good, person().v1().token(), application().token(), "", ".", "..", "a.b.c", strings.Repeat(".", 100), good + "=", "eyJhbGciOiJub25lIn0.e30."} {
		f.Add(seed)
	}
	s := newScene(f)
	f.Fuzz(func(t *testing.T, token string) {
		caller, err := s.validator.Validate(t.Context(), token)
		if code := governance.CodeOf(err); err != nil && code != governance.CodeUnauthorized && code != governance.CodeUnavailable {
			t.Errorf("an error of code %s: %v", code, err)
		}
		if err == nil && (caller.ObjectID == "" || caller.TenantID != tenantID || token != good && caller.Kind == governance.CallerSystem) {
			t.Errorf("a caller without identity: %+v", caller)
		}
	})
}

// The claims and the header under a good signature: what the parsers see once the key is trusted.
func FuzzSigned(f *testing.F) {
	f.Add(marshal(person().header), marshal(person().claims))
	f.Add([]byte(`{"alg":"RS256","typ":"JWT","kid":"key-1"}`), []byte(`{"aud":[],"exp":1e999}`))
	s := newScene(f)
	f.Fuzz(func(t *testing.T, header, claims []byte) {
		caller, err := s.validator.Validate(t.Context(), sign(header, claims, keys()[0]))
		if err == nil && (caller.ObjectID == "" || caller.AppID == "" || caller.Kind == "" || caller.TenantID != tenantID) {
			t.Errorf("a caller without identity: %+v", caller)
		}
	})
}

func BenchmarkValidate(b *testing.B) {
	b.Run("verified", func(b *testing.B) { // every token new
		s := newScene(b)
		tokens := make([]string, 1000)
		for i := range tokens {
			tokens[i] = person().claim("uti", fmt.Sprint(i)).token()
		}
		expire := person().claim("exp", start.Add(48*time.Hour).Unix()).token()
		if _, err := s.validator.Validate(b.Context(), expire); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if i%len(tokens) == 0 { // forget them: a scene that is new has an empty memory
				b.StopTimer()
				s = newScene(b)
				if _, err := s.validator.Validate(b.Context(), expire); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			if _, err := s.validator.Validate(b.Context(), tokens[i%len(tokens)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("remembered", func(b *testing.B) {
		s := newScene(b)
		token := person().token()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.validator.Validate(b.Context(), token); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("remembered, parallel", func(b *testing.B) {
		s := newScene(b)
		token := person().token()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := s.validator.Validate(b.Context(), token); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

// A token that is refused for its claims names whom it is about, by ids alone and for the log, if it is signed well by a key that is known; nothing is fetched for it, and nobody may do anything by it.
func TestARefusedTokenNamesWhomItIsAbout(t *testing.T) {
	s := newScene(t)
	if _, err := s.validator.Validate(t.Context(), person().token()); err != nil {
		t.Fatal(err)
	}
	fetched := s.authority.fetched()
	about := governance.Caller{ObjectID: personID, AppID: clientID}
	for name, test := range map[string]struct {
		token draft
		want  governance.Caller
	}{
		"over":             {person().claim("nbf", 1).claim("iat", 1).claim("exp", 2), about},
		"another audience": {person().claim("aud", "https://graph.microsoft.com"), about},
		"no person":        {person().claim("exp", 2).claim("oid", "x"), governance.Caller{}},
		"another's key":    {person().claim("exp", 2).signedBy(keys()[1]), governance.Caller{}},
		"an unknown key":   {person().claim("exp", 2).head("kid", "key-9"), governance.Caller{}},
	} {
		caller, err := s.validator.Validate(t.Context(), test.token.token())
		if governance.CodeOf(err) != governance.CodeUnauthorized || !reflect.DeepEqual(caller, test.want) {
			t.Errorf("%s: %+v, %v", name, caller, err)
		}
	}
	if s.authority.fetched() != fetched {
		t.Error("keys are fetched for tokens that are refused")
	}
}
