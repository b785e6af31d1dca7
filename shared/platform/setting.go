package platform

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Settings are what the process is told by its environment, checked. Each is declared once, in Declarations.
type Settings struct {
	Port                    int        // where to listen on 127.0.0.1
	TenantID                string     // the tenant's GUID
	Audiences               []string   // the API's identifiers, as tokens name them
	TokenAuthority          string     // who issues tokens
	GraphEndpoint           string     // Microsoft Graph, with version
	MailSender              string     // the mailbox that notifications are sent from; empty: none are
	CosmosEndpoint          string     // with an identity
	CosmosConnection        string     // or with a key: emulators only
	CosmosDatabase          string     //
	ServiceBusNamespace     string     // with an identity
	ServiceBusConnection    string     // or with a key: emulators only
	ManagedIdentityClientID string     // which user-assigned identity; empty: the system-assigned one
	PortalURL               string     // where links in mails lead; empty: no links
	PublicURL               string     // what links to next pages begin with; empty: what the request was sent to
	LogLevel                slog.Level //
}

// Declaration is one setting: its name, what it may be, and what it is for. Docs, samples and infrastructure are checked against this list.
type Declaration struct {
	Name        string
	Type        string // text, GUID, URL, list, number, level, NCRONTAB
	Default     string // empty: none
	Required    bool   // without a default it must be given; of alternatives, one
	Secret      bool   // never on Azure, where an identity takes its place
	ByHost      bool   // read by the Functions host, not by the handler
	Description string

	set func(*Settings, string) error
}

// Declarations lists every setting.
func Declarations() []Declaration {
	return []Declaration{
		{Name: "FUNCTIONS_CUSTOMHANDLER_PORT", Type: "number", Default: "8080", Description: "Port on 127.0.0.1 that the handler listens on; the Functions host sets it.",
			set: func(s *Settings, v string) (err error) { s.Port, err = number(v, 0, 65535); return err }},
		{Name: "TenantId", Type: "GUID", Required: true, Description: "The Entra tenant whose tokens are accepted.",
			set: func(s *Settings, v string) error { s.TenantID = strings.ToLower(v); return isGUID(v) }},
		{Name: "Audience", Type: "list", Required: true, Description: "Identifiers of the API as tokens name them, separated by commas: the application id, and its identifier URI for v1 tokens.",
			set: func(s *Settings, v string) (err error) { s.Audiences, err = items(v); return err }},
		{Name: "TokenAuthority", Type: "URL", Default: "https://login.microsoftonline.com", Description: "Who issues tokens; the signing keys are found below it.",
			set: func(s *Settings, v string) (err error) { s.TokenAuthority, err = address(v); return err }},
		{Name: "GraphEndpoint", Type: "URL", Default: "https://graph.microsoft.com/v1.0", Description: "Microsoft Graph, with its version.",
			set: func(s *Settings, v string) (err error) { s.GraphEndpoint, err = address(v); return err }},
		{Name: "MailSender", Type: "text", Description: "Mailbox that notifications are sent from: object id or user principal name. Without it no mail is sent.",
			set: func(s *Settings, v string) error { s.MailSender = v; return nil }},
		{Name: "CosmosConnection__accountEndpoint", Type: "URL", Required: true, Description: "The Cosmos DB account, reached with the managed identity.",
			set: func(s *Settings, v string) (err error) { s.CosmosEndpoint, err = address(v); return err }},
		{Name: "CosmosConnection", Type: "text", Secret: true, Description: "Instead of the endpoint: a connection string with a key, for emulators.",
			set: func(s *Settings, v string) error {
				s.CosmosConnection = v
				return connection(v, "AccountEndpoint=", "AccountKey=")
			}},
		{Name: "CosmosDatabase", Type: "text", Default: "latchkey", Description: "The database with the containers subjects, catalogs and reviews.",
			set: func(s *Settings, v string) error { s.CosmosDatabase = v; return nil }},
		{Name: "ServiceBusConnection__fullyQualifiedNamespace", Type: "text", Required: true, Description: "The Service Bus namespace, such as name.servicebus.windows.net, reached with the managed identity; the Functions host reads it too.",
			set: func(s *Settings, v string) error { s.ServiceBusNamespace = v; return hostName(v) }},
		{Name: "ServiceBusConnection", Type: "text", Secret: true, Description: "Instead of the namespace: a connection string with a key, for emulators.",
			set: func(s *Settings, v string) error { s.ServiceBusConnection = v; return connection(v, "Endpoint=sb://") }},
		{Name: "AZURE_CLIENT_ID", Type: "GUID", Description: "Client id of the user-assigned managed identity; empty means the system-assigned one.",
			set: func(s *Settings, v string) error { s.ManagedIdentityClientID = v; return isGUID(v) }},
		{Name: "PortalUrl", Type: "URL", Description: "Where the links in mails lead. Without it mails have no links.",
			set: func(s *Settings, v string) (err error) { s.PortalURL, err = address(v); return err }},
		{Name: "PublicUrl", Type: "URL", Description: "What links to the next page begin with. Without it, the address that the request was sent to.",
			set: func(s *Settings, v string) (err error) { s.PublicURL, err = address(v); return err }},
		{Name: "LogLevel", Type: "level", Default: "info", Description: "The least severe log lines that are written: debug, info, warn or error.",
			set: func(s *Settings, v string) error {
				if s.LogLevel.UnmarshalText([]byte(v)) != nil {
					return errors.New("must be debug, info, warn or error")
				}
				return nil
			}},
		{Name: "ExpirationsSchedule", Type: "NCRONTAB", ByHost: true, Default: "0 */5 * * * *", Description: "When due requests and assignments are looked for."},
		{Name: "OutboxSchedule", Type: "NCRONTAB", ByHost: true, Default: "0 * * * * *", Description: "When effects that a crash left behind are looked for."},
	}
}

