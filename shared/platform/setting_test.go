package platform

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

//go:generate go test . -run TestSettingsPage -update

var update = flag.Bool("update", false, "write docs/settings.md anew instead of comparing it")

// sound is an environment with which Load succeeds, as on Azure.
func sound() map[string]string {
	return map[string]string{
		"TenantId": "7E5A1C3B-0000-4000-8000-000000000001", "Audience": "api://latchkey, 5e0b7d34-9a68-4f1d-b2c7-64d1a0f3e8b9",
		"CosmosConnection__accountEndpoint": "https://x.documents.azure.com:443/", "ServiceBusConnection__fullyQualifiedNamespace": "x.servicebus.windows.net",
	}
}

func load(changes map[string]string) (Settings, error) {
	given := sound()
	for name, value := range changes {
		given[name] = value
	}
	return Load(func(name string) string { return given[name] })
}

func TestLoadReadsSettings(t *testing.T) {
	settings, err := load(nil)
	if err != nil {
		t.Fatal(err)
	}
	if settings.TenantID != "7e5a1c3b-0000-4000-8000-000000000001" || len(settings.Audiences) != 2 || settings.CosmosEndpoint != "https://x.documents.azure.com:443" ||
		settings.Port != 8080 || settings.CosmosDatabase != "latchkey" || settings.GraphEndpoint != "https://graph.microsoft.com/v1.0" {
		t.Errorf("%+v", settings)
	}
	// On Azure the Bicep files give every setting, empty or not; App Service's own endpoint is no loopback address.
	settings, err = load(map[string]string{"PortalUrl": " ", "LogLevel": "", "MailSender": "", "FUNCTIONS_CUSTOMHANDLER_PORT": "0", "IDENTITY_ENDPOINT": "http://169.254.131.2:8081/msi/token",
		"ServiceBusConnection__credential": "managedidentity", "CalloutPrivateHosts": "Tickets.contoso.com:8443,10.0.0.4:80,[::1]:443", "OutboxSchedule": "0 */5 8-17/2 1 JAN,jul mon-fri"})
	if err != nil || settings.PortalURL != "" || settings.Port != 0 || settings.IdentityEndpoint == "" ||
		!slices.Equal(settings.CalloutPrivateHosts, []string{"tickets.contoso.com:8443", "10.0.0.4:80", "[::1]:443"}) {
		t.Errorf("%v %+v", err, settings)
	}
}

