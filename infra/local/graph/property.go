package graph

import (
	"slices"
	"strings"

	"latchkey/shared/directory/memory"
	"latchkey/shared/governance"
)

// property is a property that the domain knows, with its place in an object.
type property struct {
	name      string
	byDefault bool // answered without $select, as Graph does: few are
	value     func(*memory.Object) any
	set       func(*memory.Object, any) bool // nil is read-only; false says that the value has the wrong type
}

// optional is null for the empty string, as Graph answers a string that was never set.
func optional(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func setString(target *string, value any) bool {
	switch v := value.(type) {
	case nil:
		*target = ""
	case string:
		*target = v
	default:
		return false
	}
	return true
}

func setBool(target *bool, value any) bool {
	v, ok := value.(bool)
	if ok {
		*target = v
	}
	return ok
}

func setStrings(target *[]string, value any) bool {
	list, ok := value.([]any)
	if !ok {
		return false
	}
	strs := make([]string, len(list))
	for n, v := range list {
		if strs[n], ok = v.(string); !ok {
			return false
		}
	}
	*target = strs
	return true
}

var userProperties = []property{
	{"id", true, func(o *memory.Object) any { return o.User.ID }, nil},
	{"displayName", true, func(o *memory.Object) any { return optional(o.User.DisplayName) }, func(o *memory.Object, v any) bool { return setString(&o.User.DisplayName, v) }},
	{"mail", true, func(o *memory.Object) any { return optional(o.User.Mail) }, func(o *memory.Object, v any) bool { return setString(&o.User.Mail, v) }},
	{"preferredLanguage", true, func(o *memory.Object) any { return optional(o.User.PreferredLanguage) }, func(o *memory.Object, v any) bool { return setString(&o.User.PreferredLanguage, v) }},
	{"userPrincipalName", true, func(o *memory.Object) any { return o.User.UserPrincipalName }, func(o *memory.Object, v any) bool { return setString(&o.User.UserPrincipalName, v) && v != nil }},
	{"accountEnabled", false, func(o *memory.Object) any { return o.User.AccountEnabled }, func(o *memory.Object, v any) bool { return setBool(&o.User.AccountEnabled, v) }},
	{"companyName", false, func(o *memory.Object) any { return optional(o.User.CompanyName) }, func(o *memory.Object, v any) bool { return setString(&o.User.CompanyName, v) }},
	{"createdDateTime", false, func(o *memory.Object) any { return o.Created }, nil},
	{"department", false, func(o *memory.Object) any { return optional(o.User.Department) }, func(o *memory.Object, v any) bool { return setString(&o.User.Department, v) }},
	{"userType", false, func(o *memory.Object) any { return optional(string(o.User.UserType)) }, func(o *memory.Object, v any) bool {
		kind, ok := v.(string)
		if v != nil && (!ok || kind != string(governance.UserTypeMember) && kind != string(governance.UserTypeGuest)) {
			return false
		}
		o.User.UserType = governance.UserType(kind) // null is what accounts have that are older than the property
		return true
	}},
}

var groupProperties = []property{
	{"id", true, func(o *memory.Object) any { return o.Group.ID }, nil},
	{"createdDateTime", true, func(o *memory.Object) any { return o.Created }, nil},
	{"description", true, func(o *memory.Object) any { return optional(o.Group.Description) }, func(o *memory.Object, v any) bool { return setString(&o.Group.Description, v) }},
	{"displayName", true, func(o *memory.Object) any { return optional(o.Group.DisplayName) }, func(o *memory.Object, v any) bool { return setString(&o.Group.DisplayName, v) }},
	{"groupTypes", true, func(o *memory.Object) any { return o.Group.GroupTypes }, func(o *memory.Object, v any) bool { return setStrings(&o.Group.GroupTypes, v) }},
	{"mail", true, func(o *memory.Object) any { return optional(o.Group.Mail) }, nil},
	{"membershipRule", true, func(o *memory.Object) any { return optional(o.Group.MembershipRule) }, func(o *memory.Object, v any) bool { return setString(&o.Group.MembershipRule, v) }},
	{"onPremisesSyncEnabled", true, func(o *memory.Object) any {
		if o.Group.OnPremisesSync {
			return true
		}
		return nil // Graph answers null for a group that was never synchronised
	}, nil},
	{"visibility", true, func(o *memory.Object) any { return optional(o.Group.Visibility) }, func(o *memory.Object, v any) bool { return setString(&o.Group.Visibility, v) }},
	{"securityEnabled", true, func(o *memory.Object) any { return o.Group.SecurityEnabled }, func(o *memory.Object, v any) bool { return setBool(&o.Group.SecurityEnabled, v) }},
}

var servicePrincipalProperties = []property{
	{"id", true, func(o *memory.Object) any { return o.ServicePrincipal.ID }, nil},
	{"appId", true, func(o *memory.Object) any { return o.ServicePrincipal.AppID }, nil},
	{"displayName", true, func(o *memory.Object) any { return o.ServicePrincipal.DisplayName }, nil},
	{"appRoles", true, func(o *memory.Object) any { return o.ServicePrincipal.AppRoles }, nil},
	{"accountEnabled", true, func(o *memory.Object) any { return !o.ServicePrincipal.Blocked }, func(o *memory.Object, v any) bool {
		enabled := !o.ServicePrincipal.Blocked
		ok := setBool(&enabled, v)
		o.ServicePrincipal.Blocked = !enabled
		return ok
	}},
}

// Properties that no decision reads are kept as they were written.
var (
	defaultAttributes = map[memory.Kind][]string{
		memory.KindUser:  {"businessPhones", "givenName", "jobTitle", "mobilePhone", "officeLocation", "surname"},
		memory.KindGroup: {"classification", "isAssignableToRole", "mailEnabled", "mailNickname", "membershipRuleProcessingState", "renewedDateTime"},
	}
	otherAttributes = map[memory.Kind][]string{
		memory.KindUser: {
			"ageGroup", "city", "country", "creationType", "employeeHireDate", "employeeId", "employeeLeaveDateTime", "employeeOrgData", "employeeType", "externalUserState",
			"externalUserStateChangeDateTime", "faxNumber", "identities", "imAddresses", "mailNickname", "onPremisesExtensionAttributes", "onPremisesSamAccountName",
			"onPremisesSyncEnabled", "otherMails", "passwordPolicies", "postalCode", "proxyAddresses", "showInAddressList", "signInSessionsValidFromDateTime", "state",
			"streetAddress", "usageLocation",
		},
		memory.KindGroup:            {"expirationDateTime", "preferredDataLocation", "preferredLanguage", "proxyAddresses", "theme"},
		memory.KindServicePrincipal: {"appDisplayName", "appOwnerOrganizationId", "servicePrincipalType", "servicePrincipalNames", "tags", "appRoleAssignmentRequired", "oauth2PermissionScopes"},
	}
	readOnlyAttributes = []string{"signInSessionsValidFromDateTime", "creationType", "onPremisesSyncEnabled", "renewedDateTime", "proxyAddresses"}
)

// objectProperties are what can be filtered by in a list that holds several kinds.
var objectProperties = []property{
	{"id", true, func(o *memory.Object) any { return o.ID() }, nil},
	{"displayName", true, func(o *memory.Object) any { return optional(o.DisplayName()) }, nil},
}

func propertiesOf(kind memory.Kind) []property {
	switch kind {
	case "":
		return objectProperties
	case kindDirectoryRole:
		return directoryRoleProperties
	case memory.KindUser:
		return userProperties
	case memory.KindGroup:
		return groupProperties
	default:
		return servicePrincipalProperties
	}
}

// deletedDateTime is a property of everything that can be deleted; a list of what is not deleted has it as null.
var deletedDateTime = property{"deletedDateTime", false, func(o *memory.Object) any {
	if o.Deleted.IsZero() {
		return nil
	}
	return o.Deleted
}, nil}

func propertyOf(kind memory.Kind, name string) *property {
	if name == deletedDateTime.name {
		return &deletedDateTime
	}
	list := propertiesOf(kind)
	for n := range list {
		if list[n].name == name {
			return &list[n]
		}
	}
	return nil
}

func isAttribute(kind memory.Kind, name string) bool {
	return slices.Contains(defaultAttributes[kind], name) || slices.Contains(otherAttributes[kind], name) ||
		strings.HasPrefix(name, "extension_") && !strings.ContainsAny(name, "\"\\") // directory extensions are the tenant's own
}

func isProperty(kind memory.Kind, name string) bool {
	return propertyOf(kind, name) != nil || isAttribute(kind, name)
}

// appendObject appends an object with the selected properties; its type goes with it where the list holds several.
func appendObject(b []byte, o *memory.Object, selected []string, withType bool) []byte {
	b = append(b, '{')
	b = appendProperties(b, o, selected, withType)
	return append(b, '}')
}

func appendProperties(b []byte, o *memory.Object, selected []string, withType bool) []byte {
	if withType {
		b = appendProperty(b, "@odata.type", "#microsoft.graph."+string(o.Kind))
	}
	if selected == nil && !o.Deleted.IsZero() || slices.Contains(selected, deletedDateTime.name) {
		b = appendProperty(b, deletedDateTime.name, deletedDateTime.value(o))
	}
	list := propertiesOf(o.Kind)
	for n := range list {
		if p := &list[n]; selected == nil && p.byDefault || selected != nil && slices.Contains(selected, p.name) {
			b = appendProperty(b, p.name, p.value(o))
		}
	}
	if selected == nil {
		for _, name := range defaultAttributes[o.Kind] {
			b = appendAttribute(b, o, name)
		}
		return b
	}
	for _, name := range selected {
		if propertyOf(o.Kind, name) == nil && isAttribute(o.Kind, name) {
			b = appendAttribute(b, o, name)
		}
	}
	return b
}

// canReadKind are the permissions that show more of an object among others than that it is there.
var canReadKind = map[memory.Kind][]string{
	memory.KindUser: canReadUsers, memory.KindGroup: canReadGroups, memory.KindServicePrincipal: canReadApps, kindDirectoryRole: canReadRoles,
}

// appendLimited appends what is shown of an object whose kind the caller may not read: the rest is null.
func appendLimited(b []byte, o *memory.Object, selected []string) []byte {
	b = appendProperty(b, "@odata.type", "#microsoft.graph."+string(o.Kind))
	b = appendProperty(b, "id", o.ID())
	if selected == nil {
		for _, p := range propertiesOf(o.Kind) {
			if p.byDefault {
				selected = append(selected, p.name)
			}
		}
	}
	for _, name := range selected {
		if name != "id" && isProperty(o.Kind, name) {
			b = appendProperty(b, name, nil)
		}
	}
	return b
}

func appendAttribute(b []byte, o *memory.Object, name string) []byte {
	value, ok := o.Attributes[name]
	if !ok && (name == "businessPhones" || name == "proxyAddresses" || name == "otherMails" || name == "imAddresses") {
		value = []string{}
	}
	if !ok && name == "mailEnabled" {
		value = slices.Contains(o.Group.GroupTypes, "Unified")
	}
	return appendProperty(b, name, value)
}

// assign writes the properties of a body to an object. A property that does not exist, or cannot be written, is named.
func assign(o *memory.Object, body map[string]any, ignored ...string) error {
	for name, value := range body {
		switch {
		case slices.Contains(ignored, name), name == "@odata.type", name == "@odata.context":
		case name == "id":
			return bad("Property 'id' is read-only and cannot be set.")
		default:
			if known := propertyOf(o.Kind, name); known != nil {
				if known.set == nil {
					return bad("Property '" + name + "' is read-only and cannot be set.")
				}
				if !known.set(o, value) {
					return bad("Invalid value specified for property '" + name + "' of resource '" + string(o.Kind) + "'.")
				}
				continue
			}
			if !isAttribute(o.Kind, name) {
				return bad("Could not find a property named '" + name + "' on type 'microsoft.graph." + string(o.Kind) + "'.")
			}
			if slices.Contains(readOnlyAttributes, name) {
				return bad("Property '" + name + "' is read-only and cannot be set.")
			}
			if value == nil {
				delete(o.Attributes, name)
			} else {
				o.Attributes[name] = value
			}
		}
	}
	return nil
}
