package platform

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"latchkey/shared/ncrontab"
)

// Settings are what the process is told by its environment, checked. Each is declared once, in Declarations.
type Settings struct {
	Port                    int               // where to listen on 127.0.0.1
	TenantID                string            // the tenant's GUID
	Audiences               []string          // the API's identifiers, as tokens name them
	TokenAuthority          string            // who issues tokens
	GraphEndpoint           string            // Microsoft Graph, with version
	MailSender              string            // the mailbox that notifications are sent from; empty: none are
	CosmosEndpoint          string            // with an identity
	CosmosConnection        string            // or with a key: emulators only
	CosmosDatabase          string            //
	ServiceBusNamespace     string            // with an identity
	ServiceBusConnection    string            // or with a key: emulators only
	ManagedIdentityClientID string            // which user-assigned identity; empty: the system-assigned one
	IdentityEndpoint        string            // where App Service gives its tokens; empty: there is no managed identity here
	PortalURL               string            // where links in mails lead; empty: no links
	PublicURL               string            // what links to next pages begin with; empty: what the request was sent to
	CalloutCallers          []string          // application ids that may call custom extensions
	CalloutAudiences        []string          // of their tokens; empty: Audiences
	CalloutPrivateHosts     []string          // host:port that may be called though they are private
	CalloutSecrets          Secrets           // that actions name
	PassAllowPrivileged     bool              // passes also for who holds a directory role or may activate one
	PassAllowedRoles        []string          // or for the holders of these, by template id
	AuditChains             int               // that are verified in a run; 0: none
	RequestsPerHour         int               // that somebody may make for one package; 0: any number
	LogLevel                slog.Level        //
	OTLPEndpoint            string            // where traces and metrics go; empty: there are none
	OTLPHeaders             map[string]string // that go with them
}

// Place says where a setting is given a value.
type Place uint8

// The places. A setting that has none is set by the platform itself.
const (
	OnAzure  Place = 1 << iota // among the app settings of infra/modules/function-app.bicep
	InSample                   // in local.settings.sample.json, for Microsoft's own tools
)

// Declaration is one setting: its name, what it may be, and what it is for. Docs, samples and infrastructure are checked against this list.
type Declaration struct {
	Name        string
	Type        string // text, GUID, URL, list, number, level, NCRONTAB
	Limits      string // what of its type it may be; empty: anything
	Default     string // empty: none
	Required    bool   // without a default it must be given; of alternatives, one
	Secret      bool   // never on Azure, where an identity takes its place; its value is never repeated
	Reference   bool   // on Azure, where it is a secret, it is a reference to Key Vault
	ByHost      bool   // read by the Functions host or an SDK, not by the handler
	Places      Place  // where it is given; 0: the platform sets it
	Azd         string // variable of the azd environment that its value comes from; empty: the Bicep files know it
	Description string

	set func(string) error // checks a value and keeps it; nil: nobody looks at it
}

// The Limits that several settings share.
const (
	webAddress = "https://…, or http://… on this machine; no user, query or fragment"
	sixFields  = "six fields, the first one is the second"
)

// Declarations lists every setting, those of the handler first.
func Declarations() []Declaration { return declarations(new(Settings)) }

