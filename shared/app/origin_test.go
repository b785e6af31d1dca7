package app_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
)

// origin is a kind of resources of these tests: its resources are called as their ids are, and their roles as it likes.
type origin struct {
	name, role, handle string
	given              []string
}

// The origins that these tests have besides groups, each with a role as it is called there (RES-03 to RES-05).
var origins = []*origin{
	{name: "AadApplication", role: "b6f2c1c0-5f6e-4c1c-9c1c-0d7f6a1c2b3d", handle: strings.Repeat("h", governance.MaxHandle)},
	{name: "SharePointOnline", role: "4"},
	{name: "DirectoryRole", role: "Eligible"},
	{name: "Verbose", role: "Some_role", handle: strings.Repeat("h", governance.MaxHandle+1)},
}

func init() {
	for _, one := range origins {
		directory.Provisioners[one.name] = func(directory.Directory) directory.Provisioner { return one }
	}
}

// Describe implements directory.Provisioner.
func (o *origin) Describe(_ context.Context, originID string) (governance.Resource, error) {
	return governance.Resource{
		DisplayName: originID, OriginID: originID, OriginSystem: o.name,
		Roles:  []governance.ResourceRole{{DisplayName: "Role", OriginID: o.role, OriginSystem: o.name}},
		Scopes: []governance.ResourceScope{{DisplayName: "Root", OriginID: originID, OriginSystem: o.name, IsRootScope: true}},
	}, nil
}

// Grant implements directory.Provisioner.
func (o *origin) Grant(_ context.Context, step governance.Step, principalID string) (string, time.Time, error) {
	o.given = append(o.given, step.Grant.Role+" of "+step.Grant.ResourceID+" to "+principalID)
	return o.handle, time.Time{}, nil
}

// Revoke implements directory.Provisioner.
func (o *origin) Revoke(_ context.Context, step governance.Step, principalID string) error {
	if step.Handle == o.handle {
		o.given = slices.DeleteFunc(o.given, func(one string) bool { return one == step.Grant.Role+" of "+step.Grant.ResourceID+" to "+principalID })
	}
	return nil
}

// Held implements directory.Provisioner.
func (o *origin) Held(context.Context, governance.Grant, string) (bool, error) {
	return len(o.given) > 0, nil
}

// TestEachOriginNamesItsOwn: what an origin calls its resources and roles reaches its provisioner as it is, and so does the handle; one that would not be kept is a grant that failed.
// rules: RES-01 RES-03 RES-04 RES-05.
func TestEachOriginNamesItsOwn(t *testing.T) {
	for _, o := range origins {
		t.Run(o.name, func(t *testing.T) {
			s := newStand(t)
			const resource = "https://contoso.sharepoint.com/sites/Some_Site"
			catalogID := s.catalog("catalog")
			_, err := s.app.RequestResource(t.Context(), admin(), governance.ResourceRequest{
				RequestType: governance.ResourceAdminAdd, Catalog: &governance.Catalog{ID: catalogID}, Resource: &governance.Resource{OriginID: resource, OriginSystem: o.name},
			})
			s.must(err)
			packageID := s.pack(catalogID, "package")
			_, err = s.app.AddRoleScope(t.Context(), admin(), packageID, governance.ResourceRoleScope{
				Role:  &governance.ResourceRole{OriginID: o.role, OriginSystem: o.name, Resource: &governance.Resource{OriginID: resource}},
				Scope: &governance.ResourceScope{OriginID: resource, OriginSystem: o.name},
			})
			s.must(err)
			s.policy(openPolicy(packageID))
			made := s.submit(user(alice), request(packageID))
			s.drain()
			if o.name == "Verbose" {
				if s.is(made.ID, governance.StateDeliveryFailed); len(o.given) != 0 || !strings.Contains(s.Log(), "a handle of 65 bytes") {
					t.Errorf("given is %q; it says %s", o.given, s.Log())
				}
				return
			}
			if s.is(made.ID, governance.StateDelivered); !slices.Equal(o.given, []string{o.role + " of " + resource + " to " + alice}) {
				t.Errorf("given is %q", o.given)
			}
			s.submit(admin(), removal(governance.RequestAdminRemove, made.Assignment.ID))
			if s.drain(); len(o.given) != 0 {
				t.Errorf("it is still given: %q", o.given)
			}
		})
	}
}
