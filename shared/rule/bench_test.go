package rule

import "testing"

// the rule whose speed is promised, and one of each kind of comparison.
var timed = map[string]string{
	"promised": `(user.department -eq "Sales") -and (user.country -in ["DK","SE"])`,
	"date":     `user.employeeHireDate -le (system.now -minus P2W) -or user.accountEnabled -eq true`,
	"items":    `user.proxyAddresses -any (_ -startsWith "smtp:n") -and user.assignedPlans -all (assignedPlan.service -ne null)`,
	"groups":   `user.memberOf -any (group.objectId -in ['x', '` + group + `'])`,
	"other":    `user.extension_c272a57b722d4eb29bfe327874ae79cb_OfficeNumber -eq "123" -and user.mail -contains "kiln" -and -not (user.mail -endsWith "x")`,
	"pattern":  `user.displayName -match "^nora"`,
}

func BenchmarkMatches(b *testing.B) {
	p := person(b, nora)
	for name, text := range timed {
		r, err := Parse(text, now)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.Matches(p, now)
			}
		})
	}
}

// Asking a rule of a prepared person allocates nothing.
func TestMatchingAllocatesNothing(t *testing.T) {
	p := person(t, nora)
	for name, text := range timed {
		r, err := Parse(text, now)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { r.Matches(p, now) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
