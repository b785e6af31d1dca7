// Package authz says who may do what to which catalog's things: one table. Every use case asks it; no route does.
package authz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"latchkey/shared/governance"
)

// Operation is something that a caller may or may not do.
type Operation string

// The operations.
const (
	OpReadCatalogs     Operation = "readCatalogs"     // catalogs and their resources
	OpWriteCatalogs    Operation = "writeCatalogs"    // and resource requests
	OpReadPackages     Operation = "readPackages"     // access packages with their role scopes
	OpWritePackages    Operation = "writePackages"    //
	OpReadPolicies     Operation = "readPolicies"     //
	OpWritePolicies    Operation = "writePolicies"    //
	OpBrowsePackages   Operation = "browsePackages"   // what one may request oneself
	OpSubmitForSelf    Operation = "submitForSelf"    // userAdd, userRemove
	OpSubmitForAnyone  Operation = "submitForAnyone"  // adminAdd, adminRemove
	OpReadRequests     Operation = "readRequests"     // anybody's
	OpReadOwnRequests  Operation = "readOwnRequests"  // made by, for, or to be decided by the caller
	OpCancelRequests   Operation = "cancelRequests"   // anybody's
	OpCancelOwnRequest Operation = "cancelOwnRequest" //
	OpReprocess        Operation = "reprocess"        //
	OpReadApprovals    Operation = "readApprovals"    // anybody's
	OpDecideApprovals  Operation = "decideApprovals"  // those one is an approver of
	OpReadAssignments  Operation = "readAssignments"  // anybody's
	OpReadOwn          Operation = "readOwn"          // assignments of or made by the caller
	OpReadAudit        Operation = "readAudit"        // and whether queues have dead letters
	OpTryRules         Operation = "tryRules"         // membership rules, on people who are sent with them
	OpTryRecurrences   Operation = "tryRecurrences"   // which dates one has that is sent
	OpRunLifecycle     Operation = "runLifecycle"     // timers and queues
	OpReadActions      Operation = "readActions"      // the actions of custom extensions, and callouts
	OpWriteActions     Operation = "writeActions"     //
	OpCallOut          Operation = "callOut"          // what a custom extension does
	OpSeeOwnPass       Operation = "seeOwnPass"       // a pass that one asked for
)

// Role is what a caller is to Latchkey.
type Role string

// The roles. A caller may have several, or none.
const (
	RoleAdministrator     Role = "administrator"     // a signed-in Global or Identity Governance Administrator whose client may write (ROL-01)
	RoleAdministratorRead Role = "administratorRead" // the same, whose client may only read
	RoleApplication       Role = "application"       // an application with EntitlementManagement.ReadWrite.All
	RoleApplicationRead   Role = "applicationRead"   // an application with EntitlementManagement.Read.All
	RoleUser              Role = "user"              // any signed-in person whose client may act for them (REQ-15)
	RoleSystem            Role = "system"            // Latchkey's own timers and queues
	RoleExtension         Role = "extension"         // Entra's custom extensions, or a Logic App in between
)

var (
	reading  = []Role{RoleAdministrator, RoleAdministratorRead, RoleApplication, RoleApplicationRead}
	writing  = []Role{RoleAdministrator, RoleApplication}
	personal = []Role{RoleUser}
)

// permissions says which roles may do what: the one table of authorization. What is not in it is not allowed. Approving, canceling and everything "by
// current user" has no application permission (PRV-28).
var permissions = map[Operation][]Role{
	OpReadCatalogs:     reading,
	OpWriteCatalogs:    writing,
	OpReadPackages:     reading,
	OpWritePackages:    writing,
	OpReadPolicies:     reading,
	OpWritePolicies:    writing,
	OpBrowsePackages:   personal,
	OpSubmitForSelf:    personal,
	OpSubmitForAnyone:  writing,
	OpReadRequests:     reading,
	OpReadOwnRequests:  personal,
	OpCancelRequests:   {RoleAdministrator},
	OpCancelOwnRequest: personal,
	OpReprocess:        writing,
	OpReadApprovals:    {RoleAdministrator, RoleAdministratorRead},
	OpDecideApprovals:  personal,
	OpReadAssignments:  reading,
	OpReadOwn:          personal,
	OpReadAudit:        reading,
	OpTryRules:         {RoleAdministrator, RoleAdministratorRead},
	OpTryRecurrences:   reading,
	OpRunLifecycle:     {RoleSystem},
	OpReadActions:      reading,
	OpWriteActions:     writing,
	OpCallOut:          {RoleExtension},
	OpSeeOwnPass:       personal,
}

