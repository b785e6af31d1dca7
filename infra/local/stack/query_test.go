package stack_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// query is a path with OData options, encoded.
func query(path string, options ...string) string {
	var parts []string
	for i := 0; i+1 < len(options); i += 2 {
		parts = append(parts, "$"+options[i]+"="+strings.ReplaceAll(url.QueryEscape(options[i+1]), "+", "%20"))
	}
	return path + "?" + strings.Join(parts, "&")
}

// library makes a catalog with packages whose names begin with a prefix of this test, and answers with the ids by the rest of the name.
func library(t *testing.T, names ...string) (catalog, prefix string, ids map[string]string) {
	t.Helper()
	ida := administrator(t)
	catalog, prefix, ids = newCatalog(t), unique("Lib")+" ", map[string]string{}
	for i, name := range names {
		ids[name] = text(t, ida.post("/accessPackages", object{"displayName": prefix + name, "description": "d" + name, "isHidden": i%2 == 1, "catalog": object{"id": catalog}}), "id")
	}
	return catalog, prefix, ids
}

// rules: OBJ-03 OBJ-12 OBJ-15
func TestFilters(t *testing.T) {
	ida := administrator(t)
	catalog, prefix, ids := library(t, "alpha", "Beta", "gamma's", "delta & co")
	names := func(filter string) []string {
		t.Helper()
		var found []string
		for _, one := range ida.values(query("/accessPackages", "filter", filter)) {
			found = append(found, strings.TrimPrefix(text(t, one, "displayName"), prefix))
		}
		slices.Sort(found)
		return found
	}
	within := "catalog/id eq '" + catalog + "' and "
	alpha := ida.get("/accessPackages/" + ids["alpha"])
	created := text(t, alpha, "createdDateTime")
	all := []string{"Beta", "alpha", "delta & co", "gamma's"}
	var then, later []string // two may be made in one millisecond
	for _, one := range all {
		if text(t, ida.get("/accessPackages/"+ids[one]), "createdDateTime") == created {
			then = append(then, one)
		} else {
			later = append(later, one)
		}
	}
	for filter, want := range map[string][]string{
		// text, without regard to case
		"displayName eq '" + prefix + "ALPHA'":                                  {"alpha"},
		"DisplayName EQ '" + prefix + "alpha'":                                  {"alpha"},
		within + "displayName ne '" + prefix + "alpha'":                         {"Beta", "delta & co", "gamma's"},
		"displayName eq '" + prefix + "gamma''s'":                               {"gamma's"},
		"startswith(displayName,'" + strings.ToLower(prefix) + "b')":            {"Beta"},
		within + "endswith(displayName,'CO')":                                   {"delta & co"},
		within + "contains(displayName,'ta')":                                   {"Beta", "delta & co"},
		within + "contains(tolower(displayName),'ta')":                          {"Beta", "delta & co"},
		within + "contains(toupper(displayName),'TA & ')":                       {"delta & co"},
		within + "tolower(displayName) eq '" + prefix + "beta'":                 {"Beta"},
		within + "not contains(displayName,'ta')":                               {"alpha", "gamma's"},
		within + "not (description eq 'dalpha')":                                {"Beta", "delta & co", "gamma's"},
		within + "description eq null":                                          nil,
		within + "description ne null":                                          all,
		within + "displayName in ('" + prefix + "Beta', '" + prefix + "ALPHA')": {"Beta", "alpha"},
		// ids
		"id eq '" + ids["Beta"] + "'":                                        {"Beta"},
		"id eq '" + strings.ToUpper(ids["Beta"]) + "'":                       {"Beta"},
		"id eq " + ids["Beta"]:                                               {"Beta"},
		"id in ('" + ids["Beta"] + "','" + ids["alpha"] + "')":               {"Beta", "alpha"},
		"catalog/id eq '" + catalog + "'":                                    all,
		within + "id ne '" + ids["Beta"] + "'":                               {"alpha", "delta & co", "gamma's"},
		"id eq '" + strings.Repeat("0", 8) + "-0000-4000-8000-000000000000'": nil,
		// booleans
		within + "isHidden eq true":          {"Beta", "delta & co"},
		within + "isHidden ne true":          {"alpha", "gamma's"},
		within + "(isHidden eq false)":       {"alpha", "gamma's"},
		within + "isHidden in (true, false)": all,
		// instants
		within + "createdDateTime eq " + created:                    then,
		within + "createdDateTime gt " + created:                    later,
		within + "createdDateTime ge " + created:                    all,
		within + "createdDateTime le " + created:                    then,
		within + "createdDateTime lt " + created:                    nil,
		within + "createdDateTime ge 2000-01-01T00:00:00+02:00":     all,
		within + "modifiedDateTime lt 2999-12-31T23:59:59.9999999Z": all,
		// precedence
		within + "isHidden eq true or id eq '" + ids["alpha"] + "'":                                       {"Beta", "alpha", "delta & co"},
		within + "(isHidden eq true or id eq '" + ids["alpha"] + "')":                                     {"Beta", "alpha", "delta & co"},
		"(" + within + "isHidden eq true) and (contains(displayName,'bet') or contains(displayName,'z'))": {"Beta"},
	} {
		if found := names(filter); !slices.Equal(found, want) {
			t.Errorf("%s: %v, want %v", filter, found, want)
		}
	}

	// enumerations, in any case, of every list that has one
	o := newOffer(t, nil)
	someone := hire(t, "")
	request := ida.post("/assignmentRequests", assign(o, someone.ID))
	drain(t)
	for path, filter := range map[string]string{
		"/catalogs":                                  "id eq '" + o.catalog + "' and state eq 'Published' and catalogType eq 'USERMANAGED' and isExternallyVisible eq true",
		"/assignmentPolicies":                        "accessPackage/id eq '" + o.pack + "' and catalog/id eq '" + o.catalog + "' and allowedTargetScope eq 'AllMemberUsers'",
		"/resourceRequests":                          "catalog/id eq '" + o.catalog + "' and requestType eq 'AdminAdd' and state eq 'Delivered' and resource/originId eq '" + o.group + "'",
		"/assignmentRequests":                        "accessPackage/id eq '" + o.pack + "' and requestType in ('AdminAdd','userAdd') and state ne 'Denied' and status eq 'fulfilled' and assignment/target/objectId eq '" + someone.ID + "' and assignment/assignmentPolicy/id eq '" + o.policy + "' and requestor/objectId eq '" + start(t).Tenant.Users[0].ID + "'",
		"/ASSIGNMENTREQUESTS":                        "assignmentPolicy/id eq '" + o.policy + "'",
		"/assignments":                               "accessPackage/id eq '" + o.pack + "' and assignmentPolicy/id eq '" + o.policy + "' and target/objectId eq '" + someone.ID + "' and state in ('DELIVERED') and expiredDateTime eq null",
		"/catalogs/" + o.catalog + "/resources":      "originSystem eq 'aadgroup' and originId eq '" + strings.ToUpper(o.group) + "'",
		"/catalogs/" + o.catalog + "/resourceScopes": "originSystem eq 'AadGroup'",
		"/operations/audit/catalogs":                 "partitionId eq '" + o.catalog + "' and activityDisplayName eq 'create catalog' and result eq 'success'",
		"/operations/audit/subjects":                 "correlationId eq '" + text(t, request, "id") + "' and startswith(id,'0') eq null",
	} {
		if strings.HasSuffix(filter, "eq null") && strings.Contains(filter, "startswith") {
			ida.call("GET", query(path, "filter", filter), nil).refused(http.StatusBadRequest, "$filter")
			continue
		}
		if found := ida.values(query(path, "filter", filter)); len(found) != 1 {
			t.Errorf("%s?%s: %d found: %v", path, filter, len(found), found)
		}
	}
	for _, path := range []string{"/assignmentRequests", "/assignments"} { // of a catalog
		for of, want := range map[string]int{o.catalog: 1, catalog: 0} {
			if found := ida.values(query(path, "filter", "accessPackage/catalog/id eq '"+of+"'")); len(found) != want {
				t.Errorf("%s of the catalog %s: %d found, want %d", path, of, len(found), want)
			}
		}
	}
}

