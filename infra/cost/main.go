// What Latchkey costs on Azure: an idle month, and one with 10,000 lifecycles, from what the benchmark measures and a table of list prices.
//
//	go run ./infra/cost                                       from what was measured last
//	go run ./infra/local bench --json | go run ./infra/cost --bench - --write
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/alecthomas/kong"
)

type options struct {
	Bench string `placeholder:"FILE" help:"What 'go run ./infra/local bench --json' printed; - is the standard input. Without it, what was recorded last counts."`
	Write bool   `help:"Record it in infra/cost/measured.json and write docs/cost.md anew."`
	Root  string `default:"." type:"existingdir" help:"The checkout."`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("cost"), kong.Description("What Latchkey costs on Azure, from the benchmark and list prices."), kong.UsageOnError())
	if err := run(context.Background(), o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}

// The files, below the checkout.
var (
	pricesFile   = filepath.Join("infra", "cost", "prices.json")
	measuredFile = filepath.Join("infra", "cost", "measured.json")
	alertsFile   = filepath.Join("infra", "modules", "alerts.bicep")
	pageFile     = filepath.Join("docs", "cost.md")
)

func run(ctx context.Context, o options, out io.Writer) error {
	var of measured
	if o.Bench != "" {
		report, err := readBench(o.Bench)
		if err != nil {
			return err
		}
		timers, err := measureTimers(ctx)
		if err != nil {
			return err
		}
		chain, err := measureChain(ctx)
		if err != nil {
			return err
		}
		of = record(report, timers, chain, time.Now())
	} else if err := read(o.Root, measuredFile, &of); err != nil {
		return err
	}
	text, err := compose(o.Root, of)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(out, text); err != nil || !o.Write {
		return err
	}
	data, err := json.MarshalIndent(of, "", "  ")
	if err != nil {
		return err
	}
	for file, content := range map[string][]byte{measuredFile: append(data, '\n'), pageFile: []byte(text)} {
		if err := os.WriteFile(filepath.Join(o.Root, file), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// compose makes the page.
func compose(root string, of measured) (string, error) {
	var prices priceTable
	if err := read(root, pricesFile, &prices); err != nil {
		return "", err
	}
	alerts, err := os.ReadFile(filepath.Join(root, alertsFile))
	if err != nil {
		return "", err
	}
	idle, err := compute(prices, of, countLogAlerts(string(alerts)), 0)
	if err != nil {
		return "", err
	}
	busy, err := compute(prices, of, countLogAlerts(string(alerts)), lifecycles)
	if err != nil {
		return "", err
	}
	perRun, err := chainsPerRun()
	if err != nil {
		return "", err
	}
	return page(prices, of, idle, busy, perRun), nil
}

func read(root, file string, into any) error {
	data, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