// harmless are the operations that change nothing and show no secret. Of who does any other, the directory is asked whether they may still sign in: a token outlives its account.
var harmless = []Operation{
	OpReadCatalogs, OpReadPackages, OpReadPolicies, OpBrowsePackages, OpReadRequests, OpReadOwnRequests, OpReadApprovals, OpReadAssignments, OpReadOwn, OpReadAudit, OpReadActions, OpTryRules, OpTryRecurrences,
}

// RolesOf are the roles that a caller has: a directory role counts only as far as the client's scope lets it, and a scope alone makes nobody an administrator.
func RolesOf(caller governance.Caller) []Role {
	var roles []Role
	switch caller.Kind {
	case governance.CallerSystem:
		roles = append(roles, RoleSystem)
	case governance.CallerExtension:
		roles = append(roles, RoleExtension)
	case governance.CallerApplication:
		if slices.Contains(caller.Permissions, governance.PermissionReadWriteAll) {
			roles = append(roles, RoleApplication)
		}
		if slices.Contains(caller.Permissions, governance.PermissionReadAll) {
			roles = append(roles, RoleApplicationRead)
		}
	case governance.CallerUser:
		administrator := slices.Contains(caller.DirectoryRoles, governance.RoleGlobalAdministrator) || slices.Contains(caller.DirectoryRoles, governance.RoleIdentityGovernanceAdministrator)
		write := slices.Contains(caller.Scopes, governance.PermissionReadWriteAll)
		if administrator && write {
			roles = append(roles, RoleAdministrator)
		}
		if administrator && slices.Contains(caller.Scopes, governance.PermissionReadAll) {
			roles = append(roles, RoleAdministratorRead)
		}
		if caller.ObjectID != "" && (write || slices.Contains(caller.Scopes, governance.PermissionSubjectAccess)) {
			roles = append(roles, RoleUser)
		}
	}
	return roles
}

// CatalogRoles tells the roles that somebody has in catalogs; handlers.New wires it.
type CatalogRoles interface {
	CatalogRoles(ctx context.Context, caller governance.Caller) (map[string][]Role, error) // by the catalog's id
}

// Accounts tells whether callers may still sign in; handlers.New wires it.
type Accounts interface {
	Active(ctx context.Context, caller governance.Caller) (bool, error) // as of seconds ago at most
}

// Authorizer makes the rights of callers.
type Authorizer struct {
	roles    CatalogRoles // nil: nobody has roles in catalogs
	accounts Accounts
}

// New makes an Authorizer.
func New(roles CatalogRoles, accounts Accounts) *Authorizer {
	return &Authorizer{roles: roles, accounts: accounts}
}

// ErrRole: the caller lacks the role that an operation takes, which a token with another scope, or of another caller, may have. It is in the errors of rights, and in no other CodeForbidden.
var ErrRole = errors.New("the caller has none of the roles")

// For is what a caller may do, made once a request. Errors: those of the roles in catalogs.
func (a *Authorizer) For(ctx context.Context, caller governance.Caller) (Rights, error) {
	rights := Rights{tenant: RolesOf(caller)}
	if a.roles == nil {
		return rights, nil
	}
	var err error
	rights.catalogs, err = a.roles.CatalogRoles(ctx, caller)
	return rights, err
}

// Rights are what one caller may do.
type Rights struct {
	tenant   []Role
	catalogs map[string][]Role // by the catalog's id
}

