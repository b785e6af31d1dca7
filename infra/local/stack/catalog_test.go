package stack_test

import (
	"net/http"
	"strings"
	"testing"
)

// rules: OBJ-03 OBJ-07 OBJ-18 OBJ-20 CAT-01 CAT-03 CAT-04
func TestCatalogs(t *testing.T) {
	ida := administrator(t)
	name := unique("Catalog")
	// Read-only noise, as a client sends that sends back what it got, is ignored.
	created := ida.call("POST", "/catalogs", object{
		"displayName": name, "description": "by a test", "state": "Published", "catalogType": "ServiceDefault", "createdDateTime": "2020-01-01T00:00:00Z",
		"modifiedDateTime": "2020-01-01T00:00:00Z", "id": "11111111-1111-4111-8111-111111111111", "@odata.type": "#microsoft.graph.accessPackageCatalog", "@odata.etag": "W/\"x\"",
	}).want(http.StatusCreated)
	catalog := created.object()
	id := text(t, catalog, "id")
	same(t, catalog, "displayName", name)
	same(t, catalog, "state", "published")
	same(t, catalog, "catalogType", "userManaged")
	same(t, catalog, "isExternallyVisible", true)
	if id == "11111111-1111-4111-8111-111111111111" || strings.HasPrefix(text(t, catalog, "createdDateTime"), "2020") {
		t.Errorf("a client chose what the service decides: %v", catalog)
	}
	if etag := created.header.Get("ETag"); etag == "" || etag != text(t, catalog, "@odata.etag") {
		t.Errorf("ETag %q, @odata.etag %v", etag, catalog["@odata.etag"])
	}

	ida.call("POST", "/catalogs", object{"displayName": strings.ToUpper(name), "description": "d"}).refused(http.StatusConflict, "displayName")

	// The key in parentheses, quoted or not, is the same resource.
	for _, path := range []string{"/catalogs/" + id, "/catalogs('" + id + "')", "/catalogs(" + id + ")", "/catalogs/" + strings.ToUpper(id), "/catalogs/" + id + "/"} {
		read := ida.get(path)
		same(t, read, "id", id)
		if !strings.HasSuffix(text(t, read, "@odata.context"), "/api/v1.0/$metadata#identityGovernance/entitlementManagement/catalogs/$entity") {
			t.Errorf("@odata.context is %v", read["@odata.context"])
		}
	}

	etag := created.header.Get("ETag")
	patched := ida.call("PATCH", "/catalogs/"+id, object{"description": "patched", "catalogType": "USERMANAGED", "createdDateTime": "2001-01-01T00:00:00Z"}, "If-Match", etag).want(http.StatusNoContent)
	if len(patched.body) != 0 || patched.header.Get("ETag") == "" || patched.header.Get("ETag") == etag {
		t.Errorf("PATCH answered the ETag %q and %q", patched.header.Get("ETag"), patched.body)
	}
	ida.call("PATCH", "/catalogs/"+id, object{"description": "lost"}, "If-Match", etag).refused(http.StatusPreconditionFailed, "If-Match")
	ida.call("DELETE", "/catalogs/"+id, nil, "If-Match", etag).refused(http.StatusPreconditionFailed, "If-Match")
	read := ida.get("/catalogs/" + id)
	same(t, read, "description", "patched")
	same(t, read, "displayName", name)
	same(t, read, "@odata.etag", patched.header.Get("ETag"))
	whole := ida.call("PATCH", "/catalogs/"+id, object{"state": "UNPUBLISHED", "isExternallyVisible": false}, "If-Match", "*", "Prefer", "return=representation").want(http.StatusOK).object()
	same(t, whole, "state", "unpublished")
	same(t, whole, "isExternallyVisible", false)
	same(t, whole, "description", "patched")

	pack := newPackage(t, id)
	ida.call("DELETE", "/catalogs/"+id, nil).refused(http.StatusConflict, "access packages")
	ida.call("DELETE", "/accessPackages/"+pack, nil).want(http.StatusNoContent)
	ida.call("DELETE", "/catalogs/"+id, nil, "If-Match", text(t, ida.get("/catalogs/"+id), "@odata.etag")).want(http.StatusNoContent)
	ida.call("GET", "/catalogs/"+id, nil).refused(http.StatusNotFound, id)
	ida.call("PATCH", "/catalogs/"+id, object{"description": "late"}).refused(http.StatusNotFound)
	ida.call("DELETE", "/catalogs/"+id, nil).refused(http.StatusNotFound)
}

