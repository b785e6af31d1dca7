package graph

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	abstractions "github.com/microsoft/kiota-abstractions-go"

	"github.com/microsoftgraph/msgraph-sdk-go/groups"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
)

// The properties that governance.User and governance.Group have. Graph leaves most of them out of an answer unless they are asked for.
var (
	userProperties = []string{
		"id", "userPrincipalName", "displayName", "mail", "userType", "accountEnabled", "preferredLanguage", "department", "companyName",
	}
	groupProperties = []string{
		"id", "displayName", "description", "mail", "securityEnabled", "groupTypes", "membershipRule", "onPremisesSyncEnabled", "visibility",
	}
	userPath = "/users/{id}?$select=" + strings.Join(userProperties, ",") + "&$expand=manager($select=id)"
)

const applicationPath = "/servicePrincipals/{id}"

const membersPage = 500 // how many members of a group one answer has

const maxPages = 100 // nobody is in 99,900 groups: a service that links its pages in a circle is stopped

// directoryObject is what of any object is read in a list; the type tells groups from directory roles.
type directoryObject struct {
	Type string `json:"@odata.type"`
	ID   string `json:"id"`
}

// userAnswer is a user as Graph answers; what the domain calls managerId is a navigation property there.
type userAnswer struct {
	governance.User
	Manager *directoryObject `json:"manager"`
}

// page is one page of a list.
type page[T any] struct {
	Value []T    `json:"value"`
	Next  string `json:"@odata.nextLink"`
}

// User reads a person with the manager's id, in one call. It is on the way of every request, and the SDK's builders write a query by reflection.
func (d *Directory) User(ctx context.Context, id string) (governance.User, error) {
	var found userAnswer
	if err := d.raw(ctx, OperationUser, ifIdempotent, abstractions.GET, userPath, map[string]string{"id": id}, nil, &found); err != nil {
		return governance.User{}, err
	}
	if found.Manager != nil {
		found.ManagerID = found.Manager.ID
	}
	return found.User, nil
}

// ApplicationEnabled reads whether an application may sign in.
func (d *Directory) ApplicationEnabled(ctx context.Context, id string) (bool, error) {
	if !governance.IsGUID(id) {
		return false, noSuch("service principal", id)
	}
	var found struct {
		Enabled bool `json:"accountEnabled"`
	}
	err := d.raw(ctx, OperationApplication, ifIdempotent, abstractions.GET, applicationPath+"?$select=accountEnabled", map[string]string{"id": id}, nil, &found)
	return found.Enabled, err
}

// Group reads a group.
func (d *Directory) Group(ctx context.Context, id string) (governance.Group, error) {
	if !governance.IsGUID(id) {
		return governance.Group{}, noSuch("group", id)
	}
	request, err := d.groups.ByGroupId(id).ToGetRequestInformation(ctx, &groups.GroupItemRequestBuilderGetRequestConfiguration{
		QueryParameters: &groups.GroupItemRequestBuilderGetQueryParameters{Select: groupProperties},
	})
	if err != nil {
		return governance.Group{}, fmt.Errorf("graph: group: %w", err)
	}
	found := governance.Group{GroupTypes: []string{}}
	if err := d.call(ctx, OperationGroup, ifIdempotent, request, &found); err != nil {
		return governance.Group{}, err
	}
	return found, nil
}

// SeesHidden asks the identity's own token.
func (d *Directory) SeesHidden(ctx context.Context) (bool, error) {
	granted, err := d.Granted(ctx)
	return slices.Contains(granted, directory.PermissionHidden), err
}

// managerAnswer is a user with the managers above, as far up as was asked for.
type managerAnswer struct {
	ID      string         `json:"id"`
	Manager *managerAnswer `json:"manager"`
}

