package graph_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"latchkey/infra/local/fault"
	emulator "latchkey/infra/local/graph"
	"latchkey/shared/directory"
	"latchkey/shared/directory/directorytest"
	"latchkey/shared/directory/graph"
	"latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

const sender = "latchkey@contoso.example"

// credential gives a token and notes what it was asked for.
type credential struct {
	token string
	err   error

	mu    sync.Mutex
	asked []policy.TokenRequestOptions
}

func (c *credential) GetToken(_ context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, options)
	return azcore.AccessToken{Token: c.token, ExpiresOn: time.Now().Add(time.Hour)}, c.err
}

// tokenWith is a token that names these roles.
func tokenWith(roles []string) string {
	claims, _ := json.Marshal(map[string]any{"roles": roles})
	return "header." + base64.RawURLEncoding.EncodeToString(claims) + ".signature"
}

// start runs the emulator and an adapter against it.
func start(t testing.TB, options emulator.Options, change func(*graph.Options)) (*graph.Directory, *emulator.Server) {
	t.Helper()
	return startAs(t, &credential{token: "token"}, options, change)
}

// startAs is start with a credential of its own.
func startAs(t testing.TB, as *credential, options emulator.Options, change func(*graph.Options)) (*graph.Directory, *emulator.Server) {
	t.Helper()
	server := emulator.New(options)
	server.Directory().PutUser(governance.User{ID: "00000000-0000-4000-8000-0000000000ff", UserPrincipalName: sender, Mail: sender})
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	settings := graph.Options{BaseURL: web.URL + "/v1.0", Sender: sender}
	if change != nil {
		change(&settings)
	}
	dir, err := graph.New(as, settings)
	if err != nil {
		t.Fatal(err)
	}
	return dir, server
}

func TestConformance(t *testing.T) {
	const retryAfter = 30 * time.Second
	kinds := map[directorytest.Fault]fault.Kind{
		directorytest.Throttled: fault.Throttle, directorytest.Unavailable: fault.Error, directorytest.LostResponse: fault.LostResponse,
	}
	directorytest.Run(t, func(t *testing.T) directorytest.Tenant {
		faults := &fault.Injector{}
		clock := platform.NewManualClock(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC))
		var granted []string
		for _, line := range graph.Permissions() {
			granted = append(granted, line.Permission)
		}
		as := &credential{token: tokenWith(granted)}
		dir, server := startAs(t, as, emulator.Options{Faults: faults, RetryAfter: retryAfter, Clock: clock, ValidateToken: func(string) ([]string, error) { return granted, nil }}, nil)
		tenant := server.Directory()
		// ask is what an administrator does, on Graph's wire.
		ask := func(method, path string) error {
			request := httptest.NewRequest(method, "http://127.0.0.1/v1.0"+path, nil)
			request.RemoteAddr = "127.0.0.1:1"
			answer := httptest.NewRecorder()
			if server.ServeHTTP(answer, request); answer.Code >= 300 {
				return errors.New(answer.Body.String())
			}
			return nil
		}
		return directorytest.Tenant{
			Directory: dir, RetryAfter: retryAfter, Pass: func(d time.Duration) { clock.Advance(d) }, Lag: tenant.SetLag,
			Delete: func(id string) error {
				o, _ := tenant.Object(id)
				return ask(http.MethodDelete, "/"+string(o.Kind)+"s/"+id)
			},
			SeeHidden: func() {
				granted = append(granted, directory.PermissionHidden)
				as.token = tokenWith(granted)
			},
			Restore: func(id string) error { return ask(http.MethodPost, "/directory/deletedItems/"+id+"/restore") },
			Purge:   func(id string) error { return ask(http.MethodDelete, "/directory/deletedItems/"+id) },
			PutUser: tenant.PutUser, PutGroup: tenant.PutGroup, PutMember: tenant.PutMember, PutOwner: tenant.PutOwner, Members: tenant.MemberIDs, IsOwner: tenant.IsOwner,
			PutServicePrincipal: func(id, name string) {
				tenant.PutServicePrincipal(memory.ServicePrincipal{ID: id, AppID: id, DisplayName: name})
			},
			BlockApplication: func(id string) { tenant.PutServicePrincipal(memory.ServicePrincipal{ID: id, AppID: id, Blocked: true}) },
			Sent: func() []governance.Mail {
				var mails []governance.Mail
				for _, sent := range server.Mail("") {
					mails = append(mails, sent.Mail)
				}
				return mails
			},
			Fail: func(kind directorytest.Fault, calls int) {
				faults.Clear()
				faults.Add(fault.Fault{Target: fault.Graph, Kind: kinds[kind], Count: calls})
			},
			Heal: faults.Clear,
		}
	})
}

