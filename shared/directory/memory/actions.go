package memory

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
)

// The operations of directory.Actions.
const (
	OperationGranted        Operation = "Granted"
	OperationPassPolicy     Operation = "PassPolicy"
	OperationPasses         Operation = "Passes"
	OperationIssuePass      Operation = "IssuePass"
	OperationDeletePass     Operation = "DeletePass"
	OperationDirectoryRoles Operation = "DirectoryRoles"
	OperationRevokeSessions Operation = "RevokeSessions"
	OperationApp            Operation = "App"
	OperationAssignApp      Operation = "AssignApp"
	OperationResume         Operation = "Resume"
)

// Resumed is a resume as it came.
type Resumed struct {
	Path string
	Body string
}

// IssuedPass is a pass with its value, for tests: a directory never shows one again.
type IssuedPass struct {
	UserID string
	Pass   governance.AccessPass
	Value  string
	Live   bool
}

// actions is the state behind directory.Actions. At first it has a policy that allows passes, and nothing else.
type actions struct {
	granted []string
	policy  *governance.PassPolicy
	issued  []IssuedPass
	roles   map[string][]directory.Role // by who holds them or is eligible for them
	joins   map[string][]string         // person -> the groups that they are eligible to join
	apps    map[string]*governance.MobileApp
	resumed []Resumed
	revoked []string
	refuse  string // why resumes are refused; empty: they are not
}

var _ directory.Actions = (*Directory)(nil)

// Granted lists what PutGranted put.
func (d *Directory) Granted(ctx Context) ([]string, error) {
	return strike(ctx, d, OperationGranted, d.mu.RLocker(), func() ([]string, error) {
		return slices.Clone(d.actions.granted), nil
	})
}

// PassPolicy reads the policy.
func (d *Directory) PassPolicy(ctx Context) (governance.PassPolicy, error) {
	return strike(ctx, d, OperationPassPolicy, d.mu.RLocker(), func() (governance.PassPolicy, error) {
		return d.actions.passPolicy(), nil
	})
}

func (a *actions) passPolicy() governance.PassPolicy {
	if a.policy != nil {
		return *a.policy
	}
	return governance.PassPolicy{Enabled: true, MinimumMinutes: 60, MaximumMinutes: 480}
}

// Passes lists the pass of a person.
func (d *Directory) Passes(ctx Context, userID string) ([]governance.AccessPass, error) {
	return strike(ctx, d, OperationPasses, d.mu.RLocker(), func() ([]governance.AccessPass, error) {
		if d.user(userID) == nil {
			return nil, notFound(KindUser, userID)
		}
		var passes []governance.AccessPass
		for _, one := range d.actions.issued {
			if one.Live && strings.EqualFold(one.UserID, userID) {
				passes = append(passes, one.Pass)
			}
		}
		return passes, nil
	})
}

// IssuePass makes a pass.
func (d *Directory) IssuePass(ctx Context, userID string, order directory.PassOrder) (governance.AccessPass, governance.Secret, error) {
	type made struct {
		pass  governance.AccessPass
		value governance.Secret
	}
	one, err := strike(ctx, d, OperationIssuePass, &d.mu, func() (made, error) {
		if d.user(userID) == nil {
			return made{}, notFound(KindUser, userID)
		}
		a := &d.actions
		policy := a.passPolicy()
		now := d.clock.Now()
		switch {
		case !policy.Enabled:
			return made{}, fmt.Errorf("%w: the policy does not allow passes", directory.ErrRefused)
		case order.Minutes < policy.MinimumMinutes || order.Minutes > policy.MaximumMinutes:
			return made{}, fmt.Errorf("%w: the lifetime is not within the policy", directory.ErrRefused)
		case order.Start != nil && order.Start.Before(now):
			return made{}, fmt.Errorf("%w: the start is in the past", directory.ErrRefused)
		case policy.OnlyOnce && !order.UsableOnce:
			return made{}, fmt.Errorf("%w: the policy allows passes that are usable once only", directory.ErrRefused)
		}
		for i, have := range a.issued {
			if !have.Live || !strings.EqualFold(have.UserID, userID) {
				continue
			}
			if now.Before(have.Pass.StartDateTime.Add(time.Duration(have.Pass.LifetimeMinutes) * time.Minute)) {
				return made{}, fmt.Errorf("%w: the person has a pass already", directory.ErrRefused)
			}
			a.issued[i].Live = false
		}
		start := governance.At(now)
		if order.Start != nil {
			start = order.Start
		}
		number := len(a.issued) + 1
		pass := governance.AccessPass{ID: fmt.Sprintf("f1000000-0000-4000-8000-%012d", number), StartDateTime: start, LifetimeMinutes: order.Minutes, UsableOnce: order.UsableOnce}
		value := fmt.Sprintf("Pass*%06d#%x", number, now.UnixNano())
		a.issued = append(a.issued, IssuedPass{UserID: userID, Pass: pass, Value: value, Live: true})
		return made{pass, governance.Hide(value)}, nil
	})
	return one.pass, one.value, err
}

