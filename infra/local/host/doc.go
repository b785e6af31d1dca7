// Package host is the Azure Functions host in miniature: it stands between the world and a custom handler exactly as the real one does, on real HTTP.
//
// It serves: the public port, which proxies /api/... to the handler as YARP does, with its own headers and encoding, and nothing else; Service Bus triggers with peek-lock, sessions, delivery count
// and abandonment, in the host's envelope; timers by NCRONTAB; the handler as a child process with probe, crash limit, time-out and kill, or as a server in this
// process; POST /admin/functions/{name} and GET /admin/host/status; overrides of host.json by AzureFunctionsJobHost__a__b.
//
// It does not serve: HTTP triggers in the JSON and forwarding modes, keys (authLevel other than anonymous), output bindings, batches, topics, triggers of other kinds,
// retry policies of function.json, blob leases: two hosts would both fire a timer. Where the real host hangs until functionTimeout, on an empty answer, it fails at once
// and says why. A session is released when it is empty, where the real host waits for sessionIdleTimeout.
package host