// declarations are those whose values go into s.
func declarations(s *Settings) []Declaration {
	return []Declaration{
		{Name: "FUNCTIONS_CUSTOMHANDLER_PORT", Type: "number", Limits: "0 to 65535", Default: "8080", Description: "Port on 127.0.0.1 that the handler listens on; the Functions host sets it.",
			set: into(&s.Port, numberFrom(0, 65535))},
		{Name: "TenantId", Type: "GUID", Required: true, Places: OnAzure | InSample, Description: "The Entra tenant whose tokens are accepted.",
			set: into(&s.TenantID, guid)},
		{Name: "Audience", Type: "list", Limits: "at least one, separated by commas", Required: true, Places: OnAzure | InSample, Azd: "LATCHKEY_AUDIENCE",
			Description: "Identifiers of the API as tokens name them: the application id, and its identifier URI for v1 tokens.",
			set:         into(&s.Audiences, items)},
		{Name: "TokenAuthority", Type: "URL", Limits: webAddress, Default: "https://login.microsoftonline.com", Places: OnAzure | InSample,
			Description: "Who issues tokens; the signing keys are found below it.",
			set:         into(&s.TokenAuthority, webURL)},
		{Name: "GraphEndpoint", Type: "URL", Limits: webAddress, Default: "https://graph.microsoft.com/v1.0", Places: OnAzure | InSample, Description: "Microsoft Graph, with its version.",
			set: into(&s.GraphEndpoint, graphURL)},
		{Name: "MailSender", Type: "text", Limits: "object id or user principal name", Places: OnAzure | InSample, Azd: "LATCHKEY_MAIL_SENDER",
			Description: "Mailbox that notifications are sent from. Without it no mail is sent.",
			set:         checked(&s.MailSender, mailbox)},
		{Name: "CosmosConnection__accountEndpoint", Type: "URL", Limits: webAddress, Required: true, Places: OnAzure, Description: "The Cosmos DB account, reached with the managed identity.",
			set: into(&s.CosmosEndpoint, webURL)},
		{Name: "CosmosConnection", Type: "text", Limits: "AccountEndpoint=…;AccountKey=…", Secret: true, Places: InSample,
			Description: "Instead of the endpoint: a connection string with a key, for emulators.",
			set:         checked(&s.CosmosConnection, connection("AccountEndpoint=http", "AccountKey="))},
		{Name: "CosmosDatabase", Type: "text", Limits: "1 to 255 characters, none of / \\ # ?", Default: "latchkey", Places: OnAzure | InSample,
			Description: "The database with the containers subjects, catalogs and reviews.",
			set:         checked(&s.CosmosDatabase, databaseName)},
		{Name: "ServiceBusConnection__fullyQualifiedNamespace", Type: "text", Limits: "a host name such as name.servicebus.windows.net", Required: true, Places: OnAzure,
			Description: "The Service Bus namespace, reached with the managed identity; the Functions host reads it too.",
			set:         checked(&s.ServiceBusNamespace, hostName)},
		{Name: "ServiceBusConnection", Type: "text", Limits: "Endpoint=sb://…", Secret: true, Places: InSample, Description: "Instead of the namespace: a connection string with a key, for emulators.",
			set: checked(&s.ServiceBusConnection, connection("Endpoint=sb://"))},
		{Name: "AZURE_CLIENT_ID", Type: "GUID", Places: OnAzure, Description: "Client id of the user-assigned managed identity; empty means the system-assigned one.",
			set: checked(&s.ManagedIdentityClientID, isGUID)},
		{Name: "PortalUrl", Type: "URL", Limits: webAddress, Places: OnAzure | InSample, Azd: "LATCHKEY_PORTAL_URL", Description: "Where the links in mails lead. Without it mails have no links.",
			set: into(&s.PortalURL, webURL)},
		{Name: "PublicUrl", Type: "URL", Limits: webAddress, Places: OnAzure | InSample, Azd: "LATCHKEY_PUBLIC_URL",
			Description: "What links to the next page begin with. Without it, the address that the request was sent to.",
			set:         into(&s.PublicURL, webURL)},
		{Name: "CalloutCallers", Type: "list", Limits: "application ids, separated by commas", Places: OnAzure, Azd: "LATCHKEY_CALLOUT_CALLERS",
			Description: "Who may call custom extensions: the Logic Apps' managed identities, or Entra itself. Without it nobody may.",
			set:         into(&s.CalloutCallers, guids)},
		{Name: "CalloutAudience", Type: "list", Limits: "at least one, separated by commas", Places: OnAzure, Azd: "LATCHKEY_CALLOUT_AUDIENCE",
			Description: "Audiences of the tokens that custom extensions are called with. Without it, those of Audience.",
			set:         into(&s.CalloutAudiences, items)},
		{Name: "CalloutPrivateHosts", Type: "list", Limits: "host:port, separated by commas", Places: OnAzure,
			Azd: "LATCHKEY_CALLOUT_PRIVATE_HOSTS", Description: "Hosts, each with its port, that webhooks and tickets may call though their addresses are private. Without it, only public addresses are called.",
			set: into(&s.CalloutPrivateHosts, hosts)},
		{Name: "CalloutSecrets", Type: "text", Limits: "`" + bound + "`", Secret: true, Reference: true, Places: OnAzure,
			Azd: "LATCHKEY_CALLOUT_SECRETS", Description: "Secrets that actions name, such as a webhook's key, as JSON. Each is for one `use` (authorization, answerKey, signature or address) at `hosts` (443, or host:port) and serves no " +
				"other; an answerKey and a signature may have `alsoValid`, a second value that answers are taken with, or calls are signed with too (docs/operate/rotate.md). On Azure the address of the Key Vault secret that holds them is given, and the " +
				"setting is a reference to it.",
			set: into(&s.CalloutSecrets, ReadSecrets)},
		{Name: "PassAllowPrivileged", Type: "boolean", Limits: "true or false", Default: "false", Places: OnAzure, Azd: "LATCHKEY_PASS_ALLOW_PRIVILEGED",
			Description: "Whether Temporary Access Passes are also issued for those who hold a directory role or may activate one: to their manager or to themselves alone.",
			set:         into(&s.PassAllowPrivileged, boolean)},
		{Name: "PassAllowedRoles", Type: "list", Limits: "template ids of directory roles, separated by commas", Places: OnAzure, Azd: "LATCHKEY_PASS_ALLOWED_ROLES",
			Description: "Roles whose holders, and those who may activate them, may have a pass all the same, delivered likewise.",
			set:         into(&s.PassAllowedRoles, guids)},
		{Name: "AuditChainsPerRun", Type: "number", Limits: "0 to 100000", Default: "2000", Places: OnAzure | InSample, Azd: "LATCHKEY_AUDIT_CHAINS_PER_RUN",
			Description: "Audit chains that each run of `reconciliation` verifies at most, each with its documents held against its head; the next run goes on where it ended. 0: none are.",
			set:         into(&s.AuditChains, numberFrom(0, 100_000))},
		{Name: "RequestsPerHour", Type: "number", Limits: "0 to 100", Default: "10", Places: OnAzure | InSample, Azd: "LATCHKEY_REQUESTS_PER_HOUR",
			Description: "Requests for one access package that are accepted of a person within an hour; one more is 429. 0: any number.",
			set:         into(&s.RequestsPerHour, numberFrom(0, 100))},
		{Name: "LogLevel", Type: "level", Limits: "debug, info, warn or error", Default: "info", Places: OnAzure | InSample,
			Azd: "LATCHKEY_LOG_LEVEL", Description: "The least severe log lines that are written.",
			set: into(&s.LogLevel, level)},
		{Name: "IDENTITY_ENDPOINT", Type: "URL", Limits: "http://… or https://…", Places: InSample,
			Description: "Where App Service gives tokens of the managed identity; it sets it itself. Without it a developer's own sign-in is used.",
			set:         checked(&s.IdentityEndpoint, endpoint)},
		{Name: "IDENTITY_HEADER", Type: "text", Secret: true, ByHost: true, Places: InSample, Description: "What that endpoint asks for; App Service sets it, the Azure SDK sends it."},

		{Name: "OTEL_EXPORTER_OTLP_ENDPOINT", Type: "URL", Limits: webAddress, Places: OnAzure | InSample, Azd: "LATCHKEY_OTLP_ENDPOINT",
			Description: "OpenTelemetry collector that takes OTLP over HTTP. Without it there is no telemetry; docs/observe.md names the other variables.",
			set:         into(&s.OTLPEndpoint, webURL)},
		{Name: "OTEL_EXPORTER_OTLP_HEADERS", Type: "list", Limits: "name=value, separated by commas", Secret: true, Places: InSample, Description: "Headers that a collector elsewhere asks for.",
			set: into(&s.OTLPHeaders, headers)},

		{Name: "ExpirationsSchedule", Type: "NCRONTAB", Limits: sixFields, ByHost: true, Default: "0 */5 * * * *", Places: OnAzure | InSample, Azd: "LATCHKEY_EXPIRATIONS_SCHEDULE", Description: "When due requests and assignments are looked for.", set: schedule},
		{Name: "OutboxSchedule", Type: "NCRONTAB", Limits: sixFields, ByHost: true, Default: "30 * * * * *", Places: OnAzure | InSample, Azd: "LATCHKEY_OUTBOX_SCHEDULE", Description: "When effects that a crash left behind are looked for.", set: schedule},
		{Name: "ReconciliationSchedule", Type: "NCRONTAB", Limits: sixFields, ByHost: true, Default: "0 20 2 * * *", Places: OnAzure | InSample, Azd: "LATCHKEY_RECONCILIATION_SCHEDULE", Description: "When audit chains are verified, and documents held against their heads (UTC).", set: schedule},
		{Name: "ServiceBusConnection__credential", Type: "text", Limits: "managedidentity", ByHost: true, Places: OnAzure, Description: "How the Functions host signs in to Service Bus.", set: only("managedidentity")},
		{Name: "ServiceBusConnection__clientId", Type: "GUID", ByHost: true, Places: OnAzure, Description: "Client id of the identity that the Functions host signs in to Service Bus with.", set: isGUID},
		{Name: "AzureWebJobsStorage", Type: "text", Secret: true, ByHost: true, Places: InSample, Description: "The Functions host's own storage, for Azurite."},
		{Name: "AzureWebJobsStorage__accountName", Type: "text", ByHost: true, Places: OnAzure, Description: "The Functions host's own storage: leases of timers, and the published package."},
		{Name: "AzureWebJobsStorage__credential", Type: "text", Limits: "managedidentity", ByHost: true, Places: OnAzure,
			Description: "How the Functions host signs in to its storage.", set: only("managedidentity")},
		{Name: "AzureWebJobsStorage__clientId", Type: "GUID", ByHost: true, Places: OnAzure, Description: "Client id of the identity that the Functions host signs in to its storage with.", set: isGUID},
		{Name: "FUNCTIONS_WORKER_RUNTIME", Type: "text", Limits: "custom", ByHost: true, Places: InSample, Description: "What runs the functions; on Flex Consumption it is part of the app, not a setting."},
		{Name: "APPLICATIONINSIGHTS_CONNECTION_STRING", Type: "text", ByHost: true, Places: OnAzure,
			Description: "Where the Functions host sends its telemetry and the handler's log lines. It holds no secret: local authentication is off."},
		{Name: "APPLICATIONINSIGHTS_AUTHENTICATION_STRING", Type: "text", ByHost: true, Places: OnAzure, Description: "That the Functions host signs in to Application Insights with the identity."},
		{Name: "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID", Type: "GUID", ByHost: true, Places: OnAzure,
			Description: "With pages: the identity that App Service authentication proves itself with, instead of a client secret.", set: isGUID},
	}
}

