package stack_test

import (
	"net/http"
	"testing"
)

// rules: AUD-01
func TestOperations(t *testing.T) {
	ida := administrator(t)
	health := nobody(t).call("GET", "/operations/health", nil).want(http.StatusOK).object()
	same(t, health, "status", "ok")
	if dependencies := at[list](t, health, "dependencies"); len(dependencies) < 2 {
		t.Errorf("health tells of %v", dependencies)
	}

	for _, everybody := range []object{
		health, nobody(t).call("GET", "/operations/health", nil, "Authorization", "Bearer nonsense").want(http.StatusOK).object(), person(t, "marta").get("/operations/health"),
	} {
		for _, one := range at[list](t, everybody, "dependencies") {
			if _, told := one.(object)["deadLetters"]; told {
				t.Errorf("everybody is told of dead letters: %v", one)
			}
		}
	}

	o := newOffer(t, nil)
	someone := hire(t, "")
	ida.post("/assignmentRequests", assign(o, someone.ID))
	drain(t)
	entries := ida.values("/operations/audit/subjects?$filter=initiatedBy/objectId%20eq%20'" + start(t).Tenant.Users[0].ID + "'&$orderby=activityDateTime%20desc")
	if len(entries) == 0 {
		t.Fatal("nothing of what the administrator did is in the audit trail")
	}
	subject := text(t, entries[0], "partitionId")
	of := ida.values("/operations/audit/subjects?$filter=partitionId%20eq%20'" + subject + "'&$orderby=id")
	report := ida.get("/operations/audit/subjects/" + subject + "/verify")
	same(t, report, "verified", true)
	same(t, report, "entries", len(of))
	report = ida.get("/operations/audit/catalogs/" + o.catalog + "/verify")
	same(t, report, "verified", true)
	catalogs := ida.values("/operations/audit/catalogs?$filter=partitionId%20eq%20'" + o.catalog + "'")
	same(t, report, "entries", len(catalogs))
	if len(catalogs) != 6 { // catalog, package, resource, role, policy; and that the role has reached whoever has the package
		t.Errorf("%d entries about the catalog: %v", len(catalogs), catalogs)
	}
	ida.call("GET", "/operations/audit/subjects/33333333-3333-4333-8333-333333333333/verify", nil).refused(http.StatusNotFound)
	ida.call("GET", "/operations/audit/nothing", nil).refused(http.StatusNotFound)
	ida.call("POST", "/operations/health", object{}).refused(http.StatusMethodNotAllowed, "GET")
}
