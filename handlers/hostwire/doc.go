// Package hostwire speaks the envelope between the Azure Functions host and a custom handler: it decodes the invocation that the host posts for a
// Service Bus message or a tick of a timer, runs a function on it, and answers in the only forms that the host does not trip over.
//
// It knows no domain and no route of the API. With enableProxyingHttpRequest the host passes HTTP on as it came, under /api/; what a host that is too old for that posts
// instead becomes the same request here.
//
// What keeps outsiders away from a trigger's path: routePrefix stays "api", so that every path from outside begins with /api/, and the host's own
// invocations never do. Headers prove nothing, since the host adds its own to proxied requests too. Whoever sets routePrefix to "" opens the triggers to the world.
package hostwire