// Load reads the settings. The error names every setting that is missing or wrong, and says what was expected; it holds no value of a secret.
func Load(getenv func(string) string) (Settings, error) {
	var settings Settings
	var wrong []error
	given := map[string]bool{}
	for _, declaration := range Declarations() {
		if declaration.set == nil {
			continue
		}
		value := strings.TrimSpace(getenv(declaration.Name))
		given[declaration.Name] = value != ""
		if value == "" {
			value = declaration.Default
		}
		if value == "" {
			continue
		}
		if err := declaration.set(&settings, value); err != nil {
			shown := ""
			if !declaration.Secret {
				shown = fmt.Sprintf(" (it is %q)", shorten(value))
			}
			wrong = append(wrong, fmt.Errorf("setting %s %w%s", declaration.Name, err, shown))
		}
	}
	for _, declaration := range Declarations() {
		alternative, _, _ := strings.Cut(declaration.Name, "__")
		if declaration.Required && !given[declaration.Name] && !given[alternative] {
			wrong = append(wrong, fmt.Errorf("setting %s is missing: %s", declaration.Name, declaration.Description))
		}
	}
	return settings, errors.Join(wrong...)
}

func shorten(text string) string {
	const most = 80
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}

func number(text string, least, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("must be a whole number from %d to %d", least, most)
	}
	return n, nil
}

func isGUID(text string) error {
	groups := strings.Split(text, "-")
	lengths := []int{8, 4, 4, 4, 12}
	valid := len(groups) == len(lengths) && strings.Trim(strings.ToLower(text), "0123456789abcdef-") == ""
	for i := range groups {
		valid = valid && len(groups[i]) == lengths[i]
	}
	if !valid {
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

// address checks a URL: https, or http on this machine.
func address(text string) (string, error) {
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

func connection(text string, parts ...string) error {
	for _, part := range parts {
		if !strings.Contains(strings.ToLower(text), strings.ToLower(part)) {
			return fmt.Errorf("must be a connection string with %s…", part)
		}
	}
	return nil
}
