package app_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"latchkey/infra/local/ledgertest"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
	storememory "latchkey/shared/store/memory"
)

// TestACatalogBegins: what is left out has the defaults of the service. rules: CAT-02 CAT-03 CAT-04 AUD-01.
func TestACatalogBegins(t *testing.T) {
	s := newStand(t)
	made, err := s.app.CreateCatalog(t.Context(), robot(), governance.Catalog{DisplayName: "Marketing", Description: "words", CatalogType: governance.CatalogServiceDefault})
	s.must(err)
	catalog := made.Value
	if catalog.State != governance.CatalogPublished || catalog.IsExternallyVisible == nil || !*catalog.IsExternallyVisible || catalog.CatalogType != governance.CatalogUserManaged ||
		!catalog.CreatedDateTime.Equal(ledgertest.Noon) || made.ETag == "" {
		t.Errorf("it begins as %+v with the ETag %q", catalog, made.ETag)
	}
	found, err := s.app.Catalog(t.Context(), admin(), strings.ToUpper(catalog.ID))
	s.must(err)
	if found.Value.DisplayName != "Marketing" || found.ETag != made.ETag {
		t.Errorf("it is read as %+v", found)
	}
	audit, err := s.app.ListAudit(t.Context(), admin(), "catalogs", ledger.ListOptions{})
	s.must(err)
	if len(audit.Items) != 1 || audit.Items[0].Value.Activity != governance.ActivityCreateCatalog || audit.Items[0].Value.InitiatedBy.ObjectID != robot().ObjectID {
		t.Errorf("the audit trail tells %+v", audit.Items)
	}
}

// TestCatalogsHaveNames: a name is there, is not too long, and is one catalog's alone, in any letter case. rules: CAT-01.
func TestCatalogsHaveNames(t *testing.T) {
	s := newStand(t)
	first := s.catalog("Marketing")
	second := s.catalog("Sales")
	for _, name := range []string{"", "  ", strings.Repeat("x", governance.MaxDisplayName+1)} {
		_, err := s.app.CreateCatalog(t.Context(), admin(), governance.Catalog{DisplayName: name, Description: "d"})
		s.refused(err, governance.CodeInvalid, "displayName")
	}
	_, err := s.app.CreateCatalog(t.Context(), admin(), governance.Catalog{DisplayName: "MARKETING", Description: "d"})
	s.refused(err, governance.CodeConflict, "displayName")
	rename := func(id, name string) error {
		_, err := s.app.UpdateCatalog(t.Context(), admin(), id, "", func(c *governance.Catalog) error {
			c.DisplayName = name
			return nil
		})
		return err
	}
	s.refused(rename(second, "marketing"), governance.CodeConflict, "displayName")
	s.must(rename(first, "marketing")) // its own name, written otherwise
	s.refused(rename(id("none"), "x"), governance.CodeNotFound)
	s.refused(rename("no guid", "x"), governance.CodeNotFound)
}

// TestACatalogIsChanged: who names a version changes that one or nothing; what the service keeps stays. rules: OBJ-07.
func TestACatalogIsChanged(t *testing.T) {
	s := newStand(t)
	made, err := s.app.CreateCatalog(t.Context(), admin(), governance.Catalog{DisplayName: "Marketing", Description: "d"})
	s.must(err)
	edit := func(ifMatch string) (ledger.Versioned[governance.Catalog], error) {
		return s.app.UpdateCatalog(t.Context(), admin(), made.Value.ID, ifMatch, func(c *governance.Catalog) error {
			c.State, c.ID, c.CatalogType, c.CreatedDateTime = governance.CatalogUnpublished, id("other"), governance.CatalogServiceManaged, nil
			return nil
		})
	}
	changed, err := edit(made.ETag)
	s.must(err)
	if changed.Value.State != governance.CatalogUnpublished || changed.Value.ID != made.Value.ID || changed.Value.CatalogType != governance.CatalogUserManaged || changed.Value.CreatedDateTime == nil {
		t.Errorf("changed to %+v", changed.Value)
	}
	_, err = edit(made.ETag)
	s.refused(err, governance.CodePrecondition, "If-Match")
	s.refused(s.app.DeleteCatalog(t.Context(), admin(), made.Value.ID, made.ETag), governance.CodePrecondition, "If-Match")
	_, err = edit(ledger.AnyETag)
	s.must(err)
	_, err = s.app.UpdateCatalog(t.Context(), admin(), made.Value.ID, "", func(*governance.Catalog) error { return governance.Invalid("x", "no") })
	s.refused(err, governance.CodeInvalid, "no")
}

