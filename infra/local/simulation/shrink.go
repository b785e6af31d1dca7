package simulation

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxReruns bounds how often a failing run is played again to make it smaller.
const maxReruns = 400

// Shrink makes a failing run smaller: it leaves out faults and operations as long as the same promise is still broken, and answers with the smallest run it found, its trace cut to
// what concerns the subject.
func Shrink(options Options, failure *Failure) (Options, *Failure) {
	options.Trace = false
	reruns := 0
	fails := func(candidate Options) bool {
		if reruns++; reruns > maxReruns {
			return false
		}
		_, err := Run(candidate)
		var again *Failure
		return errors.As(err, &again) && again.Rule == failure.Rule
	}
	for _, fault := range Faults() {
		if candidate := options.without(fault); fails(candidate) {
			options = candidate
		}
	}
	report, _ := Run(options)
	for size := (report.Count + 1) / 2; size >= 1; size /= 2 {
		for from := 0; from < report.Count; from += size {
			candidate := options.skipping(from, min(from+size, report.Count))
			if len(candidate.Skip) > len(options.Skip) && fails(candidate) {
				options = candidate
			}
		}
	}
	options.Trace = true
	_, err := Run(options)
	var smallest *Failure
	if !errors.As(err, &smallest) { // it fails no more: then the run is not deterministic, which is a failure of its own
		return options, &Failure{Seed: options.Seed, Rule: "deterministic", Problem: "a run that failed (" + failure.Problem + ") does not fail when it is played again"}
	}
	smallest.Trace = concerning(smallest)
	return options, smallest
}

func (o Options) without(fault Fault) Options {
	without := map[Fault]bool{fault: true}
	for one := range o.Without {
		without[one] = true
	}
	o.Without = without
	return o
}

func (o Options) skipping(from, to int) Options {
	skip := map[int]bool{}
	for one := range o.Skip {
		skip[one] = true
	}
	for number := from; number < to; number++ {
		skip[number] = true
	}
	o.Skip = skip
	return o
}

// concerning is the trace without what happened to the partitions of others, and without how the tenant was made.
func concerning(failure *Failure) []string {
	named := ""
	for _, line := range slices.Backward(failure.Trace) {
		if strings.Contains(line, "BROKEN") {
			_, named = read(line)
			break
		}
	}
	mine := map[string]bool{"-": true} // who did something to the one concerned, and the world
	for _, line := range failure.Trace {
		if who, where := read(line); where == named && named != "" {
			mine[who] = true
		}
	}
	var lines []string
	for _, line := range failure.Trace {
		who, where := read(line)
		setup := strings.HasPrefix(who, "catalog") || strings.HasPrefix(who, "pack")
		if !setup && (named == "" || mine[who] && (where == "" || where == named)) {
			lines = append(lines, line)
		}
	}
	return lines
}

// read takes a line of a trace apart: who did it, and to which partition, if to one.
func read(line string) (who, where string) {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return "", ""
	}
	if len(fields) > 2 && strings.HasPrefix(fields[2], "[") {
		where = strings.Trim(fields[2], "[]")
	}
	return fields[1], where
}

// Explain is a failure with all that it takes to look into it.
func Explain(options Options, failure *Failure) string {
	var without []string
	for _, fault := range Faults() {
		if !options.Without[fault] {
			without = append(without, string(fault))
		}
	}
	aim := ""
	if options.Aim != (Point{}) {
		aim = fmt.Sprintf(" -aim %q", options.Aim)
	}
	if options.Hazards != nil {
		aim += " -hazards " + options.named()
	}
	return fmt.Sprintf("%v\nreplay all of it: go test ./infra/local/simulation -run TestSeeds -seed %d%s\nthe smallest run that breaks it leaves out %d operations and needs at most the faults %s:\n\t%s",
		failure, failure.Seed, aim, len(options.Skip), strings.Join(without, " "), strings.Join(failure.Trace, "\n\t"))
}