// What is expanded is there, also when it is nothing: a list, never null.
//
// rules: OBJ-11
func TestCatalogExpands(t *testing.T) {
	ida := administrator(t)
	o := newOffer(t, nil)
	for _, path := range []string{"/catalogs/" + o.catalog + "?$expand=accessPackages,resources", "/catalogs?$expand=accessPackages,resources&$filter=id%20eq%20'" + o.catalog + "'"} {
		catalog := ida.get(path)
		if strings.Contains(path, "filter") {
			catalog = at[object](t, catalog, "value/0")
		}
		same(t, catalog, "accessPackages/0/id", o.pack)
		same(t, catalog, "resources/0/originId", o.group)
	}
	empty := ida.get("/catalogs/" + newCatalog(t) + "?$expand=accessPackages,resources")
	same(t, empty, "accessPackages", list{})
	same(t, empty, "resources", list{})
	if plain := ida.get("/catalogs/" + o.catalog); plain["accessPackages"] != nil || plain["resources"] != nil {
		t.Errorf("not expanded, and there all the same: %v", plain)
	}
}

// rules: OBJ-09 OBJ-11 OBJ-12 OBJ-19 RES-01 RES-02 RES-06
func TestResources(t *testing.T) {
	ida := administrator(t)
	catalog, group := newCatalog(t), newGroup(t)
	order := func(kind string, resource object) object {
		return object{"requestType": kind, "catalog": object{"id": catalog}, "resource": resource}
	}
	request := ida.post("/resourceRequests", order("AdminAdd", object{"originId": strings.ToUpper(group), "originSystem": "aadGroup", "displayName": "noise"}))
	same(t, request, "state", "delivered")
	same(t, request, "requestType", "adminAdd")
	same(t, ida.get("/resourceRequests/"+text(t, request, "id")+"?$expand=resource"), "resource/originId", group)
	ida.call("POST", "/resourceRequests", order("adminAdd", object{"originId": group, "originSystem": "AadGroup"})).refused(http.StatusBadRequest, "already has the resource")
	listed := ida.values("/resourceRequests?$filter=catalog/id%20eq%20'" + catalog + "'&$expand=catalog,resource")
	if len(listed) != 1 {
		t.Fatalf("%d resource requests of the catalog: %v", len(listed), listed)
	}
	same(t, listed[0], "catalog/id", catalog)

	resource := ida.get("/catalogs/" + catalog + "/resources?$filter=originId%20eq%20'" + group + "'&$expand=roles,scopes")
	same(t, resource, "value/0/originSystem", "AadGroup")
	same(t, resource, "value/0/roles/0/originId", "Member_"+group)
	same(t, resource, "value/0/roles/1/originId", "Owner_"+group)
	same(t, resource, "value/0/scopes/0/isRootScope", true)
	resourceID := text(t, resource, "value/0/id")
	if plain := at[object](t, ida.get("/catalogs/"+catalog+"/resources"), "value/0"); plain["roles"] != nil || plain["catalog"] != nil {
		t.Errorf("not expanded, and there all the same: %v", plain)
	}
	roles := ida.values("/catalogs/" + catalog + "/resourceRoles?$expand=resource&$filter=%28originSystem%20eq%20%27AadGroup%27%20and%20resource%2Fid%20eq%20%27" + resourceID + "%27%29")
	if len(roles) != 2 {
		t.Fatalf("roles: %v", roles)
	}
	same(t, roles[0], "resource/id", resourceID)
	scopes := ida.values("/catalogs/" + catalog + "/resourceScopes?$expand=resource&$filter=resource/originId%20eq%20'" + group + "'")
	if len(scopes) != 1 {
		t.Fatalf("scopes: %v", scopes)
	}
	same(t, scopes[0], "resource/originId", group)

	pack := newPackage(t, catalog)
	scope := ida.post("/accessPackages/"+pack+"/resourceRoleScopes", roleScope(group))
	ida.call("POST", "/resourceRequests", order("adminRemove", object{"id": resourceID})).refused(http.StatusBadRequest, "is used by the access package")
	ida.call("DELETE", "/accessPackages/"+pack+"/resourceRoleScopes/"+text(t, scope, "id"), nil).want(http.StatusNoContent)
	ida.post("/resourceRequests", order("adminRemove", object{"originId": group, "originSystem": "AadGroup"}))
	same(t, ida.get("/catalogs/"+catalog+"/resources"), "value", list{})
}