// TestWhatWasStoredWithoutADescription is read and changed in all else; a description that it is given stays. rules: CAT-01 OBJ-07.
func TestWhatWasStoredWithoutADescription(t *testing.T) {
	s := newStand(t)
	catalogID := s.catalog("Marketing")
	packageID := s.pack(catalogID, "package")
	catalog, err := s.app.Catalog(t.Context(), admin(), catalogID)
	s.must(err)
	pack, err := s.app.Package(t.Context(), admin(), packageID)
	s.must(err)
	catalog.Value.Description, pack.Value.Description = "", ""
	pack.Value.Catalog = &governance.Catalog{ID: catalogID}
	s.Put(ledger.CatalogPlace(catalogID), catalog.Value, pack.Value)
	both := func(description func(*string)) (of [2]string, failed [2]error) {
		changed, err := s.app.UpdateCatalog(t.Context(), admin(), catalogID, "", func(c *governance.Catalog) error {
			c.State = governance.CatalogUnpublished
			description(&c.Description)
			return nil
		})
		altered, other := s.app.UpdatePackage(t.Context(), admin(), packageID, "", func(p *governance.AccessPackage) error {
			p.IsHidden = true
			description(&p.Description)
			return nil
		})
		return [2]string{changed.Value.Description, altered.Value.Description}, [2]error{err, other}
	}
	to := func(text string) func(*string) { return func(description *string) { *description = text } }
	for _, step := range []struct {
		description func(*string)
		want        string
		refused     bool
	}{
		{func(*string) {}, "", false}, {to("\u200b"), "", true}, {to("d"), "d", false}, {func(*string) {}, "d", false}, {to(""), "", true},
	} {
		texts, errs := both(step.description)
		for i, err := range errs {
			if step.refused {
				s.refused(err, governance.CodeInvalid, "description is missing")
				continue
			}
			s.must(err)
			if texts[i] != step.want {
				t.Errorf("the description is %q, want %q", texts[i], step.want)
			}
		}
	}
}

// TestACatalogIsDeletedWhenItIsEmpty, with its resources; its audit chain stays. rules: OBJ-18.
func TestACatalogIsDeletedWhenItIsEmpty(t *testing.T) {
	s := newStand(t)
	catalogID := s.catalog("Marketing")
	packageID := s.pack(catalogID, "package", member(g1))
	s.refused(s.app.DeleteCatalog(t.Context(), admin(), catalogID, ""), governance.CodeConflict, "1 access package")
	s.must(s.app.DeletePackage(t.Context(), admin(), packageID, ""))
	s.must(s.app.DeleteCatalog(t.Context(), admin(), catalogID, ""))
	_, err := s.app.Catalog(t.Context(), admin(), catalogID)
	s.refused(err, governance.CodeNotFound)
	_, err = wired(s.options).Catalog(t.Context(), admin(), catalogID) // another instance, with nothing in its cache
	s.refused(err, governance.CodeNotFound)
	if resources := s.Documents("catalogs", "resource"); len(resources) != 0 {
		t.Errorf("%d resources are left", len(resources))
	}
	report, err := s.app.VerifyAudit(t.Context(), admin(), ledger.CatalogPlace(catalogID))
	s.must(err)
	if !report.Verified || report.Entries < 5 {
		t.Errorf("the chain: %+v", report)
	}
	s.catalog("Marketing") // the name is free again
}

// TestTwoInstances: what one instance changes, the other sees at once, whatever it has in its cache.
func TestTwoInstances(t *testing.T) {
	s := newStand(t)
	other := wired(s.options)
	packageID, policyID := s.openPackage("package", member(g1))
	_, err := other.SubmitRequest(t.Context(), user(alice), request(packageID))
	s.must(err)
	_, err = s.app.UpdatePolicy(t.Context(), admin(), policyID, "", func(p *governance.AssignmentPolicy) error {
		p.RequestorSettings = nil
		return nil
	})
	s.must(err)
	_, err = other.SubmitRequest(t.Context(), user(bob), request(packageID))
	s.refused(err, governance.CodeInvalid, "There is no access package")
}