// Nor does it prove anything that somebody is not among the deleted when they have been restored since.
func TestARemovalLooksAgainForWhatIsNotAmongTheDeleted(t *testing.T) {
	var server *emulator.Server
	who, of := person(1).ID, team(1).ID
	dir, server := start(t, emulator.Options{}, func(o *graph.Options) {
		o.Observe = func(operation graph.Operation, status int, _ error, _ time.Duration) {
			if operation == graph.OperationUser && status == 404 {
				_, _ = server.Directory().Restore(who)
			}
		}
	})
	tenant := server.Directory()
	tenant.PutUser(person(1))
	tenant.PutGroup(team(1))
	tenant.PutMember(of, who)
	_ = tenant.Delete(memory.KindUser, who)
	if err := dir.RemoveMember(t.Context(), of, who); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("the removal ends with %v, and the person is a member: %t", err, tenant.IsMember(of, who))
	}
}

// Two answers of 404 prove nothing of a person who is restored, and deleted again, between the looks: a removal that is told to have been done is one that was.
func TestARemovalBelievesNoTwoAbsences(t *testing.T) {
	var server *emulator.Server
	who, of, done := person(1).ID, team(1).ID, 0
	dir, server := start(t, emulator.Options{}, func(o *graph.Options) {
		o.Observe = func(operation graph.Operation, status int, _ error, _ time.Duration) {
			switch {
			case operation == graph.OperationRemoveMember && status == 404:
				_, _ = server.Directory().Restore(who)
			case operation == graph.OperationGroup && done < 2:
				done++
				_ = server.Directory().Delete(memory.KindUser, who)
			}
		}
	})
	tenant := server.Directory()
	tenant.PutUser(person(1))
	tenant.PutGroup(team(1))
	tenant.PutMember(of, who)
	_ = tenant.Delete(memory.KindUser, who)
	if err := dir.RemoveMember(t.Context(), of, who); err == nil && tenant.IsMember(of, who) || err != nil && !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("the removal ends with %v, and the person is a member: %t", err, tenant.IsMember(of, who))
	}
	if err := dir.RemoveMember(t.Context(), of, who); err != nil || tenant.IsMember(of, who) {
		t.Errorf("the next ends with %v", err)
	}
}

func person(n byte) governance.User {
	id := "a0000000-0000-4000-8000-00000000000" + string('0'+n)
	return governance.User{ID: id, UserPrincipalName: id + "@contoso.example", DisplayName: "P", UserType: governance.UserTypeMember, AccountEnabled: true}
}

func team(n byte) governance.Group {
	return governance.Group{ID: "b0000000-0000-4000-8000-00000000000" + string('0'+n), DisplayName: "T", GroupTypes: []string{}, SecurityEnabled: true}
}

