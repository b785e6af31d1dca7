package crosscheck

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"latchkey/functions"
	"latchkey/shared/bus"
	"latchkey/shared/store"
)

const (
	serviceBusBicep = "infra/modules/servicebus.bicep"
	emulatorQueues  = "infra/emulators/servicebus.json"
	cosmosBicep     = "infra/modules/cosmos.bicep"
	cosmosScript    = "infra/emulators/cosmos.sh"
)

func codeQueues(r repo) side {
	details := map[string]string{}
	for _, queue := range bus.Queues() {
		details[queue] = strconv.FormatBool(bus.UsesSessions(queue))
	}
	return ofCode(r, "shared/bus", "shared/bus/bus.go", details)
}

func TestQueues(t *testing.T) {
	kind{"queue", func(r repo) []side {
		return []side{
			codeQueues(r),
			matches(r, serviceBusBicep, serviceBusBicep, `name: '([a-z-]+)'\n\s+sessions: (true|false)`),
			matches(r, emulatorQueues, emulatorQueues, `(?s)"Name": "([a-z-]+)",\s+"Properties": \{[^}]*"RequiresSession": (true|false)`),
		}
	}}.check(t)
}

// unconsumed are the queues that no function listens to, with the reason.
var unconsumed = map[string]string{
	bus.Parked: "an operator looks at what is parked",
}

func TestConsumedQueues(t *testing.T) {
	kind{"queue with a consumer", func(r repo) []side {
		queues := codeQueues(r)
		consumed := side{name: queues.name, code: true}
		for _, queue := range queues.items {
			if _, idle := unconsumed[queue.name]; !idle {
				consumed.items = append(consumed.items, queue)
			}
		}
		triggers := side{name: "functions"}
		for _, file := range r.glob("functions/*/function.json") {
			text := r.read(file)
			if at := regexp.MustCompile(`"queueName": "([^"%]+)"`).FindStringSubmatchIndex(text); at != nil {
				sessions := strconv.FormatBool(strings.Contains(text, `"isSessionsEnabled": true`))
				triggers.add(text[at[2]:at[3]], sessions, file, text, at[2])
			}
		}
		return []side{consumed, triggers}
	}}.check(t)
}

// An alert on one queue names a queue that there is.
func TestQueuesOfAlerts(t *testing.T) {
	r := repo{t: t}
	watched := matches(r, alertsBicep, alertsBicep, `name: 'EntityName'\n\s+operator: 'Include'\n\s+values: \[\n\s+'([^']+)'`)
	for _, queue := range watched.items {
		if queue.name != "*" && !slices.Contains(bus.Queues(), queue.name) {
			t.Errorf("%s: there is no queue %s in shared/bus", queue.at(), queue.name)
		}
	}
	if len(watched.items) < 2 {
		t.Errorf("%s:1: no alert watches the dead letters and what is parked", alertsBicep)
	}
}

func TestServiceBusFunctionsCannotBeFooled(t *testing.T) {
	all, err := functions.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.Kind == functions.ServiceBus && (f.DataType != "binary" || f.Many || f.Connection != "ServiceBusConnection") {
			t.Errorf("functions/%s/function.json:1: a Service Bus function takes one binary message over ServiceBusConnection", f.Name)
		}
		if f.Kind == functions.ServiceBus && f.Queue != f.Name {
			t.Errorf("functions/%s/function.json:1: it listens to %s; a Service Bus function has the name of its queue, by which its handler tells of messages", f.Name, f.Queue)
		}
	}
}

func TestContainers(t *testing.T) {
	kind{"container", func(r repo) []side {
		details := map[string]string{}
		for _, container := range store.Containers() {
			details[string(container)] = container.PartitionKey()
		}
		return []side{
			ofCode(r, "shared/store", "shared/store/store.go", details),
			matches(r, cosmosBicep, cosmosBicep, `name: '([a-z]+)'\n\s+partitionKey: '([A-Za-z]+)'`),
			matches(r, cosmosScript, cosmosScript, `\b([a-z]+):([a-z]+Id)\b`),
		}
	}}.check(t)
}

func TestPartitionKeysAreIndexed(t *testing.T) {
	text := repo{t: t}.read(cosmosBicep)
	for _, container := range store.Containers() {
		if !strings.Contains(text, "'/"+container.PartitionKey()+"/?'") {
			t.Errorf("%s:1: the partition key %s of %s is not indexed", cosmosBicep, container.PartitionKey(), container)
		}
	}
}