// TestResources: a group comes into a catalog with its two roles and its one scope, and may leave when no package uses it. rules: OBJ-09 OBJ-19 RES-01 RES-02 RES-06 RES-07.
func TestResources(t *testing.T) {
	s := newStand(t)
	catalogID := s.catalog("Marketing")
	content, err := s.app.Catalog(t.Context(), admin(), catalogID)
	s.must(err)
	if len(content.Resources) != 2 {
		t.Fatalf("%d resources", len(content.Resources))
	}
	resource := content.Resources[0]
	var origins []string
	for _, role := range resource.Roles {
		origins = append(origins, role.OriginID)
	}
	if !slices.Equal(origins, []string{member(resource.OriginID), owner(resource.OriginID)}) || len(resource.Scopes) != 1 || !resource.Scopes[0].IsRootScope {
		t.Errorf("the resource has the roles %v and the scopes %+v", origins, resource.Scopes)
	}
	s.refused(s.addResource(catalogID, g1), governance.CodeInvalid)
	s.refused(s.addResource(catalogID, id("no such group")), governance.CodeInvalid, "originId")
	s.refused(s.addResource(catalogID, "no guid"), governance.CodeInvalid, "originId")
	s.refused(s.addResource(catalogID, dynamic), governance.CodeInvalid, "dynamic")
	s.refused(s.addResource(catalogID, synced), governance.CodeInvalid, "on-premises")
	s.refused(s.addResource(id("no such catalog"), g1), governance.CodeInvalid, "catalog")
	_, err = s.app.RequestResource(t.Context(), admin(), governance.ResourceRequest{RequestType: governance.ResourceAdminAdd, Catalog: &governance.Catalog{ID: catalogID}, Resource: &governance.Resource{OriginID: g1, OriginSystem: "AzureRole"}})
	s.refused(err, governance.CodeInvalid, "originSystem")
	for _, kind := range []governance.ResourceRequestType{"", governance.ResourceAdminUpdate} {
		_, err = s.app.RequestResource(t.Context(), admin(), governance.ResourceRequest{RequestType: kind, Catalog: &governance.Catalog{ID: catalogID}, Resource: &governance.Resource{OriginID: g1}})
		s.refused(err, governance.CodeInvalid, "requestType")
	}

	packageID := s.pack(catalogID, "package", member(g1))
	remove := func(group string) (governance.ResourceRequest, error) {
		return s.app.RequestResource(t.Context(), admin(), governance.ResourceRequest{RequestType: governance.ResourceAdminRemove, Catalog: &governance.Catalog{ID: catalogID}, Resource: &governance.Resource{OriginID: group}})
	}
	_, err = remove(g1)
	s.refused(err, governance.CodeInvalid, "package")
	if _, err := remove(g2); err != nil { // no package uses that one
		t.Error(err)
	}
	pack, err := s.app.Package(t.Context(), admin(), packageID)
	s.must(err)
	s.must(s.app.RemoveRoleScope(t.Context(), admin(), packageID, pack.Value.ResourceRoleScopes[0].ID))
	removed, err := remove(g1)
	s.must(err)
	if removed.State != governance.StateDelivered || removed.Resource.OriginID != g1 {
		t.Errorf("removed as %+v", removed)
	}
	_, err = remove(g1)
	s.refused(err, governance.CodeInvalid, "resource")
	found, err := s.app.ResourceRequest(t.Context(), admin(), removed.ID)
	s.must(err)
	if found.Value.RequestType != governance.ResourceAdminRemove {
		t.Errorf("the request is read as %+v", found.Value)
	}
}

// repeatedly does a command twice under one key, the first time in a process that dies with its answer.
func repeatedly(s *stand, key string, do func(context.Context) error) {
	s.Helper()
	for _, lost := range []error{&governance.Error{Code: governance.CodeUnavailable}, nil} {
		_, err := s.app.ledger.Once(s.Context(), admin(), key, nil, func(ctx context.Context) (ledger.Answer, error) {
			s.must(do(ctx))
			return ledger.Answer{}, lost
		})
		s.app = wired(s.options)
		if lost == nil {
			s.must(err)
		}
	}
}

// TestResourceRequestsAreRepeatable: the same request under the same key is done once and answered again.
func TestResourceRequestsAreRepeatable(t *testing.T) {
	s := newStand(t)
	made, err := s.app.CreateCatalog(t.Context(), admin(), governance.Catalog{DisplayName: "Marketing", Description: "d"})
	s.must(err)
	for _, kind := range []governance.ResourceRequestType{governance.ResourceAdminAdd, governance.ResourceAdminRemove} {
		draft := governance.ResourceRequest{RequestType: kind, Catalog: &governance.Catalog{ID: made.Value.ID}, Resource: &governance.Resource{OriginID: g1, OriginSystem: governance.OriginGroup}}
		var answers []governance.ResourceRequest
		repeatedly(s, string(kind), func(ctx context.Context) error {
			answer, err := s.app.RequestResource(ctx, admin(), draft)
			answers = append(answers, answer)
			return err
		})
		if answers[0].ID != answers[1].ID || answers[0].Resource.ID != answers[1].Resource.ID {
			t.Errorf("%s: %+v", kind, answers)
		}
	}
}

