package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"latchkey/handlers"
	"latchkey/handlers/api"
	"latchkey/infra/local/ledgertest"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

// paged is a store with short pages, which counts how often the heads of catalogs are read.
type paged struct {
	store.Store
	heads, pages *int
}

// Query implements store.Store.
func (p paged) Query(ctx context.Context, container store.Container, query store.Query) (store.Page, error) {
	if query.Partition == "" {
		*p.pages++
		query.PageSize = min(query.PageSize, 3)
	}
	return p.Store.Query(ctx, container, query)
}

// Get implements store.Store.
func (p paged) Get(ctx context.Context, container store.Container, partition string, ids ...string) ([]store.Document, error) {
	if container == store.Catalogs {
		*p.heads++
	}
	return p.Store.Get(ctx, container, partition, ids...)
}

// signedIn is who calls, whatever the token.
type signedIn governance.Caller

// Validate implements api.Validator.
func (s signedIn) Validate(context.Context, string) (governance.Caller, error) {
	return governance.Caller(s), nil
}

// TestAListReadsEachCatalogOnce a request, on however many pages of the store what it shows of a catalog lies. rules: OBJ-15.
func TestAListReadsEachCatalogOnce(t *testing.T) {
	s := ledgertest.New(t)
	heads, pages := 0, 0
	tenant := directorymemory.New(directorymemory.Options{Clock: s.Clock})
	tenant.PutUser(governance.User{ID: ledgertest.ID("ada"), UserType: governance.UserTypeMember, AccountEnabled: true})
	with := s.Options(s.Store)
	use := handlers.Wire(handlers.Ports{Store: paged{s.Store, &heads, &pages}, Bus: s.Broker, Directory: tenant, Clock: s.Clock, NewID: with.NewID, Sleep: with.Sleep})
	admin := governance.Caller{Kind: governance.CallerUser, ObjectID: ledgertest.ID("ada"), DirectoryRoles: []string{governance.RoleGlobalAdministrator}, Scopes: []string{governance.PermissionReadWriteAll}}
	for i := range 10 {
		catalog := ledgertest.ID(fmt.Sprintf("catalog %d", i%2))
		pack := governance.AccessPackage{ID: ledgertest.ID(fmt.Sprintf("package %d", i)), DisplayName: "package", Catalog: &governance.Catalog{ID: catalog}}
		policy := governance.AssignmentPolicy{ID: ledgertest.ID(fmt.Sprintf("policy %d", i)), DisplayName: "policy", AccessPackage: &governance.AccessPackage{ID: pack.ID}, Catalog: pack.Catalog,
			AllowedTargetScope: governance.ScopeAllMemberUsers, RequestorSettings: &governance.RequestorSettings{EnableTargetsToSelfAddAccess: true}}
		s.Put(ledger.CatalogPlace(catalog), governance.Catalog{ID: catalog, DisplayName: "catalog", State: governance.CatalogPublished}, pack, policy)
		s.Put(ledger.SubjectPlace(ledgertest.ID("somebody")), governance.Assignment{ID: ledgertest.ID(fmt.Sprintf("assignment %d", i)), State: governance.AssignmentDelivered, AccessPackage: &pack,
			AssignmentPolicy: &governance.AssignmentPolicy{ID: policy.ID}, Target: &governance.Subject{ID: ledgertest.ID("somebody")}})
	}
	server := api.New(api.Options{Use: use.UseCases, Identity: signedIn(admin), TokenFrom: func(http.Header) (string, error) { return "token", nil }, Logger: s.Logger})
	for path, shows := range map[string]string{
		"accessPackages?$count=true&$expand=catalog,assignmentPolicies":                    "assignmentPolicies",
		"accessPackages?$orderby=displayName&$expand=catalog":                              "catalog",
		"assignmentPolicies?$expand=accessPackage,catalog":                                 "accessPackage",
		"assignments?$expand=accessPackage,assignmentPolicy":                               "accessPackage",
		"accessPackages/filterByCurrentUser(on='allowedRequestor')?$select=id,displayName": "displayName",
	} {
		heads, pages = 0, 0
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/api/v1.0/identityGovernance/entitlementManagement/"+path, nil))
		var list struct{ Value []map[string]any }
		s.Must(json.Unmarshal(answer.Body.Bytes(), &list))
		if len(list.Value) != 10 || list.Value[9][shows] == nil {
			t.Errorf("%s: %d %s", path, answer.Code, answer.Body)
		}
		if heads != 2 || pages < 4 {
			t.Errorf("%s: of 2 catalogs %d heads were read, on %d pages", path, heads, pages)
		}
	}
}
