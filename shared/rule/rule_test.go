package rule

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// now is when the rules of these tests are written and asked.
var now = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

const (
	manager = "11111111-1111-4111-8111-111111111111"
	group   = "22222222-2222-4222-8222-22222222abcd"
	plan    = "efb87545-963c-4e0d-99df-69c6916d9eb0"
)

// nora is a user as Graph answers one; empty is one of whom nothing is known.
const (
	nora = `{"@odata.context":"x","id":"33333333-3333-4333-8333-33333333abcd","accountEnabled":true,"onPremisesSyncEnabled":false,"employeeHireDate":"2026-11-20T00:00:00Z",
		"city":"Århus","country":"DK","companyName":null,"department":"Sales","displayName":"Nora O'Neil","employeeId":"0042","faxNumber":"","givenName":"Nora","jobTitle":"SDE \"II\"",
		"mail":"nora@kiln.example","mailNickname":"nora","mobilePhone":"+45 1","onPremisesDistinguishedName":"CN=Nora,OU=Sales","onPremisesSecurityIdentifier":"S-1-1",
		"passwordPolicies":"DisablePasswordExpiration, DisableStrongPassword","officeLocation":"Dock 4","postalCode":"8000","preferredLanguage":"da-DK","imAddresses":["sip:nora@kiln.example","sip:other"],
		"state":"null","streetAddress":"Kaj\n1","surname":"O'Neil","businessPhones":["+45 2","+45 3"],"usageLocation":"DK","userPrincipalName":"Nora@kiln.example","userType":"Member",
		"otherMails":["nora@home.example","NOREPLY@kiln.example"],"proxyAddresses":["SMTP:nora@kiln.example","smtp:n@kiln.example"],
		"onPremisesExtensionAttributes":{"extensionAttribute1":"Kiln","extensionAttribute15":"back\\slash","extensionAttribute2":null},
		"extension_c272a57b722d4eb29bfe327874ae79cb_OfficeNumber":"123","extension_c272a57b722d4eb29bfe327874ae79cb_n":12.50,"extension_c272a57b722d4eb29bfe327874ae79cb_b":true,
		"extension_c272a57b722d4eb29bfe327874ae79cb_l":["123"],"extension_c272a57b722d4eb29bfe327874ae79cb_z":null,
		"assignedPlans":[{"servicePlanId":"efb87545-963c-4e0d-99df-69c6916d9eb0","service":"exchange","capabilityStatus":"Enabled","assignedDateTime":"2026-01-01T00:00:00Z"},
			{"servicePlanId":"c1ec4a95-1f05-45b3-a911-aa3fa01094f5","service":"SCO","capabilityStatus":"Deleted"}],
		"memberOf":[{"@odata.type":"#microsoft.graph.group","id":"22222222-2222-4222-8222-22222222ABCD","displayName":"Kiln"}],"manager":{"id":"11111111-1111-4111-8111-111111111111"},"aboutMe":"not read"}`
	empty = `{}`
)