// maxSetting bounds a setting: what is longer is none that somebody meant.
const maxSetting = 8 << 10

// Load reads the settings. The error has one line for every setting that is missing or wrong: its name, what was expected, and the command that mends it. It holds no
// value of a secret.
func Load(getenv func(string) string) (Settings, error) {
	var settings Settings
	var wrong []error
	given := map[string]bool{}
	all := declarations(&settings)
	for _, declaration := range all {
		if declaration.set == nil {
			continue
		}
		value := getenv(declaration.Name)
		if trimmed := strings.TrimSpace(value); trimmed == "" || declaration.Type != "NCRONTAB" { // which the host reads as it is
			value = trimmed
		}
		given[declaration.Name] = value != ""
		if value = cmp.Or(value, declaration.Default); value == "" {
			continue
		}
		if len(value) > maxSetting {
			wrong = append(wrong, fmt.Errorf("setting %s must not be longer than %d bytes%s", declaration.Name, maxSetting, declaration.mend()))
		} else if err := declaration.set(value); err != nil {
			wrong = append(wrong, fmt.Errorf("setting %s %w%s%s", declaration.Name, err, declaration.shown(value), declaration.mend()))
		}
	}
	for _, declaration := range all {
		alternative, _, _ := strings.Cut(declaration.Name, "__")
		if declaration.Required && !given[declaration.Name] && !given[alternative] {
			wrong = append(wrong, fmt.Errorf("setting %s is missing: %s%s", declaration.Name, strings.TrimSuffix(declaration.Description, "."), declaration.mend()))
		}
	}
	return settings, errors.Join(wrong...)
}