// rules: OBJ-15
func TestPaging(t *testing.T) {
	ida := administrator(t)
	var names []string
	for i := range 23 {
		names = append(names, fmt.Sprintf("%02d", i))
	}
	catalog, prefix, _ := library(t, names...)
	filter := "catalog/id eq '" + catalog + "'"
	follow := func(path string, most int) []string {
		t.Helper()
		var found []string
		for pages := 0; path != ""; pages++ {
			if pages > 30 {
				t.Fatalf("%s: the pages do not end", path)
			}
			page := ida.get(path)
			values := at[list](t, page, "value")
			if len(values) > most {
				t.Errorf("%s: a page of %d", path, len(values))
			}
			for _, one := range values {
				found = append(found, strings.TrimPrefix(text(t, one, "displayName"), prefix))
			}
			if strings.Contains(path, "count=true") {
				same(t, page, "@odata.count", 23)
			}
			path, _ = page["@odata.nextLink"].(string)
		}
		return found
	}
	for _, top := range []int{1, 5, 22, 23, 24, 999} {
		found := follow(query("/accessPackages", "filter", filter, "top", fmt.Sprint(top), "count", "true"), top)
		slices.Sort(found)
		if !slices.Equal(found, names) {
			t.Errorf("pages of %d: %v", top, found)
		}
	}
	if found := follow(query("/accessPackages", "filter", filter, "top", "5", "orderby", "displayName", "count", "true"), 5); !slices.Equal(found, names) {
		t.Errorf("in order: %v", found)
	}
	if found := follow(query("/accessPackages", "filter", filter, "top", "5", "orderby", "displayName", "skip", "7"), 5); !slices.Equal(found, names[7:]) {
		t.Errorf("in order, from the eighth: %v", found)
	}
	backwards := slices.Clone(names)
	slices.Reverse(backwards)
	if found := follow(query("/accessPackages", "filter", filter, "top", "10", "orderby", "isHidden asc,displayName DESC"), 10); len(found) != 23 || found[0] != "22" || found[12] != "21" {
		t.Errorf("by two properties: %v", found)
	}
	if found := follow(query("/accessPackages", "filter", filter, "orderby", "displayName desc"), 100); !slices.Equal(found, backwards) {
		t.Errorf("backwards: %v", found)
	}
	if found := follow(query("/accessPackages", "filter", filter, "skip", "20"), 3); len(found) != 3 {
		t.Errorf("from the 21st: %v", found)
	}
	if page := ida.get(query("/accessPackages", "filter", filter, "skip", "23", "count", "true")); len(at[list](t, page, "value")) != 0 || page["@odata.nextLink"] != nil {
		t.Errorf("after the end: %v", page)
	}
	if page := ida.get(query("/accessPackages", "filter", filter, "top", "2")); page["@odata.count"] != nil {
		t.Errorf("a count that nobody asked for: %v", page["@odata.count"])
	}
	// Nothing but the count.
	for _, options := range [][]string{{"top", "0", "count", "true"}, {"top", "0", "count", "true", "orderby", "displayName"}} {
		page := ida.get(query("/accessPackages", append(options, "filter", filter)...))
		same(t, page, "@odata.count", 23)
		if len(at[list](t, page, "value")) != 0 || page["@odata.nextLink"] != nil {
			t.Errorf("%v: %v", options, page)
		}
	}
	if counted := ida.call("GET", query("/accessPackages/$count", "filter", filter), nil).want(http.StatusOK); string(counted.body) != "23" {
		t.Errorf("counted: %s", counted.body)
	}
	// The link keeps every other option, and is below the public address.
	page := ida.get(query("/accessPackages", "filter", filter+" and contains(displayName,'$0')  or displayName eq 'a&b=c;d'", "top", "1") + "&$expand=resourceRoleScopes($select=id;$expand=role)&$select=displayName")
	if len(at[list](t, page, "value")) != 0 {
		t.Errorf("found %v", page)
	}
	page = ida.get(query("/accessPackages", "filter", filter, "top", "1") + "&$expand=catalog($select=id)&$select=displayName")
	for range 3 {
		link := text(t, page, "@odata.nextLink")
		if !strings.HasPrefix(link, start(t).Endpoints.Host+"/api/v1.0/identityGovernance/entitlementManagement/accessPackages?") {
			t.Fatalf("the link is %s", link)
		}
		page = ida.get(link)
		one := at[object](t, page, "value/0")
		same(t, one, "catalog", object{"id": catalog})
		if one["isHidden"] != nil || one["displayName"] == nil {
			t.Errorf("the second page does not keep $select: %v", one)
		}
	}
}