// rules: OBJ-07 OBJ-10 OBJ-11 OBJ-17 CAT-06 RES-02 RES-06
func TestPackages(t *testing.T) {
	ida := administrator(t)
	catalog, group := newCatalog(t), newGroup(t)
	name := unique("Package")
	created := ida.call("POST", "/accessPackages", object{"displayName": name, "description": "d", "isHidden": false, "catalog": object{"id": catalog}}).want(http.StatusCreated)
	pack := text(t, created.object(), "id")
	ida.call("POST", "/accessPackages", object{"displayName": strings.ToLower(name), "description": "d", "catalog": object{"id": catalog}}).refused(http.StatusConflict, "displayName")

	ida.call("POST", "/accessPackages/"+pack+"/resourceRoleScopes", roleScope(group)).refused(http.StatusBadRequest, "role/originId")
	ida.post("/resourceRequests", object{"requestType": "adminAdd", "catalog": object{"id": catalog}, "resource": object{"originId": group, "originSystem": "AadGroup"}})
	scope := text(t, ida.post("/accessPackages/"+pack+"/resourceRoleScopes", roleScope(group)), "id")
	if again := text(t, ida.post("/accessPackages/"+pack+"/resourceRoleScopes", roleScope(group)), "id"); again != scope || strings.Count(scope, "_") != 1 {
		t.Errorf("the role scope is %s, then %s", scope, again)
	}
	same(t, ida.get("/accessPackages/"+pack+"/resourceRoleScopes/"+scope+"?$expand=role,scope"), "role/originId", "Member_"+group)
	same(t, ida.get("/accessPackages/"+pack+"/resourceRoleScopes?$expand=role,scope"), "value/0/scope/isRootScope", true)
	policy := text(t, ida.post("/assignmentPolicies", policyFor(pack, nil)), "id")

	// As msgraph-sdk-go sends it: nested, percent-encoded but for the dollar signs; azuread encodes those as well.
	for _, query := range []string{
		"?$expand=resourceRoleScopes%28$expand%3Drole%2Cscope%29,assignmentPolicies,catalog",
		"?%24expand=resourceRoleScopes%28%24expand%3Drole%28%24expand%3Dresource%29%2Cscope%29%2CassignmentPolicies%2Ccatalog",
		"?$expand=resourceRoleScopes($expand=role($select=displayName,originId;$expand=resource),scope),assignmentPolicies,catalog($select=displayName)",
	} {
		whole := ida.get("/accessPackages/" + pack + query)
		same(t, whole, "resourceRoleScopes/0/role/originId", "Member_"+group)
		same(t, whole, "resourceRoleScopes/0/scope/originId", group)
		same(t, whole, "assignmentPolicies/0/id", policy)
		same(t, whole, "catalog/id", catalog)
		if strings.Contains(query, "resource)") && !strings.Contains(query, "select") {
			same(t, whole, "resourceRoleScopes/0/role/resource/originId", group)
		}
		if _, shown := at[object](t, whole, "catalog")["state"]; shown == strings.Contains(query, "catalog(") {
			t.Errorf("%s: the catalog is %v", query, whole["catalog"])
		}
	}
	bare := ida.get("/accessPackages/" + newPackage(t, catalog) + "?$expand=resourceRoleScopes,assignmentPolicies")
	same(t, bare, "resourceRoleScopes", list{})
	same(t, bare, "assignmentPolicies", list{})
	listed := ida.values("/accessPackages?$filter=catalog/id%20eq%20'" + catalog + "'&$expand=catalog,resourceRoleScopes,assignmentPolicies")
	if len(listed) != 2 {
		t.Fatalf("packages of the catalog: %v", listed)
	}
	same(t, listed[0], "catalog/state", "published")
	same(t, ida.get("/accessPackages/"+pack+"/assignmentPolicies"), "value/0/id", policy)
	same(t, ida.get("/catalogs/"+catalog+"/accessPackages?$filter=displayName%20eq%20'"+strings.ReplaceAll(name, " ", "%20")+"'"), "value/0/id", pack)

	etag := text(t, ida.get("/accessPackages/"+pack), "@odata.etag")
	ida.call("PATCH", "/accessPackages/"+pack, object{"isHidden": true, "catalog": object{"id": newCatalog(t)}}, "If-Match", etag).refused(http.StatusBadRequest, "catalog/id") // a package does not move
	ida.call("PATCH", "/accessPackages/"+pack, object{"isHidden": true, "catalog": object{"id": catalog}}, "If-Match", etag).want(http.StatusNoContent)
	ida.call("PATCH", "/accessPackages/"+pack, object{"isHidden": false}, "If-Match", etag).refused(http.StatusPreconditionFailed, "If-Match")
	changed := ida.get("/accessPackages/" + pack + "?$expand=catalog,resourceRoleScopes")
	same(t, changed, "isHidden", true)
	same(t, changed, "description", "d")
	same(t, changed, "catalog/id", catalog)
	same(t, changed, "resourceRoleScopes/0/id", scope)

	ida.call("DELETE", "/accessPackages/"+pack+"/resourceRoleScopes/"+scope, nil).want(http.StatusNoContent)
	ida.call("DELETE", "/accessPackages/"+pack+"/resourceRoleScopes/"+scope, nil).refused(http.StatusNotFound)
	ida.call("DELETE", "/accessPackages/"+pack, nil, "If-Match", etag).refused(http.StatusPreconditionFailed)
	ida.call("DELETE", "/accessPackages/"+pack, nil).want(http.StatusNoContent)
	ida.call("GET", "/accessPackages/"+pack, nil).refused(http.StatusNotFound)
	ida.call("GET", "/assignmentPolicies/"+policy, nil).refused(http.StatusNotFound)
}

