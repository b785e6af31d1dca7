package platform

import "github.com/google/uuid"

// IDSource makes identifiers: Graph's are GUIDs in lower case.
type IDSource func() string

// RandomIDs makes version 7 UUIDs: unique without coordination and sorted by the time they were made.
func RandomIDs() string { return uuid.Must(uuid.NewV7()).String() }