// rules: OBJ-11
func TestSelect(t *testing.T) {
	ida := administrator(t)
	o := newOffer(t, nil)
	selected := ida.get("/catalogs?$count=true&$filter=id%20eq%20%27" + o.catalog + "%27&$orderby=displayName&$select=id,displayName,state&$top=5")
	same(t, selected, "@odata.count", 1)
	one := at[object](t, selected, "value/0")
	for name := range one {
		if name != "id" && name != "displayName" && name != "state" && name != "@odata.etag" {
			t.Errorf("%s was not selected", name)
		}
	}
	if len(one) != 4 {
		t.Errorf("selected: %v", one)
	}
	with := ida.get("/accessPackages/" + o.pack + "?$select=displayName&$expand=assignmentPolicies($select=displayName)")
	same(t, with, "assignmentPolicies/0/id", o.policy)
	if with["description"] != nil || at[object](t, with, "assignmentPolicies/0")["questions"] != nil {
		t.Errorf("selected: %v", with)
	}
	asked := newOffer(t, func(policy object) {
		policy["questions"] = list{object{"@odata.type": "#microsoft.graph.accessPackageTextInputQuestion", "text": "why?"}}
	})
	for path, question := range map[string]string{
		"/assignmentPolicies/" + asked.policy + "?$expand=questions":                                                 "questions/0",
		"/assignmentPolicies/" + asked.policy + "?$expand=questions($select=text)&$select=id":                        "questions/0",
		"/accessPackages/" + asked.pack + "?$expand=assignmentPolicies($expand=questions)":                           "assignmentPolicies/0/questions/0",
		"/accessPackages/" + asked.pack + "/assignmentPolicies/" + asked.policy + "?$expand=questions,accessPackage": "questions/0",
	} {
		shown := at[object](t, ida.get(path), question)
		same(t, shown, "text", "why?")
		if strings.Contains(path, "select=text") == (shown["sequence"] != nil) {
			t.Errorf("%s: %v", path, shown)
		}
	}
	if everything := ida.get("/accessPackages/" + o.pack + "?$select=*"); everything["isHidden"] != false {
		t.Errorf("everything: %v", everything)
	}
}

