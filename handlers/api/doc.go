// Package api is the HTTP API, in the shape of Microsoft Graph v1.0: the paths, properties, options and errors of
// /identityGovernance/entitlementManagement, and Latchkey's own /operations. It decodes a request, makes one call into app, and encodes the
// answer. What a caller may do is decided there, not here.
//
// Each resource is a file with a descriptor, and a word in the list of resources. Options, paging, ETags, bodies, statuses and
// Idempotency-Key are done once for all of them.
package api
