package tenant

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/uuid"

	"latchkey/shared/directory/memory"
	"latchkey/shared/governance"
)

const (
	audienceScheme = "api://"
	maxSeedBytes   = 256 << 20 // a load test's tenant of 200,000 people has about 80 MB
	maxObjects     = 500_000
)

// Load reads a seed file.
func Load(path string) (Tenant, error) {
	file, err := os.Open(path)
	if err != nil {
		return Tenant{}, fmt.Errorf("tenant: %w", err)
	}
	defer file.Close()
	tenant, err := Parse(file)
	if err != nil {
		return Tenant{}, fmt.Errorf("%s: %w", path, err)
	}
	return tenant, nil
}

// Parse reads a seed. What GET /tenant answers is one: the tenant's id, audience, sender and managed identity are the sample's if they are not given.
// An error names the field.
func Parse(r io.Reader) (Tenant, error) {
	limited := &io.LimitedReader{R: r, N: maxSeedBytes + 1}
	decoder := json.NewDecoder(limited)
	decoder.DisallowUnknownFields()
	var t Tenant
	err := decoder.Decode(&t)
	if err == nil {
		if _, tail := decoder.Token(); !errors.Is(tail, io.EOF) {
			err = errors.New("there is something after the end of the object")
		}
	}
	switch {
	case limited.N <= 0:
		return Tenant{}, fmt.Errorf("tenant: more than %d bytes", maxSeedBytes)
	case err != nil:
		return Tenant{}, fmt.Errorf("tenant: %w", err)
	}
	if err := t.complete(); err != nil {
		return Tenant{}, err
	}
	if err := t.validate(); err != nil {
		return Tenant{}, fmt.Errorf("tenant: %w", err)
	}
	return t, nil
}

// complete sets what a seed need not say: lists are never nil, and what only the machinery needs comes from the sample.
func (t *Tenant) complete() error {
	if t.ID == "" || t.Audience == "" || t.Domain == "" || t.DisplayName == "" || t.ManagedIdentity.AppID == "" || t.Sender.ID == "" {
		var base Tenant
		if err := json.Unmarshal(sample, &base); err != nil {
			return fmt.Errorf("tenant: the sample: %w", err)
		}
		orElse(&t.ID, base.ID)
		orElse(&t.Audience, base.Audience)
		orElse(&t.Domain, base.Domain)
		orElse(&t.DisplayName, base.DisplayName)
		if t.ManagedIdentity.AppID == "" {
			t.ManagedIdentity = base.ManagedIdentity
		}
		if t.Sender.ID == "" {
			t.Sender = base.Sender
		}
	}
	t.ID = strings.ToLower(t.ID)
	notNil(&t.Users)
	notNil(&t.Groups)
	notNil(&t.Applications)
	notNil(&t.EnterpriseApplications)
	notNil(&t.Sender.Roles)
	for i := range t.Users {
		notNil(&t.Users[i].Roles)
	}
	for i := range t.Groups {
		notNil(&t.Groups[i].MemberIDs)
		notNil(&t.Groups[i].OwnerIDs)
		notNil(&t.Groups[i].GroupTypes)
	}
	for i := range t.Applications {
		t.Applications[i].complete()
	}
	t.ManagedIdentity.complete()
	for i := range t.EnterpriseApplications {
		notNil(&t.EnterpriseApplications[i].AppRoles)
	}
	return nil
}

func (a *Application) complete() {
	notNil(&a.Permissions)
	if a.ID == "" && a.AppID != "" {
		a.ID = uuid.NewSHA1(uuid.NameSpaceOID, []byte("service principal of "+strings.ToLower(a.AppID))).String()
	}
}

func orElse(field *string, fallback string) {
	if *field == "" {
		*field = fallback
	}
}

func notNil[T any](list *[]T) {
	if *list == nil {
		*list = []T{}
	}
}

// checker collects the ids that are taken while it checks.
type checker struct {
	objects map[string]string // id -> where it was given
	names   map[string]string // user principal name -> where
	apps    map[string]string // application id -> where
}

func (t *Tenant) validate() error {
	if count := len(t.Users) + len(t.Groups) + len(t.Applications) + len(t.EnterpriseApplications); count > maxObjects {
		return fmt.Errorf("%d objects; at most %d", count, maxObjects)
	}
	if uuid.Validate(t.ID) != nil {
		return fmt.Errorf("id: %q is not a GUID", t.ID)
	}
	if !strings.HasPrefix(t.Audience, audienceScheme) || len(t.APIAppID()) != 36 || uuid.Validate(t.APIAppID()) != nil {
		return fmt.Errorf("audience: %q is not %s and a GUID", t.Audience, audienceScheme)
	}
	c := checker{objects: map[string]string{}, names: map[string]string{}, apps: map[string]string{}}
	for i, user := range t.Users {
		if err := c.user(fmt.Sprintf("users[%d]", i), user); err != nil {
			return err
		}
	}
	if err := c.user("sender", t.Sender); err != nil {
		return err
	}
	for i, group := range t.Groups {
		path := fmt.Sprintf("groups[%d]", i)
		if err := c.take(c.objects, path+".id", group.ID); err != nil {
			return err
		}
		if group.DisplayName == "" {
			return fmt.Errorf("%s.displayName: missing", path)
		}
	}
	for i, application := range t.Applications {
		path := fmt.Sprintf("applications[%d]", i)
		if err := c.application(path, application); err != nil {
			return err
		}
		if application.ClientSecret == "" {
			return fmt.Errorf("%s.clientSecret: missing", path)
		}
	}
	if err := c.application("managedIdentity", t.ManagedIdentity); err != nil {
		return err
	}
	if t.ManagedIdentity.ClientSecret != "" {
		return errors.New("managedIdentity.clientSecret: a managed identity has none")
	}
	for i, principal := range t.EnterpriseApplications {
		application := Application{ID: principal.ID, AppID: principal.AppID, DisplayName: principal.DisplayName}
		path := fmt.Sprintf("enterpriseApplications[%d]", i)
		if err := c.application(path, application); err != nil {
			return err
		}
		for j, role := range principal.AppRoles {
			if uuid.Validate(role.ID) != nil {
				return fmt.Errorf("%s.appRoles[%d].id: %q is not a GUID", path, j, role.ID)
			}
		}
	}
	return c.references(t)
}

