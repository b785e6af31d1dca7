package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/infra/local/bench"
	"latchkey/infra/local/stack"
)

var root = filepath.Join("..", "..")

func load(t *testing.T) (priceTable, measured) {
	t.Helper()
	var prices priceTable
	var of measured
	if err := read(root, pricesFile, &prices); err != nil {
		t.Fatal(err)
	}
	if err := read(root, measuredFile, &of); err != nil {
		t.Fatal(err)
	}
	return prices, of
}

func TestPageIsFresh(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), options{Root: root}, &out); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(filepath.Join(root, pageFile))
	if err != nil || !bytes.Equal(written, out.Bytes()) {
		t.Errorf("docs/cost.md is not what the record and the prices come to (%v); write it anew: go run ./infra/cost --write", err)
	}
}

func TestEveryPriceHasADateAndASource(t *testing.T) {
	prices, _ := load(t)
	if _, err := time.Parse(time.DateOnly, prices.Date); err != nil {
		t.Error(err)
	}
	for _, price := range prices.Prices {
		if price.Price <= 0 || price.Unit == "" || !strings.Contains(price.Source, "https://") {
			t.Errorf("the price %s: %+v", price.Name, price)
		}
	}
	for _, assumption := range prices.Assumptions {
		if assumption.Why == "" {
			t.Errorf("why is %s assumed?", assumption.Name)
		}
	}
}

func TestBill(t *testing.T) {
	var prices priceTable
	if err := json.Unmarshal([]byte(`{"prices":[
		{"name":"functions.gbSecond","price":1,"free":100000},{"name":"functions.execution","price":2,"free":1000000},{"name":"cosmos.requestUnit","price":3},{"name":"cosmos.storage","price":4},{"name":"serviceBus.base","price":5},
		{"name":"serviceBus.operation","price":6,"free":1000000000},{"name":"storage.write","price":0},{"name":"logs.ingestion","price":7,"free":1000},{"name":"alerts.log","price":8},{"name":"alerts.metric","price":9}],
		"assumptions":[{"name":"days","value":30},{"name":"memoryGB","value":2},{"name":"secondsPerExecution","value":1},{"name":"httpPerLifecycle","value":5},{"name":"requestUnitsPerHTTP","value":10},{"name":"bytesPerLifecycle","value":1e9},{"name":"leastGB","value":12},
		{"name":"serviceBusOperationsPerExecution","value":4},{"name":"serviceBusOperationsPerTimer","value":0},{"name":"blobWritesPerTimer","value":0},{"name":"logBytesPerExecution","value":0},{"name":"metricSeries","value":2}]}`), &prices); err != nil {
		t.Fatal(err)
	}
	of := measured{RequestUnits: 100, Executions: 3, Timers: map[string]float64{"expirations": 0, "outbox": 0, "reconciliation": 0}, Chain: 4}
	timers, err := runs(30)
	if err != nil {
		t.Fatal(err)
	}
	ticks := 0.0
	for _, count := range timers {
		ticks += count
	}
	if timers["outbox"] < 43_199 || timers["outbox"] > 43_200 || timers["expirations"] < 8_639 || timers["expirations"] > 8_640 {
		t.Errorf("in 30 days the timers run %v", timers)
	}
	made, err := compute(prices, of, 6, 10)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{
		"functions.gbSecond": math.Max((ticks+10*8)*2-100_000, 0), "functions.execution": 0, "cosmos.requestUnit": 3 * (10*(100+3*10) + timers["reconciliation"]*10*4), "cosmos.storage": 4 * 12, "serviceBus.base": 5, "alerts.log": 48, "alerts.metric": 18,
	}
	total := 0.0
	for i, l := range made.Lines {
		if math.Abs(made.Cost[i]-want[l.Price]) > 1e-6 {
			t.Errorf("%s costs %v, want %v", l.Of, made.Cost[i], want[l.Price])
		}
		total += made.Cost[i]
	}
	if made.Total != total {
		t.Errorf("together %v, want %v", made.Total, total)
	}
	more, err := compute(prices, of, 6, 20)
	if err != nil || more.Lines[3].Price != "cosmos.storage" || more.Lines[3].Quantity != 20 {
		t.Errorf("what is more than the least that is billed: %+v, %v", more.Lines, err)
	}
	delete(of.Timers, "outbox")
	if _, err := compute(prices, of, 6, 10); err == nil || !strings.Contains(err.Error(), "outbox was not measured") {
		t.Errorf("without a measurement of a timer: %v", err)
	}
	prices.Prices = prices.Prices[1:]
	if _, err := compute(prices, measured{Timers: map[string]float64{"expirations": 0, "outbox": 0, "reconciliation": 0}}, 6, 10); err == nil || !strings.Contains(err.Error(), "functions.gbSecond") {
		t.Errorf("without a price: %v", err)
	}
	prices.Assumptions = prices.Assumptions[1:]
	if _, err := compute(prices, of, 6, 10); err == nil || !strings.Contains(err.Error(), `no assumption "days"`) {
		t.Errorf("without an assumption: %v", err)
	}
}

// What is recorded is still what a lifecycle and a timer come to, within what chance and load explain.
func TestRecordStillHolds(t *testing.T) {
	_, of := load(t)
	timers, err := measureTimers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hostJSON, err := stack.ReadHostJSON()
	if err != nil {
		t.Fatal(err)
	}
	s, err := stack.Start(t.Context(), stack.Options{HostJSON: hostJSON, ManualTimers: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	report, err := bench.Run(t.Context(), s, bench.Options{Clients: 2, Duration: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	chain, err := measureChain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now := record(report, timers, chain, time.Now())
	near := func(what string, recorded, present float64) {
		if recorded <= 0 || math.Abs(present-recorded) > 0.25*recorded {
			t.Errorf("%s: %.1f is recorded, it is %.1f; go run ./infra/local bench --json | go run ./infra/cost --bench - --write", what, recorded, present)
		}
	}
	near("request units of a lifecycle", of.RequestUnits, now.RequestUnits)
	near("operations of a lifecycle", of.Operations, now.Operations)
	near("executions of a lifecycle", of.Executions, now.Executions)
	near("calls of Graph of a lifecycle", of.Graph, now.Graph)
	near("request units of a chain", of.Chain, now.Chain)
	for name, units := range now.Timers {
		near("request units of the timer "+name, of.Timers[name], units)
	}
	if len(of.Timers) != len(now.Timers) {
		t.Errorf("recorded are %v, there are %v", of.Timers, now.Timers)
	}
}

func TestBenchMustBeOne(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bench.json")
	for text, want := range map[string]string{"": "is not what the benchmark prints", "{}": "has no lifecycles", `{"lifecycles":1}`: "has no lifecycles"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readBench(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if countLogAlerts("    metric: metrics.a\n    metric: metrics.b\nresource reported 'Microsoft.Insights/scheduledQueryRules@2023' = {\n") != 3 {
		t.Error("alerts are miscounted")
	}
}