// Unusable is the error of settings that only their use showed to be wrong, alternatives or ones that belong together: their names, what was wrong, and the command that mends the first of them.
func Unusable(err error, names ...string) error {
	mend := ""
	for _, declaration := range Declarations() {
		if declaration.Name == names[0] {
			mend = declaration.mend()
		}
	}
	return fmt.Errorf("setting %s cannot be used: %w%s", strings.Join(names, " or "), err, mend)
}

// mend says what a wrong setting stops, and the command that puts it right.
func (d Declaration) mend() string {
	how := "`azd provision` sets it on Azure"
	switch {
	case d.Places&OnAzure == 0 && d.Places&InSample == 0:
		how = "the Functions host sets it, so take it out of the app's settings: `az functionapp config appsettings delete --setting-names " + d.Name + "`"
	case d.Places&OnAzure == 0:
		how = "it belongs in local.settings.json alone; take it out on Azure: `az functionapp config appsettings delete --setting-names " + d.Name + "`"
	case d.Azd != "":
		how = "`azd env set " + d.Azd + " <value> && azd provision` sets it on Azure"
	}
	return "; nothing runs until it is right; " + how
}

// maxShown bounds what an error repeats of a value.
const maxShown = 80

// shown is a wrong value as an error may repeat it. What may be a secret in the wrong place, or a person's address, is not repeated.
func (d Declaration) shown(value string) string {
	if d.Secret || strings.ContainsAny(value, "@=;&+") || len(value) > maxShown {
		return ""
	}
	return fmt.Sprintf(" (it is %q)", value)
}

