package endurance

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"

	"latchkey/handlers"
	"latchkey/infra/local/cosmos"
	"latchkey/shared/app/lifecycle"
	"latchkey/shared/bus"
	busmemory "latchkey/shared/bus/memory"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
	"latchkey/shared/store"
	storecosmos "latchkey/shared/store/cosmos"
	storememory "latchkey/shared/store/memory"
)

// dueNow is how many assignments a measured sweep finds.
const dueNow = 1000

// sameCost is how much more a sweep may cost when many more assignments exist (issue 2, "What it must reach").
const sameCost = 1.3

// world is a number of assignments, of which dueNow are due, and an app that looks after them.
type world struct {
	t     testing.TB
	app   *lifecycle.Sweeper
	bus   *busmemory.Broker
	store store.Store
	cost  func() (operations int64, requestUnits float64) // so far; request units where the store has them
	// together has what is due made together, as what was granted for the same time is. Else it lies scattered among all others: then a sweep of a large world is one of cold memory, too.
	together bool
}

// sweptAt is the instant of the sweeps. Time stands still.
var sweptAt = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

func newWorld(t testing.TB, documents store.Store, cost func() (int64, float64)) *world {
	clock := platform.NewManualClock(sweptAt)
	w := &world{t: t, store: documents, cost: cost, bus: busmemory.New(clock, busmemory.Queues()...)}
	w.app = handlers.Wire(handlers.Ports{Store: documents, Bus: w.bus, Directory: directorymemory.New(directorymemory.Options{Clock: clock}), Clock: clock}).Sweeper
	return w
}

func onMemory(t testing.TB) *world {
	documents := storememory.New(platform.NewManualClock(sweptAt))
	var operations atomic.Int64
	documents.SetFault(func(string) storememory.Fault { operations.Add(1); return storememory.NoFault })
	return newWorld(t, documents, func() (int64, float64) { return operations.Load(), 0 })
}

