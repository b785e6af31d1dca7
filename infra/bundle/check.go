package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"latchkey/shared/bus"
	"latchkey/shared/ncrontab"
)

// The files that the bundle is made of or held against, relative to the repository.
const (
	hostFile     = "host.json"
	functionsDir = "functions"
	functionFile = "function.json"
	settingsFile = "local.settings.sample.json"
	binaryName   = "handler" // what customHandler.description.defaultExecutablePath must say
	// maxSourceBytes bounds each file that is read.
	maxSourceBytes = 1 << 20
)

var functionName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,127}$`)

// function is one folder of functions/, read.
type function struct {
	Name string
	File string
	root *node
}

// sources is what the checks need of the repository.
type sources struct {
	root     string
	host     *node
	settings *settings
	findings findings
}

// checkSources reads host.json and the functions, and returns the functions by name with everything that is wrong.
func checkSources(root string) ([]function, findings) {
	s := &sources{root: root}
	s.checkHost()
	functions := s.readFunctions()
	s.settings = s.readSettings()
	for _, f := range functions {
		s.checkFunction(f)
	}
	s.checkReach(functions)
	s.checkRoutes(functions)
	return functions, s.findings
}

// read returns a file of the repository as JSON, or nil after a finding.
func (s *sources) read(file string) *node {
	data, err := readBounded(filepath.Join(s.root, filepath.FromSlash(file)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.findings.add(file, 0, "is missing.")
		return nil
	case err != nil:
		s.findings.add(file, 0, "cannot be read: %v.", err)
		return nil
	}
	root, wrong := parseJSON(file, data)
	if wrong != nil {
		s.findings = append(s.findings, *wrong)
		return nil
	}
	if !root.object {
		s.findings.add(file, root.Line, "must be a JSON object.")
		return nil
	}
	return root
}

func readBounded(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxSourceBytes {
		return nil, errors.New("it is larger than a mebibyte")
	}
	return os.ReadFile(name)
}

// hostKeys are the members of host.json that the host knows.
var hostKeys = []string{"$schema", "aggregator", "concurrency", "customHandler", "extensionBundle", "extensions", "functionTimeout", "functions", "healthMonitor",
	"logging", "managedDependency", "retry", "singleton", "telemetryMode", "version", "watchDirectories", "watchFiles"}

func (s *sources) checkHost() {
	host := s.read(hostFile)
	if host == nil {
		return
	}
	s.host = host
	say := func(line int, format string, args ...any) { s.findings.add(hostFile, line, format, args...) }

	for _, key := range host.keys() {
		if !slices.Contains(hostKeys, key) {
			say(host.lineOf(key), "%q is no setting of the host.", key)
		}
	}
	if host.text("version") != "2.0" {
		say(host.lineOf("version"), `version must be "2.0".`)
	}
	if host.text("extensionBundle", "id") != "Microsoft.Azure.Functions.ExtensionBundle" || !strings.HasPrefix(host.text("extensionBundle", "version"), "[4.") {
		say(host.lineOf("extensionBundle"), `extensionBundle must be Microsoft.Azure.Functions.ExtensionBundle with a range of version 4, such as "[4.*, 5.0.0)": the Service Bus trigger comes from it.`)
	}
	if got := host.text("customHandler", "description", "defaultExecutablePath"); got != binaryName {
		say(host.lineOf("customHandler", "description", "defaultExecutablePath"), "customHandler.description.defaultExecutablePath must be %q, the binary in the bundle; it is %q.", binaryName, got)
	}
	if !host.isTrue("customHandler", "enableProxyingHttpRequest") {
		say(host.lineOf("customHandler"), "customHandler.enableProxyingHttpRequest must be true: the handler answers HTTP itself.")
	}
	if host.isTrue("customHandler", "enableForwardingHttpRequest") {
		say(host.lineOf("customHandler", "enableForwardingHttpRequest"), "customHandler.enableForwardingHttpRequest loses chunked bodies and decodes paths twice, so that an outside path could reach a queue function; take it out.")
	}
	if routes := host.get("customHandler", "http"); routes != nil {
		say(routes.Line, "customHandler.http does not go together with function.json files; the host would not start.")
	}
	prefix := host.get("extensions", "http", "routePrefix")
	if prefix != nil && strings.Trim(host.text("extensions", "http", "routePrefix"), "/") == "" {
		say(prefix.Line, "extensions.http.routePrefix must not be empty: without it an outside path reaches the queue and timer functions.")
	}

	timeout := s.hostDuration("functionTimeout")
	renewal := s.hostDuration("extensions", "serviceBus", "maxAutoLockRenewalDuration")
	if timeout > 0 && renewal > 0 && renewal < timeout {
		say(host.lineOf("extensions", "serviceBus", "maxAutoLockRenewalDuration"),
			"extensions.serviceBus.maxAutoLockRenewalDuration (%s) is shorter than functionTimeout (%s): the lock would lapse while the message is handled.", renewal, timeout)
	}
	if complete := host.get("extensions", "serviceBus", "autoCompleteMessages"); complete != nil && !host.isTrue("extensions", "serviceBus", "autoCompleteMessages") {
		say(complete.Line, "extensions.serviceBus.autoCompleteMessages must be true: a custom handler cannot settle a message.")
	}
	if calls := host.get("extensions", "serviceBus", "maxConcurrentCallsPerSession"); calls != nil {
		say(calls.Line, "extensions.serviceBus.maxConcurrentCallsPerSession must stay at its default of 1: the messages of a session come one after the other.")
	}
}

// hostDuration reads a duration of host.json; it is a finding if it is not there or not positive.
func (s *sources) hostDuration(keys ...string) time.Duration {
	text := s.host.text(keys...)
	duration, ok := timeSpan(text)
	if !ok || duration <= 0 {
		s.findings.add(hostFile, s.host.lineOf(keys...), "%s must be a positive hh:mm:ss; it is %q.", strings.Join(keys, "."), text)
		return 0
	}
	return duration
}

var timeSpanPattern = regexp.MustCompile(`^([0-9]{2}):([0-5][0-9]):([0-5][0-9])$`)

// timeSpan reads hh:mm:ss.
func timeSpan(text string) (time.Duration, bool) {
	match := timeSpanPattern.FindStringSubmatch(text)
	if match == nil {
		return 0, false
	}
	duration, err := time.ParseDuration(match[1] + "h" + match[2] + "m" + match[3] + "s")
	return duration, err == nil
}

// routePrefix is where the host puts HTTP functions.
func (s *sources) routePrefix() string {
	if prefix := strings.Trim(s.host.text("extensions", "http", "routePrefix"), "/"); prefix != "" {
		return prefix
	}
	return "api"
}

// readFunctions reads functions/*/function.json.
func (s *sources) readFunctions() []function {
	entries, err := os.ReadDir(filepath.Join(s.root, functionsDir))
	if err != nil {
		s.findings.add(functionsDir, 0, "cannot be read: %v.", err)
		return nil
	}
	var functions []function
	seen := map[string]string{}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue // the Go file that embeds them
		}
		name := entry.Name()
		if name == "testdata" {
			continue // the tests' of the Go file
		}
		folder := path.Join(functionsDir, name)
		if !functionName.MatchString(name) || strings.EqualFold(name, "host") {
			s.findings.add(folder, 0, "is no name of a function: a letter, then letters, digits, - and _, and not \"host\".")
			continue
		}
		if other, twice := seen[strings.ToLower(name)]; twice {
			s.findings.add(folder, 0, "differs from %s in case only.", other)
			continue
		}
		seen[strings.ToLower(name)] = name
		files, err := os.ReadDir(filepath.Join(s.root, functionsDir, name))
		if err != nil {
			s.findings.add(folder, 0, "cannot be read: %v.", err)
			continue
		}
		for _, file := range files {
			if file.Name() != functionFile {
				s.findings.add(path.Join(folder, file.Name()), 0, "is no part of a function: only %s goes into the bundle.", functionFile)
			}
		}
		file := path.Join(folder, functionFile)
		if root := s.read(file); root != nil {
			functions = append(functions, function{Name: name, File: file, root: root})
		}
	}
	if len(functions) == 0 && len(s.findings) == 0 {
		s.findings.add(functionsDir, 0, "holds no function: the host would not start the handler.")
	}
	sort.Slice(functions, func(i, j int) bool { return functions[i].Name < functions[j].Name })
	return functions
}

// trigger is the binding that starts the function, or nil.
func (f function) trigger() *node {
	for _, binding := range f.root.get("bindings").items() {
		if strings.HasSuffix(binding.text("type"), "Trigger") {
			return binding
		}
	}
	return nil
}

func (n *node) items() []*node {
	if n == nil {
		return nil
	}
	return n.Items
}

func (s *sources) checkFunction(f function) {
	say := func(line int, format string, args ...any) { s.findings.add(f.File, line, format, args...) }
	if f.root.isTrue("disabled") {
		say(f.root.lineOf("disabled"), "disables the function; take its folder away instead.")
	}
	if script := f.root.get("scriptFile"); script != nil {
		say(script.Line, "scriptFile has no meaning for a custom handler.")
	}
	bindings := f.root.get("bindings")
	if bindings == nil || !bindings.array || len(bindings.Items) == 0 {
		say(f.root.lineOf("bindings"), "bindings must be a list with a trigger in it.")
		return
	}
	triggers, outputs := 0, 0
	names := map[string]bool{}
	for _, binding := range bindings.Items {
		kind, direction, name := binding.text("type"), binding.text("direction"), binding.text("name")
		if name == "" {
			say(binding.Line, "a binding has no name.")
		} else if names[strings.ToLower(name)] {
			say(binding.lineOf("name"), "two bindings are named %q.", name)
		}
		names[strings.ToLower(name)] = true
		wanted := "in"
		switch kind {
		case "httpTrigger":
			triggers++
			s.checkHTTP(f, binding)
		case "serviceBusTrigger":
			triggers++
			s.checkQueue(f, binding)
		case "timerTrigger":
			triggers++
			s.checkTimer(f, binding)
		case "http":
			outputs++
			wanted = "out"
		default:
			say(binding.lineOf("type"), "the type %q of a binding is none that Latchkey uses: httpTrigger, http, serviceBusTrigger, timerTrigger.", kind)
			continue
		}
		if direction != wanted {
			say(binding.lineOf("direction"), "the direction of %s must be %q; it is %q.", kind, wanted, direction)
		}
	}
	if triggers != 1 {
		say(bindings.Line, "a function has one trigger; this one has %d.", triggers)
	}
	if trigger := f.trigger(); trigger != nil && trigger.text("type") == "httpTrigger" {
		if outputs != 1 || len(bindings.Items) != 2 {
			say(bindings.Line, "an HTTP function has the trigger and one http output and nothing else: only then does the host proxy the request.")
		}
	} else if outputs > 0 {
		say(bindings.Line, "an http output needs an httpTrigger.")
	}
}

var httpMethods = []string{"get", "post", "put", "patch", "delete", "head", "options"}

func (s *sources) checkHTTP(f function, binding *node) {
	say := func(line int, format string, args ...any) { s.findings.add(f.File, line, format, args...) }
	if level := binding.text("authLevel"); level != "anonymous" {
		say(binding.lineOf("authLevel"), "authLevel must be \"anonymous\": the handler checks the bearer token, and a host key would be a secret at rest; it is %q.", level)
	}
	methods := binding.get("methods") // absent: all of them
	if methods != nil && len(methods.Items) == 0 {
		say(methods.Line, "methods is there and names none; leave it out for all of them.")
	}
	for _, method := range methods.items() {
		if text, _ := method.Value.(string); !slices.Contains(httpMethods, strings.ToLower(text)) {
			say(method.Line, "%v is no HTTP method.", method.Value)
		}
	}
	route := binding.text("route")
	segments, err := parseRoute(route)
	if err != nil {
		say(binding.lineOf("route"), "the route %q %v.", route, err)
		return
	}
	if first := segments[0].literal; s.host != nil && first == strings.ToLower(s.routePrefix()) {
		say(binding.lineOf("route"), "the route %q repeats the prefix %q that the host puts before it.", route, s.routePrefix())
	}
	for _, own := range []string{"admin", "runtime"} {
		if strings.HasPrefix(segments[0].literal, own) {
			say(binding.lineOf("route"), "the route %q begins with %q, which the host keeps for itself.", route, own)
		}
	}
}

func (s *sources) checkQueue(f function, binding *node) {
	say := func(line int, format string, args ...any) { s.findings.add(f.File, line, format, args...) }
	queue := binding.text("queueName")
	if name, isSetting := settingName(queue); isSetting {
		queue = s.requireSetting(f, binding.lineOf("queueName"), name)
	}
	switch {
	case queue == "" && binding.text("queueName") == "":
		say(binding.lineOf("queueName"), "queueName must name a queue.")
	case queue != "" && !slices.Contains(bus.Queues(), queue):
		say(binding.lineOf("queueName"), "the queue %q is none of shared/bus: %s.", queue, strings.Join(bus.Queues(), ", "))
	case queue != "" && binding.isTrue("isSessionsEnabled") != bus.UsesSessions(queue):
		say(binding.lineOf("isSessionsEnabled"), "isSessionsEnabled must be %t for the queue %q.", bus.UsesSessions(queue), queue)
	}
	if got := binding.text("dataType"); got != "binary" {
		say(binding.lineOf("dataType"), "dataType must be \"binary\", or the properties of a message body would overwrite the metadata of the message; it is %q.", got)
	}
	if cardinality := binding.text("cardinality"); cardinality != "" && cardinality != "one" {
		say(binding.lineOf("cardinality"), "cardinality must be \"one\": the lock of a batch is not renewed.")
	}
	for _, name := range []string{"autoComplete", "autoCompleteMessages"} {
		if complete := binding.get(name); complete != nil && complete.Value != true {
			say(complete.Line, "%s must be true: a custom handler cannot settle a message.", name)
		}
	}
	connection := binding.text("connection")
	if connection == "" || strings.Contains(connection, "%") {
		say(binding.lineOf("connection"), "connection must be the name of a connection setting, without percent signs; it is %q.", connection)
		return
	}
	s.requireConnection(f, binding.lineOf("connection"), connection)
}

func (s *sources) checkTimer(f function, binding *node) {
	say := func(line int, format string, args ...any) { s.findings.add(f.File, line, format, args...) }
	line := binding.lineOf("schedule")
	schedule := binding.text("schedule")
	if name, isSetting := settingName(schedule); isSetting {
		if value := s.requireSetting(f, line, name); value != "" {
			if err := checkNCRONTAB(value); err != nil {
				s.findings.add(settingsFile, s.settings.sampleLine(name), "%s: %v.", name, err)
			}
		}
		if fallback, found := s.settings.bicepDefault(name); found {
			if err := checkNCRONTAB(fallback.value); err != nil {
				s.findings.add(fallback.file, fallback.line, "%s: %v.", name, err)
			}
		}
	} else if err := checkNCRONTAB(schedule); err != nil {
		say(line, "the schedule %v.", err)
	}
	if binding.isTrue("runOnStartup") {
		say(binding.lineOf("runOnStartup"), "runOnStartup would run the timer each time the app scales out.")
	}
	if monitor := binding.get("useMonitor"); monitor != nil && monitor.Value == false {
		say(monitor.Line, "useMonitor must stay on, or a run that was missed is not made up for.")
	}
}

// checkNCRONTAB says what is wrong with a timer expression, as the local host reads it.
func checkNCRONTAB(expression string) error {
	schedule, err := ncrontab.Parse(expression)
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "ncrontab: "))
	}
	if !schedule.Ever() {
		return fmt.Errorf("%q never comes", expression)
	}
	return nil
}

// checkReach finds functions that an outside path could start although they are not HTTP functions. The host posts to "/<function>"; what comes from
// outside always begins with the route prefix.
func (s *sources) checkReach(functions []function) {
	if s.host == nil {
		return
	}
	first, _, _ := strings.Cut(s.routePrefix(), "/")
	for _, f := range functions {
		if trigger := f.trigger(); trigger != nil && trigger.text("type") != "httpTrigger" && strings.EqualFold(f.Name, first) {
			s.findings.add(f.File, 0, "the function has the name of the route prefix %q, so an outside path could start it.", first)
		}
	}
}

// checkRoutes finds HTTP functions that take each other's requests.
func (s *sources) checkRoutes(functions []function) {
	type routed struct {
		f        function
		trigger  *node
		segments []segment
	}
	var all []routed
	for _, f := range functions {
		trigger := f.trigger()
		if trigger == nil || trigger.text("type") != "httpTrigger" {
			continue
		}
		segments, err := parseRoute(trigger.text("route"))
		if err != nil {
			continue // said already
		}
		for _, other := range all {
			if !shareMethod(trigger, other.trigger) {
				continue
			}
			if clash(segments, other.segments) {
				s.findings.add(f.File, trigger.lineOf("route"), "the route %q shares paths with %q of %s: the host takes the first that fits, by the name of the function.",
					trigger.text("route"), other.trigger.text("route"), other.f.Name)
			}
		}
		all = append(all, routed{f, trigger, segments})
	}
}

func shareMethod(a, b *node) bool {
	if a.get("methods") == nil || b.get("methods") == nil {
		return true
	}
	for _, method := range a.get("methods").items() {
		text, _ := method.Value.(string)
		if slices.ContainsFunc(b.get("methods").items(), func(other *node) bool {
			name, _ := other.Value.(string)
			return strings.EqualFold(name, text)
		}) {
			return true
		}
	}
	return false
}
