package governance_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/infra/local/ledgertest"
	"latchkey/shared/governance"
)

// chain is a sealed chain of n entries.
func chain(n int) []governance.AuditEntry {
	entries := make([]governance.AuditEntry, n)
	previous := ""
	for i := range entries {
		entries[i] = governance.AuditEntry{
			Activity:         governance.ActivityUserRequests,
			ActivityDateTime: governance.At(time.Date(2026, 11, 20, 10, i, 0, 123_456_789, time.UTC)),
			Result:           "success",
			InitiatedBy:      governance.Caller{Kind: governance.CallerUser, ObjectID: userID, AppID: "app", DisplayName: "Mo"}.Initiator(),
			TargetID:         "target", CorrelationID: "request", AuditPersonal: governance.AuditPersonal{
				Justification: "<because> & so", Detail: "detail", Before: json.RawMessage(`{"state":"submitted"}`), After: json.RawMessage(`{"state":"pendingApproval"}`),
			},
		}
		entries[i].Seal("partition", int64(i)+1, previous, "salt")
		previous = entries[i].Hash
	}
	return entries
}

func TestAnUntouchedChainVerifies(t *testing.T) {
	t.Parallel()
	entries := chain(5)
	if at := governance.VerifyChain(ledgertest.Links(entries)); at != 0 {
		t.Errorf("an untouched chain breaks at %d", at)
	}
	if governance.VerifyChain(nil) != 0 {
		t.Error("an empty chain is broken")
	}
	if entries[2].ID != "partition-3" || entries[2].PreviousHash != entries[1].Hash || entries[0].PreviousHash != "" || len(entries[0].Hash) != 64 {
		t.Errorf("sealed as %+v", entries[2])
	}
	stored := decode[[]governance.AuditEntry](t, encode(t, entries))
	if at := governance.VerifyChain(ledgertest.Links(stored)); at != 0 {
		t.Errorf("a chain that was stored and read again breaks at %d", at)
	}
	if strings.Contains(encode(t, entries), `"Mo"`) {
		t.Error("an audit entry holds a name, which outlives the person's wish to be forgotten")
	}
}

// A store may order and escape JSON in its own way: that is no tampering.
func TestAChainSurvivesAnotherSpelling(t *testing.T) {
	t.Parallel()
	entry := governance.AuditEntry{Activity: governance.ActivityUpdatePolicy, AuditPersonal: governance.AuditPersonal{Before: json.RawMessage(`{"a":"é<","b":12345678901234567}`)}}
	entry.Seal("partition", 1, "", "salt")
	entry.Before = json.RawMessage(`{ "b": 12345678901234567, "a": "\u00e9\u003C" }`)
	if governance.VerifyChain([]governance.AuditLink{entry.Link()}) != 0 {
		t.Error("the same in another spelling breaks the chain")
	}
	entry.Before = json.RawMessage(`{"b":12345678901234568,"a":"é<"}`)
	if governance.VerifyChain([]governance.AuditLink{entry.Link()}) != 1 {
		t.Error("another number does not show")
	}
}

