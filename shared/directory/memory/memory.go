// Package memory is the directory in memory, with the exact semantics of the port: users, nested groups, managers, owners and the mail that was sent.
// The simulation and the tests run on it, and infra/local/graph serves it on Microsoft Graph's wire. It serves no tokens, no permissions and no wire of its own.
//
// Ids are compared without regard to case, as Graph does. Objects that it hands out are shared and immutable: a change replaces them.
package memory

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// Options of New. The zero value is usable.
type Options struct {
	Clock   platform.Clock // when mail was sent and objects were made; nil is the machine's clock
	MaxSent int            // how many mails are kept, the latest; 0 is DefaultMaxSent
}

// DefaultMaxSent bounds the mail that is kept: a benchmark sends for ever.
const DefaultMaxSent = 100_000

// maxDeleted bounds what is remembered of the deleted, for a delta query and to restore them.
const maxDeleted = 10_000

// ErrExists: the id, the user principal name or the application id is taken.
var ErrExists = errors.New("directory: already exists")

// Kind tells the objects of a directory apart.
type Kind string

// The kinds; the values are the names of Graph's types.
const (
	KindUser             Kind = "user"
	KindGroup            Kind = "group"
	KindServicePrincipal Kind = "servicePrincipal"
)

// ServicePrincipal is an application in the tenant, as far as a group or an app role needs it.
type ServicePrincipal struct {
	ID          string    `json:"id"`
	AppID       string    `json:"appId"`
	DisplayName string    `json:"displayName"`
	AppRoles    []AppRole `json:"appRoles"`
	Blocked     bool      `json:"blocked,omitempty"` // nobody signs in with it: Graph's accountEnabled is false
}

// AppRole is a role that an application offers.
type AppRole struct {
	ID          string `json:"id"`
	Value       string `json:"value"`
	DisplayName string `json:"displayName"`
	IsEnabled   bool   `json:"isEnabled"`
}

// Object is one object of the directory. Of User, Group and ServicePrincipal the one that Kind names is set. It is shared: read it, do not change it.
type Object struct {
	Kind             Kind
	User             governance.User
	Group            governance.Group
	ServicePrincipal ServicePrincipal
	// Attributes are the properties that clients write and no decision reads (jobTitle, city, answers of requestors), by their Graph names.
	Attributes map[string]any
	Created    time.Time
	Deleted    time.Time // of one among the deleted items
	// Changed is the number of the directory's change that made this version; a delta query counts by it.
	Changed uint64
}

// ID is the object's id.
func (o *Object) ID() string {
	switch o.Kind {
	case KindUser:
		return o.User.ID
	case KindGroup:
		return o.Group.ID
	default:
		return o.ServicePrincipal.ID
	}
}

// DisplayName is what people call it.
func (o *Object) DisplayName() string {
	switch o.Kind {
	case KindUser:
		return o.User.DisplayName
	case KindGroup:
		return o.Group.DisplayName
	default:
		return o.ServicePrincipal.DisplayName
	}
}

// edge is a way in which a principal belongs to a group.
type edge int

const (
	membership edge = iota
	ownership
	edges // how many there are
)

// record is an object with its edges; both directions of each, so that neither question scans.
type record struct {
	object *Object
	has    [edges]*series  // groups: the direct members, the owners
	in     [edges][]string // keys of the groups that it is directly in, that it owns
	// settled is when changes find it; reads do at once.
	settled time.Time
}

// Directory is the directory in memory. Use New. It is safe for concurrent use.
type Directory struct {
	clock   platform.Clock
	maxSent int
	fault   atomic.Pointer[FaultFunc]
	lag     atomic.Int64

	mu         sync.RWMutex
	records    map[string]*record
	byName     map[string]string   // user principal name, in lower case -> key
	byMail     map[string][]string // mail of users, in lower case -> keys: guests may share an address
	byApp      map[string]string   // application id -> key
	reports    map[string][]string
	kinds      map[Kind]*series
	changes    uint64
	tombstones []Deleted
	items      map[string]*deletedItem
	itemOrder  *series
	sent       []Sent
	refusing   map[string]bool // addresses that take no mail, in lower case

	actions actions
}

var _ directory.Directory = (*Directory)(nil)

