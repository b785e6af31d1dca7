package app_test

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"latchkey/shared/app/access"
	"latchkey/shared/app/authz"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// expected says in one letter for each role who may do what: A administrator, a the same whose client may only read, P application, p the same that may only read, U signed-in
// user, S Latchkey itself, X a custom extension. It is written down here a second time on purpose: a cell that changes in one place only is a mistake.
var expected = map[authz.Operation]string{
	"readCatalogs":     "AaPp",
	"writeCatalogs":    "AP",
	"readPackages":     "AaPp",
	"writePackages":    "AP",
	"readPolicies":     "AaPp",
	"writePolicies":    "AP",
	"browsePackages":   "U",
	"submitForSelf":    "U",
	"submitForAnyone":  "AP",
	"readRequests":     "AaPp",
	"readOwnRequests":  "U",
	"cancelRequests":   "A",
	"cancelOwnRequest": "U",
	"reprocess":        "AP",
	"readApprovals":    "Aa",
	"decideApprovals":  "U",
	"readAssignments":  "AaPp",
	"readOwn":          "U",
	"readAudit":        "AaPp",
	"tryRules":         "Aa",
	"tryRecurrences":   "AaPp",
	"runLifecycle":     "S",
	"readActions":      "AaPp",
	"writeActions":     "AP",
	"callOut":          "X",
	"seeOwnPass":       "U",
}

// callerWith is a caller who has this role and no other.
func callerWith(letter rune) governance.Caller {
	switch letter {
	case 'A': // a person without an id is an administrator, but nobody in particular
		return governance.Caller{Kind: governance.CallerUser, Scopes: []string{governance.PermissionReadWriteAll}, DirectoryRoles: []string{governance.RoleGlobalAdministrator}}
	case 'a':
		return governance.Caller{Kind: governance.CallerUser, ObjectID: ada, Scopes: []string{governance.PermissionReadAll}, DirectoryRoles: []string{governance.RoleIdentityGovernanceAdministrator}}
	case 'P':
		return governance.Caller{Kind: governance.CallerApplication, ObjectID: id("robot"), Permissions: []string{governance.PermissionReadWriteAll}}
	case 'p':
		return governance.Caller{Kind: governance.CallerApplication, ObjectID: id("robot"), Permissions: []string{governance.PermissionReadAll}}
	case 'U':
		return user(alice)
	case 'S':
		return system()
	default:
		return governance.Caller{Kind: "extension", ObjectID: id("logicApp")}
	}
}

// operations are all that the source of the table declares.
func operations(t *testing.T) (all []authz.Operation) {
	source, err := os.ReadFile("authz/authz.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile(`Operation += "(\w+)"`).FindAllSubmatch(source, -1) {
		all = append(all, authz.Operation(found[1]))
	}
	if len(all) < 20 {
		t.Fatalf("found only %v", all)
	}
	return all
}

// everybody may sign in.
type everybody struct{}

func (everybody) Active(context.Context, governance.Caller) (bool, error) { return true, nil }

// TestEveryCell walks the table of authorization. rules: ROL-01 ROL-09 PRV-27 PRV-28 REQ-15.
func TestEveryCell(t *testing.T) {
	for _, operation := range operations(t) {
		letters, ok := expected[operation]
		if !ok {
			t.Errorf("the operation %s has no row here: say who may do it", operation)
			continue
		}
		for _, letter := range "AaPpUSX" {
			if allowed := authz.New(nil, everybody{}).Require(t.Context(), callerWith(letter), operation) == nil; allowed != strings.ContainsRune(letters, letter) {
				t.Errorf("%s by %c: allowed %t", operation, letter, allowed)
			}
		}
	}
}

