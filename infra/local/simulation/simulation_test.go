package simulation

import (
	"flag"
	"testing"
)

var (
	seedsFlag = flag.Int("seeds", 1000, "how many seeds to run")
	seedFlag  = flag.Uint64("seed", 0, "run this one seed and print what happens")
)

func TestSeeds(t *testing.T) {
	if *seedFlag != 0 {
		report, err := Run(Options{Seed: *seedFlag, Trace: true})
		for _, line := range report.Trace {
			t.Log(line)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	for seed := range *seedsFlag {
		if _, err := Run(Options{Seed: uint64(seed + 1)}); err != nil {
			t.Error(err)
		}
	}
}