// New makes an empty directory.
func New(options Options) *Directory {
	d := &Directory{clock: options.Clock, maxSent: cmp.Or(options.MaxSent, DefaultMaxSent)}
	if d.clock == nil {
		d.clock = platform.SystemClock{}
	}
	d.actions = actions{roles: map[string][]directory.Role{}, joins: map[string][]string{}, apps: map[string]*governance.MobileApp{}}
	d.clear()
	return d
}

// Reset forgets everything but the clock and the fault hook.
func (d *Directory) Reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clear()
}

func (d *Directory) clear() {
	d.records = map[string]*record{}
	d.byName = map[string]string{}
	d.byMail = map[string][]string{}
	d.byApp = map[string]string{}
	d.reports = map[string][]string{}
	d.kinds = map[Kind]*series{KindUser: newSeries(), KindGroup: newSeries(), KindServicePrincipal: newSeries()}
	d.tombstones, d.items, d.itemOrder = nil, map[string]*deletedItem{}, newSeries()
	d.sent, d.refusing = nil, map[string]bool{}
	// changes goes on counting: a delta token from before a reset must not look like one from the future.
	d.changes++
}

// key is how an id is looked up.
func key(id string) string { return strings.ToLower(id) }

// find is the record of an id, or of a user principal name. The caller holds the lock.
func (d *Directory) find(id string) *record {
	if r := d.records[key(id)]; r != nil {
		return r
	}
	if k, ok := d.byName[key(id)]; ok {
		return d.records[k]
	}
	return nil
}

func (d *Directory) group(id string) *record { return d.records[key(id)].as(KindGroup) }

func (d *Directory) user(id string) *record { return d.find(id).as(KindUser) }

// as is the record if there is one and it is of a kind, else nil.
func (r *record) as(kind Kind) *record {
	if r == nil || r.object.Kind != kind {
		return nil
	}
	return r
}

func notFound(what Kind, id string) error {
	return fmt.Errorf("%w: %s %q", directory.ErrNotFound, what, id)
}

// User reads a person by id or user principal name.
func (d *Directory) User(ctx Context, id string) (governance.User, error) {
	return strike(ctx, d, OperationUser, d.mu.RLocker(), func() (governance.User, error) {
		r := d.user(id)
		if r == nil {
			return governance.User{}, notFound(KindUser, id)
		}
		return r.object.User, nil
	})
}

// ApplicationEnabled reads whether an application may sign in.
func (d *Directory) ApplicationEnabled(ctx Context, id string) (bool, error) {
	return strike(ctx, d, OperationApplicationEnabled, d.mu.RLocker(), func() (bool, error) {
		r := d.records[key(id)].as(KindServicePrincipal)
		if r == nil {
			return false, notFound(KindServicePrincipal, id)
		}
		return !r.object.ServicePrincipal.Blocked, nil
	})
}

// Group reads a group.
func (d *Directory) Group(ctx Context, id string) (governance.Group, error) {
	return strike(ctx, d, OperationGroup, d.mu.RLocker(), func() (governance.Group, error) {
		r := d.group(id)
		if r == nil {
			return governance.Group{}, notFound(KindGroup, id)
		}
		group := r.object.Group
		group.GroupTypes = slices.Clone(group.GroupTypes)
		return group, nil
	})
}

// SeesHidden says whether PutGranted put the permission.
func (d *Directory) SeesHidden(ctx Context) (bool, error) {
	return strike(ctx, d, OperationGranted, d.mu.RLocker(), func() (bool, error) { return d.seesHidden(), nil })
}

func (d *Directory) seesHidden() bool {
	return slices.Contains(d.actions.granted, directory.PermissionHidden)
}

// hides says whether a group shows its members to those alone who may see hidden ones.
func hides(object *Object) bool { return object.Group.Visibility == governance.VisibilityHidden }

// Managers walks up the chain of managers.
func (d *Directory) Managers(ctx Context, userID string, levels int) ([]string, error) {
	return strike(ctx, d, OperationManagers, d.mu.RLocker(), func() ([]string, error) {
		r := d.user(userID)
		if r == nil {
			return nil, notFound(KindUser, userID)
		}
		chain := []string{r.object.User.ID}
		for len(chain) <= min(levels, directory.MaxManagerLevels) {
			if r = d.user(r.object.User.ManagerID); r == nil || slices.Contains(chain, r.object.User.ID) {
				break
			}
			chain = append(chain, r.object.User.ID)
		}
		return chain[1:], nil
	})
}