// rules: OBJ-17
func TestPackageInUseStays(t *testing.T) {
	ida := administrator(t)
	o := newOffer(t, nil)
	someone := hire(t, "")
	request := ida.post("/assignmentRequests", assign(o, someone.ID))
	ida.call("DELETE", "/accessPackages/"+o.pack, nil).refused(http.StatusConflict, "assignments")
	ida.call("DELETE", "/assignmentPolicies/"+o.policy, nil).refused(http.StatusConflict, "assignments")
	drain(t)
	assignment := text(t, ida.get("/assignmentRequests/"+text(t, request, "id")+"?$expand=assignment"), "assignment/id")
	ida.post("/assignmentRequests", object{"requestType": "adminRemove", "assignment": object{"id": assignment}})
	drain(t)
	ida.call("DELETE", "/assignmentPolicies/"+o.policy, nil).want(http.StatusNoContent)
	ida.call("DELETE", "/accessPackages/"+o.pack, nil).want(http.StatusNoContent)
}

// What looks the same is the same name, and a name shows what it is.
//
// rules: CAT-01 OBJ-20
func TestNamesAreWhatTheyLookLike(t *testing.T) {
	ida := administrator(t)
	name := unique("Café und")
	catalog := text(t, ida.post("/catalogs", object{"displayName": "  " + name + "\u00a0", "description": "x"}), "id")
	same(t, ida.get("/catalogs/"+catalog), "displayName", name)
	pack := text(t, ida.post("/accessPackages", object{"displayName": name + " ", "description": "x", "catalog": object{"id": catalog}}), "id")
	other := text(t, ida.post("/accessPackages", object{"displayName": unique("other"), "description": "x", "catalog": object{"id": catalog}}), "id")
	another := newCatalog(t)
	decomposed := strings.ReplaceAll(name, "é", "e\u0301")
	for _, taken := range []string{name, name + " ", "\t" + name, decomposed, strings.ToUpper(decomposed), " " + decomposed + "\u3000", strings.Replace(name, " ", "  ", 1), strings.Replace(name, " ", "\u00a0", 1)} {
		ida.call("POST", "/catalogs", object{"displayName": taken, "description": "x"}).refused(http.StatusConflict, "displayName")
		ida.call("PATCH", "/catalogs/"+another, object{"displayName": taken}).refused(http.StatusConflict, "displayName")
		ida.call("POST", "/accessPackages", object{"displayName": taken, "description": "x", "catalog": object{"id": catalog}}).refused(http.StatusConflict, "displayName")
		ida.call("PATCH", "/accessPackages/"+other, object{"displayName": taken}).refused(http.StatusConflict, "displayName")
	}
	ida.call("PATCH", "/catalogs/"+catalog, object{"displayName": decomposed + " "}).want(http.StatusNoContent)
	same(t, ida.get("/catalogs/"+catalog), "displayName", name)
	policy := text(t, ida.post("/assignmentPolicies", policyFor(pack, func(p object) { p["displayName"] = " open\n" })), "id")
	same(t, ida.get("/assignmentPolicies/"+policy), "displayName", "open")
	before := documents(t)
	for _, unseen := range []string{"\u200b", "\u2800", "\u3164", "\u202eabc", "a\u2066b", "a\nb", "a\u2028b", "a\u00adb", "Ops\u200b", "Ops\ufe0f", "a\tb", "a\u0085b"} {
		for _, write := range [][2]string{{"POST", "/catalogs"}, {"PATCH", "/catalogs/" + catalog}, {"POST", "/accessPackages"}, {"PATCH", "/accessPackages/" + pack}, {"POST", "/assignmentPolicies"}, {"PATCH", "/assignmentPolicies/" + policy},
			{"PUT", "/operations/calloutActions/unseen"}} {
			body := object{"displayName": unseen, "description": "x"}
			switch write[1] {
			case "/accessPackages":
				body["catalog"] = object{"id": catalog}
			case "/assignmentPolicies":
				body = policyFor(pack, func(p object) { p["displayName"] = unseen })
			case "/operations/calloutActions/unseen":
				body = object{"displayName": unseen, "kind": "webhook", "settings": object{"url": "https://example.com/"}}
			}
			ida.call(write[0], write[1], body).refused(http.StatusBadRequest, "displayName")
		}
	}
	unchanged(t, before)
}