func TestLoadRefusesWrongSettings(t *testing.T) {
	long := strings.Repeat("x", maxSetting+1)
	for name, wrong := range map[string][]string{
		"FUNCTIONS_CUSTOMHANDLER_PORT": {"eighty", "-1", "65536", "80.5", long}, "TenantId": {"contoso", "7e5a1c3b-0000-4000-8000-00000000000", "7e5a1c3b-0000-4000-8000-00000000000g"},
		"Audience": {",", " , ,"}, "TokenAuthority": {"http://login.example", "login.example", "https://a@b", "https://x?y", "https://x#y", "ftp://x", "https://"}, "GraphEndpoint": {"http://graph.example/v1.0", "::", "https://graph.microsoft.com", "https://graph.microsoft.com/"},
		"MailSender": {"latchkey", "a@b@c", "a b@c", "/me@x", "@x", "x@"}, "CosmosConnection__accountEndpoint": {"http://x.example", "x"},
		"CosmosConnection": {"AccountEndpoint=http://127.0.0.1:1/;", "AccountKey=c2VjcmV0;", "AccountEndpoint=nonsense;AccountKey=a2V5", "AccountEndpoint=http://127.0.0.1:1/;AccountKey=;"}, "CosmosDatabase": {"a/b", "a#b", strings.Repeat("x", 256)},
		"ServiceBusConnection__fullyQualifiedNamespace": {"sb://x.servicebus.windows.net/", "x", "x.y:5671"}, "ServiceBusConnection": {"SharedAccessKey=c2VjcmV0", "Endpoint=sb://", "Endpoint=sb://;SharedAccessKey=x"},
		"AZURE_CLIENT_ID": {"me"}, "PortalUrl": {"portal"}, "PublicUrl": {"//x"}, "LogLevel": {"loud"}, "CalloutCallers": {"entra", ","}, "CalloutAudience": {","}, "CalloutPrivateHosts": {" , ", "https://tickets.contoso.com", "tickets.contoso.com", "10.0.0.4", "a:1,b/c:1", "*.contoso.com:443", "::1", "[::1]", "a:0", "a:65536", "a:https", ":443"},
		"CalloutSecrets": {"secret", "@Microsoft.KeyVault(SecretUri=x)", "{}", "[]", `{"desk":"Basic c2VjcmV0OnNlY3JldA=="}`, `{"desk":null}`, `{"desk":{"use":"authorization","hosts":["desk.example"],"value":"short"}}`,
			`{"desk":{"hosts":["desk.example"],"value":"sixteen and more characters"}}`, `{"desk":{"use":"everything","hosts":["desk.example"],"value":"sixteen and more characters"}}`,
			`{"desk":{"use":"authorization","value":"sixteen and more characters"}}`, `{"desk":{"use":"authorization","hosts":[],"value":"sixteen and more characters"}}`,
			`{"desk":{"use":"authorization","hosts":["https://desk.example"],"value":"sixteen and more characters"}}`, `{"desk":{"use":"authorization","hosts":["*.example"],"value":"sixteen and more characters"}}`,
			`{"desk":{"use":"authorization","hosts":["desk.example"],"value":"sixteen and more\r\ncharacters"}}`, `{"desk":{"use":"authorization","hosts":["desk.example"],"value":"sixteen and more characters","for":"x"}}`,
			`{"desk":{"use":"authorization","hosts":["desk.example"],"value":"sixteen and more characters","alsoValid":"the value of before"}}`, `{"teams":{"use":"address","value":"https://teams.example/hook","alsoValid":"https://teams.example/other"}}`, `{"a b":{"use":"signature","hosts":["desk.example"],"value":"sixteen and more characters"}}`,
			`{"answers":{"use":"answerKey","hosts":["desk.example"],"value":"sixteen and more characters","alsoValid":"short"}}`, `{"answers":{"use":"answerKey","hosts":["desk.example"],"value":"sixteen and more characters","alsoValid":"sixteen and more characters"}}`,
			`{"a":{"use":"answerKey","hosts":["desk.example"],"value":"sixteen and more characters"},"b":{"use":"signature","hosts":["desk.example"],"value":"sixteen and more characters"}}`,
			`{"teams":{"use":"address","value":"no address, but long"}}`, `{"teams":{"use":"address","hosts":["teams.example"],"value":"https://teams.example/hook"}}`},
		"PassAllowPrivileged": {"yes", "True", "1"}, "PassAllowedRoles": {"Directory Readers", ","}, "IDENTITY_ENDPOINT": {"169.254.131.2", "/msi"},
		"OTEL_EXPORTER_OTLP_ENDPOINT": {"collector:4318", "/v1", "http://collector.contoso.com:4318", "http://10.0.0.4:4318", "http://127.0.0.1.example:4318", "https://key@collector.contoso.com"}, "OTEL_EXPORTER_OTLP_HEADERS": {"token", "=x", "a b=c", "a=%zz", "a=%0a"},
		"ExpirationsSchedule": {"*/5 * * * *", "0 */5 * * * * *", "00:05:00", "%Other%", "60 * * * * *", "0 0 0 0 * *", "0 0 8-24 * * *", "0 0 0 1,32 * *", "0 0 0 * 13/2 *", "* * * * * 7", "0\t*/5 * * * *", "0 */5 * * * *\n", "0\u00a0*/5 * * * *", "0 */0 * * * *", "0 5-1 * * * *", "0 0 0 * * MO", "0 0 0 30 2 *"}, "OutboxSchedule": {"hourly"}, "ReconciliationSchedule": {"nightly"}, "AuditChainsPerRun": {"all", "-1", "100001", "1.5"}, "RequestsPerHour": {"none", "-1", "101", "0.5"},
		"ServiceBusConnection__credential": {"key"}, "ServiceBusConnection__clientId": {"latchkey"}, "AzureWebJobsStorage__credential": {"key"}, "AzureWebJobsStorage__clientId": {"x"}, "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID": {"pages"},
	} {
		for _, value := range wrong {
			settings, err := load(map[string]string{name: value})
			if err == nil {
				t.Errorf("%s=%q is taken: %+v", name, value, settings)
				continue
			}
			line := err.Error()
			if strings.Contains(line, "\n") || !strings.HasPrefix(line, "setting "+name+" must ") || !strings.Contains(line, "nothing runs until it is right") || strings.Count(line, "`") != 2 {
				t.Errorf("%s=%q: one line should say what was expected, what stops and which command mends it: %s", name, value, line)
			}
		}
	}
}

