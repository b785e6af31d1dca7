package api

import (
	"net/http"
	"reflect"
	"strings"

	"latchkey/handlers/api/strict"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

var packageKind = &kind{
	set: "accessPackages", of: reflect.TypeFor[governance.AccessPackage](),
	navigation: []string{"catalog", "resourceRoleScopes", "assignmentPolicies"},
	fields: map[string]field{
		"id": identifier, "displayName": text, "description": text, "createdDateTime": instant, "modifiedDateTime": instant,
		"isHidden": boolean, "catalog/id": identifier,
	},
}

// What is stored with others of packages and catalogs: enough to name them.
var (
	namedPackage = packageKind.showing("id", "displayName", "description")
	namedCatalog = catalogKind.showing("id", "displayName", "description")
)

var accessPackages = &descriptor{
	kind: packageKind.expanding(map[string]*kind{
		"catalog": catalogKind, "resourceRoleScopes": resourceRoleScopes.kind, "assignmentPolicies": policyKind.expanding(map[string]*kind{"questions": questionKind}),
	}),
	body: strict.Package,
	verbs: func(s *Server) []verb {
		page := func(c *call, o ledger.ListOptions) (ledger.Page[governance.AccessPackage], error) {
			return s.use.Packages.ListPackages(c.ctx(), c.caller, o, c.shape.has("catalog", "assignmentPolicies"))
		}
		// Those who may request a package see less of it.
		offered := list("/accessPackages.filterByCurrentUser/{on}", mine(s.use.Offers.PackagesByCurrentUser))
		offered.kind = packageKind.expanding(map[string]*kind{"catalog": namedCatalog, "resourceRoleScopes": resourceRoleScopes.kind})
		requirements := answering(http.MethodPost, "/accessPackages/{id}/getApplicablePolicyRequirements", http.StatusOK,
			func(c *call) (any, error) {
				var asked struct{ Subject *governance.Subject }
				if err := c.parameters(&asked); err != nil {
					return nil, err
				}
				if asked.Subject != nil && !strings.EqualFold(asked.Subject.ObjectID, c.caller.ObjectID) {
					return nil, governance.Invalid("subject/objectId",
						"subject/objectId may be the caller's alone; to ask for somebody else is not in this release.")
				}
				found, err := s.use.Offers.ApplicableRequirements(c.ctx(), c.caller, c.ids[0])
				return map[string]any{"value": found}, err
			})
		requirements.takes, requirements.reads = strict.Requirements, true
		return []verb{
			list("/accessPackages", page),
			offered,
			list("/catalogs/{id}/accessPackages", inside("catalog", s.use.Catalogs.Catalog, page)),
			create("/accessPackages", use(s.use.Packages.CreatePackage)),
			read("/accessPackages/{id}", s.packageOf),
			change(http.MethodPatch, "/accessPackages/{id}", editing(s.use.Packages.UpdatePackage)),
			remove("/accessPackages/{id}", s.use.Packages.DeletePackage),
			requirements,
		}
	},
}

// packageOf reads a package: as it is for whoever may read all that is in its catalog, else as it is offered to the caller.
func (s *Server) packageOf(c *call, id string) (ledger.Versioned[governance.AccessPackage], error) {
	found, err := s.use.Packages.Package(c.ctx(), c.caller, id)
	if code := governance.CodeOf(err); code == governance.CodeForbidden || code == governance.CodeNotFound {
		offered, none := s.use.Offers.OfferedPackage(c.ctx(), c.caller, id)
		if governance.CodeOf(none) != governance.CodeForbidden {
			return offered, none
		}
	}
	return found, err
}