// A catalog and a package say what they are for; a policy need not.
//
// rules: OBJ-07 CAT-01
func TestDescriptionsAreNeeded(t *testing.T) {
	ida := administrator(t)
	catalog := newCatalog(t)
	pack := newPackage(t, catalog)
	policy := text(t, ida.post("/assignmentPolicies", policyFor(pack, func(p object) { p["description"] = "" })), "id")
	ida.call("PATCH", "/assignmentPolicies/"+policy, object{"description": nil}).want(http.StatusNoContent)
	ida.call("PATCH", "/assignmentPolicies/"+policy, object{"accessPackage": object{"id": pack, "description": nil}}).want(http.StatusNoContent) // said of another
	before := documents(t)
	for set, path := range map[string]string{"/catalogs": "/catalogs/" + catalog, "/accessPackages": "/accessPackages/" + pack} {
		for _, nothing := range []any{nil, "", "  ", "\n\t", "\u200b", "\u3164\u00a0", "\u2800", 5} {
			draft := object{"displayName": unique("Described"), "description": nothing}
			if set == "/accessPackages" {
				draft["catalog"] = object{"id": catalog}
			}
			ida.call("POST", set, draft).refused(http.StatusBadRequest, "description")
			ida.call("PATCH", path, object{"description": nothing}).refused(http.StatusBadRequest, "description")
			delete(draft, "description")
			ida.call("POST", set, draft).refused(http.StatusBadRequest, "description")
		}
	}
	unchanged(t, before)
}

