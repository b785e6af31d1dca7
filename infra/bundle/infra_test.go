package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"latchkey/shared/bus"
	"latchkey/shared/store"
)

// These tests hold what infra/ says against what the code says, both ways. No compiler for Bicep is at hand, so they read it as text.

func readRepository(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../..", filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// at is file:line of the first place where text stands.
func at(file, content, text string) string {
	index := strings.Index(content, text)
	if index < 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, 1+strings.Count(content[:index], "\n"))
}

func TestRepositoryIsSound(t *testing.T) {
	functions, found := checkSources("../..")
	if len(found) > 0 {
		t.Error(found.err())
	}
	if len(functions) == 0 {
		t.Error("no functions")
	}
}

func TestQueuesOfBicepAreTheBuses(t *testing.T) {
	const file = "infra/modules/servicebus.bicep"
	content := readRepository(t, file)
	declared := map[string]bool{}
	for _, match := range regexp.MustCompile(`name: '([a-z]+)'\n\s+sessions: (true|false)`).FindAllStringSubmatch(content, -1) {
		declared[match[1]] = match[2] == "true"
	}
	for _, queue := range bus.Queues() {
		sessions, found := declared[queue]
		switch {
		case !found:
			t.Errorf("%s: the queue %s of shared/bus is missing", file, queue)
		case sessions != bus.UsesSessions(queue):
			t.Errorf("%s: sessions of %s must be %t", at(file, content, "'"+queue+"'"), queue, bus.UsesSessions(queue))
		}
		delete(declared, queue)
	}
	for queue := range declared {
		t.Errorf("%s: shared/bus has no queue %s", at(file, content, "'"+queue+"'"), queue)
	}
}