// Whatever is done to a chain shows at the first entry that it was done to.
func TestEveryChangeOfAChainShows(t *testing.T) {
	t.Parallel()
	edit := func(change func(*governance.AuditEntry)) func([]governance.AuditEntry) []governance.AuditEntry {
		return func(entries []governance.AuditEntry) []governance.AuditEntry {
			change(&entries[2])
			return entries
		}
	}
	for name, test := range map[string]struct {
		tamper func([]governance.AuditEntry) []governance.AuditEntry
		at     int64
	}{
		"id":                      {edit(func(e *governance.AuditEntry) { e.ID = "other" }), 3},
		"sequence":                {edit(func(e *governance.AuditEntry) { e.Sequence = 7 }), 3},
		"activity":                {edit(func(e *governance.AuditEntry) { e.Activity = governance.ActivityDeny }), 3},
		"time":                    {edit(func(e *governance.AuditEntry) { e.ActivityDateTime = governance.At(time.Unix(0, 0)) }), 3},
		"result":                  {edit(func(e *governance.AuditEntry) { e.Result = "failure" }), 3},
		"who":                     {edit(func(e *governance.AuditEntry) { e.InitiatedBy.ObjectID = groupID }), 3},
		"with what":               {edit(func(e *governance.AuditEntry) { e.InitiatedBy.AppID = "" }), 3},
		"kind":                    {edit(func(e *governance.AuditEntry) { e.InitiatedBy.Kind = governance.CallerSystem }), 3},
		"partition":               {edit(func(e *governance.AuditEntry) { e.PartitionID = "other" }), 3},
		"target":                  {edit(func(e *governance.AuditEntry) { e.TargetID = "other" }), 3},
		"correlation":             {edit(func(e *governance.AuditEntry) { e.CorrelationID = "other" }), 3},
		"justification":           {edit(func(e *governance.AuditEntry) { e.Justification = "" }), 3},
		"detail":                  {edit(func(e *governance.AuditEntry) { e.Detail = "other" }), 3},
		"before":                  {edit(func(e *governance.AuditEntry) { e.Before = nil }), 3},
		"after":                   {edit(func(e *governance.AuditEntry) { e.After = json.RawMessage(`{"state":"denied"}`) }), 3},
		"hash":                    {edit(func(e *governance.AuditEntry) { e.Hash = strings.Repeat("0", 64) }), 3},
		"previous hash":           {edit(func(e *governance.AuditEntry) { e.PreviousHash = "" }), 3},
		"sealed again":            {edit(func(e *governance.AuditEntry) { e.Detail = "other"; e.Seal("partition", 3, e.PreviousHash, "salt") }), 4},
		"salt":                    {edit(func(e *governance.AuditEntry) { e.Salt = "" }), 3},
		"personal hash":           {edit(func(e *governance.AuditEntry) { e.PersonalHash = strings.Repeat("0", 64) }), 3},
		"erased but for the salt": {edit(func(e *governance.AuditEntry) { e.AuditPersonal = governance.AuditPersonal{Salt: e.Salt} }), 3},
		"erased":                  {edit(func(e *governance.AuditEntry) { e.AuditPersonal = governance.AuditPersonal{} }), 0}, // a person's right, and no tampering
		"first deleted":           {func(e []governance.AuditEntry) []governance.AuditEntry { return e[1:] }, 1},
		"deleted":                 {func(e []governance.AuditEntry) []governance.AuditEntry { return slices.Delete(e, 2, 3) }, 3},
		"doubled":                 {func(e []governance.AuditEntry) []governance.AuditEntry { return slices.Insert(e, 2, e[1]) }, 3},
		"inserted": {func(e []governance.AuditEntry) []governance.AuditEntry {
			forged := governance.AuditEntry{Activity: governance.ActivityApprove}
			forged.Seal("partition", 3, e[1].Hash, "salt")
			return slices.Insert(e, 2, forged)
		}, 4},
		"swapped": {func(e []governance.AuditEntry) []governance.AuditEntry { e[2], e[3] = e[3], e[2]; return e }, 3},
		"deleted and renumbered": {func(e []governance.AuditEntry) []governance.AuditEntry {
			e = slices.Delete(e, 2, 3)
			e[2].Sequence = 3
			return e
		}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if at := governance.VerifyChain(ledgertest.Links(test.tamper(chain(5)))); at != test.at {
				t.Errorf("it shows at %d, want %d", at, test.at)
			}
		})
	}
}

// A chain that was cut off at its end verifies by itself: only the head, which holds the last hash, knows. Here is what it compares.
func TestTheLastHashTellsTheLength(t *testing.T) {
	t.Parallel()
	entries := chain(5)
	if entries[4].Hash == entries[3].Hash {
		t.Error("entries at different places have the same hash")
	}
	if again := chain(5); again[4].Hash != entries[4].Hash {
		t.Error("the same entries have another last hash")
	}
}