// The permissions that the package says it needs, and no others, open everything it does.
func TestPermissionsAreEnoughAndEachIsNeeded(t *testing.T) {
	all := map[string]bool{}
	for _, line := range graph.Permissions() {
		all[line.Permission] = true
	}
	run := func(t *testing.T, without string) map[graph.Operation]bool {
		forbidden := map[graph.Operation]bool{}
		var granted []string
		for permission := range all {
			if permission != without {
				granted = append(granted, permission)
			}
		}
		dir, server := start(t, emulator.Options{ValidateToken: func(string) ([]string, error) { return granted, nil }}, func(o *graph.Options) {
			o.Observe = func(operation graph.Operation, status int, _ error, _ time.Duration) {
				if status == 403 {
					forbidden[operation] = true
				}
			}
		})
		tenant := server.Directory()
		tenant.PutUser(person(1))
		tenant.PutUser(person(2))
		robot := memory.ServicePrincipal{ID: "c0000000-0000-4000-8000-000000000001"}
		tenant.PutServicePrincipal(robot)
		tenant.PutGroup(team(1))
		if err := tenant.PutOwner(team(1).ID, person(2).ID); err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		_, err1 := dir.User(ctx, person(1).ID)
		_, err2 := dir.Group(ctx, team(1).ID)
		_, errOfApp := dir.ApplicationEnabled(ctx, robot.ID)
		_, err3 := dir.MemberOf(ctx, person(1).ID)
		_, err4 := directorytest.Members(ctx, dir, team(1).ID)
		_, err5 := dir.Managers(ctx, person(1).ID, 4)
		_, err6 := dir.HasMember(ctx, team(1).ID, person(1).ID)
		_, err7 := dir.HasOwner(ctx, team(1).ID, person(1).ID)
		for _, err := range []error{
			err1, err2, err3, err4, err5, err6, err7,
			dir.AddMember(ctx, team(1).ID, person(1).ID), dir.AddOwner(ctx, team(1).ID, person(1).ID),
			dir.RemoveMember(ctx, team(1).ID, person(1).ID), dir.RemoveOwner(ctx, team(1).ID, person(1).ID),
			errOfApp, dir.SendMail(ctx, governance.Mail{To: []string{"a@b.example"}, Subject: "s", Text: "t"}), dir.Health(ctx),
		} {
			if err != nil && without == "" {
				t.Errorf("with every permission of the table: %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), without) {
				t.Errorf("the error does not name %s: %v", without, err)
			}
		}
		return forbidden
	}
	t.Run("all", func(t *testing.T) { run(t, "") })
	for permission := range all {
		if permission == "GroupMember.Read.All" {
			continue // GroupMember.ReadWrite.All includes it; the table names what each operation needs by itself
		}
		t.Run("without "+permission, func(t *testing.T) {
			forbidden := run(t, permission)
			if len(forbidden) == 0 && permission != "GroupMember.ReadWrite.All" && permission != "Group.Read.All" { // Group.ReadWrite.All includes them
				t.Error("nothing was forbidden")
			}
			for operation := range forbidden {
				if !slices.Contains(graph.PermissionsOf(operation), permission) {
					t.Errorf("%s was forbidden without %s, which the table does not say", operation, permission)
				}
			}
		})
	}
}

// Every line of the table is a route that the emulator serves and that the permission opens.
func TestPermissionsAreRoutesOfTheEmulator(t *testing.T) {
	routes := map[string][]string{}
	for _, route := range emulator.New(emulator.Options{}).Routes() {
		routes[route.Method+" "+route.Path] = route.Permissions
	}
	replace := strings.NewReplacer("/members/{id}/", "/members/{other}/", "/owners/{id}/", "/owners/{other}/", "/graph.user", "/{cast}")
	for _, line := range graph.Permissions() {
		permissions, ok := routes[line.Method+" "+replace.Replace(line.Path)]
		if !ok {
			t.Errorf("%s: %s %s is not served", line.Operation, line.Method, line.Path)
		}
		second := line.Operation == graph.OperationMemberOf || line.Operation == graph.OperationGroupMembers // need two; the emulator asks for one
		if !slices.Contains(permissions, line.Permission) && !second {
			t.Errorf("%s: %s does not open %s %s", line.Operation, line.Permission, line.Method, line.Path)
		}
	}
}

func BenchmarkUser(b *testing.B) {
	dir, server := start(b, emulator.Options{}, nil)
	user := person(1)
	user.ManagerID = person(2).ID
	server.Directory().PutUser(person(2))
	server.Directory().PutUser(user)
	b.ReportAllocs()
	for b.Loop() {
		if got, err := dir.User(b.Context(), user.ID); err != nil || got.ManagerID != person(2).ID {
			b.Fatal(got, err)
		}
	}
}

func BenchmarkMemberOf(b *testing.B) {
	dir, server := start(b, emulator.Options{}, nil)
	server.Directory().PutUser(person(1))
	for n := range byte(5) {
		server.Directory().PutGroup(team(n))
		if err := server.Directory().PutMember(team(n).ID, person(1).ID); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if got, err := dir.MemberOf(b.Context(), person(1).ID); err != nil || len(got) != 5 {
			b.Fatal(got, err)
		}
	}
}

// Two round trips: stopping the timer between them would cost more than they do.
func BenchmarkAddAndRemoveMember(b *testing.B) {
	dir, server := start(b, emulator.Options{}, nil)
	server.Directory().PutUser(person(1))
	server.Directory().PutGroup(team(1))
	b.ReportAllocs()
	for b.Loop() {
		if err := dir.AddMember(b.Context(), team(1).ID, person(1).ID); err != nil {
			b.Fatal(err)
		}
		if err := dir.RemoveMember(b.Context(), team(1).ID, person(1).ID); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSendMail(b *testing.B) {
	dir, _ := start(b, emulator.Options{}, nil)
	mail := governance.Mail{To: []string{"a@b.example"}, Subject: "You have access", HTML: "<p>" + strings.Repeat("You have access. ", 60) + "</p>"}
	b.ReportAllocs()
	for b.Loop() {
		if err := dir.SendMail(b.Context(), mail); err != nil {
			b.Fatal(err)
		}
	}
}
