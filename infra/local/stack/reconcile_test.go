package stack_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"
)

// Somebody who writes to Cosmos DB past Latchkey is found by the timer, without anybody asking: over the wires that Azure has.
//
// rules: AUD-01
func TestTamperingIsFound(t *testing.T) {
	start(t)
	o := newOffer(t, nil)
	touched, untouched := hire(t, ""), hire(t, "")
	for _, person := range []string{touched.ID, untouched.ID} {
		administrator(t).post("/assignmentRequests", assign(o, person))
	}
	drain(t)
	subjects := map[string]string{} // by person
	for _, one := range administrator(t).values("/assignments?$filter=accessPackage/id%20eq%20'" + o.pack + "'&$expand=target") {
		subjects[text(t, one, "target/objectId")] = text(t, one, "target/id")
	}
	container := cosmosContainer(t, "subjects")
	of := azcosmos.NewPartitionKeyString(subjects[touched.ID])
	entry, err := container.ReadItem(t.Context(), of, "audit:000000000002", nil)
	if err != nil {
		t.Fatal(err)
	}
	forged := strings.Replace(string(entry.Value), `"result":"success"`, `"result":"failure"`, 1)
	if forged == string(entry.Value) {
		t.Fatalf("the entry is %s", entry.Value)
	}
	if _, err := container.ReplaceItem(t.Context(), of, "audit:000000000002", []byte(forged), nil); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if _, err := container.ReplaceItem(context.Background(), of, "audit:000000000002", entry.Value, nil); err != nil {
			t.Error(err)
		}
	}()
	before := len(shared.log.alerts("an audit chain is broken"))
	runByHand(t, "reconciliation")
	alerts := shared.log.alerts("an audit chain is broken")[before:]
	if len(alerts) != 1 {
		t.Fatalf("%d chains are told: %q", len(alerts), alerts)
	}
	var line object
	if err := json.Unmarshal([]byte(alerts[0]), &line); err != nil {
		t.Fatal(err)
	}
	same(t, line, "partitionId", subjects[touched.ID])
	same(t, line, "brokenAt", 2)
	same(t, line, "metric", "latchkey.audit.broken")
	same(t, line, "operation", "reconciliation")
}

// runByHand runs a timer function as an operator does, and waits for it.
func runByHand(t *testing.T, name string) {
	t.Helper()
	nobody(t).call(http.MethodPost, start(t).Endpoints.Host+"/admin/functions/"+name, object{})
	drain(t)
}