// A part is changed by the version of what it is part of.
//
// rules: OBJ-20
func TestPartsGoByTheirWhole(t *testing.T) {
	ida := administrator(t)
	o := newOffer(t, nil)
	scopes := "/accessPackages/" + o.pack + "/resourceRoleScopes"
	etag := text(t, ida.get("/accessPackages/"+o.pack), "@odata.etag")
	scope := text(t, ida.values(scopes)[0], "id")
	ida.call("DELETE", scopes+"/"+scope, nil, "If-Match", etag).want(http.StatusNoContent)
	ida.call("POST", scopes, roleScope(o.group), "If-Match", etag).refused(http.StatusPreconditionFailed, "If-Match")
	ida.call("POST", scopes, roleScope(o.group), "If-Match", text(t, ida.get("/accessPackages/"+o.pack), "@odata.etag")).want(http.StatusCreated)
	boss := hire(t, "")
	approved := newOffer(t, approvedBy(manager()))
	self := person(t, hire(t, boss.ID).UserPrincipalName)
	request := text(t, self.post("/assignmentRequests", add("userAdd", approved.pack, nil)), "id")
	chief := person(t, boss.UserPrincipalName)
	stage := stageOf(t, chief, request, 0)
	seen := text(t, chief.get("/assignmentRequests/"+request), "@odata.etag")
	chief.call("PATCH", stage, object{"reviewResult": "Approve"}, "If-Match", seen).want(http.StatusNoContent)
	self.call("POST", "/assignmentRequests/"+request+"/cancel", nil, "If-Match", seen).refused(http.StatusPreconditionFailed, "If-Match")
	drain(t)
}

// Errors that scripts branch on have Microsoft Graph's codes.
//
// rules: OBJ-09 OBJ-19 OBJ-20
func TestGraphsCodes(t *testing.T) {
	ida := administrator(t)
	o := newOffer(t, nil)
	const nowhere = "11111111-1111-4111-8111-111111111111"
	resource := func(kind, originID string) object {
		return object{"requestType": kind, "catalog": object{"id": o.catalog}, "resource": object{"originId": originID, "originSystem": "AadGroup"}}
	}
	policy := policyFor(o.pack, func(policy object) { policy["allowedTargetScope"] = "everybody" })
	unapproved := policyFor(o.pack, func(policy object) {
		policy["requestApprovalSettings"] = object{"isApprovalRequiredForAdd": true, "stages": list{}}
	})
	for _, one := range []struct {
		method, path string
		body         any
		status       int
		code         string
	}{
		{"POST", "/resourceRequests", resource("adminAdd", o.group), 400, "ResourceAlreadyOnboarded"},
		{"POST", "/resourceRequests", resource("adminAdd", nowhere), 400, "ResourceNotFoundInOriginSystem"},
		{"POST", "/resourceRequests", resource("adminAdd", "nonsense"), 400, "invalidRequest"},
		{"POST", "/resourceRequests", resource("adminRemove", o.group), 400, "InvalidDeleteResourceHasEntitlements"},
		{"GET", "/accessPackages/" + nowhere, nil, 404, "AccessPackageNotFound"},
		{"PATCH", "/accessPackages/nonsense", object{"description": "d"}, 404, "AccessPackageNotFound"},
		{"DELETE", "/accessPackages/" + nowhere, nil, 404, "AccessPackageNotFound"},
		{"GET", "/accessPackages/" + nowhere + "/assignmentPolicies", nil, 404, "AccessPackageNotFound"},
		{"GET", "/assignmentPolicies/" + nowhere, nil, 404, "PolicyNotFound"},
		{"PUT", "/assignmentPolicies/nonsense", policyFor(o.pack, nil), 404, "PolicyNotFound"},
		{"DELETE", "/assignmentPolicies/" + nowhere, nil, 404, "PolicyNotFound"},
		{"GET", "/catalogs/" + nowhere, nil, 404, "itemNotFound"},
		{"POST", "/assignmentPolicies", policy, 400, "InvalidModel"},
		{"POST", "/assignmentPolicies", "{", 400, "InvalidModel"},
		{"POST", "/assignmentPolicies", unapproved, 400, "InvalidModel"},
		{"PATCH", "/assignmentPolicies/" + o.policy, object{"nope": 1}, 400, "InvalidModel"},
		{"PATCH", "/assignmentPolicies/" + o.policy + "?nope=1", object{}, 400, "invalidRequest"},
		{"POST", "/catalogs", object{"nope": 1}, 400, "invalidRequest"},
	} {
		answered := ida.call(one.method, one.path, one.body)
		answered.refused(one.status)
		same(t, answered.object(), "error/code", one.code)
	}
}