// TestARepeatedChangeIsAnsweredAlike, whatever has become of what it was about: by itself, or by others since. rules: OBJ-07 OBJ-17 OBJ-18.
func TestARepeatedChangeIsAnsweredAlike(t *testing.T) {
	s := newStand(t)
	packageID, policyID := s.openPackage("package", member(g1))
	catalogID := s.Documents("catalogs", "catalog")[0].Partition
	scope := func() string {
		found, err := s.app.Package(t.Context(), admin(), packageID)
		s.must(err)
		return found.Value.ResourceRoleScopes[0].ID
	}()
	sent := request(packageID)
	s.repeated("SubmitRequest", func(ctx context.Context) (string, error) {
		made, err := s.app.SubmitRequest(ctx, user(alice), sent)
		return made.ID, err
	}, nil)
	s.drain()
	for _, one := range s.Documents(store.Subjects, "assignment") {
		s.submit(admin(), removal(governance.RequestAdminRemove, strings.TrimPrefix(one.ID, "assignment:")))
		s.drain()
	}
	gone := func(do func(context.Context) error) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) { return "", do(ctx) }
	}
	created := ""
	for _, c := range []struct {
		name      string
		do        func(context.Context) (string, error)
		meanwhile func() error
	}{
		{"RemoveRoleScope", gone(func(ctx context.Context) error { return s.app.RemoveRoleScope(ctx, admin(), packageID, scope) }), nil},
		{"CreatePolicy", func(ctx context.Context) (string, error) {
			policy := openPolicy(packageID)
			policy.DisplayName = "another"
			made, err := s.app.CreatePolicy(ctx, admin(), policy)
			return made.Value.ID + made.Value.DisplayName, err
		}, nil},
		{"UpdatePolicy", gone(func(ctx context.Context) error {
			_, err := s.app.UpdatePolicy(ctx, admin(), policyID, "", func(p *governance.AssignmentPolicy) error {
				p.Description += "x"
				return nil
			})
			return err
		}), func() error { return s.app.DeletePolicy(t.Context(), admin(), policyID, "") }},
		{"CreatePolicy again", func(ctx context.Context) (string, error) {
			made, err := s.app.CreatePolicy(ctx, admin(), openPolicy(packageID))
			policyID = made.Value.ID
			return made.Value.ID, err
		}, nil},
		{"DeletePolicy", gone(func(ctx context.Context) error { return s.app.DeletePolicy(ctx, admin(), policyID, "") }), nil},
		{"CreatePolicy for what is gone", func(ctx context.Context) (string, error) {
			made, err := s.app.CreatePolicy(ctx, admin(), openPolicy(packageID))
			return made.Value.ID + made.Value.DisplayName, err
		}, func() error { return s.app.DeletePackage(t.Context(), admin(), packageID, "") }},
		{"CreatePackage", func(ctx context.Context) (string, error) {
			made, err := s.app.CreatePackage(ctx, admin(), governance.AccessPackage{DisplayName: "x", Description: "d", Catalog: &governance.Catalog{ID: catalogID}})
			packageID = made.Value.ID
			return made.Value.ID, err
		}, nil},
		{"DeletePackage", gone(func(ctx context.Context) error { return s.app.DeletePackage(ctx, admin(), packageID, "") }), nil},
		{"RequestResource", func(ctx context.Context) (string, error) {
			made, err := s.app.RequestResource(ctx, admin(), governance.ResourceRequest{
				RequestType: governance.ResourceAdminAdd, Catalog: &governance.Catalog{ID: catalogID}, Resource: &governance.Resource{OriginID: helpdesk, OriginSystem: governance.OriginGroup},
			})
			return made.ID + made.Resource.ID, err
		}, func() error { return s.directory.Delete(directorymemory.KindGroup, helpdesk) }},
		{"DeleteCatalog", gone(func(ctx context.Context) error { return s.app.DeleteCatalog(ctx, admin(), catalogID, "") }), nil},
		{"CreateCatalog, whose name another has by now", func(ctx context.Context) (string, error) {
			made, err := s.app.CreateCatalog(ctx, admin(), governance.Catalog{DisplayName: "Name", Description: "d"})
			created = made.Value.ID
			return made.Value.ID, err
		}, func() error {
			_, err := s.app.UpdateCatalog(t.Context(), admin(), created, "", func(c *governance.Catalog) error {
				c.DisplayName = "renamed"
				return nil
			})
			s.must(err)
			_, err = s.app.CreateCatalog(t.Context(), admin(), governance.Catalog{DisplayName: "Name", Description: "d"})
			return err
		}},
	} {
		s.repeated(c.name, c.do, c.meanwhile)
	}
}

