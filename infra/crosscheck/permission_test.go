package crosscheck

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"latchkey/shared/app/operate"
	"latchkey/shared/directory"
	"latchkey/shared/directory/graph"
	"latchkey/shared/governance"
)

const permissionTable = "infra/entra/permissions.json"

// rows are the permissions of one kind in the table; the detail is the code that uses them, or the role's id.
func rows(r repo, ofKind, detail string) side {
	return matches(r, permissionTable, permissionTable, `\n  \{"api": "[^"]+", "permission": "([^"]+)", "kind": "`+ofKind+`".*"`+detail+`": "([^"]+)"`)
}

// implied says which permission another one holds in it: with both needed, only the larger one is asked for.
var implied = map[string]string{"GroupMember.Read.All": "GroupMember.ReadWrite.All", "Group.Read.All": "Group.ReadWrite.All"}

func TestGraphPermissions(t *testing.T) {
	const source = "shared/directory/graph/permission.go"
	kind{"Graph permission", func(r repo) []side {
		needed := map[string]string{}
		for _, line := range calls() {
			needed[line.Permission] = "shared/directory/graph"
		}
		needed[directory.PermissionHidden] = "shared/directory/graph" // it opens no call, but what calls answer
		for smaller, larger := range implied {
			if needed[larger] != "" {
				delete(needed, smaller)
			}
		}
		code := side{name: "shared/directory/graph", code: true}
		for _, file := range []string{source, "shared/directory/graph/actions.go", "shared/directory/directory.go"} { // each is found where it is written first
			for _, permission := range ofCode(r, code.name, file, needed).items {
				if strings.Contains(r.read(file), `"`+permission.name+`"`) && !slices.ContainsFunc(code.items, func(i item) bool { return i.name == permission.name }) {
					code.items = append(code.items, permission)
				}
			}
		}
		if r.dropped == "" && len(code.items) != len(needed) {
			r.t.Errorf("%s:1: of %d permissions only %d are found in the source", source, len(needed), len(code.items))
		}
		return []side{code, rows(r, "application", "usedBy")}
	}}.check(t)
}

// What is said to stop without a permission, and what it is needed for, is the same in the code, which tells an operator, and in the table, which tells the scripts.
func TestGrants(t *testing.T) {
	const source = "shared/app/operate/grant.go"
	kind{"Graph permission", func(r repo) []side {
		details := map[string]string{}
		for _, grant := range operate.Grants() {
			details[grant.Permission] = grant.Feature + ": " + grant.Stops
		}
		table, stops := rows(r, "application", "when"), rows(r, "application", "stops")
		if len(table.items) != len(stops.items) {
			r.t.Fatalf("%s: of %d permissions only %d say what stops without them", permissionTable, len(table.items), len(stops.items))
		}
		for i := range table.items {
			table.items[i].detail += ": " + stops.items[i].detail
		}
		return []side{ofCode(r, "shared/app/operate", source, details), table}
	}}.check(t)
}

// calls are all calls of Graph: those of the port and those of actions.
func calls() []graph.Permission { return append(graph.Permissions(), graph.ActionPermissions()...) }

// What the scripts may be asked to grant is what rows of the table are for.
func TestFeaturesOfTheScripts(t *testing.T) {
	kind{"feature", func(r repo) []side {
		table := matches(r, permissionTable, permissionTable, `"kind": "application".*"when": "([a-z]+)"`)
		table.items = slices.DeleteFunc(table.items, func(i item) bool { return i.name == "always" })
		sides := []side{onePlace(r, table)}
		for file, pattern := range map[string]string{"infra/entra/setup.sh": `(?m)^known='( .* )'$`, "infra/entra/setup.ps1": `\[ValidateSet\(('[a-z]+', .*)\)\]`} {
			text := r.read(file)
			at := regexp.MustCompile(pattern).FindStringSubmatchIndex(text)
			if at == nil {
				r.t.Fatalf("%s: there is no list of features", file)
			}
			s := side{name: file}
			for _, word := range regexp.MustCompile(`[a-z]+`).FindAllStringIndex(text[at[2]:at[3]], -1) {
				s.add(text[at[2]+word[0]:at[2]+word[1]], "", file, text, at[2]+word[0])
			}
			sides = append(sides, s)
		}
		return sides
	}}.check(t)
}

// withoutPermission are the calls that no permission opens, with what does.
var withoutPermission = map[string]string{"ResumeRequest": "a role on the catalog, in entitlement management itself"}