func person(t testing.TB, data string) *Person {
	t.Helper()
	p, err := ReadPerson([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// again holds a rule against what parsing its print makes.
func again(t testing.TB, r *Rule, text string) {
	t.Helper()
	printed, err := parse(r.String(), now)
	if err != nil {
		t.Fatalf("%q is printed as %q, which is refused: %v", text, r, err)
	}
	if !reflect.DeepEqual(printed, r) {
		t.Fatalf("%q is printed as %q, which is another rule", text, r)
	}
}

// Each rule, and whether it selects nora and who has nothing.
//
// rules: AUT-02
func TestVerdicts(t *testing.T) {
	t.Parallel()
	const yes, no = true, false
	for _, test := range []struct {
		rule        string
		nora, empty bool
	}{
		// Text and tokens.
		{`user.department -eq "Sales"`, yes, no},
		{" \t\r\n user.department\n-eq\t\"Sales\" \n", yes, no},
		{`user.department eq 'sales'`, yes, no},
		{`user.department–eq"SALES"`, yes, no},
		{`user.department-eq"Sales"-and user.country-in["DK"]`, yes, no},
		{`(user.department eq "Sales")and(not(user.country eq "SE"))`, yes, no},
		{`USER.DEPARTMENT -EQ "Sales" AND User.Country -Ne "se"`, yes, no},
		{`user.mail –ne null`, yes, no},
		{`user.mail -eq $null`, no, yes},
		{`user.mail -eq NULL or user.mail -ne $Null`, yes, yes},
		{`user.state -eq "null"`, yes, no},
		{`user.state -eq null`, no, yes},
		{`user.displayName -eq "Nora O'Neil"`, yes, no},
		{`user.displayName -eq "Nora O''Neil"`, yes, no},
		{`user.displayName -eq 'Nora O''Neil'`, yes, no},
		{"user.displayName -eq \"Nora O`'Neil\"", yes, no},
		{"user.jobTitle -eq \"SDE `\"II`\"\"", yes, no},
		{`user.jobTitle -eq "SDE \"II\""`, yes, no},
		{`user.jobTitle -eq 'SDE "II"'`, yes, no},
		{"user.jobTitle -endsWith `\"II`\"", yes, no},
		{"user.jobTitle -contains `\"I`\"", no, no},
		{`user.extensionAttribute15 -eq "back\slash"`, yes, no},
		{`user.extensionAttribute15 -eq "back\\slash"`, no, no},
		{`user.extensionAttribute15 -match "^back\\slash$"`, yes, no},
		{"user.displayName -contains \"``\"", no, no},
		{"user.streetAddress -eq \"Kaj\n1\"", yes, no},
		{`user.department -eq "(-and [null]) // x"`, no, no},
		{`user.employeeId -eq 0042`, yes, no},
		{`user.employeeId -eq 42`, no, no},
		{`user.employeeId -in [1,0042 , "x"]`, yes, no},
		// Precedence.
		{`user.department -eq "Sales" -or -not user.jobTitle -contains "intern" -and user.usageLocation -eq "NO"`, yes, no},
		{`(user.department -eq "Sales" -or -not user.jobTitle -contains "intern") -and user.usageLocation -eq "NO"`, no, no},
		{`-not user.department -eq "Sales" -or user.country -eq "DK"`, yes, yes},
		{`-not -not user.department -eq "Sales"`, yes, no},
		{`-not-not-not user.department -eq "Sales"`, no, yes},
		{`user.department -eq "x" -and user.department -eq "x" -or user.department -eq "Sales"`, yes, no},
		// Null, and negation as the complement.
		{`user.companyName -eq null`, yes, yes},
		{`user.facsimileTelephoneNumber -eq null`, yes, yes},
		{`user.facsimileTelephoneNumber -eq ""`, no, no},
		{`user.facsimileTelephoneNumber -ne ""`, yes, yes},
		{`user.facsimileTelephoneNumber -in ["", "x"]`, no, no},
		{`user.companyName -ne "Kiln"`, yes, yes},
		{`user.companyName -notStartsWith "K"`, yes, yes},
		{`user.companyName -notIn ["Kiln"]`, yes, yes},
		{`user.companyName -notMatch ".*"`, yes, yes},
		{`user.companyName -startsWith ""`, no, no},
		{`user.city -startsWith ""`, yes, no},
		{`user.companyName -match ""`, no, no},
		{`user.accountEnabled -eq true`, yes, no},
		{`user.accountEnabled -ne true`, no, yes},
		{`user.accountEnabled -eq FALSE`, no, no},
		{`user.dirSyncEnabled -eq false`, yes, no},
		{`user.dirSyncEnabled -eq null`, no, yes},
		{`user.dirSyncEnabled -ne null`, yes, no},
		// Strings.
		{`user.city -eq "åRHUS"`, yes, no},
		{`user.city -eq "Arhus"`, no, no},
		{`user.country -eq " DK"`, no, no},
		{`user.mail -endsWith "@KILN.example"`, yes, no},
		{`user.mail -notEndsWith "@other.example"`, yes, yes},
		{`user.mail -contains "A@k"`, yes, no},
		{`user.mail -notContains "nora"`, no, yes},
		{`user.department -in ["a","b","c","d","e","f","g","h","i","j","SALES"]`, yes, no},
		{`user.department -notin ["a","b","c","d","e","f","g","h","i","j","SALES"]`, no, yes},
		{`user.passwordPolicies -eq "DisableStrongPassword"`, no, no},
		{`user.passwordPolicies -contains "disableStrongPassword"`, yes, no},
		{`user.displayName -match "^no.*"`, yes, no},
		{`user.displayName -match "ora$"`, no, no},
		{`user.displayName -match "A O"`, yes, no},
		{`user.employeeId -match "^\d{4}$"`, yes, no},
		{`user.employeeId -match 42`, yes, no},
		{`user.employeeId -match "^[[:digit:]-]+$"`, yes, no},
		{`user.streetAddress -match "^Kaj$"`, no, no},
		{`user.city -match "^\w"`, no, no},
		// Names that Graph has others for.
		{`user.mobile -eq "+45 1" -and user.physicalDeliveryOfficeName -eq "dock 4" -and user.telephoneNumber -eq "+45 2" -and user.mailnickname -eq "nora"`, yes, no},
		{`user.telephoneNumber -eq "+45 3"`, no, no},
		{`user.sipProxyAddress -eq "sip:nora@kiln.example"`, yes, no},
		{`user.objectId -eq "33333333-3333-4333-8333-33333333ABCD"`, yes, no},
		{`user.objectId -ne null`, yes, no},
		{`user.extensionAttribute1 -eq "kiln" -and user.ExtensionAttribute2 -eq null`, yes, no},
		{`user.extension_c272a57b722d4eb29bfe327874ae79cb_OfficeNumber -eq "123"`, yes, no},
		{`user.EXTENSION_C272A57B722D4EB29BFE327874AE79CB_officenumber -eq 123`, yes, no},
		{`user.extension_c272a57b722d4eb29bfe327874ae79cb_n -eq "12.50"`, yes, no},
		{`user.extension_c272a57b722d4eb29bfe327874ae79cb_b -eq "true"`, yes, no},
		{`user.extension_c272a57b722d4eb29bfe327874ae79cb_l -eq null`, yes, yes},
		{`user.extension_c272a57b722d4eb29bfe327874ae79cb_z -eq null`, yes, yes},
		// Collections.
		{`user.otherMails -endsWith "@home.example"`, yes, no},
		{`user.otherMails -notEndsWith "@home.example"`, no, yes},
		{`user.otherMails -eq null`, no, yes},
		{`user.otherMails -ne null`, yes, no},
		{`user.otherMails -in ["nora@HOME.example"]`, yes, no},
		{`user.otherMails -notIn ["x"]`, yes, yes},
		{`user.otherMails -match "^noreply"`, yes, no},
		{`user.otherMails -any (_ -endsWith "@kiln.example" -and -not (_ -startsWith "noreply"))`, no, no},
		{`user.otherMails -any (_ -endsWith "@home.example" -and -not (_ -startsWith "noreply"))`, yes, no},
		{`user.otherMails -all (_ -endsWith ".example")`, yes, yes},
		{`user.otherMails -all (_ -endsWith "@kiln.example")`, no, yes},
		{`-not (user.otherMails -any (_ -ne null))`, no, yes},
		{`user.proxyAddresses -any _ -startsWith "smtp:n@" -and user.country -eq "DK"`, yes, no},
		{`user.proxyAddresses -any (_ -startsWith "nora")`, no, no},
		{`user.proxyAddresses -any ((_ -startsWith "x") -or ((_ -match "^SMTP:nora")))`, yes, no},
		{`user.assignedPlans -any (assignedPlan.servicePlanId -eq "` + plan + `" -and assignedPlan.capabilityStatus -eq "Enabled")`, yes, no},
		{`user.assignedPlans -any (assignedPlan.service -eq "SCO" -and assignedPlan.capabilityStatus -eq "Enabled")`, no, no},
		{`user.assignedPlans -any assignedPlan.service -eq "SCO" -and user.country -eq "DK"`, yes, no},
		{`user.assignedPlans -all (assignedPlan.servicePlanId -eq null)`, no, yes},
		{`user.assignedPlans -all (AssignedPlan.Service -in ["exchange", "sco"])`, yes, yes},
		// Dates: nora was hired at 2026-11-20, 11.5 days before now.
		{`user.employeeHireDate -eq 2026-11-20`, yes, no},
		{`user.employeeHireDate -eq "2026-11-20T01:00:00+01:00"`, yes, no},
		{`user.employeeHireDate -ne 2026-11-20t00:00:00z`, no, yes},
		{`user.employeeHireDate -le 2026-11-20T00:00:00.000Z -and user.employeeHireDate -ge '2026-11-20T00:00'`, yes, no},
		{`user.employeeHireDate -ge 2026-11-20T00:00:00.001Z`, no, no},
		{`user.employeehiredate -ge system.now -plus p1d`, no, no},
		{`user.employeehiredate -le system.now -minus P11D`, yes, no},
		{`user.employeehiredate -le system.now-minus P11D-and user.country -eq "DK"`, yes, no},
		{`user.employeehiredate -le (System.Now -minus P11DT12H)`, yes, no},
		{`user.employeehiredate -le ((system.now -minus p11dt12h1s))`, no, no},
		{`user.employeeHireDate -le (system.now -minus P2W)`, no, no},
		{`user.employeeHireDate -ge (system.now -minus P2W)`, yes, no},
		{`user.employeeHireDate -le (system.now)`, yes, no},
		{`user.employeeHireDate -eq system.now`, no, no},
		{`user.employeeHireDate -ne system.now`, yes, yes},
		{`user.employeeHireDate -eq null`, no, yes},
		{`user.employeeHireDate -le 9999-12-31T23:59:59Z`, yes, no},
		{`-not (user.employeeHireDate -le 2026-01-01)`, yes, yes},
		// Groups and reports.
		{`user.memberof -any (group.objectId -in ['` + group + `'])`, yes, no},
		{`user.memberOf -any (group.objectId -in ["x", "` + strings.ToUpper(group) + `"]) -and user.country -eq "DK"`, yes, no},
		{`-not (user.memberOf -any (group.objectId -in ['` + group + `']))`, no, yes},
		{`-not user.memberOf -any (group.objectId -in ['x']) -or user.country -eq "SE"`, yes, yes},
		{`Direct Reports for "` + manager + `"`, yes, no},
		{"\n direct  reports\tFOR '" + manager + "' ", yes, no},
		{`Direct Reports for "33333333-3333-4333-8333-33333333abcd"`, no, no},
	} {
		r, err := Parse(test.rule, now)
		if err != nil {
			t.Errorf("%s: %v", test.rule, err)
			continue
		}
		for data, want := range map[string]bool{nora: test.nora, empty: test.empty} {
			if got := r.Matches(person(t, data), now); got != want {
				t.Errorf("%s selects %.20s: %t", test.rule, data, got)
			}
		}
		again(t, r, test.rule)
	}
}

// Each rule that is refused, with the place, and words of what is said.
//
// rules: AUT-02
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule         string
		line, column int
		says         string
	}{
		{``, 1, 1, "empty"},
		{" \n\t ", 1, 1, "empty"},
		{`user.department -eq "` + strings.Repeat("å", MaxLength-21) + `"`, 1, 3073, "3073 characters"},
		{`"user.department -eq 'Sales'"`, 1, 1, "take it out"},
		{`"user.department -eq "Sales""`, 1, 1, "take it out"},
		// Properties.
		{`user.invalidProperty -eq "Value"`, 1, 1, "There is no property user.invalidProperty"},
		{`user.Company -eq "x"`, 1, 1, "did you mean user.companyName?"},
		{`user.officeLocation -eq "x"`, 1, 1, "did you mean user.physicalDeliveryOfficeName?"},
		{`user.mobilePhone -eq "x"`, 1, 1, "user.mobile?"},
		{`user.id -eq "x"`, 1, 1, "user.objectId?"},
		{`user.onPremisesSyncEnabled -eq true`, 1, 1, "user.dirSyncEnabled?"},
		{`user.businessPhones -eq "x"`, 1, 1, "user.telephoneNumber?"},
		{`user.imAddresses -eq "x"`, 1, 1, "user.sipProxyAddress?"},
		{`user.departmnet -eq "x"`, 1, 1, "did you mean user.department?"},
		{`user.email -eq "x"`, 1, 1, "did you mean user.mail?"},
		{`user.manager -eq "x"`, 1, 1, "Direct Reports for"},
		{`user.extensionAttribute16 -eq "x"`, 1, 1, "extensionAttribute1 to extensionAttribute15"},
		{`user.extensionAttribute01 -eq "x"`, 1, 1, "extensionAttribute1 to"},
		{`user.extension_c272_x -eq "x"`, 1, 1, "32 digits"},
		{`user.extension_c272a57b722d4eb29bfe327874ae79cb_ -eq "x"`, 1, 1, "and its name"},
		{`user.onPremisesExtensionAttributes.extensionAttribute1 -eq "x"`, 1, 1, "two parts"},
		{`user. -eq "x"`, 1, 1, "two parts"},
		{`user .department -eq "x"`, 1, 1, "no property"},
		{`department -eq "x"`, 1, 1, "did you mean user.department?"},
		{`usr.department -eq "x"`, 1, 1, "did you mean user.department?"},
		{`device.objectId -ne null`, 1, 1, "devices"},
		{`user.city -eq "x" -or device.displayName -eq "x"`, 1, 23, "devices"},
		{`system.now -ge user.employeeHireDate`, 1, 1, "on the right"},
		// Operators.
		{`(user.accountEnabled -contains true)`, 1, 22, "it has -eq -ne."},
		{`user.accountEnabled -in [true]`, 1, 21, "-eq -ne"},
		{`user.employeeHireDate -contains "2026"`, 1, 23, "-eq -ne -le -ge"},
		{`user.employeeId -ge 5`, 1, 17, "which -ge is not for"},
		{`user.city -any (_ -eq "x")`, 1, 11, "which -any is not for"},
		{`user.accountEnabled -all (_ -eq true)`, 1, 21, "which -all is not for"},
		{`user.assignedPlans -eq null`, 1, 20, "it has -any -all"},
		{`user.memberOf -eq "x"`, 1, 15, "it has -any."},
		{`user.city -like "x"`, 1, 11, "write -contains or -match"},
		{`user.city -equal "x"`, 1, 11, "-eq"},
		{`user.city -startWith "x"`, 1, 11, "-startsWith"},
		{`user.city -contain "x"`, 1, 11, "did you mean -contains?"},
		{`user.city = "x"`, 1, 11, "-eq"},
		{`user.city == "x"`, 1, 11, "-eq"},
		{`user.city -eq "x" && user.city -eq "y"`, 1, 19, "-and"},
		{`!user.city -eq "x"`, 1, 1, "-not"},
		{`user.city - eq "x"`, 1, 11, "touches its word"},
		{`user.city --eq "x"`, 1, 11, "A dash"},
		{`user.city —eq "x"`, 1, 11, "plain dash"},
		{`user.city -eq "x" -xor user.city -eq "y"`, 1, 19, "no joiner"},
		{`user.mail -not null`, 1, 11, "-not is no comparison"},
		{`user.mail -not $null`, 1, 11, "-not is no comparison"},
		{`user.mail -not "x"`, 1, 11, "-not is no comparison"},
		{`user.city -eq "x" -eq "y"`, 1, 19, "one operator"},
		{`user.mail -user.city`, 1, 11, "have a dash"},
		// Joiners and parts.
		{`(user.department -eq "Sales") (user.department -eq "Marketing")`, 1, 31, "-and or -or is missing"},
		{`user.department -eq "Sales" user.city -eq "x"`, 1, 29, "-and or -or is missing"},
		{`user.department -eq "Sales" -not user.city -eq "x"`, 1, 29, "missing before -not"},
		{`user.department -eq "Sales" -and`, 1, 33, "A comparison is missing"},
		{`-and user.department -eq "Sales"`, 1, 1, "missing before -and"},
		{`user.city -eq "x" -and -or user.city -eq "y"`, 1, 24, "missing before -or"},
		{`user.city -eq "x" -and
 -and user.city -eq "y"`, 2, 2, "missing before -and"},
		{"user.city -eq \"x\"\r\n-or\r user.department -eq Sales", 3, 22, `in quotes: "Sales"`},
		{`-not`, 1, 5, "is missing"},
		{`user.city`, 1, 10, "operator is missing"},
		{`user.city -eq`, 1, 14, "value of the comparison is missing"},
		{`user.city "x"`, 1, 11, "operator is missing"},
		{`user.city -eq -and user.city -eq "x"`, 1, 15, "value of the comparison is missing"},
		{`-eq user.city "x"`, 1, 1, "begins with its property"},
		{`"Sales" -eq user.department`, 1, 1, "begins with its property"},
		{`true`, 1, 1, "begins with its property"},
		{`user.city -eq user.state`, 1, 15, "on the left alone"},
		{`user.city -eq "x" "y"`, 1, 19, "is missing before"},
		{`user.city -eq "x"and user.city -eq "y"`, 1, 18, "A blank is missing"},
		{`user.city -eq "x";`, 1, 18, "Nothing in a rule begins with ;"},
		{`user.city -eq "x" # y`, 1, 19, "no comments"},
		// Values.
		{`user.department -eq Sales`, 1, 21, `in quotes: "Sales"`},
		{`user.department -eq “Sales”`, 1, 21, "straight ones"},
		{`user.department -eq "Sales`, 1, 21, "not closed"},
		{`user.department -eq \"Sales\"`, 1, 21, "inside quotes alone"},
		{`user.department -eq 'Sales''`, 1, 21, "not closed"},
		{`user.department -eq "Sales\"`, 1, 21, "not closed"},
		{"user.department -eq `\"Sales\"", 1, 21, "not closed"},
		{`user.department -eq true`, 1, 21, "cannot be the value"},
		{`user.department -eq 2026-01-01`, 1, 21, "cannot be the value"},
		{`user.department -eq system.now`, 1, 21, "cannot be the value"},
		{`user.department -eq 12.5`, 1, 21, "in quotes"},
		{`user.department -eq -5`, 1, 21, "in quotes"},
		{`user.department -eq 5a`, 1, 21, "in quotes"},
		{`user.objectId -eq 1111-2222`, 1, 19, "in quotes"},
		{`user.department -startsWith null`, 1, 29, "-eq and -ne alone"},
		{`user.accountEnabled -eq "true"`, 1, 25, "without quotes"},
		{`user.accountEnabled -eq 1`, 1, 25, "true, false or null"},
		{`user.department -eq $true`, 1, 21, "no variables"},
		{`user.department -eq ("Sales")`, 1, 21, "never round a value"},
		{`(user.department) -eq "Sales"`, 1, 17, "never round a property"},
		{`user.department (-eq) "Sales"`, 1, 17, "operator is missing"},
		{`user.department -eq ["Sales"]`, 1, 21, "takes one value"},
		{`user.department -in "Sales"`, 1, 21, "takes a list"},
		{`user.department -in ("Sales")`, 1, 21, "takes a list"},
		{`user.department -in []`, 1, 22, "empty"},
		{`user.department -in ["a",]`, 1, 26, "last comma"},
		{`user.department -in ["a" "b"]`, 1, 26, "commas"},
		{`user.department -in [null]`, 1, 22, "texts and numbers"},
		{`user.department -in [true]`, 1, 22, "texts and numbers"},
		{`user.department -in [a]`, 1, 22, "texts in quotes"},
		{`user.department -in [["a"]]`, 1, 22, "texts in quotes"},
		{`user.department -in ["a"`, 1, 21, "not closed"},
		{`user.department -in "a"]`, 1, 21, "takes a list"},
		{`user.department -eq "a"]`, 1, 24, "closes nothing"},
		{`user.department -in [a, "b"]`, 1, 22, "texts in quotes"},
		// Parentheses.
		{`(user.city -eq "x"`, 1, 1, "not closed"},
		{`user.city -eq "x")`, 1, 18, "closes nothing"},
		{`()`, 1, 2, "nothing between"},
		{`user.city -eq "x" -and ()`, 1, 25, "nothing between"},
		{strings.Repeat("(", maxNesting+1) + `user.city -eq "x"` + strings.Repeat(")", maxNesting+1), 1, 201, "deeper than 200"},
		{"user.city\u00a0-eq \"x\"", 1, 10, "kind of space"},
		{"user.city\u0007 -eq \"x\"", 1, 10, "control character"},
		{"\ufeffuser.city -eq \"x\"", 1, 1, "kind of space"},
		{"user.city -eq \"\xff\"", 1, 16, "UTF-8"},
		// Patterns.
		{`(user.userPrincipalName -match "*@domain.ext")`, 1, 32, "any text is .*"},
		{`user.city -match "a)("`, 1, 18, "unexpected )"},
		{`user.city -match "(a"`, 1, 18, "missing closing )"},
		{`user.city -match "(?=a)"`, 1, 18, "a lookahead"},
		{`user.city -match "^(?!a)"`, 1, 18, "a negative lookahead"},
		{`user.city -match "(?<=a)b"`, 1, 18, "a lookbehind"},
		{`user.city -match "(?<!a)b"`, 1, 18, "a negative lookbehind"},
		{`user.city -match "(?>a)"`, 1, 18, "an atomic group"},
		{`user.city -match "(a)\1"`, 1, 18, "a back-reference"},
		{`user.city -match "(?<n>a)\k<n>"`, 1, 18, "a back-reference"},
		{`user.city -match "[a-z-[aeiou]]"`, 1, 18, "subtracted"},
		{`user.city -match "[\w-[_]]"`, 1, 18, "subtracted"},
		{`user.city -match "a\Z"`, 1, 18, "invalid escape sequence"},
		{`user.city -match "\p{IsGreek}"`, 1, 18, "invalid character class range"},
		{`user.city -match "(?x)a b"`, 1, 18, "cannot be read"},
		{`user.city -match "(?'n'a)"`, 1, 18, "cannot be read"},
		{`user.city -match "(?(a)b|c)"`, 1, 18, "a condition"},
		{`user.city -match "(?#x)a"`, 1, 18, "cannot be read"},
		{`user.city -match "\u0041"`, 1, 18, "invalid escape sequence"},
		{`user.city -match "(a)|b)"`, 1, 18, "unexpected )"},
		{`user.city -match "a**"`, 1, 18, "cannot be read"},
		{`user.city -match "(a{0,500}){0,500}"`, 1, 18, "repeat"},
		{`user.city -match "` + strings.Repeat(".{900}", 6) + `"`, 1, 18, "may take 10000"},
		{`user.city -match "` + strings.Repeat(".{900}", 3) + `" -or user.city -match "` + strings.Repeat(".{900}", 3) + `"`, 1, 60, "together"},
		// Quantifiers.
		{`_ -eq "x"`, 1, 1, "inside -any or -all"},
		{`user.city -eq "x" -and _ -eq "x"`, 1, 24, "inside -any or -all"},
		{`assignedPlan.service -eq "x"`, 1, 1, "inside user.assignedPlans"},
		{`user.assignedPlans -any (_ -eq "x")`, 1, 26, "assignedPlan.servicePlanId"},
		{`user.assignedPlans -any (assignedPlan.plan -eq "x")`, 1, 26, "servicePlanId, service and capabilityStatus"},
		{`user.assignedPlans -any (assignedPlan.servicePlan -eq "x")`, 1, 26, "did you mean assignedPlan.servicePlanId?"},
		{`user.otherMails -any (assignedPlan.service -eq "x")`, 1, 23, "inside user.assignedPlans"},
		{`user.otherMails -any (user.city -eq "x")`, 1, 23, "Inside -any and -all"},
		{`user.otherMails -any (user.proxyAddresses -any (_ -eq "x"))`, 1, 23, "Inside -any and -all"},
		{`user.otherMails -any (_ -any (_ -eq "x"))`, 1, 25, "which -any is not for"},
		{`user.otherMails -any -not (_ -eq "x")`, 1, 22, "one comparison"},
		{`user.otherMails -any ()`, 1, 23, "nothing between"},
		{`user.otherMails -any`, 1, 21, "is missing"},
		{`user.otherMails -any "x"`, 1, 22, "begins with its property"},
		// Dates.
		{`user.employeeHireDate -ge 2026-02-30`, 1, 27, "no date and time"},
		{`user.employeeHireDate -ge 2026-13-01T00:00:00Z`, 1, 27, "no date and time"},
		{`user.employeeHireDate -ge "yesterday"`, 1, 27, "no date and time"},
		{`user.employeeHireDate -ge 2026-01-01T8:00:00Z`, 1, 27, "no date and time"},
		{`user.employeeHireDate -ge 2026-01-01T08:00:00,5Z`, 1, 46, "missing before ,"},
		{`user.employeeHireDate -ge 2026-01-01T24:00:00Z`, 1, 27, "no date and time"},
		{`user.employeeHireDate -ge 0000-01-01`, 1, 27, "no date and time"},
		{`user.employeeHireDate -ge 2026`, 1, 27, "cannot be the value"},
		{`user.employeeHireDate -ge tomorrow`, 1, 27, "cannot be the value"},
		{`user.employeeHireDate -ge null`, 1, 27, "-eq and -ne alone"},
		{`user.employeeHireDate -ge (2026-01-01)`, 1, 28, "round system.now"},
		{`user.employeeHireDate -eq system.now -plus P1D`, 1, 27, "-le and -ge alone"},
		{`user.employeeHireDate -ne (system.now -minus P1D)`, 1, 27, "-le and -ge alone"},
		{`user.employeeHireDate -le system.now -plus P1D -minus P2D`, 1, 48, "stands once"},
		{`user.employeeHireDate -le ((system.now -plus P1D) -minus P2D)`, 1, 51, "reckoned with once"},
		{`user.employeeHireDate -le (system.now) -plus P1D`, 1, 40, "stands once"},
		{`user.employeeHireDate -le system.now -plus "P1D"`, 1, 44, "without quotes"},
		{`user.employeeHireDate -le system.now -plus P1M`, 1, 44, "write days"},
		{`user.employeeHireDate -le system.now -plus P1Y`, 1, 44, "write days"},
		{`user.employeeHireDate -le system.now -plus P`, 1, 44, "no duration"},
		{`user.employeeHireDate -le system.now -plus PT`, 1, 44, "no duration"},
		{`user.employeeHireDate -le system.now -plus P1DT`, 1, 44, "no duration"},
		{`user.employeeHireDate -le system.now -plus P1W1D`, 1, 44, "no duration"},
		{`user.employeeHireDate -le system.now -plus PT1S1H`, 1, 44, "no duration"},
		{`user.employeeHireDate -le system.now -plus P1.5D`, 1, 44, "without quotes"},
		{`user.employeeHireDate -le system.now -plus -P1D`, 1, 44, "without quotes"},
		{`user.employeeHireDate -le system.now -plus 1D`, 1, 44, "neither a number"},
		{`user.employeeHireDate -le system.now -plus P3000000D`, 1, 44, "1 to 9999"},
		{`user.employeeHireDate -le system.now -minus P800000D`, 1, 45, "1 to 9999"},
		{`user.employeeHireDate -le system.now -plus P99999999999999999999D`, 1, 44, "1 to 9999"},
		{`user.employeeHireDate -le system.then`, 1, 27, "cannot be the value"},
		{`user.employeeHireDate system.now`, 1, 23, "operator is missing"},
		// Groups and reports.
		{`user.memberOf -all (group.objectId -in ['x'])`, 1, 15, "which -all is not for"},
		{`user.memberOf -any (group.objectId -eq 'x')`, 1, 36, "one operator, -in"},
		{`user.memberOf -any (group.objectId -notIn ['x'])`, 1, 36, "one operator, -in"},
		{`user.memberOf -any (group.displayName -in ['x'])`, 1, 21, "objectId alone"},
		{`user.memberOf -any (group.objectId -in ['x'] -and group.objectId -in ['y'])`, 1, 46, "outside of the parentheses"},
		{`user.memberOf -any (-not group.objectId -in ['x'])`, 1, 21, "before user.memberOf"},
		{`user.memberOf -any (user.city -eq "x")`, 1, 21, "group.objectId"},
		{`user.memberOf -any (group.objectId -in [])`, 1, 41, "empty"},
		{`user.memberOf -any (group.objectId -in ['x'` + strings.Repeat(",'x'", maxGroups) + `])`, 1, 40, "51 groups"},
		{`user.memberOf -any (group.objectId -in ['x']`, 1, 20, "not closed"},
		{`group.objectId -in ['x']`, 1, 1, "inside user.memberOf"},
		{`user.otherMails -any (group.objectId -in ['x'])`, 1, 23, "inside user.memberOf"},
		{`Direct Reports for ""`, 1, 20, "empty"},
		{`Direct Reports for x`, 1, 20, "in quotes"},
		{`Direct Reports for`, 1, 19, "in quotes"},
		{`Direct Reports "x"`, 1, 16, "Direct Reports for"},
		{`DirectReports for "x"`, 1, 1, "Direct Reports for"},
		{`(Direct Reports for "x")`, 1, 2, "without parentheses"},
		{`Direct Reports for "x" -and user.city -eq "x"`, 1, 24, "stands alone"},
		{`user.city -eq "x" -or Direct Reports for "x"`, 1, 23, "stands alone"},
		{`-not Direct Reports for "x"`, 1, 6, "stands alone"},
	} {
		r, err := Parse(test.rule, now)
		var wrong *SyntaxError
		if !errors.As(err, &wrong) || r != nil {
			t.Errorf("%.80s is taken: %v", test.rule, err)
			continue
		}
		if wrong.Line != test.line || wrong.Column != test.column || !strings.Contains(wrong.Message, test.says) {
			t.Errorf("%.80s is refused at %v; want line %d, column %d, %q", test.rule, wrong, test.line, test.column, test.says)
		}
	}
}

// What is at a limit is taken.
func TestLimits(t *testing.T) {
	t.Parallel()
	for _, rule := range []string{
		`user.department -eq "` + strings.Repeat("å", MaxLength-22) + `"`,
		strings.Repeat("(", maxNesting) + `user.city -eq "x"` + strings.Repeat(")", maxNesting),
		strings.Repeat("-not ", 600) + `user.city -eq "x"`,
		`user.memberOf -any (group.objectId -in ['x'` + strings.Repeat(",'x'", maxGroups-1) + `])`,
		`user.city -match "` + strings.Repeat(".{900}", 5) + `"`,
		`user.city -match "[-[x]" -or user.city -match "[a\-[x]" -or user.city -match "\Q-[(?=\E"`,
	} {
		if _, err := Parse(rule, now); err != nil {
			t.Errorf("%.60s: %v", rule, err)
		}
	}
}

// A moment that is past all years when it is asked for, though it was none when the rule was written, is the last there is.
func TestMomentsEnd(t *testing.T) {
	t.Parallel()
	r, err := Parse(`user.employeeHireDate -le (system.now -plus P2900000D)`, now)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Matches(person(t, `{"employeeHireDate":"9999-12-31T00:00:00Z"}`), now.AddDate(900, 0, 0)) {
		t.Error("the last day is after the end of all years")
	}
}

// Letters that differ by case alone are the same beyond ASCII, and no others are.
func TestFold(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{{"Åse", "åSE"}, {"ΣΊΣΥΦΟΣ", "σίσυφος"}, {"K", "k", "\u212a"}, {"straſe", "STRASE"}, {"ǅ", "ǆ", "Ǆ"}, {"", ""}} {
		for _, one := range same[1:] {
			if fold(one) != fold(same[0]) {
				t.Errorf("%s and %s differ", one, same[0])
			}
		}
	}
	for _, other := range [][2]string{{"ß", "ss"}, {"æ", "ae"}, {"é", "e"}, {"é", "e\u0301"}, {"İ", "i"}, {"x ", "x"}} {
		if fold(other[0]) == fold(other[1]) {
			t.Errorf("%s and %s are the same", other[0], other[1])
		}
	}
}

// What is no user of Graph's is refused by the name of the member.
func TestPeopleThatAreNone(t *testing.T) {
	t.Parallel()
	for data, says := range map[string]string{
		`7`:                                   "a person must be an object",
		`null`:                                "a person must be an object",
		`{"department":7}`:                    "department must be a string or null",
		`{"Department":"a","department":"b"}`: "the same member",
		`{"accountEnabled":"true"}`:           "accountEnabled must be true, false or null",
		`{"employeeHireDate":"soon"}`:         "employeeHireDate must be a date",
		`{"otherMails":"x"}`:                  "otherMails must be a list or null",
		`{"otherMails":[1]}`:                  "otherMails/0 must be a string",
		`{"businessPhones":{}}`:               "businessPhones must be a list",
		`{"assignedPlans":[{"service":1}]}`:   "assignedPlans/0/service must be a string",
		`{"assignedPlans":[1]}`:               "assignedPlans/0 must be an object",
		`{"memberOf":["x"]}`:                  "memberOf/0 must be an object",
		`{"memberOf":[{}]}`:                   "memberOf/0 must be an object with an id",
		`{"memberOf":[null]}`:                 "memberOf/0 must be an object with an id",
		`{"manager":{"id":7}}`:                "manager/id must be a string",
		`{"manager":{"id":""}}`:               "manager/id must be the id",
		`{"manager":"x"}`:                     "manager must be an object",
		`{"onPremisesExtensionAttributes":{"extensionAttribute1":1}}`: "onPremisesExtensionAttributes/extensionAttribute1 must be a string",
		`{"onPremisesExtensionAttributes":[]}`:                        "onPremisesExtensionAttributes must be an object",
		`{"extensionAttribute1":"x"}`:                                 "it is onPremisesExtensionAttributes/extensionAttribute1",
		`{"mobile":"x"}`:                                              "it is mobilePhone",
		`{"objectId":"x"}`:                                            "it is id",
	} {
		if p, err := ReadPerson([]byte(data)); p != nil || err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v does not say %q", data, err, says)
		}
	}
	for _, data := range []string{`{"manager":null,"memberOf":null,"assignedPlans":null,"otherMails":null,"onPremisesExtensionAttributes":null,"accountEnabled":null,"employeeHireDate":null,"businessPhones":[]}`,
		`{"sipProxyAddress":"a","IMADDRESSES":["b"]}`, `{"imAddresses":["b"],"sipProxyAddress":"a"}`} {
		p := person(t, data)
		if is := p.texts[sip].stored; is != "" && is != "a" {
			t.Errorf("%s: %s", data, is)
		}
	}
}

