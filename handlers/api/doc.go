// Package api is the HTTP API, in the shape of Microsoft Graph v1.0: the paths, properties, options and errors of /identityGovernance/entitlementManagement, and Latchkey's own /operations. It
// decodes a request, makes one call into app, and encodes the answer. What a caller may do is decided there, not here.
package api