// An option that is not supported, or not understood, is refused by its name; it is never silently left out.
//
// rules: OBJ-12 OBJ-15
func TestOptionsRefused(t *testing.T) {
	ida := administrator(t)
	o := newOffer(t, nil)
	deep := strings.Repeat("(", 17) + "id eq 'x'" + strings.Repeat(")", 17)
	for _, one := range []struct{ path, names string }{
		{"/accessPackages?$search=x", "$search"},
		{"/accessPackages?$apply=x", "$apply"},
		{"/accessPackages?$compute=x", "$compute"},
		{"/accessPackages?%24search=x", "$search"},
		{"/accessPackages/" + o.pack + "?$filter=id%20eq%20'x'", "$filter"},
		{"/accessPackages/" + o.pack + "?$top=1", "$top"},
		{"/accessPackages/" + o.pack + "/resourceRoleScopes?$orderby=id", "$orderby"},
		{"/accessPackages?$top=1000", "$top"},
		{"/accessPackages?$top=x", "$top"},
		{"/accessPackages?$top=1&$top=2", "$top"},
		{"/accessPackages?$skip=-1", "$skip"},
		{"/accessPackages?$count=perhaps", "$count"},
		{"/accessPackages?$count=T", "$count"},
		{"/accessPackages?$count=1", "$count"},
		{"/accessPackages?$top=%2B1", "$top"},
		{"/accessPackages?$top=01", "$top"},
		{"/accessPackages?$top=%201", "$top"},
		{"/accessPackages?$top=1e1", "$top"},
		{"/accessPackages?$top=0x1", "$top"},
		{"/accessPackages?$skip=-0", "$skip"},
		{"/accessPackages?$skip=%2B1", "$skip"},
		{"/accessPackages?$skiptoken=made-up", "$skiptoken"},
		{"/accessPackages?$skiptoken=", "$skiptoken"},
		{"/accessPackages?$skiptoken=made-up&$orderby=displayName", "$orderby"},
		{"/accessPackages?$skiptoken=made-up&$skip=0", "$skip"},
		{"/accessPackages/" + o.pack + "/resourceRoleScopes?$skiptoken=%2B0", "$skiptoken"},
		{"/accessPackages?code=a;b", "semicolon"},
		{"/accessPackages?clientId=a%3B$top=1", "semicolon"},
		{"/accessPackages?$orderby=nothing", "nothing"},
		{"/accessPackages?$orderby=id,id,id,id", "$orderby"},
		{"/accessPackages?$orderby=id%20upwards", "$orderby"},
		{"/accessPackages?$expand=nothing", "nothing"},
		{"/accessPackages?$expand=catalog($filter=id%20eq%20'x')", "$filter"},
		{"/accessPackages?$expand=catalog($expand=accessPackages)", "accessPackages"},
		{"/accessPackages?$expand=catalog(", "$expand"},
		{"/accessPackages?$expand=catalog)", "$expand"},
		{"/assignments?$expand=accessPackage($expand=catalog)", "catalog"},
		{"/assignments?$expand=assignmentPolicy($expand=accessPackage)", "accessPackage"},
		{"/accessPackages?$select=", "$select"},
		{"/accessPackages?$select=a/b", "$select"},
		{query("/accessPackages", "filter", ""), "$filter"},
		{query("/accessPackages", "filter", "displayName"), "operator"},
		{query("/accessPackages", "filter", "displayName eq"), "displayName"},
		{query("/accessPackages", "filter", "displayName eq 'x"), "not closed"},
		{query("/accessPackages", "filter", "displayName eq x"), "displayName"},
		{query("/accessPackages", "filter", "displayName like 'x'"), "like"},
		{query("/accessPackages", "filter", "displayName gt 'x'"), "displayName"},
		{query("/accessPackages", "filter", "password eq 'x'"), "password"},
		{query("/accessPackages", "filter", "isHidden eq 'true'"), "isHidden"},
		{query("/accessPackages", "filter", "isHidden eq T"), "isHidden"},
		{query("/accessPackages", "filter", "isHidden eq 1"), "isHidden"},
		{query("/accessPackages", "filter", "createdDateTime gt 'yesterday'"), "createdDateTime"},
		{query("/accessPackages", "filter", "createdDateTime gt 2026-01-01T8:00:00Z"), "createdDateTime"},
		{query("/accessPackages", "filter", "createdDateTime gt 2026-01-01T08:00:00+24:00"), "createdDateTime"},
		{query("/accessPackages", "filter", "length(displayName) eq 3"), "length"},
		{query("/accessPackages", "filter", "contains(isHidden,'x')"), "isHidden"},
		{query("/accessPackages", "filter", "contains(displayName)"), "$filter"},
		{query("/accessPackages", "filter", "id eq 'x' id eq 'y'"), "$filter"},
		{query("/accessPackages", "filter", "id eq 'x')"), "$filter"},
		{query("/accessPackages", "filter", "(id eq 'x'"), "$filter"},
		{query("/accessPackages", "filter", "id in ()"), "$filter"},
		{query("/accessPackages", "filter", "id in ('x'"), "$filter"},
		{query("/assignments", "filter", "state eq 'Approved'"), "delivered"},
		{query("/assignments", "filter", "state eq delivered"), "state"},
		{query("/accessPackages", "filter", "id eq '"+strings.Repeat("x", 2000)+"'"), "2000"},
		{query("/accessPackages", "filter", deep), "16"},
		{query("/accessPackages", "filter", strings.Repeat("not ", 17)+"isHidden eq true"), "16"},
		{query("/accessPackages", "filter", "id eq 'x'"+strings.Repeat(" or id eq 'x'", 50)), "50"},
		{query("/accessPackages", "filter", "id in ('x'"+strings.Repeat(",'x'", 60)+")"), "50"},
		{"/accessPackages?$filter=id%20eq%20'%ff'", "$filter"},
		{"/accessPackages?$filter=%zz", "query"},
		{query("/accessPackageAssignmentApprovals/filterByCurrentUser(on='approver')", "filter", "status eq 'x'"), "$filter"},
	} {
		ida.call("GET", one.path, nil).refused(http.StatusBadRequest, one.names)
	}
	ida.call("GET", "/catalogs/"+o.catalog+"?api-version=1", nil).refused(http.StatusBadRequest, "api-version")
	// The Functions host's own are none of our business.
	ida.call("GET", "/catalogs/"+o.catalog+"?code=x&clientId=default", nil).want(http.StatusOK)
	// What a change would have to honour, it refuses: nobody gets access by trying out.
	before := documents(t)
	ida.call("POST", "/assignmentRequests?dryRun=true", assign(o, hire(t, "").ID)).refused(http.StatusBadRequest, "dryRun")
	drain(t)
	unchanged(t, before)
}

