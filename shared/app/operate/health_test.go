package operate_test

import (
	"strings"
	"testing"

	"latchkey/shared/app/operate"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// TestHealth: each dependency is asked, and what fails is named with what that stops and what mends it, without an address or an id.
func TestHealth(t *testing.T) {
	s := newStand(t)
	check := func(storeStatus, directoryStatus string) {
		t.Helper()
		reports := s.checker.CheckHealth(t.Context())
		asked := map[string]bool{}
		for _, report := range reports {
			asked[report.Dependency] = true
			wanted := storeStatus
			switch {
			case report.Dependency == "directory":
				wanted = directoryStatus
			case strings.HasPrefix(report.Dependency, "permission/"):
				wanted = "ok"
			}
			ok := report.Status == "ok"
			if report.Status != wanted || ok != (report.Detail == "") || ok != (report.Stops == "") || ok != (report.Mend == "") {
				t.Errorf("%+v, wanted %s", report, wanted)
			}
			if strings.Contains(report.Detail+report.Mend, "injected") {
				t.Errorf("it passes on the words of the adapter: %+v", report)
			}
		}
		if !asked["store/subjects"] || !asked["store/catalogs"] || !asked["directory"] {
			t.Errorf("it asked %v", asked)
		}
		healthy := storeStatus == "ok" && directoryStatus == "ok"
		if err := operate.Healthy(reports); (err == nil) != healthy || err != nil && ledger.CodeOf(err) != governance.CodeUnavailable {
			t.Errorf("healthy: %v", err)
		}
	}
	check("ok", "ok")
	s.DownStore(true)
	check("failing", "ok")
	s.downDirectory(true)
	check("failing", "failing")
	s.DownStore(false)
	check("ok", "failing")
}