// TestNobody: whoever has no role may do nothing, however much else they have. rules: ROL-01 PRV-28.
func TestNobody(t *testing.T) {
	everything := []string{governance.PermissionReadAll, governance.PermissionReadWriteAll, governance.PermissionSubjectAccess}
	administrators := []string{governance.RoleGlobalAdministrator, governance.RoleIdentityGovernanceAdministrator}
	for name, caller := range map[string]governance.Caller{
		"no caller at all":                           {},
		"a person without a scope":                   {Kind: governance.CallerUser, ObjectID: alice},
		"an administrator without a scope":           {Kind: governance.CallerUser, ObjectID: ada, DirectoryRoles: administrators},
		"a person with a scope that only reads":      {Kind: governance.CallerUser, ObjectID: alice, Scopes: []string{governance.PermissionReadAll}},
		"a person with application permissions":      {Kind: governance.CallerUser, ObjectID: alice, Permissions: everything},
		"a person with another administrator's role": {Kind: governance.CallerUser, ObjectID: alice, Scopes: []string{governance.PermissionReadAll}, DirectoryRoles: []string{"fe930be7-5e62-47db-91af-98c3a49a38b1"}},
		"an application without a permission":        {Kind: governance.CallerApplication, ObjectID: id("robot")},
		"an application with scopes":                 {Kind: governance.CallerApplication, ObjectID: id("robot"), Scopes: everything},
		"an application with the roles of people":    {Kind: governance.CallerApplication, ObjectID: id("robot"), DirectoryRoles: administrators},
		"an application that may act for people":     {Kind: governance.CallerApplication, ObjectID: id("robot"), Permissions: []string{governance.PermissionSubjectAccess}},
		"an application with a permission's name in other letters": {
			Kind: governance.CallerApplication, ObjectID: id("robot"), Permissions: []string{strings.ToLower(governance.PermissionReadWriteAll), "EntitlementManagement.Read\u212All", governance.PermissionReadAll + " "},
		},
		"an administrator with scopes in other letters": {Kind: governance.CallerUser, ObjectID: ada, Scopes: []string{strings.ToUpper(governance.PermissionReadWriteAll), strings.ToLower(governance.PermissionSubjectAccess)}, DirectoryRoles: administrators},
		"a kind of caller that there is not":            {Kind: "robot", ObjectID: ada, Scopes: everything, Permissions: everything, DirectoryRoles: administrators},
		"somebody in a kind that is nearly the system":  {Kind: "System"},
	} {
		for operation := range expected {
			if authz.New(nil, everybody{}).Require(t.Context(), caller, operation) == nil {
				t.Errorf("%s may do %s", name, operation)
			}
		}
	}
}

// TestAScopeMakesNobodyAnAdministrator: with the scope alone one is oneself; with the role as well, an administrator and oneself. rules: ROL-01 REQ-15.
func TestAScopeMakesNobodyAnAdministrator(t *testing.T) {
	caller := governance.Caller{Kind: governance.CallerUser, ObjectID: ada, Scopes: []string{governance.PermissionReadWriteAll}}
	if roles := authz.RolesOf(caller); !slices.Equal(roles, []authz.Role{authz.RoleUser}) {
		t.Errorf("with the scope alone: %v", roles)
	}
	caller.DirectoryRoles = []string{governance.RoleGlobalAdministrator}
	if roles := authz.RolesOf(caller); !slices.Equal(roles, []authz.Role{authz.RoleAdministrator, authz.RoleUser}) {
		t.Errorf("with scope and role: %v", roles)
	}
}