// MemberOf returns the ids of all groups that the user is in, nested membership included.
func (d *Directory) MemberOf(ctx Context, userID string) ([]string, error) {
	return strike(ctx, d, OperationMemberOf, d.mu.RLocker(), func() ([]string, error) {
		r := d.user(userID)
		if r == nil {
			return nil, notFound(KindUser, userID)
		}
		ids := []string{}
		for _, group := range d.transitiveMemberOf(r) {
			if !hides(group) || d.seesHidden() {
				ids = append(ids, group.Group.ID)
			}
		}
		return ids, nil
	})
}

// GroupMembers takes the users in a group, nested membership included, at most directory.MaxGroupMembers. They are those who are in it when it is called.
func (d *Directory) GroupMembers(ctx Context, groupID string, take func(governance.User) bool) error {
	users, err := strike(ctx, d, OperationGroupMembers, d.mu.RLocker(), func() ([]governance.User, error) {
		r := d.group(groupID)
		if r == nil {
			return nil, notFound(KindGroup, groupID)
		}
		var users []governance.User
		for object := range d.transitiveMembers(r, d.seesHidden()) {
			if object.Kind == KindUser {
				user := object.User
				user.ManagerID = "" // a list does not carry the manager: Graph expands it on a single user only
				users = append(users, user)
			}
			if len(users) == directory.MaxGroupMembers {
				break
			}
		}
		return users, nil
	})
	for _, user := range users {
		if err != nil || !take(user) {
			break
		}
	}
	return err
}

// HiddenIn is a group, the one or in it, whose members are not seen; empty if there is none.
func (d *Directory) HiddenIn(ctx Context, groupID string) (string, error) {
	hidden, err := strike(ctx, d, OperationGroupMembers, d.mu.RLocker(), func() (string, error) {
		r := d.group(groupID)
		if r == nil {
			return "", notFound(KindGroup, groupID)
		}
		if hides(r.object) {
			return r.object.ID(), nil
		}
		for object := range d.transitiveMembers(r, false) {
			if object.Kind == KindGroup && hides(object) {
				return object.ID(), nil
			}
		}
		return "", nil
	})
	if err != nil || hidden == "" {
		return "", err
	}
	if sees, err := d.SeesHidden(ctx); err != nil || sees {
		return "", err
	}
	return hidden, nil
}

// HasMember says whether the user is a direct member of the group.
func (d *Directory) HasMember(ctx Context, groupID, userID string) (bool, error) {
	return d.hasEdge(ctx, OperationHasMember, membership, groupID, userID)
}

// HasOwner says whether the user owns the group.
func (d *Directory) HasOwner(ctx Context, groupID, userID string) (bool, error) {
	return d.hasEdge(ctx, OperationHasOwner, ownership, groupID, userID)
}

func (d *Directory) hasEdge(ctx Context, operation Operation, e edge, groupID, userID string) (bool, error) {
	return strike(ctx, d, operation, d.mu.RLocker(), func() (bool, error) {
		group, _, err := d.ends(groupID, userID)
		return err == nil && group.has[e].has(key(userID)) && (e == ownership || !hides(group.object) || d.seesHidden()), err
	})
}

// AddMember makes the principal a member of the group.
func (d *Directory) AddMember(ctx Context, groupID, principalID string) error {
	return d.add(ctx, OperationAddMember, membership, groupID, principalID)
}

// RemoveMember ends the membership.
func (d *Directory) RemoveMember(ctx Context, groupID, principalID string) error {
	return d.take(ctx, OperationRemoveMember, membership, groupID, principalID)
}

// AddOwner makes the principal an owner of the group.
func (d *Directory) AddOwner(ctx Context, groupID, principalID string) error {
	return d.add(ctx, OperationAddOwner, ownership, groupID, principalID)
}

// RemoveOwner ends the ownership. The last user who owns a group stays: Graph refuses to leave a group that had owners without any.
func (d *Directory) RemoveOwner(ctx Context, groupID, principalID string) error {
	return d.take(ctx, OperationRemoveOwner, ownership, groupID, principalID)
}

