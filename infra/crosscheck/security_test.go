package crosscheck

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"latchkey/shared/platform"
)

const securityPage = "SECURITY.md"

// unproven names the tests of the threat table that do not exist, and rows without one.
func unproven(r repo) []string {
	var found []string
	text := r.read(securityPage)
	_, table, _ := strings.Cut(text, "## Threats")
	table, _, _ = strings.Cut(table, "\n## ")
	before := strings.Count(text[:strings.Index(text, "## Threats")], "\n")
	reference := regexp.MustCompile("`([a-z/]+)\\.((?:Test|Fuzz)[A-Za-z0-9]+)`")
	rows := 0
	for n, line := range strings.Split(table, "\n") {
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| who ") {
			continue
		}
		rows++
		at := fmt.Sprintf("%s:%d", securityPage, before+n+1)
		tests := reference.FindAllStringSubmatch(line, -1)
		if len(tests) == 0 {
			found = append(found, at+": no test shows it")
		}
		for _, test := range tests {
			exists := false
			files, _ := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(test[1]), "*_test.go"))
			for _, file := range files {
				relative, _ := filepath.Rel(filepath.Join("..", ".."), file)
				exists = exists || strings.Contains(r.read(filepath.ToSlash(relative)), "\nfunc "+test[2]+"(")
			}
			if !exists {
				found = append(found, fmt.Sprintf("%s: there is no test %s.%s", at, test[1], test[2]))
			}
		}
	}
	if rows < 10 {
		found = append(found, securityPage+":1: the table of threats is not there")
	}
	return found
}

func TestThreatsHaveTests(t *testing.T) {
	sound := repo{t: t}
	for _, finding := range unproven(sound) {
		t.Error(finding)
	}
	text := sound.read(securityPage)
	for spoilt, want := range map[string]string{
		strings.Replace(text, "shared/identity.TestAttacks", "shared/identity.TestAttackx", 1):     "there is no test shared/identity.TestAttackx",
		strings.Replace(text, "`infra/crosscheck.TestNoKeysAnywhere` |\n| Latch", "|\n| Latch", 1): "no test shows it",
		strings.Replace(text, "## Threats", "## Threats\n\n## Other", 1):                           "the table of threats is not there",
	} {
		if found := unproven(repo{t: t, spoilt: map[string]string{securityPage: spoilt}}); len(found) == 0 || !strings.Contains(strings.Join(found, "\n"), want) {
			t.Errorf("want %q, found %q", want, found)
		}
	}
}

// keyed names what the Bicep files leave open to a key, or take from one.
func keyed(r repo) []string {
	var found []string
	off := map[string]string{
		"Microsoft.DocumentDB/databaseAccounts@": `disableLocalAuth: true`, "Microsoft.ServiceBus/namespaces@": `disableLocalAuth: true`, "Microsoft.Storage/storageAccounts@": `allowSharedKeyAccess: false`,
		"Microsoft.Insights/components@": `DisableLocalAuth: true`, "Microsoft.OperationalInsights/workspaces@": `disableLocalAuth: true`,
	}
	reading := regexp.MustCompile(`\b(listKeys|listAccountSas|listServiceSas|listConnectionStrings|listSecrets|getSecret|primaryKey|secondaryKey|connectionStrings)\b|AccountKey=|SharedAccessKey=`)
	for _, file := range append(r.glob("infra/modules/*.bicep"), mainBicep) {
		text := r.read(file)
		for _, at := range reading.FindAllStringIndex(text, -1) {
			found = append(found, fmt.Sprintf("%s:%d: %s reads a key", file, 1+strings.Count(text[:at[0]], "\n"), text[at[0]:at[1]]))
		}
		for _, at := range regexp.MustCompile(`(?m)^resource [A-Za-z]+ '([A-Za-z.]+/[A-Za-z]+@)[^']*' = (existing )?`).FindAllStringSubmatchIndex(text, -1) {
			want, watched := off[text[at[2]:at[3]]]
			if !watched || at[4] >= 0 {
				continue
			}
			body, _, _ := strings.Cut(text[at[1]:], "\n}")
			if !strings.Contains(body, want) {
				found = append(found, fmt.Sprintf("%s:%d: %s stays open to keys: it needs %s", file, 1+strings.Count(text[:at[0]], "\n"), text[at[2]:at[3]], want))
			}
			delete(off, text[at[2]:at[3]])
		}
	}
	for resource := range off {
		found = append(found, "infra/main.bicep:1: there is no "+resource)
	}
	app := r.read(appBicep)
	for _, want := range []string{"resource ftp 'basicPublishingCredentialsPolicies'", "resource scm 'basicPublishingCredentialsPolicies'", "type: 'UserAssignedIdentity'", "httpsOnly: true"} {
		if !strings.Contains(app, want) {
			found = append(found, appBicep+":1: it lacks "+want)
		}
	}
	for _, setting := range platform.Declarations() {
		made := regexp.MustCompile(`(?m)^  ` + setting.Name + `: empty\(([A-Za-z]+)\) \? '' : '@Microsoft\.KeyVault\(SecretUri=\$\{([A-Za-z]+)\}\)'`).FindStringSubmatch(app)
		if setting.Reference && (made == nil || made[1] != made[2]) {
			found = append(found, appBicep+":1: "+setting.Name+" is not always a reference to Key Vault")
		}
	}
	if strings.Count(app, "allow: false") != 2 {
		found = append(found, appBicep+":1: publishing by password is on")
	}
	return found
}

// No setting holds a key, no resource takes one.
func TestNoKeysAnywhere(t *testing.T) {
	for _, finding := range keyed(repo{t: t}) {
		t.Error(finding)
	}
	for file, change := range map[string][2]string{
		cosmosBicep: {"disableLocalAuth: true", "disableLocalAuth: false"}, serviceBusBicep: {"disableLocalAuth: true", ""}, "infra/modules/storage.bicep": {"allowSharedKeyAccess: false", "allowSharedKeyAccess: true"},
		"infra/modules/monitoring.bicep": {"DisableLocalAuth: true", "DisableLocalAuth: false"}, appBicep: {"CosmosDatabase: cosmosDatabase", "Key: cosmos.listKeys().primaryMasterKey"},
	} {
		text := repo{t: t}.read(file)
		if found := keyed(repo{t: t, spoilt: map[string]string{file: strings.Replace(text, change[0], change[1], 1)}}); len(found) == 0 || !strings.HasPrefix(found[0], file+":") {
			t.Errorf("%s: with %q nothing is found but %q", file, change[1], found)
		}
	}
	for right, wrong := range map[string]string{"allow: false": "allow: true", "'@Microsoft.KeyVault(SecretUri=${calloutSecrets})'": "calloutSecrets"} { // publishing by password; a secret as it is
		if found := keyed(repo{t: t, spoilt: map[string]string{appBicep: strings.Replace(repo{t: t}.read(appBicep), right, wrong, 1)}}); len(found) != 1 {
			t.Errorf("with %s: %q", wrong, found)
		}
	}
}
