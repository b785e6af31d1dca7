package stack_test

import (
	"net/http"
	"slices"
	"testing"
	"time"
)

// An edit in a catalog of 1,250 packages costs at most one and a half times one in a catalog of 10: in request units, and in time by the median. No rule of Microsoft's: issue 11.
func TestEditOfALargeCatalog(t *testing.T) {
	const edits, rounds, most = 30, 4, 1.5
	ida := administrator(t)
	fill := func(n int) (pack string) {
		catalog := newCatalog(t)
		for range n {
			pack = newPackage(t, catalog)
		}
		return pack
	}
	small, large := fill(10), fill(1250)
	charge := func() float64 {
		total := 0.0
		for _, stat := range start(t).Cosmos.Stats() {
			total += stat.RequestUnits
		}
		return total
	}
	measure := func(pack string) (units float64, took time.Duration) {
		before, all := charge(), make([]time.Duration, edits)
		for i := range all {
			began := time.Now()
			ida.call("PATCH", "/accessPackages/"+pack, object{"description": unique("Edit")}).want(http.StatusNoContent)
			all[i] = time.Since(began)
		}
		slices.Sort(all)
		return (charge() - before) / edits, all[edits/2]
	}
	measure(small)
	measure(large)
	for range rounds { // the machine may be busy with something else in one of them
		unitsOfSmall, small := measure(small)
		unitsOfLarge, large := measure(large)
		ratio := float64(large) / float64(small)
		tell(t, "an edit in a catalog of 1,250 packages: %.1f request units and %v, of 10: %.1f and %v (%.2f and %.2f times)", unitsOfLarge, large, unitsOfSmall, small, unitsOfLarge/unitsOfSmall, ratio)
		if unitsOfLarge > most*unitsOfSmall {
			t.Fatalf("an edit takes %.1f request units, of 10 packages %.1f", unitsOfLarge, unitsOfSmall)
		}
		if ratio <= most { // the machine may be busy with something else, so time is told, and no reason to fail
			return
		}
	}
}