// DeletePass takes a pass away.
func (d *Directory) DeletePass(ctx Context, userID, passID string) error {
	return strikeChange(ctx, d, OperationDeletePass, func() error {
		for i, one := range d.actions.issued {
			if strings.EqualFold(one.UserID, userID) && one.Pass.ID == passID {
				d.actions.issued[i].Live = false
			}
		}
		return nil
	})
}

// DirectoryRoles lists what PutRole and PutEligibleRole put, for the person, for their groups, and for those that PutEligibleMember lets them join.
func (d *Directory) DirectoryRoles(ctx Context, userID string) ([]directory.Role, error) {
	return strike(ctx, d, OperationDirectoryRoles, d.mu.RLocker(), func() ([]directory.Role, error) {
		r := d.user(userID)
		if r == nil {
			return nil, notFound(KindUser, userID)
		}
		roles := slices.Clone(d.actions.roles[key(r.object.ID())])
		for _, group := range d.transitiveMemberOf(r) {
			roles = append(roles, d.actions.roles[key(group.ID())]...)
		}
		for _, group := range d.actions.joins[key(userID)] {
			for _, role := range d.actions.roles[group] {
				role.Eligible = true
				roles = append(roles, role)
			}
		}
		return roles, nil
	})
}

// RevokeSessions notes that the person was signed out.
func (d *Directory) RevokeSessions(ctx Context, userID string) error {
	return strikeChange(ctx, d, OperationRevokeSessions, func() error {
		if d.user(userID) == nil {
			return notFound(KindUser, userID)
		}
		d.actions.revoked = append(d.actions.revoked, userID)
		return nil
	})
}

// App reads an app.
func (d *Directory) App(ctx Context, appID string) (governance.MobileApp, error) {
	return strike(ctx, d, OperationApp, d.mu.RLocker(), func() (governance.MobileApp, error) {
		app := d.actions.apps[key(appID)]
		if app == nil {
			return governance.MobileApp{}, notFound("mobileApp", appID)
		}
		found := *app
		found.Assignments = slices.Clone(found.Assignments)
		return found, nil
	})
}

// AssignApp adds an assignment.
func (d *Directory) AssignApp(ctx Context, appID, groupID string, intent governance.AppIntent) error {
	return strikeChange(ctx, d, OperationAssignApp, func() error {
		app := d.actions.apps[key(appID)]
		switch {
		case app == nil:
			return notFound("mobileApp", appID)
		case d.group(groupID) == nil:
			return fmt.Errorf("%w: the group %q does not exist", directory.ErrRefused, groupID)
		}
		for _, have := range app.Assignments {
			if strings.EqualFold(have.GroupID, groupID) {
				if have.Intent == intent && !have.Exclude {
					return nil
				}
				return fmt.Errorf("%w: the app is assigned to this group with another intent", directory.ErrRefused)
			}
		}
		app.Assignments = append(app.Assignments, governance.AppAssignment{Intent: intent, GroupID: groupID})
		return nil
	})
}

// Resume notes what came.
func (d *Directory) Resume(ctx Context, path string, body []byte) error {
	return strikeChange(ctx, d, OperationResume, func() error {
		if d.actions.refuse != "" {
			return fmt.Errorf("%w: %s", directory.ErrRefused, d.actions.refuse)
		}
		d.actions.resumed = append(d.actions.resumed, Resumed{Path: path, Body: string(body)})
		return nil
	})
}

// The methods below prepare a tenant and look behind it. They pass the fault hook by.

// PutGranted sets the permissions of the identity.
func (d *Directory) PutGranted(permissions ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.actions.granted = permissions
}

// PutPassPolicy sets the policy.
func (d *Directory) PutPassPolicy(policy governance.PassPolicy) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.actions.policy = &policy
}

// PutRole gives a user or a group a directory role.
func (d *Directory) PutRole(principalID, roleTemplateID string) {
	d.putRole(principalID, directory.Role{TemplateID: roleTemplateID})
}

// PutEligibleRole makes a user or a group eligible for a directory role.
func (d *Directory) PutEligibleRole(principalID, roleTemplateID string) {
	d.putRole(principalID, directory.Role{TemplateID: roleTemplateID, Eligible: true})
}

func (d *Directory) putRole(principalID string, role directory.Role) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.actions.roles[key(principalID)] = append(d.actions.roles[key(principalID)], role)
}

// PutEligibleMember makes a user eligible to join a group.
func (d *Directory) PutEligibleMember(groupID, userID string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.actions.joins[key(userID)] = append(d.actions.joins[key(userID)], key(groupID))
}

// PutApp adds or replaces an Intune app.
func (d *Directory) PutApp(app governance.MobileApp) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.actions.apps[key(app.ID)] = &app
}

// RefuseResumes makes every resume fail for a reason; empty: none does.
func (d *Directory) RefuseResumes(reason string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.actions.refuse = reason
}

// Issued lists every pass that was ever issued, with its value.
func (d *Directory) Issued() []IssuedPass {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.actions.issued)
}

// Resumes lists the resumes that came, oldest first.
func (d *Directory) Resumes() []Resumed {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.actions.resumed)
}

// Revoked lists who was signed out, oldest first.
func (d *Directory) Revoked() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.actions.revoked)
}
