package rule

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"latchkey/shared/governance"
)

// kind is what a property holds.
type kind int

const (
	texts  kind = iota + 1 // a string
	flags                  // a boolean
	dates                  // a date and time
	lists                  // a collection of strings
	plans                  // assignedPlans
	groups                 // memberOf
)

// kindNames are the kinds as messages call them.
var kindNames = map[kind]string{texts: "a string", flags: "a boolean", dates: "a date and time", lists: "a collection of strings", plans: "a collection of objects", groups: "a collection of objects"}

// property is something of a person that rules may name.
type property struct {
	name  string // as rules call it
	graph string // as Graph calls it, where that is another name
	kind  kind
	slot  int // among those of its kind
}

// extensionAttributes is how many there are; they are the last texts.
const extensionAttributes = 15

// properties are all there are but custom extension properties, whose names are made of an application's id.
var properties = func() []property {
	all := []property{
		{name: "accountEnabled", kind: flags}, {name: "dirSyncEnabled", graph: "onPremisesSyncEnabled", kind: flags},
		{name: "employeeHireDate", kind: dates},
		{name: "otherMails", kind: lists}, {name: "proxyAddresses", kind: lists},
		{name: "assignedPlans", kind: plans}, {name: "memberOf", kind: groups},
		{name: "city"}, {name: "country"}, {name: "companyName"}, {name: "department"}, {name: "displayName"}, {name: "employeeId"}, {name: "facsimileTelephoneNumber", graph: "faxNumber"},
		{name: "givenName"}, {name: "jobTitle"}, {name: "mail"}, {name: "mailNickName"}, {name: "mobile", graph: "mobilePhone"}, {name: "objectId", graph: "id"},
		{name: "onPremisesDistinguishedName"}, {name: "onPremisesSecurityIdentifier"}, {name: "passwordPolicies"}, {name: "physicalDeliveryOfficeName", graph: "officeLocation"},
		{name: "postalCode"}, {name: "preferredLanguage"}, {name: "sipProxyAddress", graph: "imAddresses"}, {name: "state"}, {name: "streetAddress"}, {name: "surname"},
		{name: "telephoneNumber", graph: "businessPhones"}, {name: "usageLocation"}, {name: "userPrincipalName"}, {name: "userType"},
	}
	for n := range extensionAttributes {
		all = append(all, property{name: extensionAttribute + strconv.Itoa(n+1)})
	}
	next := map[kind]int{}
	for i := range all {
		p := &all[i]
		p.kind = cmp.Or(p.kind, texts)
		p.slot = next[p.kind]
		next[p.kind]++
	}
	return all
}()

const (
	extensionAttribute = "extensionAttribute"
	extensionPrefix    = "extension_"
	appIDLength        = 32 // hexadecimal digits
)

// propertyOf and graphOf find a property by its folded name: that of rules, and Graph's.
var propertyOf, graphOf = func() (byName, byGraph map[string]property) {
	byName, byGraph = map[string]property{}, map[string]property{}
	for _, p := range properties {
		byName[fold(p.name)], byGraph[fold(cmp.Or(p.graph, p.name))] = p, p
	}
	return byName, byGraph
}()

// planFields are what a plan tells, in the order in which a Person keeps them.
var planFields = []string{"servicePlanId", "service", "capabilityStatus"}

// extensionName is the folded name of a custom extension property, such as extension_c272a57b722d4eb29bfe327874ae79cb_OfficeNumber.
func extensionName(name string) (folded string, ok bool) {
	folded = fold(name)
	rest, ok := strings.CutPrefix(folded, fold(extensionPrefix))
	if !ok || len(rest) < appIDLength+2 || rest[appIDLength] != '_' || strings.Trim(rest[:appIDLength], "0123456789ABCDEF") != "" {
		return "", false
	}
	return folded, true
}

// otherNames are what people call properties that have another name.
var otherNames = map[string]string{
	"email": "mail", "emailAddress": "mail", "alias": "mailNickName", "upn": "userPrincipalName", "login": "userPrincipalName", "name": "displayName", "firstName": "givenName", "lastName": "surname",
	"familyName": "surname", "title": "jobTitle", "dept": "department", "office": "physicalDeliveryOfficeName", "location": "usageLocation", "zip": "postalCode", "zipCode": "postalCode",
	"street": "streetAddress", "address": "streetAddress", "phone": "telephoneNumber", "phoneNumber": "telephoneNumber", "fax": "facsimileTelephoneNumber", "cell": "mobile", "language": "preferredLanguage",
	"enabled": "accountEnabled", "guid": "objectId", "oid": "objectId", "sid": "onPremisesSecurityIdentifier", "dn": "onPremisesDistinguishedName", "distinguishedName": "onPremisesDistinguishedName",
	"hireDate": "employeeHireDate", "type": "userType", "licenses": "assignedPlans", "assignedLicenses": "assignedPlans", "groups": "memberOf",
}

// meant is what somebody may have meant who wrote a name that is none; empty: nobody can tell.
func meant(name string, known []string) string {
	folded := fold(strings.NewReplacer("_", "", "-", "").Replace(name))
	best, distance := "", 3
	if len(folded) < 6 {
		distance = 2
	}
	var begins []string
	for _, one := range known {
		if d := governance.Apart(folded, fold(one), distance); d < distance {
			best, distance = one, d
		}
		if len(folded) > 2 && strings.HasPrefix(fold(one), folded) {
			begins = append(begins, one)
		}
	}
	if best == "" && len(begins) == 1 {
		return begins[0]
	}
	return best
}

// meantProperty is meant for properties, which people know by other names, too.
func meantProperty(name string) string {
	folded := fold(name)
	if p, ok := graphOf[folded]; ok {
		return p.name
	}
	for other, is := range otherNames {
		if fold(other) == folded {
			return is
		}
	}
	names := make([]string, 0, len(properties))
	for _, p := range properties {
		names = append(names, p.name)
	}
	return meant(name, names)
}

// slotOf is the slot of a property that this package knows by name.
func slotOf(name string) int {
	return properties[slices.IndexFunc(properties, func(p property) bool { return p.name == name })].slot
}