// repeated is repeatedly for what must answer alike, though something happens meanwhile.
func (s *stand) repeated(name string, do func(context.Context) (string, error), meanwhile func() error) {
	s.Helper()
	var answers []string
	repeatedly(s, name, func(ctx context.Context) error {
		if len(answers) == 1 && meanwhile != nil {
			s.must(meanwhile())
		}
		answer, err := do(ctx)
		answers = append(answers, answer)
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
		return err
	})
	if answers[0] != answers[1] {
		s.Errorf("%s answers %q", name, answers)
	}
}

// TestPackages: a package has a name that is its own within its catalog, and is made once under a key. rules: OBJ-07.
func TestPackages(t *testing.T) {
	s := newStand(t)
	catalogID, otherID := s.catalog("one"), s.catalog("two")
	packageID := s.pack(catalogID, "Package")
	s.pack(otherID, "Package")
	_, err := s.app.CreatePackage(t.Context(), admin(), governance.AccessPackage{DisplayName: "PACKAGE", Description: "d", Catalog: &governance.Catalog{ID: catalogID}})
	s.refused(err, governance.CodeConflict, "displayName")
	_, err = s.app.CreatePackage(t.Context(), admin(), governance.AccessPackage{DisplayName: "", Description: "d", Catalog: &governance.Catalog{ID: catalogID}})
	s.refused(err, governance.CodeInvalid, "displayName")
	_, err = s.app.CreatePackage(t.Context(), admin(), governance.AccessPackage{DisplayName: "x", Description: "d"})
	s.refused(err, governance.CodeInvalid, "catalog/id")
	_, err = s.app.CreatePackage(t.Context(), admin(), governance.AccessPackage{DisplayName: "x", Description: "d", Catalog: &governance.Catalog{ID: id("none")}})
	s.refused(err, governance.CodeInvalid, "catalog/id")
	var twice []string
	repeatedly(s, "package", func(ctx context.Context) error {
		made, err := s.app.CreatePackage(ctx, admin(), governance.AccessPackage{DisplayName: "Once", Description: "d", Catalog: &governance.Catalog{ID: catalogID}})
		twice = append(twice, made.Value.ID)
		return err
	})
	if twice[0] != twice[1] || twice[0] == "" {
		t.Errorf("made as %s", twice)
	}
	again, err := s.app.Package(t.Context(), admin(), packageID)
	s.must(err)
	changed, err := s.app.UpdatePackage(t.Context(), admin(), packageID, again.ETag, func(p *governance.AccessPackage) error {
		p.Description, p.IsHidden, p.ResourceRoleScopes = "words", true, []governance.ResourceRoleScope{{ID: "smuggled"}}
		return nil
	})
	s.must(err)
	if changed.Value.Description != "words" || !changed.Value.IsHidden || len(changed.Value.ResourceRoleScopes) != 0 {
		t.Errorf("changed to %+v", changed.Value)
	}
	_, err = s.app.UpdatePackage(t.Context(), admin(), packageID, again.ETag, func(*governance.AccessPackage) error { return nil })
	s.refused(err, governance.CodePrecondition)
	s.refused(s.app.DeletePackage(t.Context(), admin(), packageID, again.ETag), governance.CodePrecondition)
	_, err = s.app.UpdatePackage(t.Context(), admin(), id("none"), "", func(*governance.AccessPackage) error { return nil })
	s.refused(err, governance.CodeNotFound)
}