// Somewhere is For, for what may be in any catalog. Errors: CodeForbidden, and the directory's.
func (a *Authorizer) Somewhere(ctx context.Context, caller governance.Caller, operation Operation) (Rights, error) {
	rights, err := a.For(ctx, caller)
	if err == nil {
		err = rights.RequireSomewhere(operation)
	}
	if err == nil {
		err = a.requireActive(ctx, caller, operation)
	}
	return rights, err
}

// Require is the right to an operation that is about no catalog. Errors: CodeForbidden, and the directory's.
func (a *Authorizer) Require(ctx context.Context, caller governance.Caller, operation Operation) error {
	rights, err := a.For(ctx, caller)
	if err == nil {
		err = rights.Require("", operation)
	}
	if err == nil {
		err = a.requireActive(ctx, caller, operation)
	}
	return err
}

// Either are the rights of a caller who may do something to anybody's in some catalog, or else at least to their own. Errors: CodeForbidden, and the directory's.
func (a *Authorizer) Either(ctx context.Context, caller governance.Caller, anybodys, own Operation) (Rights, error) {
	rights, err := a.Somewhere(ctx, caller, anybodys)
	if governance.CodeOf(err) != governance.CodeForbidden {
		return rights, err
	}
	return rights, a.Require(ctx, caller, own)
}

// requireActive refuses to let somebody change anything who is blocked or deleted by now.
func (a *Authorizer) requireActive(ctx context.Context, caller governance.Caller, operation Operation) error {
	if caller.Kind == governance.CallerSystem || slices.Contains(harmless, operation) {
		return nil
	}
	active, err := a.accounts.Active(ctx, caller)
	switch {
	case err != nil:
		return fmt.Errorf("look up the caller: %w", err)
	case !active:
		return governance.Forbidden("The account of the caller is blocked or deleted, so it may not do this (%s).", operation)
	}
	return nil
}

// In says whether the caller may do an operation in a catalog. What belongs to whom is the use case's to check.
func (r Rights) In(catalogID string, operation Operation) bool {
	return allowed(r.tenant, operation) || allowed(r.catalogs[catalogID], operation)
}

// Everywhere says whether the caller may do an operation in the whole tenant.
func (r Rights) Everywhere(operation Operation) bool { return allowed(r.tenant, operation) }

// Catalogs are those for which the caller may do an operation; all: it is every one.
func (r Rights) Catalogs(operation Operation) (all bool, ids []string) {
	for id, roles := range r.catalogs {
		if allowed(roles, operation) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return allowed(r.tenant, operation), ids
}

// Require is In as an error; without a catalog it is Everywhere. Errors: CodeForbidden.
func (r Rights) Require(catalogID string, operation Operation) error {
	if r.In(catalogID, operation) {
		return nil
	}
	return &governance.Error{Code: governance.CodeForbidden, Message: fmt.Sprintf("The caller may not do this (%s): %s.", operation, wanted(operation)), Err: ErrRole}
}

// RequireSomewhere is for what is done to something whose catalog is not known yet: who may do it nowhere is told so. Errors: CodeForbidden.
func (r Rights) RequireSomewhere(operation Operation) error {
	if _, ids := r.Catalogs(operation); len(ids) > 0 {
		return nil
	}
	return r.Require("", operation)
}

func allowed(roles []Role, operation Operation) bool {
	return slices.ContainsFunc(roles, func(role Role) bool { return slices.Contains(permissions[operation], role) })
}

// wanted says in words what an operation needs.
func wanted(operation Operation) string {
	needs := map[Role]string{
		RoleAdministrator:     "an Identity Governance Administrator signed in with " + governance.PermissionReadWriteAll,
		RoleAdministratorRead: "an Identity Governance Administrator signed in with " + governance.PermissionReadAll,
		RoleApplication:       "an application with " + governance.PermissionReadWriteAll,
		RoleApplicationRead:   "an application with " + governance.PermissionReadAll,
		RoleUser:              "a signed-in user with " + governance.PermissionSubjectAccess,
		RoleSystem:            "Latchkey itself",
		RoleExtension:         "an application that the setting CalloutCallers names",
	}
	var texts []string
	for _, role := range permissions[operation] {
		texts = append(texts, needs[role])
	}
	return "it takes " + strings.Join(texts, ", or ")
}
