package crosscheck

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"latchkey/shared/platform"
)

const (
	metricNames  = "infra/modules/metrics.json"
	metricSource = "shared/platform/metric.go"
	alertsBicep  = "infra/modules/alerts.bicep"
	workbook     = "infra/workbook/latchkey.workbook"
	observePage  = "docs/observe.md"
)

// alerted are the metrics that an alert reads, with the key under which the Bicep files know them.
func alerted(r repo) side {
	details := map[string]string{}
	for _, metric := range platform.Metrics() {
		if metric.Alert != "" {
			details[metric.Name] = metric.Alert
		}
	}
	return ofCode(r, "shared/platform", metricSource, details)
}

func TestMetricsOfAlerts(t *testing.T) {
	kind{"metric", func(r repo) []side {
		names := matches(r, metricNames, metricNames, `"([a-z]+\.[a-z.]+)"`)
		keys := matches(r, metricNames, metricNames, `"([A-Za-z]+)": "`)
		for i := range names.items {
			names.items[i].detail = keys.items[i].name
		}
		shown := onePlace(r, matches(r, workbook, workbook, `\\"(latchkey\.[a-z.]+)\\"`))
		for i, metric := range shown.items { // the workbook has no keys
			for _, name := range alerted(r).items {
				if name.name == metric.name {
					shown.items[i].detail = name.detail
				}
			}
		}
		return []side{alerted(r), names, shown}
	}}.check(t)
}

func TestAlertsOnMetrics(t *testing.T) {
	kind{"key of a metric", func(r repo) []side {
		return []side{
			matches(r, metricNames, metricNames, `"([A-Za-z]+)": "`),
			matches(r, alertsBicep, alertsBicep, `metric: metrics\.([A-Za-z]+)\n`),
		}
	}}.check(t)
	if !json.Valid([]byte(repo{t: t}.read(workbook))) {
		t.Errorf("%s:1: is no JSON", workbook)
	}
}

// platformMetrics are the metrics of Azure's own that alerts read, as Azure Monitor names them (learn.microsoft.com/azure/azure-monitor/reference/metrics-index): the deployment does not check the names.
var platformMetrics = map[string]string{
	"DeadletteredMessages": "Microsoft.ServiceBus/namespaces", "ActiveMessages": "Microsoft.ServiceBus/namespaces", "ThrottledRequests": "Microsoft.ServiceBus/namespaces",
	"TotalRequests": "Microsoft.DocumentDB/databaseAccounts",
}

func TestMetricsOfAzure(t *testing.T) {
	kind{"metric of Azure's", func(r repo) []side {
		known := side{name: "infra/crosscheck", code: true}
		for _, name := range slices.Sorted(maps.Keys(platformMetrics)) {
			if r.dropped != known.name+"/"+name {
				known.items = append(known.items, item{name, platformMetrics[name], "infra/crosscheck/metric_test.go", 1})
			}
		}
		read, of := matches(r, alertsBicep, alertsBicep, `metricName: '([^']+)'`), matches(r, alertsBicep, alertsBicep, `metricNamespace: '([^']+)'`)
		for i := range read.items {
			read.items[i].detail = of.items[i].name
		}
		return []side{known, read}
	}}.check(t)
}

func TestMetricsOfTheDocs(t *testing.T) {
	kind{"metric", func(r repo) []side {
		details := map[string]string{}
		for _, metric := range platform.Metrics() {
			details[metric.Name] = string(metric.Kind)
		}
		return []side{ofCode(r, "shared/platform", metricSource, details), matches(r, observePage, observePage, "\n\\| `([a-z]+\\.[a-z.]+)` \\| ([a-z]+)")}
	}}.check(t)
}

// To the Functions host every line of the handler is of severity Information, and it may drop what is sampled: who looks for errors looks at the line's own level, and lines are not sampled.
func TestLogLinesAreFound(t *testing.T) {
	r := repo{t: t}
	for _, file := range slices.Concat(r.glob("docs/*.md"), r.glob("docs/*/*.md"), r.glob("infra/modules/*.bicep"), []string{workbook}) {
		for n, line := range strings.Split(strings.ReplaceAll(r.read(file), `\"`, `"`), "\n") {
			if strings.Contains(line, "SeverityLevel >=") && !strings.Contains(line, `"level":"ERROR"`) {
				t.Errorf("%s:%d: the query does not find the errors of the handler", file, n+1)
			}
		}
	}
	if sampled := matches(r, "host.json", "host.json", `"excludedTypes": "([^"]*)"`).items; len(sampled) != 1 || !slices.Contains(strings.Split(sampled[0].name, ";"), "Trace") {
		t.Errorf("host.json:1: excludedTypes lacks Trace: %v", sampled)
	}
}

// unemitted names the metrics whose constants are used nowhere outside of their declarations, and those that Metrics does not list once.
func unemitted(r repo) []string {
	var found []string
	source := r.read(metricSource)
	var code strings.Builder
	for _, folder := range []string{"handlers", "shared/app", "shared/ledger"} {
		for _, file := range r.sources(folder) {
			code.WriteString(r.read(file))
		}
	}
	for _, constant := range matches(r, metricSource, metricSource, `(?m)^\t(Metric[A-Za-z]+)\s+= "`).items {
		if !regexp.MustCompile(`\bplatform\.` + constant.name + `\b`).MatchString(code.String()) {
			found = append(found, fmt.Sprintf("%s: nothing emits %s", constant.at(), constant.name))
		}
		if strings.Count(source, "{"+constant.name+", ") != 1 {
			found = append(found, fmt.Sprintf("%s: %s is not in Metrics once", constant.at(), constant.name))
		}
	}
	return found
}

// A metric that is declared is also emitted.
func TestMetricsAreEmitted(t *testing.T) {
	sound := repo{t: t}
	for _, finding := range unemitted(sound) {
		t.Error(finding)
	}
	constants := matches(sound, metricSource, metricSource, `(?m)^\t(Metric[A-Za-z]+)\s+= "`).items
	if len(constants) < 10 {
		t.Errorf("%s has %d metrics: this test looks at nothing", metricSource, len(constants))
	}
	for _, constant := range constants {
		found := unemitted(without(t, sound.read(metricSource), constant))
		if !slices.Contains(found, fmt.Sprintf("%s: nothing emits %s", constant.at(), other(constant.name))) {
			t.Errorf("%s: a metric that nothing emits is not found, but %q", constant.at(), found)
		}
	}
}