// TestRoleScopes: a package gets roles of resources of its own catalog only, each once. rules: CAT-06 OBJ-10 RES-02.
func TestRoleScopes(t *testing.T) {
	s := newStand(t)
	packageID := s.pack(s.catalog("one"), "package")
	add := func(role governance.ResourceRole) (governance.ResourceRoleScope, error) {
		return s.app.AddRoleScope(t.Context(), admin(), packageID, governance.ResourceRoleScope{Role: &role})
	}
	first, err := add(governance.ResourceRole{OriginID: member(g1)})
	s.must(err)
	role, scope, ok := strings.Cut(first.ID, "_")
	if !ok || role != first.Role.ID || scope != first.Scope.ID || first.Role.Resource == nil || first.Role.Resource.OriginID != g1 {
		t.Errorf("the role scope is %+v", first)
	}
	trail := len(s.Documents(store.Catalogs, "audit"))
	again, err := add(governance.ResourceRole{ID: first.Role.ID})
	s.must(err)
	if again.ID != first.ID || len(s.Documents(store.Catalogs, "audit")) != trail {
		t.Errorf("added again as %s", again.ID)
	}
	_, err = s.app.AddRoleScope(t.Context(), admin(), packageID, governance.ResourceRoleScope{})
	s.refused(err, governance.CodeInvalid, "role/originId")
	for _, wrong := range []governance.ResourceRole{{}, {OriginID: member(helpdesk)}, {OriginID: "Boss_" + g1}, {ID: id("none")}} {
		_, err := add(wrong)
		s.refused(err, governance.CodeInvalid, "role/originId")
	}
	pack, err := s.app.Package(t.Context(), admin(), packageID)
	s.must(err)
	if len(pack.Value.ResourceRoleScopes) != 1 || pack.Value.Catalog.DisplayName != "one" {
		t.Errorf("the package is %+v", pack.Value)
	}
	s.must(s.app.RemoveRoleScope(t.Context(), admin(), packageID, first.ID))
	s.refused(s.app.RemoveRoleScope(t.Context(), admin(), packageID, first.ID), governance.CodeNotFound)
}

// TestAPackageIsDeletedWhenNobodyHasIt, nor waits for it; its policies go with it. rules: OBJ-17.
func TestAPackageIsDeletedWhenNobodyHasIt(t *testing.T) {
	s := newStand(t)
	packageID, policyID := s.approvedPackage(manager())
	wait := s.submit(user(alice), request(packageID))
	s.refused(s.app.DeletePackage(t.Context(), admin(), packageID, ""), governance.CodeConflict, "open")
	s.refused(s.app.DeletePolicy(t.Context(), admin(), policyID, ""), governance.CodeConflict, "open")
	s.must(s.decide(wait.ID, mia, governance.ResultApprove, ""))
	s.drain()
	s.refused(s.app.DeletePackage(t.Context(), admin(), packageID, ""), governance.CodeConflict, "assignments")
	s.refused(s.app.DeletePolicy(t.Context(), admin(), policyID, ""), governance.CodeConflict, "assignments")
	s.submit(user(alice), removal(governance.RequestUserRemove, wait.Assignment.ID))
	s.drain()
	s.must(s.app.DeletePackage(t.Context(), admin(), packageID, ""))
	_, err := s.app.Package(t.Context(), admin(), packageID)
	s.refused(err, governance.CodeNotFound)
	_, err = s.app.Policy(t.Context(), admin(), policyID)
	s.refused(err, governance.CodeNotFound)
	_, err = s.app.SubmitRequest(t.Context(), user(alice), request(packageID))
	s.refused(err, governance.CodeInvalid, "accessPackageId")
}