// TestEveryUseCaseAsks: each use case refuses who has no role, before it looks at anything. rules: ROL-09 PRV-28.
func TestEveryUseCaseAsks(t *testing.T) {
	s := newStand(t)
	packageID, policyID := s.openPackage("package", member(g1))
	made := s.submit(user(alice), request(packageID))
	s.drain()
	catalogID := s.Documents("catalogs", "catalog")[0].Partition
	nobody := governance.Caller{Kind: governance.CallerUser, ObjectID: alice}
	reader := callerWith('p')
	only := func(_ any, err error) error { return err }
	nothing := ledger.ListOptions{}
	for name, do := range map[string]func(context.Context, governance.Caller) error{
		"CreateCatalog": func(c context.Context, who governance.Caller) error {
			return only(s.app.CreateCatalog(c, who, governance.Catalog{DisplayName: "x", Description: "d"}))
		},
		"UpdateCatalog": func(c context.Context, who governance.Caller) error {
			return only(s.app.UpdateCatalog(c, who, catalogID, "", func(*governance.Catalog) error { return nil }))
		},
		"DeleteCatalog": func(c context.Context, who governance.Caller) error {
			return s.app.DeleteCatalog(c, who, catalogID, "")
		},
		"RequestResource": func(c context.Context, who governance.Caller) error {
			return only(s.app.RequestResource(c, who, governance.ResourceRequest{}))
		},
		"CreatePackage": func(c context.Context, who governance.Caller) error {
			return only(s.app.CreatePackage(c, who, governance.AccessPackage{}))
		},
		"UpdatePackage": func(c context.Context, who governance.Caller) error {
			return only(s.app.UpdatePackage(c, who, packageID, "", func(*governance.AccessPackage) error { return nil }))
		},
		"DeletePackage": func(c context.Context, who governance.Caller) error {
			return s.app.DeletePackage(c, who, packageID, "")
		},
		"AddRoleScope": func(c context.Context, who governance.Caller) error {
			return only(s.app.AddRoleScope(c, who, packageID, governance.ResourceRoleScope{}))
		},
		"RemoveRoleScope": func(c context.Context, who governance.Caller) error {
			return s.app.RemoveRoleScope(c, who, packageID, "x")
		},
		"CreatePolicy": func(c context.Context, who governance.Caller) error {
			return only(s.app.CreatePolicy(c, who, openPolicy(packageID)))
		},
		"UpdatePolicy": func(c context.Context, who governance.Caller) error {
			return only(s.app.UpdatePolicy(c, who, policyID, "", func(*governance.AssignmentPolicy) error { return nil }))
		},
		"DeletePolicy": func(c context.Context, who governance.Caller) error { return s.app.DeletePolicy(c, who, policyID, "") },
		"SubmitRequest": func(c context.Context, who governance.Caller) error {
			return only(s.app.SubmitRequest(c, who, request(packageID)))
		},
		"SubmitRequest adminAdd": func(c context.Context, who governance.Caller) error {
			return only(s.app.SubmitRequest(c, who, assign(packageID, policyID, bob)))
		},
		"SubmitRequest adminRemove": func(c context.Context, who governance.Caller) error {
			return only(s.app.SubmitRequest(c, who, removal(governance.RequestAdminRemove, made.Assignment.ID)))
		},
		"CancelRequest":    func(c context.Context, who governance.Caller) error { return s.app.CancelRequest(c, who, made.ID) },
		"ReprocessRequest": func(c context.Context, who governance.Caller) error { return s.app.ReprocessRequest(c, who, made.ID) },
		"DecideApproval": func(c context.Context, who governance.Caller) error {
			return s.app.DecideApproval(c, who, made.ID, "x", governance.ApprovalStage{ReviewResult: governance.ResultApprove})
		},
		"HandleEffect": func(c context.Context, who governance.Caller) error {
			return s.app.HandleEffect(c, who, governance.Effect{What: governance.WorkDue})
		},
		"ExpireDue":   func(c context.Context, who governance.Caller) error { return only(s.app.ExpireDue(c, who)) },
		"FlushOutbox": func(c context.Context, who governance.Caller) error { return only(s.app.FlushOutbox(c, who)) },
		"ApplicableRequirements": func(c context.Context, who governance.Caller) error {
			return only(s.app.ApplicableRequirements(c, who, packageID))
		},
		"PackagesByCurrentUser": func(c context.Context, who governance.Caller) error {
			return only(s.app.PackagesByCurrentUser(c, who, access.ByAllowedRequestor, nothing))
		},
		"RequestsByCurrentUser": func(c context.Context, who governance.Caller) error {
			return only(s.app.RequestsByCurrentUser(c, who, access.ByTarget, nothing))
		},
		"ApprovalsByCurrentUser": func(c context.Context, who governance.Caller) error {
			return only(s.app.ApprovalsByCurrentUser(c, who, access.ByApprover, nothing))
		},
		"AssignmentsByCurrentUser": func(c context.Context, who governance.Caller) error {
			return only(s.app.AssignmentsByCurrentUser(c, who, access.ByTarget, nothing))
		},
		"Approval": func(c context.Context, who governance.Caller) error { return only(s.app.Approval(c, who, made.ID)) },
	} {
		s.refused(do(t.Context(), nobody), governance.CodeForbidden)
		if err := do(t.Context(), reader); ledger.CodeOf(err) != governance.CodeForbidden {
			t.Errorf("%s by an application that may only read: %v", name, err)
		}
	}
	for name, do := range map[string]func(context.Context, governance.Caller) error{
		"Catalog": func(c context.Context, who governance.Caller) error { return only(s.app.Catalog(c, who, catalogID)) },
		"ListCatalogs": func(c context.Context, who governance.Caller) error {
			return only(s.app.ListCatalogs(c, who, nothing, false))
		},
		"ListResourceRequests": func(c context.Context, who governance.Caller) error {
			return only(s.app.ListResourceRequests(c, who, nothing))
		},
		"Package": func(c context.Context, who governance.Caller) error { return only(s.app.Package(c, who, packageID)) },
		"ListPackages": func(c context.Context, who governance.Caller) error {
			return only(s.app.ListPackages(c, who, nothing, true))
		},
		"Policy": func(c context.Context, who governance.Caller) error { return only(s.app.Policy(c, who, policyID)) },
		"ListPolicies": func(c context.Context, who governance.Caller) error {
			return only(s.app.ListPolicies(c, who, nothing, true))
		},
		"Request":      func(c context.Context, who governance.Caller) error { return only(s.app.Request(c, who, made.ID)) },
		"ListRequests": func(c context.Context, who governance.Caller) error { return only(s.app.ListRequests(c, who, nothing)) },
		"Assignment": func(c context.Context, who governance.Caller) error {
			return only(s.app.Assignment(c, who, made.Assignment.ID))
		},
		"ListAssignments": func(c context.Context, who governance.Caller) error {
			return only(s.app.ListAssignments(c, who, nothing))
		},
		"ListAudit": func(c context.Context, who governance.Caller) error {
			return only(s.app.ListAudit(c, who, "subjects", nothing))
		},
		"VerifyAudit": func(c context.Context, who governance.Caller) error {
			return only(s.app.VerifyAudit(c, who, ledger.SubjectPlace(subjectID(alice))))
		},
	} {
		s.refused(do(t.Context(), nobody), governance.CodeForbidden)
		if err := do(t.Context(), reader); err != nil {
			t.Errorf("%s by an application that may read: %v", name, err)
		}
	}
}

