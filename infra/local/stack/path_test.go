package stack_test

import (
	_ "embed"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// contractPaths are all paths of Graph's contract that can be read, as it has them.
//
//go:embed testdata/contract-paths.txt
var contractPaths string

// later are the parts of paths that this release does not serve.
var later = regexp.MustCompile(`accessReviews|accessPackageSuggestions|additionalAccess|availableAccessPackages|connectedOrganizations|controlConfigurations|customExtensionStageSettings|customWorkflowExtensions` +
	`|entitlementManagement$|environment$|[iI]ncompatible|resourceEnvironments|entitlementManagement/resourceRoleScopes|entitlementManagement/resources|resource/(roles|scopes)$|settings$|subjects|uniqueName` +
	`|accessPackageAssignmentApprovals(/\$count)?$`)

// placeholder is an id in a path, or what a function is called with.
var placeholder = regexp.MustCompile(`\{([^}]*)\}`)

// Every path that Graph's contract can read answers: what is there, with what is there, and what is not in this release says so. What is not there is 404.
//
// rules: OBJ-01 OBJ-04 OBJ-11
func TestPathsOfTheContract(t *testing.T) {
	ida := administrator(t)
	boss := hire(t, "")
	self := hire(t, boss.ID)
	o := newOffer(t, func(policy object) {
		approvedBy(user(boss.ID))(policy)
		policy["questions"] = list{object{"@odata.type": "#microsoft.graph.accessPackageTextInputQuestion", "text": "why?"}}
	})
	waiting := person(t, self.UserPrincipalName).post("/assignmentRequests", add("userAdd", o.pack, nil))
	other := hire(t, "")
	ida.post("/assignmentRequests", assign(o, other.ID))
	drain(t)
	resource := ida.values("/catalogs/" + o.catalog + "/resources?$expand=roles,scopes")[0]
	assignment := ida.values(query("/assignments", "filter", "accessPackage/id eq '"+o.pack+"'"))[0]
	ids := map[string]string{
		"accessPackageCatalog-id": o.catalog, "accessPackage-id": o.pack, "accessPackageAssignmentPolicy-id": o.policy,
		"approval-id": text(t, waiting, "id"), "accessPackageAssignmentRequest-id": text(t, waiting, "id"), "accessPackageAssignment-id": text(t, assignment, "id"),
		"approvalStage-id":                  text(t, ida.values("/accessPackageAssignmentApprovals/" + text(t, waiting, "id") + "/stages")[0], "id"),
		"accessPackageQuestion-id":          text(t, ida.get("/assignmentPolicies/"+o.policy), "questions/0/id"),
		"accessPackageResource-id":          text(t, resource, "id"),
		"accessPackageResourceRole-id":      text(t, resource, "roles/0/id"),
		"accessPackageResourceScope-id":     text(t, resource, "scopes/0/id"),
		"accessPackageResourceRoleScope-id": text(t, ida.values("/accessPackages/" + o.pack + "/resourceRoleScopes")[0], "id"),
		"accessPackageResourceRequest-id":   text(t, ida.values(query("/resourceRequests", "filter", "catalog/id eq '"+o.catalog+"'"))[0], "id"),
		"on":                                "target",
	}
	served, missing := 0, 0
	for path := range strings.Lines(contractPaths) {
		path = strings.TrimSpace(path)
		fill := func(change map[string]string) string {
			return "/api/v1.0" + placeholder.ReplaceAllStringFunc(strings.ReplaceAll(path, "accessPackages/filterByCurrentUser(on='{on}')", "accessPackages/filterByCurrentUser(on='allowedRequestor')"), func(name string) string {
				name = strings.Trim(name, "{}")
				if id, ok := change[name]; ok {
					return id
				}
				if id, ok := ids[name]; ok {
					return id
				}
				return "x"
			})
		}
		answered := ida.call("GET", fill(nil), nil)
		if later.MatchString(path) {
			missing++
			answered.refused(http.StatusNotImplemented, "this release does not")
			ida.call("GET", strings.Replace(fill(nil), "v1.0", "beta", 1), nil).refused(http.StatusNotImplemented, "beta")
			continue
		}
		served++
		answered.want(http.StatusOK)
		if strings.HasSuffix(path, "/$count") {
			if n, err := strconv.Atoi(string(answered.body)); err != nil || n == 0 || answered.header.Get("Content-Type") != "text/plain" {
				t.Errorf("%s: %q as %q", answered.what, answered.body, answered.header.Get("Content-Type"))
			}
			continue
		}
		body := answered.object()
		if !strings.Contains(text(t, body, "@odata.context"), "$metadata#identityGovernance/entitlementManagement/") {
			t.Errorf("%s: %s", answered.what, answered.body)
		}
		names := placeholder.FindAllStringSubmatch(path, -1)
		for i, name := range names { // without any one of what is named there is nothing
			if name[1] == "on" {
				continue
			}
			for _, id := range []string{"nonsense", "11111111-1111-4111-8111-111111111111"} {
				ida.call("GET", fill(map[string]string{name[1]: id}), nil).refused(http.StatusNotFound)
			}
			if i == len(names)-1 && strings.HasSuffix(path, "}") {
				same(t, body, "id", ids[name[1]])
			}
		}
		if last := path[strings.LastIndexByte(path, '/'):]; (strings.HasSuffix(last, "s") || strings.HasPrefix(last, "/filter")) != (body["value"] != nil) {
			t.Errorf("%s: %s", answered.what, answered.body)
		}
	}
	if served < 60 || missing < 60 {
		t.Errorf("%d paths are served and %d are not", served, missing)
	}
}

// What leads nowhere is 404 with a body, wherever it is; what Graph has elsewhere is 501.
//
// rules: OBJ-20
func TestPathsThatLeadNowhere(t *testing.T) {
	ida := administrator(t)
	catalog := newCatalog(t)
	for _, path := range []string{
		"/nothing", "/catalogs/" + catalog + "/nothing", "/catalogs/" + catalog + "/resources/$nothing", "/catalogs/$ref", "/settingsx", "/api/v1.0/nothing", "/api/v1.0", "/api/v1.0/identityGovernance/nothing",
		"/api/v1.0/identityGovernance/nothing/more", "/api/v2.0/identityGovernance/entitlementManagement/catalogs", "/api/beta/operations/health", "/api/beta/nothing", "/api/nothing", "/api/provisioning", "/api/", "/api",
		"/api/v1.0/usersx", "/catalogs/nonsense/accessPackages", "/catalogs/nonsense/accessPackages/$count", "/catalogs/nonsense/resources", "/catalogs/nonsense/resourceRoles", "/accessPackages/nonsense/assignmentPolicies",
		"/accessPackages/" + catalog + "/assignmentPolicies?$top=0", "/accessPackages/nonsense/resourceRoleScopes", "/accessPackageAssignmentApprovals/nonsense/stages", "/api/callouts", "/api/callouts/a/b",
	} {
		ida.call("GET", path, nil).refused(http.StatusNotFound)
	}
	for _, method := range []string{"GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"} {
		for _, path := range []string{
			"/connectedOrganizations", "/ConnectedOrganizations/" + catalog + "/internalSponsors/$ref", "/assignmentRequests/" + catalog + "/resume", "/api/v1.0/users/" + catalog, "/api/v1.0/ME", "/api/v1.0/$batch", "/api/v1.0/$metadata",
			"/api/v1.0/identityGovernance/accessReviews/definitions", "/api/v1.0/identityGovernance/lifecycleWorkflows/workflows", "/api/v1.0/identityGovernance", "/api/v1.0/roleManagement/entitlementManagement/roleAssignments",
			"/api/beta/identityGovernance/entitlementManagement/accessPackageCatalogs", "/accessPackages(uniqueName='x')", "/accessPackages/" + catalog + "/incompatibleAccessPackages/$ref",
			"/accessPackageSuggestions/filterByCurrentUser(on='relatedPeopleAssignments,assignmentHistory')", "/assignments/additionalAccess(accessPackageId='" + catalog + "',incompatibleAccessPackageId='" + catalog + "')",
		} {
			nobody(t).call(method, path, nil).refused(http.StatusNotImplemented, "this release does not")
		}
	}
}
