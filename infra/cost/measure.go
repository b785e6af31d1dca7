package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"latchkey/infra/local/bench"
	"latchkey/infra/local/stack"
	"latchkey/shared/governance"
)

// maxReport bounds what is read of a benchmark.
const maxReport = 1 << 20

// readBench reads what `go run ./infra/local bench --json` printed; "-" is the standard input.
func readBench(name string) (bench.Report, error) {
	in := os.Stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return bench.Report{}, err
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	var report bench.Report
	if err := json.NewDecoder(io.LimitReader(in, maxReport)).Decode(&report); err != nil {
		return report, fmt.Errorf("%s is not what the benchmark prints: %w", name, err)
	}
	if report.Lifecycles == 0 || report.RequestUnits <= 0 || report.Executions <= 0 {
		return report, fmt.Errorf("%s has no lifecycles in it", name)
	}
	return report, nil
}

// measureTimers runs each timer once on a stack of its own, on which nothing is due, and says how many request units it took.
func measureTimers(ctx context.Context) (map[string]float64, error) {
	hostJSON, err := stack.ReadHostJSON()
	if err != nil {
		return nil, err
	}
	s, err := stack.Start(ctx, stack.Options{HostJSON: hostJSON, ManualTimers: true})
	if err != nil {
		return nil, err
	}
	defer s.Close(context.WithoutCancel(ctx))
	timers, err := runs(1)
	if err != nil {
		return nil, err
	}
	units := map[string]float64{}
	for name := range timers {
		for range 2 { // the first run also asks for the containers, which no later one does
			before := charged(s)
			if err := runByHand(ctx, s, name); err != nil {
				return nil, err
			}
			if err := s.Drain(ctx); err != nil {
				return nil, err
			}
			units[name] = charged(s) - before
		}
		if units[name] <= 0 {
			return nil, errors.New("the timer " + name + " asked Cosmos DB nothing")
		}
	}
	return units, nil
}

// chainsMeasured is how many people get something, so that there are audit chains to verify.
const chainsMeasured = 30

// measureChain says how many request units it takes to verify one audit chain, as one lifecycle leaves it.
func measureChain(ctx context.Context) (float64, error) {
	hostJSON, err := stack.ReadHostJSON()
	if err != nil {
		return 0, err
	}
	s, err := stack.Start(ctx, stack.Options{HostJSON: hostJSON, ManualTimers: true})
	if err != nil {
		return 0, err
	}
	defer s.Close(context.WithoutCancel(ctx))
	if _, err := bench.Run(ctx, s, bench.Options{Clients: 2, Lifecycles: chainsMeasured}); err != nil {
		return 0, err
	}
	before := charged(s)
	sweep, err := s.Handler.Use.Sweeper.Reconcile(ctx, governance.System())
	if err != nil {
		return 0, err
	}
	if sweep.Found < chainsMeasured {
		return 0, fmt.Errorf("%d audit chains were verified, want at least %d", sweep.Found, chainsMeasured)
	}
	return (charged(s) - before) / float64(sweep.Found), nil
}

// runByHand starts a function as an operator would.
func runByHand(ctx context.Context, s *stack.Stack, name string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Endpoints.Host+"/admin/functions/"+name, strings.NewReader("{}"))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		return fmt.Errorf("the timer %s did not start: %s", name, response.Status)
	}
	return nil
}

func charged(s *stack.Stack) float64 {
	sum := 0.0
	for _, stat := range s.Cosmos.Stats() {
		sum += stat.RequestUnits
	}
	return sum
}

// record is what is kept of a benchmark, of the timers and of the verification of a chain.
func record(report bench.Report, timers map[string]float64, chain float64, now time.Time) measured {
	return measured{
		Date: now.UTC().Format(time.DateOnly), Lifecycles: report.Lifecycles, RequestUnits: report.RequestUnits, Operations: report.Operations, Graph: report.GraphRequests, Executions: report.Executions,
		Timers: timers, Chain: chain,
	}
}

// countLogAlerts counts the log alerts that infra/modules/alerts.bicep describes: one for each metric, and one for what is reported.
func countLogAlerts(bicep string) int {
	return len(regexp.MustCompile(`metric: metrics\.`).FindAllString(bicep, -1)) + len(regexp.MustCompile(`(?m)^resource [a-z]+ 'Microsoft\.Insights/scheduledQueryRules@[^']+' = \{`).FindAllString(bicep, -1))
}
