package handlers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"latchkey/handlers"
	"latchkey/infra/local/servicebus"
	"latchkey/infra/local/stack"
	"latchkey/infra/local/tenant"
	"latchkey/infra/local/token"
	"latchkey/shared/bus"
	"latchkey/shared/bus/memory"
	"latchkey/shared/platform"
)

// journal keeps what a handler logs.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// lines are the log lines with this message.
func (j *journal) lines(t *testing.T, message string) []map[string]any {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []map[string]any
	for line := range strings.Lines(j.text.String()) {
		var members map[string]any
		if err := json.Unmarshal([]byte(line), &members); err != nil {
			t.Fatalf("a log line is no JSON: %v: %s", err, line)
		}
		if members["msg"] == message {
			found = append(found, members)
		}
	}
	return found
}

// azure starts Azure in miniature, with an identity that may do in Graph what is named.
func azure(t *testing.T, graphPermissions ...string) *stack.Stack {
	t.Helper()
	hostJSON, err := stack.ReadHostJSON()
	if err != nil {
		t.Fatal(err)
	}
	people := tenant.Sample()
	people.ManagedIdentity.GraphPermissions = graphPermissions
	s, err := stack.Start(t.Context(), stack.Options{HostJSON: hostJSON, Tenant: &people, ManualTimers: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	return s
}

// beside makes another handler on the same Azure, with some settings changed.
func beside(t *testing.T, s *stack.Stack, changes map[string]string) (*handlers.Handler, *journal) {
	t.Helper()
	given := map[string]string{
		"TenantId": s.Endpoints.TenantID, "Audience": s.Endpoints.Audience, "TokenAuthority": s.Endpoints.Token, "GraphEndpoint": s.Endpoints.Graph + "/v1.0",
		"CosmosConnection":     "AccountEndpoint=" + s.Endpoints.Cosmos + ";AccountKey=" + s.Endpoints.CosmosKey + ";",
		"ServiceBusConnection": s.Endpoints.ServiceBusConnectionString, "IDENTITY_ENDPOINT": s.Endpoints.Token + "/msi/token",
	}
	for name, value := range changes {
		given[name] = value
	}
	settings, err := platform.Load(func(name string) string { return given[name] })
	if err != nil {
		t.Fatal(err)
	}
	log := &journal{}
	h, err := handlers.New(t.Context(), settings, handlers.Options{Credential: identity{s}, Logger: slog.New(slog.NewJSONHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close(context.Background()) })
	return h, log
}

// identity is the managed identity of a stack.
type identity struct{ of *stack.Stack }

// GetToken implements azcore.TokenCredential.
func (i identity) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	text, err := i.of.Tokens.ApplicationToken(i.of.Tenant.ManagedIdentity.AppID, token.Graph)
	return azcore.AccessToken{Token: text, ExpiresOn: time.Now().Add(time.Hour)}, err
}

// leastPrivilege is what infra/entra grants to every identity.
var leastPrivilege = []string{"User.Read.All", "GroupMember.ReadWrite.All", "Application.Read.All"}

func TestHealthSaysWhatFailsWhatItStopsAndWhatMendsIt(t *testing.T) {
	s, poor := azure(t, leastPrivilege...), azure(t, "User.Read.All", "GroupMember.Read.All", "Application.Read.All")
	narrow := servicebus.New(servicebus.Options{Queues: slices.DeleteFunc(memory.Queues(), func(q memory.QueueOptions) bool { return q.Name == bus.Extensions })})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	go func() { _ = narrow.Serve(served, listener) }()

	const nowhere = "127.0.0.1:1"
	for _, c := range []struct {
		name    string
		changes map[string]string
		failing []string // of the dependencies
		detail  string
		mend    string
		cause   string // in the log only
	}{
		{"everything is there", nil, nil, "", "", ""},
		{"no database", map[string]string{"CosmosDatabase": "elsewhere"}, []string{"store/subjects", "store/catalogs", "store/reviews"}, "missing", "azd provision", "no such container"},
		{"a wrong key", map[string]string{"CosmosConnection": "AccountEndpoint=" + s.Endpoints.Cosmos + ";AccountKey=d3Jvbmc=;"}, []string{"store/subjects", "store/catalogs", "store/reviews"}, "forbidden", "azd provision", "401"},
		{"no Cosmos DB", map[string]string{"CosmosConnection": "AccountEndpoint=http://" + nowhere + "/;AccountKey=a2V5;"}, []string{"store/subjects", "store/catalogs", "store/reviews"}, "unavailable", "azd provision", nowhere},
		{"no queue", map[string]string{"ServiceBusConnection": "Endpoint=sb://" + listener.Addr().String() + ";SharedAccessKeyName=x;SharedAccessKey=x;UseDevelopmentEmulator=true;"},
			[]string{"queue/extensions"}, "missing", "azd provision", "extensions"},
		{"no Service Bus", map[string]string{"ServiceBusConnection": "Endpoint=sb://" + nowhere + ";SharedAccessKeyName=x;SharedAccessKey=x;UseDevelopmentEmulator=true;"},
			[]string{"queue/provisioning", "queue/extensions", "queue/notifications", "queue/parked"}, "unavailable", "azd provision", nowhere},
		{"no Graph", map[string]string{"GraphEndpoint": "http://" + nowhere + "/v1.0"}, []string{"directory"}, "unavailable", "azd provision", nowhere},
		{"no token authority", map[string]string{"TokenAuthority": "http://" + nowhere}, []string{"tokens"}, "unavailable", "azd provision", nowhere},
		{"another tenant", map[string]string{"TenantId": "7e5a1c3b-0000-4000-8000-000000000001"}, []string{"tokens"}, "unavailable", "azd provision", "cannot be fetched"},
		{"no permission", nil, []string{"permission/GroupMember.ReadWrite.All"}, "not granted", "infra/entra/setup.sh", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			at := s
			if c.name == "no permission" {
				at = poor
			}
			h, log := beside(t, at, c.changes)
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1.0/operations/health", http.NoBody))
			var health struct {
				Status       string
				Dependencies []struct{ Dependency, Status, Detail, Stops, Mend string }
			}
			if err := json.Unmarshal(answer.Body.Bytes(), &health); err != nil {
				t.Fatal(err)
			}
			if want := map[bool]int{true: http.StatusOK, false: http.StatusServiceUnavailable}[c.failing == nil]; answer.Code != want {
				t.Errorf("status %d, want %d", answer.Code, want)
			}
			var failing []string
			for _, one := range health.Dependencies {
				if one.Status == "ok" {
					continue
				}
				failing = append(failing, one.Dependency)
				if one.Detail != c.detail || one.Stops == "" || !strings.Contains(one.Mend, c.mend) {
					t.Errorf("it says %+v", one)
				}
			}
			if !slices.Equal(failing, c.failing) || len(health.Dependencies) != 12 {
				t.Errorf("%q of %d fail, want %q", failing, len(health.Dependencies), c.failing)
			}
			// The log has one line for each, with the cause; the answer has neither an address nor an id.
			logged := append(log.lines(t, "a dependency fails"), log.lines(t, "a permission is missing")...)
			if len(logged) != len(c.failing) {
				t.Fatalf("%d lines are logged: %v", len(logged), logged)
			}
			for i, line := range logged {
				if cause, _ := line["error"].(string); line["dependency"] != c.failing[i] || line["stops"] == "" || line["mend"] == "" || !strings.Contains(cause, c.cause) {
					t.Errorf("the log says %v", line)
				}
			}
			if h.Check(t.Context()); len(log.lines(t, "every dependency answers")) != map[bool]int{true: 1, false: 0}[c.failing == nil] {
				t.Error("the check of a start does not say so")
			}
			for _, secret := range []string{"127.0.0.1", "http:", "sb:", s.Endpoints.TenantID, "elsewhere", "GUID", "activity"} {
				if strings.Contains(answer.Body.String(), secret) {
					t.Errorf("the answer tells %q: %s", secret, answer.Body)
				}
			}
		})
	}
}

// What the identity may not do is told at the start and by health, for all that is configured: which permission, what stops without it, and the command that grants it.
func TestAMissingPermissionOfAFeature(t *testing.T) {
	s := azure(t, leastPrivilege...)
	h, log := beside(t, s, map[string]string{"MailSender": s.Tenant.Sender.ID})
	h.Check(t.Context())
	told := log.lines(t, "a permission is missing")
	if len(told) != 1 || len(log.lines(t, "every dependency answers")) != 0 {
		t.Fatalf("told at the start: %v", told)
	}
	if line := told[0]; line["dependency"] != "permission/Mail.Send" || line["stops"] != "notifications and every other mail" || line["alert"] != true ||
		!strings.Contains(line["mend"].(string), "infra/entra/setup.sh") || !strings.Contains(line["mend"].(string), "--mail-sender") {
		t.Errorf("the line is %v", line)
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1.0/operations/health", http.NoBody))
	var health struct {
		Status       string
		Dependencies []struct{ Dependency, Status, Detail, Stops, Mend string }
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &health); err != nil {
		t.Fatal(err)
	}
	if answer.Code != http.StatusOK || health.Status != "limited" { // all but mail works
		t.Errorf("answered %d: %s", answer.Code, answer.Body)
	}
	for _, one := range health.Dependencies {
		if (one.Status == "ok") != (one.Dependency != "permission/Mail.Send") || one.Status != "ok" && (one.Detail != "not granted" || one.Stops == "" || one.Mend == "") {
			t.Errorf("it says %+v", one)
		}
	}
	if strings.Contains(answer.Body.String(), s.Tenant.Sender.ID) || strings.Contains(answer.Body.String(), "@") {
		t.Errorf("the answer tells an address: %s", answer.Body)
	}
}

// Settings that only their use shows to be wrong stop the start as the others do: their name, what is wrong, and the command.
func TestSettingsThatCannotBeUsed(t *testing.T) {
	given := map[string]string{
		"TenantId": "7e5a1c3b-0000-4000-8000-000000000001", "Audience": "api://latchkey", "CosmosConnection": "AccountEndpoint=http://127.0.0.1:1/;AccountKey=a2V5;",
		"ServiceBusConnection": "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=x;SharedAccessKey=x;UseDevelopmentEmulator=true;", "IDENTITY_ENDPOINT": "http://127.0.0.1:1/msi/token",
	}
	for name, wrong := range map[string]string{"CosmosConnection": "AccountEndpoint=http://127.0.0.1:1/;AccountKey=!;", "ServiceBusConnection": "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName"} {
		settings, err := platform.Load(func(setting string) string {
			if setting == name {
				return wrong
			}
			return given[setting]
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = handlers.New(t.Context(), settings, handlers.Options{})
		if err == nil || !strings.HasPrefix(err.Error(), "setting "+name+" cannot be used: ") ||
			!strings.Contains(err.Error(), "nothing runs until it is right") || !strings.Contains(err.Error(), "--setting-names "+name+"`") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whoever asks after the health and hangs up spoils it for nobody: the report is kept for those who ask next.
func TestHealthIsWholeThoughWhoAskedHangsUp(t *testing.T) {
	h, log := beside(t, azure(t, leastPrivilege...), nil)
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	for _, ctx := range []context.Context{gone, t.Context()} {
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/v1.0/operations/health", http.NoBody))
		if answer.Code != http.StatusOK {
			t.Errorf("%d %s", answer.Code, answer.Body)
		}
	}
	h.Check(gone) // as when the process stops just after its start
	if lines := log.lines(t, "a dependency fails"); len(lines) != 0 {
		t.Errorf("the log says %v", lines)
	}
}

// The endpoint of the managed identity that redirects is asked once: what proves who asks goes nowhere else.
func TestTheIdentityEndpointLeadsNowhereElse(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	endpoint := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer endpoint.Close()
	t.Setenv("IDENTITY_ENDPOINT", endpoint.URL)
	t.Setenv("IDENTITY_HEADER", "proof")
	settings, err := platform.Load(func(name string) string {
		return map[string]string{
			"TenantId": "7e5a1c3b-0000-4000-8000-000000000001", "Audience": "api://latchkey", "CosmosConnection": "AccountEndpoint=http://127.0.0.1:1/;AccountKey=a2V5;",
			"ServiceBusConnection": "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=x;SharedAccessKey=x;UseDevelopmentEmulator=true;", "IDENTITY_ENDPOINT": endpoint.URL,
		}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	h, err := handlers.New(t.Context(), settings, handlers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close(context.Background()) }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	h.Check(ctx)
	if elsewhere.Load() != 0 {
		t.Errorf("%d requests for a token went elsewhere", elsewhere.Load())
	}
}