// FuzzParse: nothing makes the parser fail, what it takes is printed as the same rule and says of somebody yes or no, and what it refuses has a place in the text.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`user.department -eq "Sales"`, "(user.a–eq`\"x`\") or -not user.otherMails -any (_ -in ['', 5])", `user.employeeHireDate -le (system.now -minus P2W)`, `Direct Reports for "x"`,
		`user.assignedPlans -all assignedPlan.service -match "a|(b)\\"`, `user.memberOf -any (group.objectId -in ['x'])`, `user.accountEnabled -ne $null -and user.employeeHireDate -eq 2026-01-31T08:00:00.5+01:00`} {
		f.Add(seed)
	}
	people := []*Person{person(f, nora), person(f, empty)}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse(text, now)
		var wrong *SyntaxError
		switch {
		case err == nil:
			again(t, r, text)
			for _, p := range people {
				r.Matches(p, now)
			}
		case !errors.As(err, &wrong) || wrong.Message == "" || wrong.Line < 1 || wrong.Column < 1 || wrong.Line > 1+len(text) || wrong.Column > 1+len(text):
			t.Fatalf("%q: %v", text, err)
		}
	})
}

// FuzzReadPerson: nothing makes reading a person fail but with an error.
func FuzzReadPerson(f *testing.F) {
	for _, seed := range []string{nora, empty, `{"manager":{"ID":"x"}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := ReadPerson(data); (p == nil) == (err == nil) || err == nil && !json.Valid(data) {
			t.Fatalf("%q: %v", data, err)
		}
	})
}
