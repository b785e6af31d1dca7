package simulation

import (
	"errors"
	"testing"
)

// pendingSeeds is within how many seeds a promise that the product does not keep must show.
const pendingSeeds = 400

// TestPending: what is said to be broken is. A row that nothing breaks any more is to be deleted, and from then on its hazard is part of all runs.
func TestPending(t *testing.T) {
	t.Parallel()
	for _, one := range pending {
		t.Run(one.door+" "+string(one.hazard)+" "+one.rule, func(t *testing.T) {
			t.Parallel()
			options := Options{Hazards: map[Hazard]bool{one.hazard: true}, Overlook: map[string]bool{}}
			for _, other := range pending {
				if other.hazard == one.hazard && other.rule != one.rule {
					options.Overlook[other.rule] = true
				}
			}
			for options.Seed = 1; options.Seed <= pendingSeeds; options.Seed++ {
				var failure *Failure
				if _, err := Run(options); errors.As(err, &failure) && failure.Rule == one.rule {
					if *shrinkFlag {
						t.Log(Explain(Shrink(options, failure)))
					}
					t.Log(failure)
					return
				}
			}
			t.Errorf("%d seeds do not break it any more: delete the row", pendingSeeds)
		})
	}
}