// Every setting that the handler reads has a case above, so a new one cannot do without.
func TestEverySettingCanBeWrong(t *testing.T) {
	source, err := os.ReadFile("setting_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, declaration := range Declarations() {
		if declaration.set != nil && strings.Count(string(source), `"`+declaration.Name+`": {`) == 0 {
			t.Errorf("TestLoadRefusesWrongSettings has no wrong value of %s", declaration.Name)
		}
		if declaration.Description == "" || declaration.Type == "" || !strings.HasSuffix(declaration.Description, ".") {
			t.Errorf("%s needs a type and a description that is a sentence", declaration.Name)
		}
	}
}

func TestLoadNamesEverySettingThatIsMissing(t *testing.T) {
	_, err := Load(func(string) string { return "" })
	if err == nil {
		t.Fatal("nothing is taken for settings")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 4 {
		t.Errorf("%d lines:\n%v", len(lines), err)
	}
	for i, name := range []string{"TenantId", "Audience", "CosmosConnection__accountEndpoint", "ServiceBusConnection__fullyQualifiedNamespace"} {
		if !strings.HasPrefix(lines[i], "setting "+name+" is missing: ") || !strings.Contains(lines[i], "azd ") {
			t.Errorf("line %d should name %s and the command that mends it: %s", i, name, lines[i])
		}
	}
	// A connection string stands in for the endpoint of an emulator.
	if _, err := load(map[string]string{"CosmosConnection__accountEndpoint": "", "CosmosConnection": "AccountEndpoint=http://127.0.0.1:8081/;AccountKey=a2V5;"}); err != nil {
		t.Error(err)
	}
}

// A secret may also be pasted into the wrong setting, and an address of a person is nobody's business.
func TestErrorsHoldNoSecret(t *testing.T) {
	const secret = "dG9wc2VjcmV0"
	for _, declaration := range Declarations() {
		for _, value := range []string{"AccountKey=" + secret + ";", "https://user:" + secret + "@host/x y", secret + "@" + secret + "@x", "/;" + secret} {
			if _, err := load(map[string]string{declaration.Name: value}); err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error tells the secret: %v", declaration.Name, err)
			}
		}
	}
}

// A secret serves the use and the hosts that it is bound to, and no other; a name is a name. While an answer key is rotated both of its values are known, and the new one is sent.
func TestASecretIsForOneUseAndItsHosts(t *testing.T) {
	settings, err := load(map[string]string{"CalloutSecrets": `{"desk":{"use":"authorization","hosts":["Desk.example","desk.example:8443","[fd00::1]:80"],"value":"Basic c2VjcmV0OnNlY3JldA=="},
		"answers":{"use":"answerKey","hosts":["desk.example"],"value":"the value of now","alsoValid":"the value of before"},"teams":{"use":"address","value":"https://teams.example/hook"}}`})
	if err != nil {
		t.Fatal(err)
	}
	s := settings.CalloutSecrets
	for _, test := range []struct {
		name    string
		use     SecretUse
		address string
		want    error
	}{
		{"desk", SecretAuthorization, "https://desk.example/api?x=y", nil}, {"desk", SecretAuthorization, "https://DESK.example:443/", nil}, {"desk", SecretAuthorization, "https://desk.example:8443/", nil},
		{"desk", SecretAuthorization, "http://[fd00::1]/", nil}, {"answers", SecretAnswerKey, "https://desk.example/", nil}, {"teams", SecretAddress, "", nil},
		{"desk", SecretAuthorization, "http://desk.example/", ErrOtherSecret}, {"desk", SecretAuthorization, "https://desk.example:444/", ErrOtherSecret}, {"desk", SecretAuthorization, "https://desk.example./", ErrOtherSecret},
		{"desk", SecretAuthorization, "https://desk.example.evil.example/", ErrOtherSecret}, {"desk", SecretAuthorization, "https://evil.example/desk.example", ErrOtherSecret},
		{"desk", SecretAuthorization, "https://desk.example@evil.example/", ErrOtherSecret}, {"desk", SecretAuthorization, "", ErrOtherSecret}, {"desk", SecretAuthorization, "desk.example", ErrOtherSecret},
		{"desk", SecretSignature, "https://desk.example/", ErrOtherSecret}, {"answers", SecretAuthorization, "https://desk.example/", ErrOtherSecret}, {"teams", SecretAuthorization, "https://teams.example/", ErrOtherSecret},
		{"desk", SecretAddress, "", ErrOtherSecret}, {"Desk", SecretAuthorization, "https://desk.example/", ErrNoSecret}, {"", SecretAuthorization, "https://desk.example/", ErrNoSecret},
	} {
		value, err := s.For(test.name, test.use, test.address)
		if !errors.Is(err, test.want) || (err == nil) != (value != "") || err != nil && (strings.Contains(err.Error(), "c2VjcmV0") || strings.Contains(err.Error(), "hook")) {
			t.Errorf("%s for %s at %q: %q, %v", test.name, test.use, test.address, value, err)
		}
	}
	if value, _ := s.For("answers", SecretAnswerKey, "https://desk.example/"); value != "the value of now" {
		t.Errorf("sent is %q", value)
	}
	for value, want := range map[string]string{"the value of now": "answers", "the value of before": "answers", "Basic c2VjcmV0OnNlY3JldA==": "", "": ""} {
		if name := s.Which(SecretAnswerKey, func(one string) bool { return one == value }); name != want {
			t.Errorf("%q is of %q", value, name)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v %s", s, settings, s, s); strings.Contains(text, "c2VjcmV0") {
		t.Errorf("a secret is printed: %s", text)
	}
}

// A reference that the platform could not resolve stops the start, with what to do about it.
func TestAReferenceThatDidNotResolve(t *testing.T) {
	_, err := load(map[string]string{"CalloutSecrets": "@Microsoft.KeyVault(SecretUri=https://contoso.vault.azure.net/secrets/actions)"})
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "setting CalloutSecrets") || !strings.Contains(err.Error(), "did not resolve") || !strings.Contains(err.Error(), "Key Vault Secrets User") {
		t.Errorf("the start says %v", err)
	}
}

func TestSettingsAreDeclaredOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range Declarations() {
		if seen[strings.ToLower(d.Name)] {
			t.Errorf("%s is declared twice", d.Name)
		}
		seen[strings.ToLower(d.Name)] = true
		if d.Secret && d.Places&OnAzure != 0 && !d.Reference {
			t.Errorf("%s would be a secret in a setting on Azure", d.Name)
		}
		if d.set == nil && !d.ByHost {
			t.Errorf("%s is read by nobody", d.Name)
		}
	}
}

func TestSettingsPageIsFresh(t *testing.T) {
	page := filepath.Join("..", "..", "docs", "settings.md")
	want := settingsPage()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || string(got) != want {
		t.Errorf("docs/settings.md is not what shared/platform/setting.go declares (%v); write it anew: go generate ./shared/platform", err)
	}
}

// settingsPage is docs/settings.md.
func settingsPage() string {
	var page strings.Builder
	page.WriteString(`# Settings

Generated from ` + "`shared/platform/setting.go`" + ` by ` + "`go generate ./shared/platform`" + `; do not edit. A setting that is wrong or missing stops the process at its start, with one line that
names it, says what was expected and which command mends it. On Azure ` + "`azd provision`" + ` sets all of them: what is changed by hand there is lost with the next one, so
change what can be chosen with ` + "`azd env set`" + `.

`)
	table := func(title string, of func(Declaration) bool) {
		fmt.Fprintf(&page, "## %s\n\n| setting | type and limits | default | on Azure | in the sample | what it is for |\n|---|---|---|---|---|---|\n", title)
		for _, d := range Declarations() {
			if of(d) {
				fmt.Fprintf(&page, "| `%s` | %s | %s | %s | %s | %s |\n", d.Name, kindOf(d), defaultOf(d), azureOf(d), mark(d.Places&InSample != 0), cell(d.Description))
			}
		}
		page.WriteString("\n")
	}
	table("Read by the handler", func(d Declaration) bool { return !d.ByHost })
	table("Read by the Functions host and the Azure SDK", func(d Declaration) bool { return d.ByHost })
	return strings.TrimRight(page.String(), "\n") + "\n"
}

func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }

func mark(yes bool) string {
	if yes {
		return "yes"
	}
	return ""
}

func kindOf(d Declaration) string {
	text := d.Type
	if d.Limits != "" {
		text += ": " + cell(d.Limits)
	}
	if d.Secret {
		text += "; a secret"
	}
	return text
}

func defaultOf(d Declaration) string {
	switch {
	case d.Default != "":
		return "`" + d.Default + "`"
	case d.Required:
		return "**required**"
	}
	return ""
}

func azureOf(d Declaration) string {
	switch {
	case d.Places&OnAzure == 0:
		return ""
	case d.Azd != "":
		return "`" + d.Azd + "`"
	}
	return "yes"
}
