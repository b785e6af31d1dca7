package graph

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	abstractions "github.com/microsoft/kiota-abstractions-go"
)

// Health asks Graph for one user's id and one group's. It tells apart what an operator can mend (directory.ErrForbidden, with the permission's name in the text) from
// what passes (directory.ErrUnavailable, directory.ErrThrottled). What changes is not tried: whether it may be, Granted tells.
func (d *Directory) Health(ctx context.Context) error {
	return errors.Join(
		d.raw(ctx, OperationHealthUsers, ifNotDone, abstractions.GET, "/users?$select=id&$top=1", nil, nil, &page[directoryObject]{}),
		d.raw(ctx, OperationHealthGroups, ifNotDone, abstractions.GET, "/groups?$select=id&$top=1", nil, nil, &page[directoryObject]{}),
	)
}

// rolesOf are the application permissions that a token names, and whether it is a person's instead.
func rolesOf(token string) (roles []string, delegated, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, false, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, false, false
	}
	var claims struct {
		Roles []string `json:"roles"`
		Scope string   `json:"scp"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return nil, false, false
	}
	return claims.Roles, claims.Scope != "", true
}
