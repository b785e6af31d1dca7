// Package governance is the domain: the resources of Microsoft Entra entitlement management with their states, invariants and errors. A type's JSON is
// the Graph v1.0 resource, on the API, in the store and in messages alike. It imports the standard library only.
package governance