func (d *Directory) add(ctx Context, operation Operation, e edge, groupID, principalID string) error {
	return strikeChange(ctx, d, operation, func() error {
		group, principal, err := d.ends(groupID, principalID)
		if err != nil || group.has[e].has(key(principalID)) {
			return err
		}
		if err := d.bothSettled(group, principal); err != nil {
			return err
		}
		if err := mayAdd(e, group, principal.object); err != nil {
			return err
		}
		join(e, group, principal)
		return nil
	})
}

func (d *Directory) take(ctx Context, operation Operation, e edge, groupID, principalID string) error {
	return strikeChange(ctx, d, operation, func() error {
		group, principal, err := d.ends(groupID, principalID)
		switch {
		case err != nil:
			return d.mayReturn(groupID, principalID)
		case !group.has[e].has(key(principalID)):
			return nil
		}
		if err := d.mayTake(e, group, principal.object); err != nil {
			return err
		}
		part(e, group, principal)
		return nil
	})
}

// ends are a group and a principal. Errors: directory.ErrNotFound. The caller holds the lock.
func (d *Directory) ends(groupID, principalID string) (group, principal *record, err error) {
	if group = d.group(groupID); group == nil {
		return nil, nil, notFound(KindGroup, groupID)
	}
	if principal = d.records[key(principalID)]; principal == nil {
		return nil, nil, notFound("principal", principalID)
	}
	return group, principal, nil
}

// maxOwners is how many a group may have.
const maxOwners = 100

func mayAdd(e edge, group *record, principal *Object) error {
	switch {
	case e == ownership && principal.Kind == KindGroup:
		return fmt.Errorf("%w: a group cannot own a group", directory.ErrRefused)
	case e == ownership && group.has[e].len() >= maxOwners:
		return fmt.Errorf("%w: the group %q has %d owners", directory.ErrRefused, group.object.ID(), maxOwners)
	case e == ownership:
		return nil
	case isUnified(group.object.Group) && principal.Kind != KindUser:
		return fmt.Errorf("%w: the Microsoft 365 group %q takes users only", directory.ErrRefused, group.object.ID())
	case isUnified(principal.Group):
		return fmt.Errorf("%w: the Microsoft 365 group %q cannot be a member", directory.ErrRefused, principal.ID())
	}
	return membersMayChange(group.object.Group)
}

func isUnified(group governance.Group) bool { return slices.Contains(group.GroupTypes, "Unified") }

func (d *Directory) mayTake(e edge, group *record, principal *Object) error {
	if e == membership {
		return membersMayChange(group.object.Group)
	}
	if principal.Kind == KindUser && d.userOwners(group) == 1 {
		return fmt.Errorf("%w: the last owner of a group cannot be removed", directory.ErrRefused)
	}
	return nil
}

func (d *Directory) userOwners(group *record) int {
	count := 0
	for owner := range group.has[ownership].keys {
		if d.records[owner].object.Kind == KindUser {
			count++
		}
	}
	return count
}

// membersMayChange refuses groups whose members others decide about: a rule, or the domain controllers.
func membersMayChange(group governance.Group) error {
	switch {
	case slices.Contains(group.GroupTypes, "DynamicMembership"):
		return fmt.Errorf("%w: the members of the dynamic group %q follow its rule", directory.ErrRefused, group.ID)
	case group.OnPremisesSync:
		return fmt.Errorf("%w: the group %q is synchronised from on-premises", directory.ErrRefused, group.ID)
	}
	return nil
}

func join(e edge, group, principal *record) {
	if group.has[e].add(key(principal.object.ID())) {
		principal.in[e] = append(principal.in[e], key(group.object.ID()))
	}
}

func part(e edge, group, principal *record) {
	if group.has[e].remove(key(principal.object.ID())) {
		principal.in[e] = without(principal.in[e], key(group.object.ID()))
	}
}

// without removes the first occurrence of value and keeps the order, so that the same calls give the same answers.
func without(list []string, value string) []string {
	if n := slices.Index(list, value); n >= 0 {
		return slices.Delete(list, n, n+1)
	}
	return list
}