// into keeps at a place what a value is read as.
func into[T any](at *T, read func(string) (T, error)) func(string) error {
	return func(value string) (err error) {
		*at, err = read(value)
		return err
	}
}

// checked keeps a value as it is.
func checked(at *string, check func(string) error) func(string) error {
	return into(at, func(value string) (string, error) { return value, check(value) })
}

func numberFrom(least, most int) func(string) (int, error) {
	return func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("must be a whole number from %d to %d", least, most)
		}
		return n, nil
	}
}

func boolean(text string) (bool, error) {
	if text != "true" && text != "false" {
		return false, errors.New("must be true or false")
	}
	return text == "true", nil
}

func level(text string) (slog.Level, error) {
	var level slog.Level
	if level.UnmarshalText([]byte(text)) != nil {
		return level, errors.New("must be debug, info, warn or error")
	}
	return level, nil
}

func guid(text string) (string, error) { return strings.ToLower(text), isGUID(text) }

func isGUID(text string) error {
	if len(text) != 36 || uuid.Validate(text) != nil { // it takes other spellings, too, of other lengths
		return errors.New("must be a GUID")
	}
	return nil
}

func items(text string) ([]string, error) {
	var list []string
	for _, item := range strings.Split(text, ",") {
		if item = strings.TrimSpace(item); item != "" && !slices.Contains(list, item) {
			list = append(list, item)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("must name at least one, separated by commas")
	}
	return list, nil
}

// webURL checks a URL: https, or http on this machine.
func webURL(text string) (string, error) {
	at, err := url.Parse(text)
	if err != nil || at.Host == "" || at.User != nil || at.RawQuery != "" || at.Fragment != "" ||
		at.Scheme != "https" && (at.Scheme != "http" || !IsLoopback(at.Hostname())) {
		return "", errors.New("must be a URL that begins with https:// (http:// only for this machine)")
	}
	return strings.TrimRight(text, "/"), nil
}

// IsLoopback says whether a host name means this machine.
func IsLoopback(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}

func hostName(text string) error {
	if strings.ContainsAny(text, "/:; ") || !strings.Contains(text, ".") {
		return errors.New("must be a host name such as name.servicebus.windows.net")
	}
	return nil
}

// connection checks a connection string: each part is there, and more behind it.
func connection(parts ...string) func(string) error {
	return func(text string) error {
		for _, part := range parts {
			_, rest, found := strings.Cut(strings.ToLower(text), strings.ToLower(part))
			if !found || rest == "" || rest[0] == ';' {
				return fmt.Errorf("must be a connection string with %s…", part)
			}
		}
		return nil
	}
}

// endpoint checks the address that App Service gives for tokens: a private one, over http.
func endpoint(text string) error {
	at, err := url.Parse(text)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return errors.New("must be a URL that begins with http:// or https://")
	}
	return nil
}