// unindexed are the ids that a list may filter by and that are not indexed, with the reason.
var unindexed = map[string]string{
	"approval/id":          "only whether there is one is asked, beside what is indexed",
	"initiatedBy/objectId": "every change writes an entry of the audit, and few ask who did it",
	"partitionId":          "the audit is asked what happened to one thing, by targetId",
	"resource/originId":    "requests for resources are few",
}

// scanned names the ids that lists filter by, those of the API as well as those of use cases, and that no container has indexed.
func scanned(r repo) []string {
	indexed := matches(r, cosmosBicep, cosmosBicep, `'/body/([A-Za-z/]+)/\?'`)
	var found []string
	look := func(files []string, pattern string, name func(string) string) {
		seen := 0
		for _, file := range files {
			for _, id := range matches(r, file, file, pattern).items {
				seen++
				id.name = name(id.name)
				if _, known := unindexed[id.name]; !known && id.name != "id" { // which is always
					found = append(found, oneSided("id", side{items: []item{id}}, indexed)...)
				}
			}
		}
		if seen < 5 {
			found = append(found, fmt.Sprintf("%s:1: nothing here matches %s", files[0], pattern))
		}
	}
	look(r.sources("handlers/api"), `"([A-Za-z/]+)": identifier\b`, strings.Clone)
	look(r.sources("shared/app"), `((?:"[A-Za-z]+", )+"(?:id|objectId)")`, func(path string) string { return strings.ReplaceAll(strings.ReplaceAll(path, `", "`, "/"), `"`, "") })
	return found
}

// A list by an id reads what it answers with, and not all there is.
func TestIdsOfFiltersAreIndexed(t *testing.T) {
	sound := repo{t: t}
	for _, finding := range scanned(sound) {
		t.Error(finding)
	}
	for _, id := range []string{"accessPackage/catalog/id", "policy/id", "requestId"} {
		spoilt := strings.Replace(sound.read(cosmosBicep), "'/body/"+id+"/?'", "'/body/"+other(id)+"/?'", 1)
		if found := scanned(repo{t: t, spoilt: map[string]string{cosmosBicep: spoilt}}); len(found) == 0 || !strings.Contains(strings.Join(found, "\n"), "the id "+id+" is not in "+cosmosBicep) {
			t.Errorf("without the index on %s nothing is found, but %q", id, found)
		}
	}
	for id := range unindexed {
		if strings.Contains(sound.read(cosmosBicep), "'/body/"+id+"/?'") {
			t.Errorf("%s:1: %s is indexed after all", cosmosBicep, id)
		}
	}
}

// What a message may take: the lock, the host's time-out and its renewal of locks, and how often a message is tried.
func TestTimesOfMessages(t *testing.T) {
	r := repo{t: t}
	number := func(file, pattern string) item {
		found := matches(r, file, file, pattern).items
		if len(found) == 0 {
			t.Fatalf("%s:1: nothing matches %s", file, pattern)
		}
		return found[0]
	}
	lock, limit := number(serviceBusBicep, `lockDuration: 'PT(\d+)M'`), number("host.json", `"functionTimeout": "00:0?(\d+):00"`)
	if lock.name != limit.name {
		t.Errorf("%s: the lock lasts %s minutes, functionTimeout %s at %s", lock.at(), lock.name, limit.name, limit.at())
	}
	if renewed := number("host.json", `"maxAutoLockRenewalDuration": "00:0?(\d+):00"`); renewed.name < limit.name {
		t.Errorf("%s: the lock is renewed for %s minutes, a function may take %s at %s", renewed.at(), renewed.name, limit.name, limit.at())
	}
	most := number(serviceBusBicep, `maxDeliveryCount: (\d+)`)
	if most.name != strconv.Itoa(bus.MaxDeliveryCount) {
		t.Errorf("%s: a message is delivered %s times, the handler tells of a dead letter at %d (shared/bus/bus.go)", most.at(), most.name, bus.MaxDeliveryCount)
	}
	for _, flag := range []item{number(serviceBusBicep, `requiresDuplicateDetection: (.*)`), number(serviceBusBicep, `deadLetteringOnMessageExpiration: (.*)`)} {
		if flag.name != "true" {
			t.Errorf("%s: must be true: nothing is sent twice in effect, and nothing is lost in silence", flag.at())
		}
	}
	emulator := r.read(emulatorQueues)
	for _, want := range []string{fmt.Sprintf(`"LockDuration": "PT%sM"`, lock.name), `"MaxDeliveryCount": ` + most.name, `"RequiresDuplicateDetection": true`} {
		if strings.Count(emulator, want) != len(bus.Queues()) {
			t.Errorf("%s:1: not every queue has %s", emulatorQueues, want)
		}
	}
}
