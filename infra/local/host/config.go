package host

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// config is what the host takes from host.json.
type config struct {
	routePrefix           string
	functionTimeout       time.Duration // 0: none
	initializationTimeout time.Duration
	executable            string
	workingDirectory      string
	arguments             []string
	maxConcurrentCalls    int
	maxConcurrentSessions int
	maxLockRenewal        time.Duration
}

// override is the prefix of settings that stand above host.json: AzureFunctionsJobHost__extensions__http__routePrefix.
const override = "AzureFunctionsJobHost__"

func readConfig(raw []byte, settings map[string]string) (config, error) {
	tree := map[string]any{}
	if err := json.Unmarshal(raw, &tree); err != nil {
		return config{}, fmt.Errorf("host.json: %w", err)
	}
	for name, value := range settings {
		if path, ok := strings.CutPrefix(name, override); ok {
			set(tree, strings.Split(path, "__"), value)
		}
	}
	merged, err := json.Marshal(tree)
	if err != nil {
		return config{}, fmt.Errorf("host.json: %w", err)
	}
	var file struct {
		Version         string `json:"version"`
		FunctionTimeout string `json:"functionTimeout"`
		CustomHandler   struct {
			InitializationTimeout string `json:"initializationTimeout"`
			EnableProxying        bool   `json:"enableProxyingHttpRequest"`
			Description           struct {
				Executable       string   `json:"defaultExecutablePath"`
				WorkingDirectory string   `json:"workingDirectory"`
				Arguments        []string `json:"arguments"`
			} `json:"description"`
		} `json:"customHandler"`
		Extensions struct {
			HTTP struct {
				RoutePrefix *string `json:"routePrefix"`
			} `json:"http"`
			ServiceBus struct {
				AutoComplete   *bool  `json:"autoCompleteMessages"`
				Calls          int    `json:"maxConcurrentCalls"`
				Sessions       int    `json:"maxConcurrentSessions"`
				MaxLockRenewal string `json:"maxAutoLockRenewalDuration"`
			} `json:"serviceBus"`
		} `json:"extensions"`
	}
	if err := json.Unmarshal(merged, &file); err != nil {
		return config{}, fmt.Errorf("host.json: %w", err)
	}
	c := config{
		routePrefix: "api", functionTimeout: 30 * time.Minute, initializationTimeout: 30 * time.Second, maxLockRenewal: 5 * time.Minute,
		executable: file.CustomHandler.Description.Executable, workingDirectory: file.CustomHandler.Description.WorkingDirectory,
		arguments:          file.CustomHandler.Description.Arguments,
		maxConcurrentCalls: 16, maxConcurrentSessions: 8,
	}
	bus := file.Extensions.ServiceBus
	switch {
	case file.Version != "2.0":
		return c, fmt.Errorf("host.json: version %q, want 2.0", file.Version)
	case !file.CustomHandler.EnableProxying:
		return c, fmt.Errorf("host.json: customHandler.enableProxyingHttpRequest must be true; this host has no other mode for HTTP")
	case bus.AutoComplete != nil && !*bus.AutoComplete:
		return c, fmt.Errorf("host.json: autoCompleteMessages must be true; a custom handler cannot settle messages")
	case bus.Calls < 0 || bus.Sessions < 0:
		return c, fmt.Errorf("host.json: negative concurrency")
	}
	if bus.Calls > 0 {
		c.maxConcurrentCalls = bus.Calls
	}
	if bus.Sessions > 0 {
		c.maxConcurrentSessions = bus.Sessions
	}
	if file.Extensions.HTTP.RoutePrefix != nil {
		c.routePrefix = strings.Trim(*file.Extensions.HTTP.RoutePrefix, "/")
	}
	if c.routePrefix == "" {
		return c, fmt.Errorf("host.json: routePrefix must not be empty; without it any path from outside reaches the triggers")
	}
	for _, d := range []struct {
		name, text string
		into       *time.Duration
	}{
		{"functionTimeout", file.FunctionTimeout, &c.functionTimeout},
		{"customHandler.initializationTimeout", file.CustomHandler.InitializationTimeout, &c.initializationTimeout},
		{"maxAutoLockRenewalDuration", bus.MaxLockRenewal, &c.maxLockRenewal},
	} {
		if d.text == "" {
			continue
		}
		span, err := timeSpan(d.text)
		if err != nil {
			return c, fmt.Errorf("host.json: %s: %w", d.name, err)
		}
		*d.into = span
	}
	return c, nil
}

// set puts a value at a path of a JSON tree; names match in any case, as .NET's configuration does.
func set(tree map[string]any, path []string, value string) {
	name := path[0]
	for existing := range tree {
		if strings.EqualFold(existing, name) {
			name = existing
		}
	}
	if len(path) > 1 {
		branch, ok := tree[name].(map[string]any)
		if !ok {
			branch = map[string]any{}
			tree[name] = branch
		}
		set(branch, path[1:], value)
		return
	}
	_, wasText := tree[name].(string)
	var scalar any
	if json.Unmarshal([]byte(value), &scalar) == nil && !wasText {
		switch scalar.(type) {
		case bool, float64:
			tree[name] = scalar
			return
		}
	}
	tree[name] = value
}

var timeSpanForm = regexp.MustCompile(`^(?:(\d{1,4})\.)?(\d{1,2}):(\d{2}):(\d{2})(\.\d{1,7})?$`)

// timeSpan reads [d.]hh:mm:ss[.fffffff]; -1 means without end and gives 0.
func timeSpan(s string) (time.Duration, error) {
	if s == "-1" {
		return 0, nil
	}
	m := timeSpanForm.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is not of the form hh:mm:ss", s)
	}
	part := func(digits string) time.Duration {
		n, _ := strconv.Atoi("0" + digits) // the form has digits only, and few
		return time.Duration(n)
	}
	seconds, err := strconv.ParseFloat("0"+m[5], 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not of the form hh:mm:ss", s)
	}
	d := part(m[1])*24*time.Hour + part(m[2])*time.Hour + part(m[3])*time.Minute + part(m[4])*time.Second + time.Duration(seconds*float64(time.Second))
	if d <= 0 {
		return 0, fmt.Errorf("%q is no duration", s)
	}
	return d, nil
}
