package simulation

// Fault is something that goes wrong.
type Fault string

// The faults.
const (
	Crash                Fault = "crash"                // the invocation ends at a port, before or after the call
	LockLost             Fault = "lockLost"             // the session's lock is lost while its message is being handled: somebody else handles it too
	StoreConflict        Fault = "storeConflict"        // a commit fails as if somebody had been faster
	StoreThrottled       Fault = "storeThrottled"       //
	StoreUnavailable     Fault = "storeUnavailable"     // nothing is done
	StoreLostResponse    Fault = "storeLostResponse"    // it is done, the answer is lost
	BusThrottled         Fault = "busThrottled"         //
	BusUnavailable       Fault = "busUnavailable"       // nothing is accepted
	BusTorn              Fault = "busTorn"              // half is accepted
	BusLostResponse      Fault = "busLostResponse"      // all is accepted, the answer is lost
	BusDuplicate         Fault = "busDuplicate"         // delivered twice in spite of duplicate detection
	BusDelay             Fault = "busDelay"             // visible too late
	BusReorder           Fault = "busReorder"           //
	BusDead              Fault = "busDead"              // the message goes to the dead letters, as if handling it had failed too often
	DirectoryThrottled   Fault = "directoryThrottled"   // 429 with Retry-After
	DirectoryUnavailable Fault = "directoryUnavailable" // 5xx, nothing is done
	DirectoryLost        Fault = "directoryLost"        // it is done, the answer is lost
	DirectoryForbidden   Fault = "directoryForbidden"   // 403: an operator has to grant something first
	DirectoryLag         Fault = "directoryLag"         // with the hazard Blocking: 404 for somebody who is there
	OutboundThrottled    Fault = "outboundThrottled"    // 429 with Retry-After
	OutboundUnavailable  Fault = "outboundUnavailable"  // no answer, or 5xx; nothing is done
	OutboundLost         Fault = "outboundLost"         // it is done, the answer is lost
	OutboundAsleep       Fault = "outboundAsleep"       // a page with the status 200; nothing is done
	OutboundSignedOut    Fault = "outboundSignedOut"    // a page with the status 200, and it is done
	Outage               Fault = "outage"               // a dependency does not answer at all, for hours
)

// rates are the shares of calls that each fault strikes at intensity 1.
var rates = map[Fault]float64{
	Crash: 0.012, LockLost: 0.04,
	StoreConflict: 0.02, StoreThrottled: 0.015, StoreUnavailable: 0.015, StoreLostResponse: 0.02,
	BusThrottled: 0.03, BusUnavailable: 0.03, BusTorn: 0.03, BusLostResponse: 0.04, BusDuplicate: 0.06, BusDelay: 0.05, BusReorder: 0.3, BusDead: 0.012,
	DirectoryThrottled: 0.05, DirectoryUnavailable: 0.05, DirectoryLost: 0.06, DirectoryForbidden: 0.08, DirectoryLag: 0.08,
	OutboundThrottled: 0.05, OutboundUnavailable: 0.06, OutboundLost: 0.06, OutboundAsleep: 0.04, OutboundSignedOut: 0.05,
}

// dependency is what an outage is of.
type dependency string

// The dependencies.
const (
	ofStore     dependency = "store"
	ofBus       dependency = "bus"
	ofDirectory dependency = "directory"
	ofOutbound  dependency = "outbound"
)

// unavailable is the fault of each call during an outage.
var unavailable = map[dependency]Fault{ofStore: StoreUnavailable, ofBus: BusUnavailable, ofDirectory: DirectoryUnavailable, ofOutbound: OutboundUnavailable}

// Faults lists all of them.
func Faults() []Fault {
	return []Fault{Crash, LockLost, StoreConflict, StoreThrottled, StoreUnavailable, StoreLostResponse, BusThrottled, BusUnavailable, BusTorn, BusLostResponse, BusDuplicate,
		BusDelay, BusReorder, BusDead, DirectoryThrottled, DirectoryUnavailable, DirectoryLost, DirectoryForbidden, DirectoryLag, OutboundThrottled, OutboundUnavailable, OutboundLost, OutboundAsleep,
		OutboundSignedOut, Outage}
}

// strikes decides whether a fault happens to a task now.
func (w *world) strikes(t *task, fault Fault) bool {
	hit := t.luck.odds(rates[fault] * w.intensity) // drawn in any case, so that leaving a fault out changes no other choice
	if !hit || w.calm || t.timeless || w.options.Without[fault] {
		return false
	}
	t.hit(fault)
	return true
}

// hit notes that a fault befalls a task.
func (t *task) hit(fault Fault) {
	t.struck = true
	t.world.ledger.struck(t.callout)
	t.world.report.Faults[fault]++
}

// strike picks the fault, if any, that happens to a call of this dependency that these may happen to.
func (w *world) strike(t *task, of dependency, faults ...Fault) Fault {
	if !w.calm && !t.timeless && w.clock.Now().Before(w.outages[of]) {
		t.hit(Outage)
		return unavailable[of]
	}
	for _, fault := range faults {
		if w.strikes(t, fault) {
			return fault
		}
	}
	return ""
}

// happens decides about a fault that strikes a message rather than a call.
func (w *world) happens(fault Fault, about string, count uint64) bool {
	if w.calm || w.options.Without[fault] || w.chance.about(named(string(fault)), named(about), count).share() >= rates[fault]*w.intensity {
		return false
	}
	w.report.Faults[fault]++
	return true
}
