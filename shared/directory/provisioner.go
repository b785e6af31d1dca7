package directory

import (
	"context"
	"strings"
	"time"

	"latchkey/shared/governance"
)

// Provisioner carries out what a catalog offers of one kind of resource, by its originSystem. It keeps nothing: what it needs to take a role away again is in the grant and the handle.
type Provisioner interface {
	// Describe is what a catalog stores of a resource: its names, roles and scopes, without the catalog's own ids. Errors: governance.CodeInvalid with the reason if access to it cannot be
	// granted here, and the directory's.
	Describe(ctx context.Context, originID string) (governance.Resource, error)
	// Grant gives a principal a role. One who has it is a success. The handle is what the step of Revoke must have besides, empty for most,
	// and at most governance.MaxHandle bytes; the end is zero unless the origin takes the role back by itself. Errors: ErrNotFound,
	// ErrRefused.
	Grant(ctx context.Context, step governance.Step, principalID string) (handle string, end time.Time, err error)
	// Revoke takes the role back. One who does not have it, and never will again, is a success. Errors: ErrDeleted if the principal or the resource is deleted and may be restored with the role: it is
	// still to be taken back then (that holds for roles of applications, too, once there are any); ErrRefused.
	Revoke(ctx context.Context, step governance.Step, principalID string) error
	// Held says whether the principal has the role, as the origin tells. Errors: ErrNotFound if the principal or the resource does not exist.
	Held(ctx context.Context, grant governance.Grant, principalID string) (bool, error)
}

// Provisioners are all there are, a file each, by their originSystem.
var Provisioners = map[string]func(Directory) Provisioner{
	governance.OriginGroup: func(d Directory) Provisioner { return groups{d} },
}

// ProvisionerOf is the provisioner of an originSystem, in any letter case; false if this release has none.
func ProvisionerOf(d Directory, originSystem string) (Provisioner, bool) {
	for system, of := range Provisioners {
		if strings.EqualFold(system, originSystem) {
			return of(d), true
		}
	}
	return nil, false
}