// TestPolicies: a policy is replaced as a whole, names people that exist, and keeps what the service gave it. rules: POL-01 OBJ-05 POL-02 POL-06.
func TestPolicies(t *testing.T) {
	s := newStand(t)
	packageID, policyID := s.openPackage("package", member(g1))
	for name, c := range map[string]struct {
		edit   func(*governance.AssignmentPolicy)
		target string
	}{
		"no package":           {func(p *governance.AssignmentPolicy) { p.AccessPackage = nil }, "accessPackage/id"},
		"an unknown package":   {func(p *governance.AssignmentPolicy) { p.AccessPackage.ID = id("none") }, "accessPackage/id"},
		"no name":              {func(p *governance.AssignmentPolicy) { p.DisplayName = "" }, "displayName"},
		"nobody in particular": {func(p *governance.AssignmentPolicy) { p.AllowedTargetScope = governance.ScopeSpecificDirectoryUsers }, "specificAllowedTargets"},
		"an unknown person": {func(p *governance.AssignmentPolicy) {
			p.AllowedTargetScope, p.SpecificAllowed = governance.ScopeSpecificDirectoryUsers, people(alice, id("nobody"))
		}, "specificAllowedTargets"},
		"an unknown approver": {func(p *governance.AssignmentPolicy) {
			p.RequestApprovalSettings = approvedPolicy(packageID, people(id("nobody"))).RequestApprovalSettings
		}, "stages/0/primaryApprovers"},
		"an unknown group": {func(p *governance.AssignmentPolicy) {
			p.RequestApprovalSettings = approvedPolicy(packageID, manager(), members(id("nothing"))).RequestApprovalSettings
		}, "stages/1/primaryApprovers"},
		"too many stages": {func(p *governance.AssignmentPolicy) {
			p.RequestApprovalSettings = approvedPolicy(packageID, manager(), manager(), manager(), manager()).RequestApprovalSettings
		}, "stages"},
		"approval by nobody": {func(p *governance.AssignmentPolicy) {
			p.RequestApprovalSettings = &governance.ApprovalSettings{IsApprovalRequiredForAdd: true}
		}, "stages"},
	} {
		t.Run(name, func(t *testing.T) {
			draft := openPolicy(packageID)
			c.edit(&draft)
			_, err := s.app.CreatePolicy(t.Context(), admin(), draft)
			s.refused(err, governance.CodeInvalid, c.target)
		})
	}
	before, err := s.app.Policy(t.Context(), admin(), policyID)
	s.must(err)
	if before.Value.AccessPackage.DisplayName != "package" || before.Value.Catalog.DisplayName == "" {
		t.Errorf("it is read with %+v and %+v", before.Value.AccessPackage, before.Value.Catalog)
	}
	replace := func(ifMatch string) (ledger.Versioned[governance.AssignmentPolicy], error) {
		return s.app.UpdatePolicy(t.Context(), admin(), policyID, ifMatch, func(p *governance.AssignmentPolicy) error {
			*p = governance.AssignmentPolicy{ID: id("other"), DisplayName: "direct"}
			return nil
		})
	}
	changed, err := replace(before.ETag)
	s.must(err)
	if p := changed.Value; p.ID != policyID || p.AccessPackage.ID != packageID || p.AllowedTargetScope != governance.ScopeNotSpecified || p.Requestor().EnableTargetsToSelfAddAccess || !p.CreatedDateTime.Equal(ledgertest.Noon) {
		t.Errorf("replaced by %+v", p)
	}
	_, err = replace(before.ETag)
	s.refused(err, governance.CodePrecondition)
	s.refused(s.app.DeletePolicy(t.Context(), admin(), policyID, before.ETag), governance.CodePrecondition)
	s.must(s.app.DeletePolicy(t.Context(), admin(), policyID, changed.ETag))
	s.refused(s.app.DeletePolicy(t.Context(), admin(), policyID, ""), governance.CodeNotFound)
}

// TestAPolicyThatChangesMeanwhile: a request goes on under the policy as it was when it was made. rules: POL-10.
func TestAPolicyThatChangesMeanwhile(t *testing.T) {
	s := newStand(t)
	packageID, policyID := s.approvedPackage(manager(), people(carl))
	made := s.submit(user(alice), request(packageID))
	_, err := s.app.UpdatePolicy(t.Context(), admin(), policyID, "", func(p *governance.AssignmentPolicy) error {
		*p = openPolicy(packageID)
		return nil
	})
	s.must(err)
	s.must(s.decide(made.ID, mia, governance.ResultApprove, ""))
	s.is(made.ID, governance.StatePendingApproval)
	s.must(s.decide(made.ID, carl, governance.ResultApprove, ""))
	s.drain()
	s.is(made.ID, governance.StateDelivered)
}

// TestTheTrailTellsWhatChanged: who reads it a year later sees what each thing was before and after. rules: AUD-01 AUD-04.
func TestTheTrailTellsWhatChanged(t *testing.T) {
	s := newStand(t)
	catalogID := s.catalog("Marketing")
	packageID := s.pack(catalogID, "campaigns", member(g1))
	policyID := s.policy(openPolicy(packageID))
	_, err := s.app.UpdatePolicy(t.Context(), admin(), policyID, "", func(policy *governance.AssignmentPolicy) error {
		policy.DisplayName = "renamed"
		return nil
	})
	s.must(err)
	_, err = s.app.UpdateCatalog(t.Context(), admin(), catalogID, "", func(catalog *governance.Catalog) error {
		catalog.Description = "words"
		return nil
	})
	s.must(err)
	s.must(s.app.DeletePackage(t.Context(), admin(), packageID, ""))
	s.must(s.app.DeleteCatalog(t.Context(), admin(), catalogID, ""))
	page, err := s.app.ListAudit(t.Context(), admin(), "catalogs", ledger.ListOptions{})
	s.must(err)
	says := map[governance.Activity][2]string{}
	for _, item := range page.Items {
		says[item.Value.Activity] = [2]string{string(item.Value.Before), string(item.Value.After)}
	}
	for activity, want := range map[governance.Activity][2]string{
		governance.ActivityCreateCatalog:   {"", `"Marketing"`},
		governance.ActivityUpdateCatalog:   {`"Marketing"`, `"words"`},
		governance.ActivityDeleteCatalog:   {`"words"`, ""},
		governance.ActivityAddResource:     {"", `"originSystem":"AadGroup"`},
		governance.ActivityRemoveResource:  {`"originSystem":"AadGroup"`, ""},
		governance.ActivityCreatePackage:   {"", `"campaigns"`},
		governance.ActivityAddResourceRole: {`"campaigns"`, member(g1)},
		governance.ActivityDeletePackage:   {member(g1), ""},
		governance.ActivityCreatePolicy:    {"", packageID},
		governance.ActivityUpdatePolicy:    {`"displayName"`, `"renamed"`},
		governance.ActivityDeletePolicy:    {`"renamed"`, ""},
	} {
		for i, when := range []string{"before", "after"} {
			if got := says[activity][i]; !strings.Contains(got, want[i]) || (want[i] == "") != (got == "") {
				t.Errorf("%s: %s is %q, want %q in it", activity, when, got, want[i])
			}
		}
	}
}