// Who may ask for a package reads it, a hidden one by its id too, and what is in it by name; nobody else learns that it is there, and nobody reads its policies so.
//
// rules: POL-14 POL-15 CAT-02
func TestRequestorsReadThePackage(t *testing.T) {
	ida := administrator(t)
	mine := newOffer(t, nil)
	others := newOffer(t, func(policy object) {
		policy["allowedTargetScope"], policy["specificAllowedTargets"] = "specificDirectoryUsers", list{user(hire(t, "").ID)}
	})
	self := person(t, hire(t, "").UserPrincipalName)
	path := "/accessPackages/" + mine.pack
	for _, hidden := range []bool{false, true} {
		ida.call("PATCH", path, object{"isHidden": hidden}).want(http.StatusNoContent)
		read := self.get(path + "?$expand=catalog,assignmentPolicies,resourceRoleScopes($expand=role($expand=resource),scope)")
		same(t, read, "id", mine.pack)
		same(t, read, "isHidden", hidden)
		same(t, read, "catalog/id", mine.catalog)
		same(t, read, "assignmentPolicies", list{})
		if name := text(t, read, "resourceRoleScopes/0/role/resource/displayName"); !strings.HasPrefix(name, "Group") {
			t.Errorf("the resource is %q", name)
		}
		if catalog := self.get(path + "/catalog"); catalog["createdDateTime"] != nil || catalog["displayName"] == nil {
			t.Errorf("of the catalog is shown %v", catalog)
		}
		if scopes := self.values(path + "/resourceRoleScopes"); len(scopes) != 1 {
			t.Errorf("in it are %v", scopes)
		}
		self.call("GET", path+"/assignmentPolicies", nil).refused(http.StatusForbidden)
	}
	for _, below := range []string{"", "/resourceRoleScopes", "/catalog"} {
		self.call("GET", "/accessPackages/"+others.pack+below, nil).refused(http.StatusNotFound)
	}
	guest(t).call("GET", path, nil).refused(http.StatusNotFound)
	ida.call("PATCH", "/catalogs/"+mine.catalog, object{"state": "unpublished"}).want(http.StatusNoContent)
	self.call("GET", path, nil).refused(http.StatusNotFound)
	ida.get(path)
	nobody(t).call("GET", path, nil).refused(http.StatusUnauthorized)
	application(t, "Reader").get(path)
}

// The catalog General is there before anybody has made one, is what any other is, and stays.
//
// rules: OBJ-18 CAT-04
func TestGeneralIsThere(t *testing.T) {
	fresh(t)
	ida := administrator(t)
	only := ida.values("/catalogs")
	if len(only) != 1 {
		t.Fatalf("from the start there are %v", only)
	}
	same(t, only[0], "displayName", "General")
	same(t, only[0], "catalogType", "serviceDefault")
	path := "/catalogs/" + text(t, only[0], "id")
	ida.call("DELETE", path, nil).refused(http.StatusConflict, "built in")
	ida.call("POST", "/catalogs", object{"displayName": "GENERAL", "description": "d"}).refused(http.StatusConflict, "displayName")
	newPackage(t, text(t, only[0], "id"), newGroup(t))
	ida.call("PATCH", path, object{"description": "ours"}).want(http.StatusNoContent)
	same(t, ida.get(path), "description", "ours")
	same(t, ida.get(path), "catalogType", "serviceDefault")
	if again := ida.values("/catalogs"); len(again) != 1 {
		t.Errorf("then there are %v", again)
	}
	fresh(t)
	ida.get(path) // by its id, too
}
