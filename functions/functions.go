// Package functions holds the function folders of the deployed application and lets the rest of the repository read them: packaging, the local host and the tests
// all see the same files that Azure sees. The handlers themselves live elsewhere; nothing here runs.
//
// # Routes
//
// One function takes everything that comes over HTTP, so that the handler answers whatever is asked, what is not there too: the host's own 404 has no body. Several would have to exclude one another:
// the host tries routes in the order in which it found the folders, and knows no precedence of literal over parameter (WebJobsRouter is a plain RouteCollection). With enableProxyingHttpRequest the handler
// sees the whole path, decoded and encoded again on its way, and does the routing. What is proxied is below the route prefix, and what the host posts to triggers is not, so that no path from outside
// becomes a trigger's.
package functions

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
)

//go:embed */function.json
var files embed.FS

// FS holds the function folders as they are deployed.
func FS() fs.FS { return files }

// Kind is what sets a function off.
type Kind string

// The kinds.
const (
	HTTP       Kind = "httpTrigger"
	ServiceBus Kind = "serviceBusTrigger"
	Timer      Kind = "timerTrigger"
)

// Function is one folder, read. What its trigger's binding says has the name that function.json gives it.
type Function struct {
	Name     string `json:"-"` // the folder's: the host invokes POST /<Name>
	Kind     Kind   `json:"type"`
	Binding  string `json:"name"` // the name of the trigger's binding: the member of Data
	Disabled bool   `json:"-"`
	Raw      []byte `json:"-"` // function.json as it is

	// Of HTTP functions.
	Route     string   `json:"route"`   // below the route prefix
	Methods   []string `json:"methods"` // empty: all
	AuthLevel string   `json:"authLevel"`
	Output    string   `json:"-"` // the name of the http output

	// Of Service Bus functions.
	Queue      string `json:"queueName"`  // may be %Setting%
	Connection string `json:"connection"` // the setting, or the prefix of the settings, that tells the namespace
	Sessions   bool   `json:"isSessionsEnabled"`
	DataType   string `json:"dataType"` // "binary", "string" or empty, which is string
	Many       bool   `json:"-"`        // batches

	// Of timers.
	Schedule     string `json:"schedule"` // NCRONTAB with seconds, or %Setting%
	RunOnStartup bool   `json:"runOnStartup"`
	UseMonitor   bool   `json:"-"` // the host keeps account of occurrences and makes up for a missed one
}

// Setting is the name of the app setting that value stands for when it is of the form %Setting%.
func Setting(value string) (string, bool) {
	if len(value) > 2 && value[0] == '%' && value[len(value)-1] == '%' && strings.Count(value, "%") == 2 {
		return value[1 : len(value)-1], true
	}
	return "", false
}

// All reads the embedded folders, sorted by name.
func All() ([]Function, error) { return Read(files) }

// maxFile bounds a function.json.
const maxFile = 1 << 20

// name is what the host accepts as a function's.
var name = regexp.MustCompile(`(?i)^[a-z][a-z0-9_-]{0,127}$`)

// Read reads the function folders directly under the root of fsys, sorted by name. Folders without function.json are none. A folder that the host would not load
// is an error; the others are returned with it.
func Read(fsys fs.FS) ([]Function, error) {
	folders, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("functions: %w", err)
	}
	var list []Function
	var broken []error
	for _, folder := range folders {
		if !folder.IsDir() {
			continue
		}
		raw, err := readFile(fsys, folder.Name()+"/function.json")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var f Function
		if err == nil {
			f, err = parse(folder.Name(), raw)
		}
		if err != nil {
			broken = append(broken, fmt.Errorf("function %s: %w", folder.Name(), err))
			continue
		}
		list = append(list, f)
	}
	return list, errors.Join(broken...)
}

func readFile(fsys fs.FS, path string) ([]byte, error) {
	info, err := fs.Stat(fsys, path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return fs.ReadFile(fsys, path)
}

func parse(folder string, raw []byte) (Function, error) {
	if !name.MatchString(folder) || strings.EqualFold(folder, "host") {
		return Function{}, errors.New("the host does not take this name")
	}
	var file struct {
		Bindings []struct {
			Function
			Direction   string `json:"direction"`
			Cardinality string `json:"cardinality"`
			UseMonitor  *bool  `json:"useMonitor"`
		} `json:"bindings"`
		Disabled bool `json:"disabled"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return Function{}, err
	}
	var f Function
	output := ""
	for _, b := range file.Bindings {
		trigger := strings.HasSuffix(string(b.Kind), "Trigger")
		switch {
		case b.Binding == "":
			return f, errors.New("a binding has no name")
		case trigger && b.Direction != "in":
			return f, fmt.Errorf("the trigger's direction is %q, want in", b.Direction)
		case trigger && f.Kind != "":
			return f, errors.New("two triggers")
		case b.Kind == "http" && b.Direction == "out":
			output = b.Binding
		case b.Kind == HTTP, b.Kind == ServiceBus, b.Kind == Timer:
			f = b.Function
			f.Many, f.UseMonitor = b.Cardinality == "many", b.Kind == Timer && (b.UseMonitor == nil || *b.UseMonitor)
		default:
			return f, fmt.Errorf("binding %s: type %q, direction %q is not one that Latchkey uses", b.Binding, b.Kind, b.Direction)
		}
	}
	f.Name, f.Raw, f.Disabled, f.Output = folder, raw, file.Disabled, output
	switch {
	case f.Kind == "":
		return f, errors.New("no trigger")
	case (f.Kind == HTTP) != (f.Output != ""):
		return f, errors.New("a function over HTTP, and no other, has an http output: without exactly one the host does not proxy")
	case f.Kind == ServiceBus && (f.Queue == "" || f.Connection == ""):
		return f, errors.New("a Service Bus trigger needs queueName and connection")
	case f.Kind == Timer && f.Schedule == "":
		return f, errors.New("a timer needs a schedule")
	}
	return f, nil
}