// Every call of the adapter is one of graph.Permissions, and each of those is called.
func TestGraphCalls(t *testing.T) {
	kind{"call of Graph", func(r repo) []side {
		code := side{name: "graph.Permissions", code: true}
		for _, line := range calls() {
			name := string(line.Operation)
			source := "shared/directory/graph/permission.go"
			text := r.read(source)
			if !strings.Contains(text, `"`+name+`"`) {
				source = "shared/directory/graph/actions.go"
				text = r.read(source)
			}
			if r.dropped != code.name+"/"+name && !slices.ContainsFunc(code.items, func(i item) bool { return i.name == name }) {
				code.add(name, "", source, text, strings.Index(text, `"`+name+`"`))
			}
		}
		calls := side{name: "shared/directory/graph", code: true} // a call may stand there twice
		for _, file := range r.glob("shared/directory/graph/*.go") {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text := r.read(file)
			for _, at := range regexp.MustCompile(`(?:d\.(?:call|lists|add|remove|staysAway)\(ctx, |d\.raw\(ctx, |pages\(ctx, d, |list\(ctx, d, |d\.rolesIn\(ctx, |operation :?= )[oO]peration([A-Z][A-Za-z]+)\b`).FindAllStringSubmatchIndex(text, -1) {
				name := text[at[2]:at[3]]
				if _, without := withoutPermission[name]; !without && r.dropped != calls.name+"/"+name {
					calls.add(name, "", file, text, at[2])
				}
			}
		}
		return []side{code, calls}
	}}.check(t)
}

// The roles and scopes that callers are given are those that authorization knows.
func TestAppRolesAndScopes(t *testing.T) {
	const source = "shared/governance/caller.go"
	for ofKind, permissions := range map[string][]string{
		"appRole": {governance.PermissionReadAll, governance.PermissionReadWriteAll},
		"scope":   {governance.PermissionReadAll, governance.PermissionReadWriteAll, governance.PermissionSubjectAccess},
	} {
		t.Run(ofKind, func(t *testing.T) {
			kind{ofKind, func(r repo) []side {
				details := map[string]string{}
				for _, permission := range permissions {
					details[permission] = "shared/app/authz"
				}
				return []side{ofCode(r, "shared/governance", source, details), rows(r, ofKind, "usedBy")}
			}}.check(t)
		})
	}
	sound := repo{t: t}
	for _, finding := range unknownToAuthorization(sound, source) {
		t.Error(finding)
	}
	for _, constant := range matches(sound, source, source, permissionConstant).items {
		if len(unknownToAuthorization(without(t, sound.read(source), constant), source)) != 1 {
			t.Errorf("%s: that authorization does not know a permission is not found", constant.at())
		}
	}
}

const permissionConstant = `(?m)^\t(Permission[A-Za-z]+)\s+= "`

// unknownToAuthorization names the permissions that shared/app/authz never asks about.
func unknownToAuthorization(r repo, source string) []string {
	var code strings.Builder
	for _, file := range r.sources("shared/app/authz") {
		code.WriteString(r.read(file))
	}
	var found []string
	for _, constant := range matches(r, source, source, permissionConstant).items {
		if !regexp.MustCompile(`\bgovernance\.` + constant.name + `\b`).MatchString(code.String()) {
			found = append(found, constant.at()+": authorization does not know "+constant.name)
		}
	}
	return found
}

func TestAzureRoles(t *testing.T) {
	kind{"Azure role", func(r repo) []side {
		assigned := side{name: "infra/modules"}
		for _, file := range r.glob("infra/modules/*.bicep") {
			text := r.read(file)
			for _, at := range regexp.MustCompile(`'([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})' // ([A-Za-z ]+)`).FindAllStringSubmatchIndex(text, -1) {
				assigned.add(text[at[2]:at[3]], text[at[4]:at[5]]+" in "+file, file, text, at[2])
			}
		}
		granted := matches(r, permissionTable, permissionTable, `"kind": "azureRole", "id": "([^"]+)"`)
		names, users := rows(r, "azureRole", "id"), rows(r, "azureRole", "usedBy")
		for i := range granted.items {
			granted.items[i].detail = names.items[i].name + " in " + users.items[i].detail
		}
		return []side{granted, assigned}
	}}.check(t)
}

// The roles that the Bicep files cannot assign, since what they are on is not theirs: the page says to, and with which command.
func TestRolesByHand(t *testing.T) {
	kind{"role assigned by hand", func(r repo) []side {
		const page = "docs/companion/README.md"
		return []side{matches(r, permissionTable, permissionTable, `"permission": "([^"]+)", "kind": "roleByHand"`), matches(r, page, page, `az role assignment create --assignee-object-id .*--role '([^']+)'`)}
	}}.check(t)
}

// What the identity may do with documents, which no role of Azure's own says.
func TestActionsOnDocuments(t *testing.T) {
	kind{"data action", func(r repo) []side {
		actions := matches(r, cosmosBicep, cosmosBicep, `\n\s+'(Microsoft\.DocumentDB/databaseAccounts/[A-Za-z/]+)'`)
		for i := range actions.items {
			actions.items[i].detail = cosmosBicep
		}
		return []side{rows(r, "dataAction", "usedBy"), actions}
	}}.check(t)
}

// Nothing is assigned by a role that the table does not know, under whatever name.
func TestNoOtherRoleIsAssigned(t *testing.T) {
	r := repo{t: t}
	table := r.read(permissionTable)
	for _, file := range append(r.glob("infra/modules/*.bicep"), mainBicep) {
		text := r.read(file)
		for _, at := range regexp.MustCompile(`'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'`).FindAllStringIndex(text, -1) {
			if id := text[at[0]+1 : at[1]-1]; !strings.Contains(table, id) {
				t.Errorf("%s:%d: %s is not in %s", file, 1+strings.Count(text[:at[0]], "\n"), id, permissionTable)
			}
		}
	}
}
