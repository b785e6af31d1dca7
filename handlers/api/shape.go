package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"latchkey/shared/governance"
)

// kind describes a resource type to the outside: which of its members are only shown when $expand asks, which never are, and what $filter and $orderby may name.
type kind struct {
	set        string           // the name of its entity set, for @odata.context
	navigation []string         // navigation properties, which are shown only when they are expanded
	expandable map[string]*kind // those of them that can be expanded
	shown      []string         // all that is known of it here; nil: everything
	internal   []string         // members that are stored with it but are no part of it
	fields     map[string]field // what $filter may compare
}

var (
	resourceKind      = &kind{set: "resources", navigation: []string{"roles", "scopes"}, internal: []string{"catalog"}, fields: resourceFields}
	resourceRoleKind  = &kind{set: "resourceRoles", navigation: []string{"resource"}, fields: resourceRoleFields}
	resourceScopeKind = &kind{set: "resourceScopes", navigation: []string{"resource"}, fields: resourceRoleFields}
	roleScopeKind     = &kind{
		set: "resourceRoleScopes", navigation: []string{"role", "scope"}, expandable: map[string]*kind{"role": resourceRoleKind, "scope": resourceScopeKind},
	}
	catalogKind    = &kind{set: "catalogs", navigation: []string{"accessPackages", "resources"}, fields: catalogFields}
	packageKind    = &kind{set: "accessPackages", navigation: []string{"catalog", "resourceRoleScopes", "assignmentPolicies"}, fields: packageFields}
	policyKind     = &kind{set: "assignmentPolicies", navigation: []string{"accessPackage", "catalog"}, fields: policyFields}
	subjectKind    = &kind{set: "subjects"}
	assignmentKind = &kind{
		set: "assignments", navigation: []string{"accessPackage", "assignmentPolicy", "target", "deliveries"}, fields: assignmentFields,
		internal: []string{"requestId", "removing", "attempt", "nextAttemptDateTime", "targetId", "accessPackageId", "assignmentPolicyId"},
	}
	requestKind = &kind{
		set: "assignmentRequests", navigation: []string{"accessPackage", "assignment", "requestor"}, fields: requestFields, internal: []string{"policy", "approval"},
	}
	resourceRequestKind = &kind{set: "resourceRequests", navigation: []string{"catalog", "resource"}, fields: resourceRequestFields}
	stageKind           = &kind{
		set:      "stages",
		internal: []string{"approverUserIds", "approverGroupIds", "alternateUserIds", "alternateGroupIds", "escalatesDateTime", "endsDateTime", "escalated"},
	}
	approvalKind = &kind{set: "accessPackageAssignmentApprovals", navigation: []string{"stages"}, expandable: map[string]*kind{"stages": stageKind}}
	auditKind    = &kind{set: "audit", fields: auditFields}
	deliveryKind = &kind{set: "deliveries"}

	// What is stored with an assignment or a request of what these are: enough to name them.
	namedPackage = &kind{set: "accessPackages", shown: []string{"id", "displayName", "description"}}
	namedPolicy  = &kind{set: "assignmentPolicies", shown: []string{"id", "displayName"}}
	namedCatalog = &kind{set: "catalogs", shown: []string{"id", "displayName", "description"}}
	// offeredKind is a package as those see it who may request it.
	offeredKind = packageKind.inside(map[string]*kind{"catalog": namedCatalog, "resourceRoleScopes": roleScopeKind})
)

func init() { // kinds refer to one another in circles
	// What is inside something else is there as far as it is stored with it or filled in, and no farther: an $expand that would answer with nothing is refused.
	origin, catalog, policy := resourceKind.inside(nil), catalogKind.inside(nil), policyKind.inside(nil)
	resourceKind.expandable = map[string]*kind{"roles": resourceRoleKind.inside(nil), "scopes": resourceScopeKind.inside(nil)}
	resourceRoleKind.expandable = map[string]*kind{"resource": origin}
	resourceScopeKind.expandable = map[string]*kind{"resource": origin}
	catalogKind.expandable = map[string]*kind{"accessPackages": packageKind.inside(map[string]*kind{"resourceRoleScopes": roleScopeKind}), "resources": resourceKind}
	packageKind.expandable = map[string]*kind{"catalog": catalog, "resourceRoleScopes": roleScopeKind, "assignmentPolicies": policy}
	policyKind.expandable = map[string]*kind{"accessPackage": packageKind.inside(nil), "catalog": catalog}
	resourceRequestKind.expandable = map[string]*kind{"catalog": namedCatalog, "resource": resourceKind}

	assignmentKind.expandable = map[string]*kind{"accessPackage": namedPackage, "assignmentPolicy": namedPolicy, "target": subjectKind, "deliveries": deliveryKind}
	requestKind.expandable = map[string]*kind{
		"accessPackage": namedPackage, "requestor": subjectKind,
		"assignment": {
			set: "assignments", navigation: assignmentKind.navigation, shown: []string{"id"}, expandable: map[string]*kind{"assignmentPolicy": namedPolicy, "target": subjectKind},
		},
	}
}

// inside is the kind as it is inside another, where only these of its navigation properties can be expanded.
func (k *kind) inside(expandable map[string]*kind) *kind {
	inner := *k
	inner.expandable = expandable
	return &inner
}