// owners are the catalogs that people own, by the person.
type owners map[string][]string

// CatalogRoles implements authz.CatalogRoles.
func (o owners) CatalogRoles(_ context.Context, caller governance.Caller) (map[string][]authz.Role, error) {
	roles := map[string][]authz.Role{}
	for _, catalogID := range o[caller.ObjectID] {
		roles[catalogID] = []authz.Role{authz.RoleAdministrator}
	}
	return roles, nil
}

// TestAnOwnerOfACatalog does in it what its role lets; another's catalog and all that is in it is not there for them, and to make one takes a right in the whole tenant. rules: ROL-09 PRV-28.
func TestAnOwnerOfACatalog(t *testing.T) {
	s := newStand(t)
	type offer struct{ pack, policy, catalog, request, assignment, resourceRequest string }
	offers := map[string]offer{}
	for name, group := range map[string]string{"own": g1, "another's": g2} {
		var o offer
		o.pack, o.policy = s.openPackage(name, member(group))
		found, err := s.app.Package(t.Context(), admin(), o.pack)
		s.must(err)
		o.catalog = found.Value.Catalog.ID
		made := s.submit(user(alice), request(o.pack))
		o.request, o.assignment = made.ID, made.Assignment.ID
		all, err := s.app.ListResourceRequests(t.Context(), admin(), ledger.ListOptions{Partition: o.catalog})
		s.must(err)
		o.resourceRequest = all.Items[0].Value.ID
		offers[name] = o
	}
	s.drain()
	s.options.CatalogRoles = owners{carl: {offers["own"].catalog}}
	s.app = wired(s.options)
	who, ctx := user(carl), t.Context()
	for name, list := range map[string]func() (int, error){
		"catalogs": func() (int, error) {
			p, err := s.app.ListCatalogs(ctx, who, ledger.ListOptions{}, false)
			return len(p.Items), err
		},
		"packages": func() (int, error) {
			p, err := s.app.ListPackages(ctx, who, ledger.ListOptions{}, true)
			return len(p.Items), err
		},
		"policies": func() (int, error) {
			p, err := s.app.ListPolicies(ctx, who, ledger.ListOptions{}, true)
			return len(p.Items), err
		},
		"requests": func() (int, error) {
			p, err := s.app.ListRequests(ctx, who, ledger.ListOptions{})
			return len(p.Items), err
		},
		"assignments": func() (int, error) {
			p, err := s.app.ListAssignments(ctx, who, ledger.ListOptions{})
			return len(p.Items), err
		},
		"resource requests": func() (int, error) {
			p, err := s.app.ListResourceRequests(ctx, who, ledger.ListOptions{})
			return len(p.Items) - 1, err
		},
	} {
		if n, err := list(); n != 1 || err != nil {
			t.Errorf("of the %s the owner sees %d: %v", name, n, err)
		}
	}
	type does struct {
		name      string
		elsewhere governance.Code // how it is refused in another's catalog
		do        func(offer) error
	}
	for _, c := range []does{
		{"Catalog", governance.CodeNotFound, func(o offer) error { _, err := s.app.Catalog(ctx, who, o.catalog); return err }},
		{"ListResources", governance.CodeNotFound, func(o offer) error {
			_, err := s.app.ListResources(ctx, who, o.catalog, ledger.ListOptions{})
			return err
		}},
		{"ResourceRequest", governance.CodeNotFound, func(o offer) error { _, err := s.app.ResourceRequest(ctx, who, o.resourceRequest); return err }},
		{"Package", governance.CodeNotFound, func(o offer) error { _, err := s.app.Package(ctx, who, o.pack); return err }},
		{"Policy", governance.CodeNotFound, func(o offer) error { _, err := s.app.Policy(ctx, who, o.policy); return err }},
		{"Request", governance.CodeNotFound, func(o offer) error { _, err := s.app.Request(ctx, who, o.request); return err }},
		{"Assignment", governance.CodeNotFound, func(o offer) error { _, err := s.app.Assignment(ctx, who, o.assignment); return err }},
		{"UpdateCatalog", governance.CodeNotFound, func(o offer) error {
			_, err := s.app.UpdateCatalog(ctx, who, o.catalog, "", func(c *governance.Catalog) error { c.Description = "x"; return nil })
			return err
		}},
		{"UpdatePolicy", governance.CodeNotFound, func(o offer) error {
			_, err := s.app.UpdatePolicy(ctx, who, o.policy, "", func(p *governance.AssignmentPolicy) error { p.Description = "x"; return nil })
			return err
		}},
		{"CreatePackage", governance.CodeInvalid, func(o offer) error {
			_, err := s.app.CreatePackage(ctx, who, governance.AccessPackage{DisplayName: "x", Description: "d", Catalog: &governance.Catalog{ID: o.catalog}})
			return err
		}},
		{"CreatePolicy", governance.CodeInvalid, func(o offer) error { _, err := s.app.CreatePolicy(ctx, who, openPolicy(o.pack)); return err }},
		{"RequestResource", governance.CodeInvalid, func(o offer) error {
			_, err := s.app.RequestResource(ctx, who, governance.ResourceRequest{
				RequestType: governance.ResourceAdminAdd, Catalog: &governance.Catalog{ID: o.catalog}, Resource: &governance.Resource{OriginID: helpdesk, OriginSystem: governance.OriginGroup},
			})
			return err
		}},
		{"adminAdd", governance.CodeInvalid, func(o offer) error {
			_, err := s.app.SubmitRequest(ctx, who, assign(o.pack, o.policy, bob))
			return err
		}},
		{"adminRemove", governance.CodeInvalid, func(o offer) error {
			_, err := s.app.SubmitRequest(ctx, who, removal(governance.RequestAdminRemove, o.assignment))
			return err
		}},
	} {
		if err := c.do(offers["own"]); err != nil {
			t.Errorf("%s in one's own: %v", c.name, err)
		}
		if err := c.do(offers["another's"]); governance.CodeOf(err) != c.elsewhere {
			t.Errorf("%s in another's: %v", c.name, err)
		}
	}
	s.refused(s.app.DeleteCatalog(ctx, who, offers["another's"].catalog, ""), governance.CodeNotFound)
	_, err := s.app.CreateCatalog(ctx, who, governance.Catalog{DisplayName: "mine", Description: "d"})
	s.refused(err, governance.CodeForbidden)
	_, err = s.app.ListAudit(ctx, who, "catalogs", ledger.ListOptions{})
	s.refused(err, governance.CodeForbidden)
}
