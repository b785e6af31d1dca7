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
	expandable map[string]*kind // navigation properties
	internal   []string         // members that are stored with it but are no part of it
	fields     map[string]field // what $filter may compare
}

var (
	resourceKind      = &kind{set: "resources", internal: []string{"catalog"}, fields: resourceFields}
	resourceRoleKind  = &kind{set: "resourceRoles", fields: resourceRoleFields}
	resourceScopeKind = &kind{set: "resourceScopes", fields: resourceRoleFields}
	roleScopeKind     = &kind{set: "resourceRoleScopes", expandable: map[string]*kind{"role": resourceRoleKind, "scope": resourceScopeKind}}
	catalogKind       = &kind{set: "catalogs", fields: catalogFields}
	packageKind       = &kind{set: "accessPackages", fields: packageFields}
	policyKind        = &kind{set: "assignmentPolicies", fields: policyFields}
	subjectKind       = &kind{set: "subjects"}
	assignmentKind    = &kind{
		set: "assignments", fields: assignmentFields,
		internal: []string{"requestId", "removing", "attempt", "nextAttemptDateTime", "targetId", "accessPackageId", "assignmentPolicyId"},
	}
	requestKind         = &kind{set: "assignmentRequests", fields: requestFields, internal: []string{"policy", "approval"}}
	resourceRequestKind = &kind{set: "resourceRequests", fields: resourceRequestFields}
	stageKind           = &kind{
		set:      "stages",
		internal: []string{"approverUserIds", "approverGroupIds", "alternateUserIds", "alternateGroupIds", "escalatesDateTime", "endsDateTime", "escalated"},
	}
	approvalKind = &kind{set: "accessPackageAssignmentApprovals", expandable: map[string]*kind{"stages": stageKind}}
	auditKind    = &kind{set: "audit", fields: auditFields}
	deliveryKind = &kind{set: "deliveries"}
)

func init() { // kinds refer to one another in circles
	resourceKind.expandable = map[string]*kind{"roles": resourceRoleKind, "scopes": resourceScopeKind}
	resourceRoleKind.expandable = map[string]*kind{"resource": resourceKind}
	resourceScopeKind.expandable = map[string]*kind{"resource": resourceKind}
	catalogKind.expandable = map[string]*kind{"accessPackages": packageKind, "resources": resourceKind}
	packageKind.expandable = map[string]*kind{"catalog": catalogKind, "resourceRoleScopes": roleScopeKind, "assignmentPolicies": policyKind}
	policyKind.expandable = map[string]*kind{"accessPackage": packageKind, "catalog": catalogKind}
	assignmentKind.expandable = map[string]*kind{"accessPackage": packageKind, "assignmentPolicy": policyKind, "target": subjectKind, "deliveries": deliveryKind}
	requestKind.expandable = map[string]*kind{"accessPackage": packageKind, "assignment": assignmentKind, "requestor": subjectKind}
	resourceRequestKind.expandable = map[string]*kind{"catalog": catalogKind, "resource": resourceKind}
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
	for name := range s.kind.expandable {
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
	if len(s.selected) > 0 {
		for name := range resource {
			if !slices.Contains(s.selected, name) && s.expanded[name] == nil && !strings.HasPrefix(name, "@odata.") {
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