// shape is what $select and $expand make of a kind.
type shape struct {
	kind     *kind
	selected []string // empty: everything
	expanded map[string]*shape
}

// plain is a kind without options.
func plain(k *kind) *shape { return &shape{kind: k} }

// has says whether the navigation property is asked for.
func (s *shape) has(property string) bool { return s.expanded[property] != nil }

// cut is a resource as this shape shows it.
func (s *shape) cut(value any) (map[string]any, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", s.kind.set, err)
	}
	var resource map[string]any
	if err := json.Unmarshal(data, &resource); err != nil {
		return nil, fmt.Errorf("encode %s: %w", s.kind.set, err)
	}
	s.apply(resource)
	return resource, nil
}

func (s *shape) apply(resource map[string]any) {
	for _, name := range s.kind.internal {
		delete(resource, name)
	}
	for _, name := range s.kind.navigation {
		inner := s.expanded[name]
		if inner == nil {
			delete(resource, name)
			continue
		}
		switch value := resource[name].(type) {
		case map[string]any:
			inner.apply(value)
		case []any:
			for _, one := range value {
				if object, ok := one.(map[string]any); ok {
					inner.apply(object)
				}
			}
		case nil:
			if isCollection(name) { // clients iterate over what they expanded
				resource[name] = []any{}
			}
		}
	}
	for _, only := range [][]string{s.kind.shown, s.selected} {
		for name := range resource {
			if len(only) > 0 && !slices.Contains(only, name) && s.expanded[name] == nil && !strings.HasPrefix(name, "@odata.") {
				delete(resource, name)
			}
		}
	}
}

func isCollection(name string) bool {
	return strings.HasSuffix(name, "s") || strings.HasSuffix(name, "ies")
}

// maxExpandDepth bounds nested $expand.
const maxExpandDepth = 4

// parseExpand reads $expand, such as "role,scope" or "resourceRoleScopes($expand=role,scope)". Errors: CodeInvalid naming the property.
func parseExpand(text string, s *shape, depth int) error {
	if depth > maxExpandDepth {
		return governance.Invalid("$expand", "$expand is nested deeper than %d levels.", maxExpandDepth)
	}
	parts, err := splitTop(text, ',')
	if err != nil {
		return err
	}
	for _, part := range parts {
		name, options, nested := strings.Cut(strings.TrimSpace(part), "(")
		name = strings.TrimSpace(name)
		child, ok := s.kind.expandable[name]
		if !ok {
			return governance.Invalid("$expand", "%q cannot be expanded here; %s.", shorten(name), choices(s.kind))
		}
		inner := &shape{kind: child}
		if nested {
			if !strings.HasSuffix(options, ")") {
				return governance.Invalid("$expand", "A parenthesis of $expand is not closed.")
			}
			settings, err := splitTop(strings.TrimSuffix(options, ")"), ';')
			if err != nil {
				return err
			}
			for _, setting := range settings {
				key, value, _ := strings.Cut(strings.TrimSpace(setting), "=")
				switch strings.ToLower(key) {
				case "$expand":
					err = parseExpand(value, inner, depth+1)
				case "$select":
					inner.selected, err = parseSelect(value)
				default:
					err = governance.Invalid("$expand", "%q is not supported inside $expand; $expand and $select are.", shorten(key))
				}
				if err != nil {
					return err
				}
			}
		}
		if s.expanded == nil {
			s.expanded = map[string]*shape{}
		}
		s.expanded[name] = inner
	}
	return nil
}

func choices(k *kind) string {
	if len(k.expandable) == 0 {
		return "nothing can"
	}
	names := make([]string, 0, len(k.expandable))
	for name := range k.expandable {
		names = append(names, name)
	}
	slices.Sort(names)
	return "use " + strings.Join(names, ", ")
}

// splitTop splits at separators that are in no parenthesis.
func splitTop(text string, separator byte) ([]string, error) {
	var parts []string
	depth, begin := 0, 0
	for i := range len(text) {
		switch text[i] {
		case '(':
			depth++
		case ')':
			depth--
		case separator:
			if depth == 0 {
				parts = append(parts, text[begin:i])
				begin = i + 1
			}
		}
		if depth < 0 || depth > 2*maxExpandDepth {
			return nil, governance.Invalid("$expand", "The parentheses of $expand do not match.")
		}
	}
	if depth != 0 {
		return nil, governance.Invalid("$expand", "A parenthesis of $expand is not closed.")
	}
	return append(parts, text[begin:]), nil
}

// maxSelected bounds $select.
const maxSelected = 50

func parseSelect(text string) ([]string, error) {
	var names []string
	for _, name := range strings.Split(text, ",") {
		if name = strings.TrimSpace(name); name == "*" {
			return nil, nil
		}
		if name == "" || strings.ContainsAny(name, "()/$") {
			return nil, governance.Invalid("$select", "$select takes names of properties, separated by commas; %q is none.", shorten(name))
		}
		names = append(names, name)
	}
	if len(names) > maxSelected {
		return nil, governance.Invalid("$select", "$select takes at most %d names.", maxSelected)
	}
	return append(names, "id"), nil
}

func shorten(text string) string {
	const most = 60
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