// Managers reads the chain in one call. With levels, an expansion is one of Graph's advanced queries.
func (d *Directory) Managers(ctx context.Context, userID string, levels int) ([]string, error) {
	path := fmt.Sprintf("/users/{id}?$select=id&$expand=manager($levels=%d%%3B$select=id)", min(max(levels, 1), directory.MaxManagerLevels))
	var found managerAnswer
	if err := d.raw(ctx, OperationManagers, ifIdempotent, abstractions.GET, path, map[string]string{"id": userID}, nil, &found); err != nil {
		return nil, err
	}
	chain := []string{found.ID}
	for at := found.Manager; at != nil && len(chain) <= levels && !slices.Contains(chain, at.ID); at = at.Manager {
		chain = append(chain, at.ID)
	}
	return chain[1:], nil
}

// MemberOf returns the ids of all groups that the user is in. It asks for all that holds the user and keeps the groups: the variant with a type cast is served from an
// index that lags behind, and whether somebody is in a group decides about access.
func (d *Directory) MemberOf(ctx context.Context, userID string) ([]string, error) {
	ids := []string{}
	err := list(ctx, d, OperationMemberOf, membershipsPath+"?$select=id&$top=999", userID, func(object directoryObject) {
		if object.Type == "#microsoft.graph.group" {
			ids = append(ids, object.ID)
		}
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// GroupMembers takes the users in a group, nested membership included, page by page until take has enough.
func (d *Directory) GroupMembers(ctx context.Context, groupID string, take func(governance.User) bool) error {
	left := directory.MaxGroupMembers
	return within(ctx, d, groupID, "user", userProperties, func(found []governance.User) bool {
		for _, user := range found {
			if left--; left < 0 || !take(user) {
				return false
			}
		}
		return left > 0
	})
}

// HiddenIn looks at the visibility of a group and, as long as that shows who is in it, at those of the groups in it. A group is seen in another whatever it hides itself.
func (d *Directory) HiddenIn(ctx context.Context, groupID string) (string, error) {
	group, err := d.Group(ctx, groupID)
	if err != nil {
		return "", err
	}
	hidden := ""
	look := func(found []governance.Group) bool {
		at := slices.IndexFunc(found, func(one governance.Group) bool { return one.Visibility == governance.VisibilityHidden })
		if at >= 0 {
			hidden = strings.ToLower(found[at].ID)
		}
		return at < 0
	}
	if look([]governance.Group{group}) {
		err = within(ctx, d, groupID, "group", []string{"id", "visibility"}, look)
	}
	if err != nil || hidden == "" {
		return "", err
	}
	if sees, err := d.SeesHidden(ctx); err != nil || sees {
		return "", err
	}
	return hidden, nil
}

// within reads what of a type is in a group, nested membership included. A type cast on transitive members is an advanced query, too.
func within[T any](ctx context.Context, d *Directory, groupID, kind string, properties []string, take func([]T) bool) error {
	if !governance.IsGUID(groupID) {
		return noSuch("group", groupID)
	}
	path := fmt.Sprintf("/groups/{id}/transitiveMembers/microsoft.graph.%s?$select=%s&$top=%d&$count=true", kind, strings.Join(properties, ","), membersPage)
	request, err := d.request(abstractions.GET, path, map[string]string{"id": groupID}, nil)
	if err != nil {
		return err
	}
	return pages(ctx, d, OperationGroupMembers, request, take)
}

var errTooManyPages = errors.New("graph: the list does not end")

// pages reads a list page by page until it ends or take has enough. A link leads on only within the base URL.
func pages[T any](ctx context.Context, d *Directory, operation Operation, request *abstractions.RequestInformation, take func([]T) bool) error {
	for range maxPages {
		var one page[T]
		if err := d.call(ctx, operation, ifIdempotent, request, &one); err != nil {
			return err
		}
		if !take(one.Value) || one.Next == "" {
			return nil
		}
		at, err := url.Parse(one.Next)
		if err != nil || !strings.HasPrefix(one.Next, d.base+"/") {
			return fmt.Errorf("%w: %s: %w", directory.ErrUnavailable, operation, errForeign)
		}
		request.SetUri(*at)
	}
	return fmt.Errorf("%w: %s: %w", directory.ErrUnavailable, operation, errTooManyPages)
}