// mailbox checks what Graph takes for a user in a path.
func mailbox(text string) error {
	if isGUID(text) == nil {
		return nil
	}
	name, domain, found := strings.Cut(text, "@")
	if !found || name == "" || domain == "" || len(text) > 256 || strings.ContainsAny(text, "/\\?% \t") || strings.Contains(domain, "@") {
		return errors.New("must be an object id or a user principal name such as latchkey@contoso.com")
	}
	return nil
}

func databaseName(text string) error {
	if len(text) > 255 || strings.ContainsAny(text, "/\\#?") {
		return errors.New("must have 1 to 255 characters, none of / \\ # ?")
	}
	return nil
}

// schedule checks a timer's schedule, as the host reads it.
func schedule(text string) error {
	switch at, err := ncrontab.Parse(text); {
	case err != nil:
		return errors.New("must be an NCRONTAB expression of six fields with blanks between them, the first one is the second, such as 0 */5 * * * *")
	case !at.Ever():
		return errors.New("must be an NCRONTAB expression that comes at some time")
	}
	return nil
}

// graphURL checks the address of Microsoft Graph: without a version every call would be answered that there is no such thing.
func graphURL(text string) (string, error) {
	at, err := webURL(text)
	if err == nil && !strings.HasSuffix(at, "/v1.0") && !strings.HasSuffix(at, "/beta") {
		err = errors.New("must end in a version, as https://graph.microsoft.com/v1.0 does")
	}
	return at, err
}

// hosts reads a list of hosts with their ports: a private host is not a way to all that listens there.
func hosts(text string) ([]string, error) {
	list, err := items(strings.ToLower(text))
	for i, item := range list {
		if list[i], err = hostPort(item, ""); err != nil {
			return nil, errors.New("must be hosts with their ports, such as desk.contoso.local:443, without scheme or path, separated by commas")
		}
	}
	return list, err
}

// hostPort reads a host name or an IP address with a port, as host:port or [address]:port in lower case; one that has no port has the other, if that is given.
func hostPort(text, otherwise string) (string, error) {
	if _, err := netip.ParseAddr(text); err == nil || !strings.Contains(text, ":") {
		text = net.JoinHostPort(text, otherwise)
	}
	host, port, err := net.SplitHostPort(strings.ToLower(text))
	if err != nil {
		return "", fmt.Errorf("no host with a port: %w", err)
	}
	_, notIP := netip.ParseAddr(host)
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 || host == "" || notIP != nil && strings.ContainsAny(host, "/:@?#*[]%{} \t\\") {
		return "", errors.New("no host with a port")
	}
	return net.JoinHostPort(host, strconv.FormatUint(number, 10)), nil
}

// only takes one value, in any case of letters.
func only(value string) func(string) error {
	return func(text string) error {
		if !strings.EqualFold(text, value) {
			return errors.New("must be " + value)
		}
		return nil
	}
}

// headers reads the list of name=value of OpenTelemetry's variables, percent-encoded.
func headers(text string) (map[string]string, error) {
	list := map[string]string{}
	for _, item := range strings.Split(text, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		name, value, found := strings.Cut(item, "=")
		decoded, err := url.PathUnescape(strings.TrimSpace(value))
		if name = strings.TrimSpace(name); !found || err != nil || name == "" || strings.ContainsFunc(name, func(c rune) bool {
			return c <= ' ' ||
				c > '~' || c == ':'
		}) || strings.ContainsAny(decoded, "\r\n") {
			return nil, errors.New("must be a list of name=value, separated by commas")
		}
		list[name] = decoded
	}
	return list, nil
}