// TestWhatIsLargeIsDeletedToo: more than one commit can hold goes in several, and each thing that goes is in the trail; and what is beyond the limit does not come. rules: OBJ-17 OBJ-18 BEY-36.
func TestWhatIsLargeIsDeletedToo(t *testing.T) {
	s := newStand(t)
	catalogID := s.catalog("Marketing")
	const resources = 60
	for i := range resources {
		group := id(fmt.Sprint("group ", i))
		s.directory.PutGroup(governance.Group{ID: group, DisplayName: group, SecurityEnabled: true})
		s.must(s.addResource(catalogID, group))
	}
	packageID := s.pack(catalogID, "large")
	for i := range governance.MaxPolicies {
		policy := openPolicy(packageID)
		policy.DisplayName = fmt.Sprint("policy ", i)
		s.policy(policy)
	}
	_, err := s.app.CreatePolicy(t.Context(), admin(), openPolicy(packageID))
	s.refused(err, governance.CodeConflict, fmt.Sprintf("at most %d policies", governance.MaxPolicies))
	s.must(s.app.DeletePackage(t.Context(), admin(), packageID, ""))
	s.must(s.app.DeleteCatalog(t.Context(), admin(), catalogID, ""))
	for _, kind := range []string{"catalog", "package", "policy", "resource"} {
		if left := s.Documents("catalogs", kind); len(left) != 0 {
			t.Errorf("%d documents of the kind %s are left", len(left), kind)
		}
	}
	report, err := s.app.VerifyAudit(t.Context(), admin(), ledger.CatalogPlace(catalogID))
	s.must(err)
	if want := int64(2 * (1 + 2 + resources + 1 + governance.MaxPolicies)); !report.Verified || report.Entries != want {
		t.Errorf("the chain: %+v, want %d entries", report, want)
	}
}

// TestANameIsGivenToOneAtATime: whoever gives a name holds it until the commit; who finds it held is refused, who only lost a race for a name that is free again gets it. rules: CAT-01.
func TestANameIsGivenToOneAtATime(t *testing.T) {
	s := newStand(t)
	s.Faults(storememory.OpCommit, storememory.Conflict)
	_, err := s.app.CreateCatalog(t.Context(), admin(), governance.Catalog{DisplayName: "Sales", Description: "d"})
	s.must(err)
	if held := s.Documents(store.Catalogs, "nameClaim"); len(held) != 0 {
		t.Errorf("%d names are held", len(held))
	}
	claim := store.Document{ID: "nameClaim:" + governance.NameID("catalog:marketing"), Kind: "nameClaim", Body: []byte(`{"catalogId":"` + id("another") + `"}`)}
	_, err = s.Store.Commit(t.Context(), store.Catalogs, "tenant", []store.Operation{{Verb: store.Create, Document: claim}})
	s.must(err)
	_, err = s.app.CreateCatalog(t.Context(), admin(), governance.Catalog{DisplayName: "Marketing", Description: "d"})
	s.refused(err, governance.CodeConflict, "is being given the name")
	claim.Body = []byte(`{"catalogId":5}`)
	_, err = s.Store.Commit(t.Context(), store.Catalogs, "tenant", []store.Operation{{Verb: store.Replace, Document: claim}})
	s.must(err)
	if _, err = s.app.CreateCatalog(t.Context(), admin(), governance.Catalog{DisplayName: "Marketing", Description: "d"}); err == nil {
		t.Error("a claim that cannot be read is nobody's")
	}
}