// onCosmos is a world behind the production adapter and the stand-in for Cosmos DB, over HTTP.
func onCosmos(t testing.TB) *world {
	t.Helper()
	account := cosmos.New(cosmos.Options{Clock: platform.NewManualClock(sweptAt)})
	server := httptest.NewServer(account)
	t.Cleanup(server.Close)
	client, err := azcosmos.NewClientFromConnectionString("AccountEndpoint="+server.URL+";AccountKey="+account.Key()+";", storecosmos.ClientOptions())
	if err != nil {
		t.Fatal(err)
	}
	documents, err := storecosmos.New(client, cosmos.DefaultDatabase, storecosmos.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return newWorld(t, documents, func() (operations int64, units float64) {
		for _, stat := range account.Stats() {
			operations += stat.Operations
			units += stat.RequestUnits
		}
		return operations, units
	})
}

// fill brings so many assignments into existence: dueNow are due, of the others most end within half a year, beginning a moment after now, and some never.
func (w *world) fill(existing int) {
	w.t.Helper()
	for number := 0; number < existing; {
		subject := governance.NameID(fmt.Sprintf("subject %d", number))
		var operations []store.Operation
		for ; len(operations) < store.MaxOperations && number < existing; number++ {
			operations = append(operations, store.Operation{Verb: store.Create, Document: w.assignment(subject, number, existing)})
		}
		if _, err := w.store.Commit(w.t.Context(), store.Subjects, subject, operations); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) assignment(subject string, number, existing int) store.Document {
	id := governance.NameID(fmt.Sprintf("assignment %d", number))
	var ends time.Time
	every := existing / dueNow
	due := number%every == 0 && number/every < dueNow
	if w.together {
		due = number < dueNow
	}
	switch {
	case due:
		ends = sweptAt.Add(-time.Duration(number%3600) * time.Second)
	case number%10 != 1:
		ends = sweptAt.Add(time.Millisecond + time.Duration(number%(180*24*3600))*time.Second)
	}
	assignment := governance.Assignment{
		ID: id, State: governance.AssignmentDelivered, Status: "Delivered", RequestID: governance.NameID("request of " + id),
		AccessPackage:    &governance.AccessPackage{ID: governance.NameID("package"), DisplayName: "Cloud PC", Catalog: &governance.Catalog{ID: governance.NameID("catalog")}},
		AssignmentPolicy: &governance.AssignmentPolicy{ID: governance.NameID("policy")},
		Target:           &governance.Subject{ObjectID: subject, DisplayName: "Somebody"},
		Deliveries: []governance.Delivery{{
			Grant: governance.Grant{OriginSystem: "AadGroup", ResourceID: governance.NameID("group"), Role: governance.GrantMember}, State: governance.DeliveryDelivered,
		}},
	}
	if !ends.IsZero() {
		assignment.Schedule = &governance.Schedule{Expiration: &governance.Expiration{Type: governance.ExpirationAfterDateTime, EndDateTime: governance.At(ends)}}
	}
	body, err := json.Marshal(assignment)
	if err != nil {
		w.t.Fatal(err)
	}
	return store.Document{ID: "assignment:" + id, Kind: "assignment", SchemaVersion: 1, DueAt: ends, Body: body}
}

// sweep runs the timer's use case once, and says what it cost.
func (w *world) sweep() (operations int64, requestUnits float64, took time.Duration) {
	w.t.Helper()
	operationsBefore, unitsBefore := w.cost()
	began := time.Now()
	sweep, err := w.app.ExpireDue(w.t.Context(), governance.System())
	took = time.Since(began)
	if err != nil {
		w.t.Fatal(err)
	}
	if sweep.Found != dueNow || sweep.Sent != dueNow {
		w.t.Fatalf("the sweep found %d and sent %d, of %d", sweep.Found, sweep.Sent, dueNow)
	}
	operationsAfter, unitsAfter := w.cost()
	return operationsAfter - operationsBefore, unitsAfter - unitsBefore, took
}

var worlds = []struct {
	name string
	make func(testing.TB) *world
}{{"memory", onMemory}, {"cosmos", onCosmos}}

// What a sweep asks of the database follows what is due, and not what exists. Request units count what a query looks at, as well as what it returns.
func TestSweepCostsWhatIsDue(t *testing.T) {
	const few, many = dueNow, 50 * dueNow
	for _, of := range worlds {
		t.Run(of.name, func(t *testing.T) {
			t.Parallel()
			small, large := of.make(t), of.make(t)
			small.fill(few)
			large.fill(many)
			operations, units, _ := small.sweep()
			operationsOfMany, unitsOfMany, _ := large.sweep()
			t.Logf("%d due: among %d %d operations, %.0f RU; among %d %d operations, %.0f RU", dueNow, few, operations, units, many, operationsOfMany, unitsOfMany)
			if operations == 0 || float64(operationsOfMany) > sameCost*float64(operations) {
				t.Errorf("%d operations among %d, %d among %d", operations, few, operationsOfMany, many)
			}
			if unitsOfMany > sameCost*units {
				t.Errorf("%.0f request units among %d, %.0f among %d", units, few, unitsOfMany, many)
			}
			counts, err := large.bus.Counts(bus.Provisioning)
			if err != nil || counts.Active != dueNow {
				t.Errorf("%d messages are on the queue (%v), one for each due assignment is wanted", counts.Active, err)
			}
			// A timer that runs again before the queue was worked off does not double it.
			large.sweep()
			if counts, _ := large.bus.Counts(bus.Provisioning); counts.Active != dueNow {
				t.Errorf("after a second sweep %d messages are on the queue", counts.Active)
			}
		})
	}
}

// BenchmarkSweep measures ExpireDue for 1,000 due assignments among 1,000 and among 1,000,000, in turns, and reports the medians and their ratio. It takes some minutes to bring the
// millions into existence:
//
//	go test ./infra/local/endurance -run xxx -bench Sweep -benchtime 100x
func BenchmarkSweep(b *testing.B) {
	for n := range 2 * len(worlds) {
		of, together := worlds[n/2], n%2 == 0
		layout := map[bool]string{true: "together", false: "scattered"}[together]
		sizes := [2]int{dueNow, 1000 * dueNow}
		var both [2]*world // made once, however often the benchmark is run to find its feet
		for n, existing := range sizes {
			both[n] = of.make(b)
			both[n].together = together
			both[n].fill(existing)
		}
		b.Run(of.name+"/"+layout, func(b *testing.B) {
			var times [2][]time.Duration
			for range max(b.N, 5) {
				for n, existing := range sizes {
					both[n].t = b
					operations, units, took := both[n].sweep()
					times[n] = append(times[n], took)
					b.ReportMetric(float64(operations), fmt.Sprintf("operations-of-%d", existing))
					if units > 0 {
						b.ReportMetric(units, fmt.Sprintf("RU-of-%d", existing))
					}
				}
			}
			var medians [2]float64
			for n, existing := range sizes {
				slices.Sort(times[n])
				medians[n] = float64(times[n][len(times[n])/2]) / float64(time.Millisecond)
				b.ReportMetric(medians[n], fmt.Sprintf("ms-of-%d", existing))
			}
			b.ReportMetric(0, "ns/op") // of both, and of counting: says nothing
			b.ReportMetric(medians[1]/medians[0], "ratio")
		})
	}
}