// Options without the dollar sign, names and paths in any letter case are what they are with it and as they are written.
//
// rules: OBJ-03 OBJ-04 OBJ-11 OBJ-15
func TestSpellings(t *testing.T) {
	ida := administrator(t)
	catalog, _, ids := library(t, "a", "b", "c")
	page := ida.get("/AccessPackages?Filter=catalog/id%20eq%20'" + catalog + "'&TOP=2&$Count=true&select=DISPLAYNAME&expand=Catalog(select=id)&code=x")
	same(t, page, "@odata.count", 3)
	one := at[object](t, page, "value/0")
	same(t, one, "catalog", object{"id": catalog})
	if len(at[list](t, page, "value")) != 2 || one["displayName"] == nil || one["isHidden"] != nil {
		t.Errorf("the options are not honoured: %v", page)
	}
	if rest := ida.get(text(t, page, "@odata.nextLink")); len(at[list](t, rest, "value")) != 1 || at[object](t, rest, "value/0")["isHidden"] != nil {
		t.Errorf("the second page: %v", rest)
	}
	same(t, ida.get("/ACCESSPACKAGES('"+strings.ToUpper(ids["a"])+"')?EXPAND=catalog($SELECT=ID)"), "catalog/id", catalog)
	if mine := person(t, "marta").get("/accesspackages/Microsoft.Graph.FilterByCurrentUser(On='AllowedRequestor')"); mine["value"] == nil {
		t.Errorf("no list: %v", mine)
	}

	o := newOffer(t, nil)
	first := ida.get("/accessPackages/" + o.pack + "/ResourceRoleScopes?top=1&count=true&expand=role")
	same(t, first, "@odata.count", 1)
	if first["@odata.nextLink"] != nil || at[object](t, first, "value/0")["role"] == nil {
		t.Errorf("the list of what is few: %v", first)
	}
	ida.call("GET", "/accessPackages/"+o.pack+"/resourceRoleScopes?$skiptoken=7", nil).refused(http.StatusBadRequest, "$skiptoken")
	if none := ida.get("/accessPackages/" + o.pack + "/resourceRoleScopes?$skip=1"); len(at[list](t, none, "value")) != 0 {
		t.Errorf("after the end: %v", none)
	}
}