// references checks what points to something else, once everything is known.
func (c *checker) references(t *Tenant) error {
	for i, user := range t.Users {
		at := fmt.Sprintf("users[%d].managerId", i)
		switch found := c.objects[strings.ToLower(user.ManagerID)]; {
		case user.ManagerID == "":
		case strings.EqualFold(user.ManagerID, user.ID):
			return fmt.Errorf("%s: nobody manages themselves", at)
		case !strings.HasPrefix(found, "users["):
			return fmt.Errorf("%s: no user has the id %q", at, user.ManagerID)
		}
	}
	for i, group := range t.Groups {
		for j, id := range group.MemberIDs {
			at := fmt.Sprintf("groups[%d].memberIds[%d]", i, j)
			if strings.EqualFold(id, group.ID) {
				return fmt.Errorf("%s: a group is no member of itself", at)
			}
			if c.objects[strings.ToLower(id)] == "" {
				return fmt.Errorf("%s: nothing has the id %q", at, id)
			}
		}
		for j, id := range group.OwnerIDs {
			if found := c.objects[strings.ToLower(id)]; found == "" || strings.HasPrefix(found, "groups[") {
				return fmt.Errorf("groups[%d].ownerIds[%d]: no user or service principal has the id %q", i, j, id)
			}
		}
	}
	return nil
}

func (c *checker) user(path string, user User) error {
	if err := c.take(c.objects, path+".id", user.ID); err != nil {
		return err
	}
	name := strings.ToLower(user.UserPrincipalName)
	if at := strings.LastIndexByte(name, '@'); at <= 0 || at == len(name)-1 {
		return fmt.Errorf("%s.userPrincipalName: %q is not name@domain", path, user.UserPrincipalName)
	}
	if first, taken := c.names[name]; taken {
		return fmt.Errorf("%s.userPrincipalName: %q is that of %s", path, user.UserPrincipalName, first)
	}
	c.names[name] = path
	if user.DisplayName == "" {
		return fmt.Errorf("%s.displayName: missing", path)
	}
	if user.UserType != governance.UserTypeMember && user.UserType != governance.UserTypeGuest && user.UserType != "" {
		return fmt.Errorf("%s.userType: %q is neither Member nor Guest, nor empty as of an old account", path, user.UserType)
	}
	for i, role := range user.Roles {
		if _, known := roleTemplates[role]; !known {
			return fmt.Errorf("%s.roles[%d]: %q is no directory role known here", path, i, role)
		}
	}
	for i, role := range user.EligibleRoles {
		if _, known := roleTemplates[role]; !known {
			return fmt.Errorf("%s.eligibleRoles[%d]: %q is no directory role known here", path, i, role)
		}
	}
	return nil
}

func (c *checker) application(path string, application Application) error {
	if err := c.take(c.apps, path+".appId", application.AppID); err != nil {
		return err
	}
	if err := c.take(c.objects, path+".id", application.ID); err != nil {
		return err
	}
	if application.DisplayName == "" {
		return fmt.Errorf("%s.displayName: missing", path)
	}
	return nil
}

func (c *checker) take(taken map[string]string, path, id string) error {
	if len(id) != 36 || uuid.Validate(id) != nil {
		return fmt.Errorf("%s: %q is not a GUID", path, id)
	}
	if first, twice := taken[strings.ToLower(id)]; twice {
		return fmt.Errorf("%s: %q is also that of %s", path, id, first)
	}
	taken[strings.ToLower(id)] = path
	return nil
}

// Populate puts the tenant into an empty directory. Errors: directory.ErrNotFound if a reference leads nowhere, which Parse has excluded.
func (t *Tenant) Populate(d *memory.Directory) error {
	for _, user := range append([]User{t.Sender}, t.Users...) {
		if user.ID == "" {
			continue
		}
		d.PutUser(user.Governance())
		if len(user.Attributes) == 0 {
			continue
		}
		if _, err := d.Update(user.ID, func(object *memory.Object) error {
			object.Attributes = user.Attributes
			return nil
		}); err != nil {
			return fmt.Errorf("tenant: user %s: %w", user.ID, err)
		}
	}
	for _, application := range append([]Application{t.ManagedIdentity}, t.Applications...) {
		if application.ID != "" {
			d.PutServicePrincipal(memory.ServicePrincipal{ID: application.ID, AppID: application.AppID, DisplayName: application.DisplayName, AppRoles: []memory.AppRole{}})
		}
	}
	for _, principal := range t.EnterpriseApplications {
		d.PutServicePrincipal(principal)
	}
	for _, group := range t.Groups {
		d.PutGroup(group.Governance())
	}
	for _, group := range t.Groups { // once all groups are there: they may be members of each other
		for _, id := range group.MemberIDs {
			if err := d.PutMember(group.ID, id); err != nil {
				return fmt.Errorf("tenant: group %s: %w", group.ID, err)
			}
		}
		for _, id := range group.OwnerIDs {
			if err := d.PutOwner(group.ID, id); err != nil {
				return fmt.Errorf("tenant: group %s: %w", group.ID, err)
			}
		}
	}
	return nil
}