func TestQueuesOfTheEmulatorAreTheBuses(t *testing.T) {
	var emulator struct {
		UserConfig struct {
			Namespaces []struct {
				Queues []struct {
					Name       string
					Properties struct {
						RequiresSession, RequiresDuplicateDetection bool
						MaxDeliveryCount                            int
						LockDuration                                string
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(readRepository(t, "infra/emulators/servicebus.json")), &emulator); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, queue := range emulator.UserConfig.Namespaces[0].Queues {
		names = append(names, queue.Name)
		if p := queue.Properties; p.RequiresSession != bus.UsesSessions(queue.Name) || !p.RequiresDuplicateDetection || p.MaxDeliveryCount != 10 || p.LockDuration != "PT5M" {
			t.Errorf("infra/emulators/servicebus.json: the queue %s differs from Azure's: %+v", queue.Name, p)
		}
	}
	if want := bus.Queues(); !slices.Equal(slices.Sorted(slices.Values(names)), slices.Sorted(slices.Values(want))) {
		t.Errorf("infra/emulators/servicebus.json: queues %q, want %q", names, want)
	}
}

func TestContainersAreTheStores(t *testing.T) {
	const file = "infra/modules/cosmos.bicep"
	content := readRepository(t, file)
	script := readRepository(t, "infra/emulators/cosmos.sh")
	declared := map[string]string{}
	for _, match := range regexp.MustCompile(`name: '([a-z]+)'\n\s+partitionKey: '([A-Za-z]+)'`).FindAllStringSubmatch(content, -1) {
		declared[match[1]] = match[2]
	}
	for _, container := range store.Containers() {
		name, key := string(container), container.PartitionKey()
		if declared[name] != key {
			t.Errorf("%s: the container %s must be partitioned by %s; it is %q", at(file, content, "'"+name+"'"), name, key, declared[name])
		}
		if !strings.Contains(content, "'/"+key+"/?'") {
			t.Errorf("%s: the partition key %s is not indexed", file, key)
		}
		if !strings.Contains(script, name+":"+key) {
			t.Errorf("infra/emulators/cosmos.sh: does not create %s by %s", name, key)
		}
		delete(declared, name)
	}
	for name := range declared {
		t.Errorf("%s: shared/store has no container %s", at(file, content, "'"+name+"'"), name)
	}
}

func TestLockAgreesWithTheTimeout(t *testing.T) {
	const file = "infra/modules/servicebus.bicep"
	content := readRepository(t, file)
	match := regexp.MustCompile(`lockDuration: 'PT(\d+)M'`).FindStringSubmatch(content)
	if match == nil {
		t.Fatalf("%s: no lockDuration in whole minutes", file)
	}
	var host struct{ FunctionTimeout string }
	if err := json.Unmarshal([]byte(readRepository(t, hostFile)), &host); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("00:%02s:00", match[1]); host.FunctionTimeout != want {
		t.Errorf("%s: the lock lasts %s, functionTimeout of host.json is %s", at(file, content, "lockDuration"), want, host.FunctionTimeout)
	}
}

func TestMetricsAreNamedOnce(t *testing.T) {
	var named map[string]string
	if err := json.Unmarshal([]byte(readRepository(t, "infra/modules/metrics.json")), &named); err != nil {
		t.Fatal(err)
	}
	alerts := readRepository(t, "infra/modules/alerts.bicep")
	workbook := readRepository(t, "infra/workbook/latchkey.workbook")
	for key, metric := range named {
		if !strings.Contains(alerts, "metrics."+key+"\n") {
			t.Errorf("infra/modules/alerts.bicep: no alert on %s", metric)
		}
		if !strings.Contains(workbook, metric) {
			t.Errorf("infra/workbook/latchkey.workbook: does not show %s", metric)
		}
	}
	names := slices.Collect(maps.Values(named))
	for _, metric := range regexp.MustCompile(`latchkey(\.[a-z]+)+`).FindAllString(alerts+workbook, -1) {
		if !slices.Contains(names, metric) && metric != "latchkey.workbook" {
			t.Errorf("%s is shown or alerted on and is not in infra/modules/metrics.json", metric)
		}
	}
	for _, match := range regexp.MustCompile(`metrics\.([A-Za-z]+)\n`).FindAllStringSubmatch(alerts, -1) {
		if _, found := named[match[1]]; !found {
			t.Errorf("%s: %s is not in infra/modules/metrics.json", at("infra/modules/alerts.bicep", alerts, "metrics."+match[1]), match[1])
		}
	}
	if !json.Valid([]byte(workbook)) {
		t.Error("infra/workbook/latchkey.workbook is no JSON")
	}
}

func TestParametersExist(t *testing.T) {
	var file struct {
		Parameters map[string]struct{ Value string }
	}
	if err := json.Unmarshal([]byte(readRepository(t, "infra/main.parameters.json")), &file); err != nil {
		t.Fatal(err)
	}
	bicep := readRepository(t, "infra/main.bicep")
	for name := range file.Parameters {
		if !strings.Contains(bicep, "\nparam "+name+" ") {
			t.Errorf("infra/main.parameters.json: main.bicep has no parameter %s", name)
		}
	}
	for _, match := range regexp.MustCompile(`(?m)^param ([A-Za-z]+) [a-z]+$`).FindAllStringSubmatch(bicep, -1) {
		if _, given := file.Parameters[match[1]]; !given {
			t.Errorf("%s: is needed and infra/main.parameters.json does not give it", at("infra/main.bicep", bicep, match[0]))
		}
	}
}

// Each file that an alert, a script or a comment sends people to is there.
func TestPointersLeadSomewhere(t *testing.T) {
	for _, pattern := range []string{"infra/*.bicep", "infra/modules/*.bicep", "infra/scripts/*", "infra/entra/setup.*", "infra/emulators/*", "docs/deploy.md", "docs/operate/*.md"} {
		files, err := filepath.Glob(filepath.Join("../..", pattern))
		if err != nil || len(files) == 0 {
			t.Errorf("%s: nothing is there (%v)", pattern, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name, _ := filepath.Rel("../..", file)
			for _, pointer := range regexp.MustCompile(`(docs|infra)/[a-z/-]+\.(md|sh|ps1|bicep|json|yaml)`).FindAllString(string(data), -1) {
				if _, err := os.Stat(filepath.Join("../..", pointer)); err != nil {
					t.Errorf("%s: points to %s, which does not exist", at(name, string(data), pointer), pointer)
				}
			}
		}
	}
}
