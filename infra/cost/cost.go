package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"latchkey/functions"
	"latchkey/shared/ncrontab"
	"latchkey/shared/platform"
)

// priceTable is prices.json.
type priceTable struct {
	Date   string `json:"date"`
	Region string `json:"region"`
	Note   string `json:"note"`
	Prices []struct {
		Name   string  `json:"name"`
		Price  float64 `json:"price"`
		Unit   string  `json:"unit"`
		Free   float64 `json:"free"` // a month
		Source string  `json:"source"`
	} `json:"prices"`
	Assumptions []struct {
		Name  string  `json:"name"`
		Value float64 `json:"value"`
		Why   string  `json:"why"`
	} `json:"assumptions"`
}

// measured is measured.json: what one lifecycle and one run of each timer come to on infra/local.
type measured struct {
	Date         string             `json:"date"`
	Lifecycles   int                `json:"lifecycles"`               // that were driven
	RequestUnits float64            `json:"requestUnitsPerLifecycle"` //
	Operations   float64            `json:"cosmosOperationsPerLifecycle"`
	Graph        float64            `json:"graphRequestsPerLifecycle"`
	Executions   float64            `json:"executionsPerLifecycle"` // of Service Bus functions
	Timers       map[string]float64 `json:"requestUnitsPerTimer"`   // with nothing due
	Chain        float64            `json:"requestUnitsPerChain"`   // of the audit, to verify it
}

// line is one position of a bill.
type line struct {
	Of       string
	Price    string // its name in the table
	Quantity float64
}

// bill is what a month costs.
type bill struct {
	Lifecycles int
	Lines      []line
	Cost       []float64 // of each line
	Total      float64
}

// assume is the value of an assumption.
func (p priceTable) assume(name string) (float64, error) {
	for _, a := range p.Assumptions {
		if a.Name == name {
			return a.Value, nil
		}
	}
	return 0, fmt.Errorf("prices.json has no assumption %q", name)
}

// charge is what a quantity costs in a month.
func (p priceTable) charge(name string, quantity float64) (float64, error) {
	for _, price := range p.Prices {
		if price.Name == name {
			return math.Max(quantity-price.Free, 0) * price.Price, nil
		}
	}
	return 0, fmt.Errorf("prices.json has no price %q", name)
}

// runs counts how often each timer runs in so many days, by its default schedule.
func runs(days float64) (map[string]float64, error) {
	schedules := map[string]string{}
	for _, declaration := range platform.Declarations() {
		schedules[declaration.Name] = declaration.Default
	}
	all, err := functions.All()
	if err != nil {
		return nil, err
	}
	counted := map[string]float64{}
	for _, f := range all {
		if f.Kind != functions.Timer {
			continue
		}
		expression := f.Schedule
		if setting, ok := functions.Setting(expression); ok {
			expression = schedules[setting]
		}
		schedule, err := ncrontab.Parse(expression)
		if err != nil {
			return nil, fmt.Errorf("the schedule of %s: %w", f.Name, err)
		}
		begin := time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)
		end := begin.Add(time.Duration(days * 24 * float64(time.Hour)))
		for at, ok := schedule.Next(begin); ok && at.Before(end); at, ok = schedule.Next(at) {
			counted[f.Name]++
		}
	}
	return counted, nil
}

// chainsPerRun is how many audit chains a run verifies at most, by default.
func chainsPerRun() (float64, error) {
	for _, declaration := range platform.Declarations() {
		if declaration.Name == "AuditChainsPerRun" {
			return strconv.ParseFloat(declaration.Default, 64)
		}
	}
	return 0, errors.New("there is no setting AuditChainsPerRun")
}

// compute makes the bill of a month with so many lifecycles.
func compute(prices priceTable, of measured, logAlerts, lifecycles int) (bill, error) {
	a := map[string]float64{}
	for _, assumption := range prices.Assumptions {
		a[assumption.Name] = assumption.Value
	}
	for _, name := range []string{"days", "memoryGB", "secondsPerExecution", "httpPerLifecycle", "requestUnitsPerHTTP", "bytesPerLifecycle", "leastGB", "serviceBusOperationsPerExecution", "serviceBusOperationsPerTimer",
		"blobWritesPerTimer", "logBytesPerExecution", "metricSeries"} {
		if _, err := prices.assume(name); err != nil {
			return bill{}, err
		}
	}
	timers, err := runs(a["days"])
	if err != nil {
		return bill{}, err
	}
	n := float64(lifecycles)
	ticks, sweeps := 0.0, 0.0
	for name, count := range timers {
		units, known := of.Timers[name]
		if !known {
			return bill{}, fmt.Errorf("the timer %s was not measured; run: go run ./infra/local bench --json | go run ./infra/cost --bench - --write", name)
		}
		ticks += count
		sweeps += count * units
	}
	most, err := chainsPerRun()
	if err != nil {
		return bill{}, err
	}
	chains := timers["reconciliation"] * math.Min(n, most) // each lifecycle is another person's
	executions := ticks + n*(of.Executions+a["httpPerLifecycle"])
	looks := a["httpPerLifecycle"] - 2 // two are in the benchmark
	made := bill{Lifecycles: lifecycles, Lines: []line{
		{"Functions: memory while something runs", "functions.gbSecond", executions * a["memoryGB"] * a["secondsPerExecution"]},
		{"Functions: executions", "functions.execution", executions},
		{"Cosmos DB: request units", "cosmos.requestUnit", sweeps + chains*of.Chain + n*(of.RequestUnits+looks*a["requestUnitsPerHTTP"])},
		{"Cosmos DB: storage", "cosmos.storage", math.Max(a["leastGB"], n*a["bytesPerLifecycle"]/1e9)},
		{"Service Bus: the namespace", "serviceBus.base", 1},
		{"Service Bus: operations", "serviceBus.operation", ticks*a["serviceBusOperationsPerTimer"] + n*of.Executions*a["serviceBusOperationsPerExecution"]},
		{"Storage: the host's leases", "storage.write", ticks * a["blobWritesPerTimer"]},
		{"Log Analytics", "logs.ingestion", executions * a["logBytesPerExecution"] / 1e9},
		{"Alerts on logs", "alerts.log", float64(logAlerts)},
		{"Alerts on metrics", "alerts.metric", a["metricSeries"]},
	}}
	for _, l := range made.Lines {
		cost, err := prices.charge(l.Price, l.Quantity)
		if err != nil {
			return bill{}, err
		}
		made.Cost = append(made.Cost, cost)
		made.Total += cost
	}
	return made, nil
}
