// Package cosmos is the local stand-in for Azure Cosmos DB: an http.Handler that speaks the REST of the NoSQL API as azcosmos and @azure/cosmos send it, over the memory
// store's containers. It serves development, tests and the local stack. It does not do stored procedures, triggers, users and permissions, GROUP BY, or more than
// one physical partition.
//
// Its invariant is the service's: a batch is applied whole or not at all, and a write that names an ETag happens only if the item still has it.
package cosmos

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"latchkey/infra/local/fault"
	"latchkey/shared/platform"
	"latchkey/shared/store"
)

// DefaultKey is the account key if none is set: the well-known one of Microsoft's emulator, which is no secret.
const DefaultKey = "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw=="

// DefaultDatabase is the database if none is configured.
const DefaultDatabase = "latchkey"

// Options configure a Server. The zero value works.
type Options struct {
	Clock  platform.Clock  // nil: the machine's
	Faults *fault.Injector // nil: none
	// Key is the account key in base64; empty: DefaultKey.
	Key string
	// ValidateToken accepts Entra access tokens; nil: only the key opens the account.
	ValidateToken func(token string) error
	// Databases exist from the start and after a Reset; nil: DefaultDatabase with the containers of the store port.
	Databases []Database
}

// Database is one that exists from the start.
type Database struct {
	ID         string
	Containers []Container
}

// Container is one that exists from the start. Its items expire by their own ttl.
type Container struct {
	ID           string
	PartitionKey string // a path, such as /subjectId
}

// Server is the account.
type Server struct {
	options Options
	clock   platform.Clock
	key     []byte
	stats   stats

	mu        sync.RWMutex
	databases map[string]*database
	lastRID   uint32
	lsn       uint64 // greater than that of every container that has been dropped
}

// New makes an account with the configured databases.
func New(options Options) *Server {
	if options.Clock == nil {
		options.Clock = platform.SystemClock{}
	}
	if options.Key == "" {
		options.Key = DefaultKey
	}
	if options.Databases == nil {
		options.Databases = []Database{defaultDatabase()}
	}
	key, err := base64.StdEncoding.DecodeString(options.Key)
	if err != nil {
		key = []byte(options.Key) // then no client can sign with it, and none gets in
	}
	s := &Server{options: options, clock: options.Clock, key: key}
	s.Reset()
	return s
}

func defaultDatabase() Database {
	d := Database{ID: DefaultDatabase}
	for _, name := range store.Containers() {
		d.Containers = append(d.Containers, Container{string(name), "/" + name.PartitionKey()})
	}
	return d
}

// Key is the account key.
func (s *Server) Key() string { return s.options.Key }

// maxBodyBytes is the service's limit of one request.
const maxBodyBytes = 2 << 20

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxPooledBytes keeps a rare huge buffer from staying for ever.
const maxPooledBytes = 256 << 10

func release(b *bytes.Buffer) {
	if b.Cap() <= maxPooledBytes {
		b.Reset()
		buffers.Put(b)
	}
}

// call is one request being answered.
type call struct {
	*Server
	w        http.ResponseWriter
	r        *http.Request
	segments []string
	activity string
	kind     kind
	body     []byte
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{Server: s, w: w, r: r, kind: kindMetadata}
	if c.activity = r.Header.Get("X-Ms-Activity-Id"); c.activity == "" || len(c.activity) > 64 {
		c.activity = uuid.NewString()
	}
	if err := c.parsePath(); err != nil {
		c.fail(err)
		return
	}
	if err := c.authorize(); err != nil {
		c.fail(err)
		return
	}
	if len(c.segments) >= 5 && c.segments[4] == "docs" && c.strike() {
		return
	}
	if err := c.answer(); err != nil {
		c.fail(err)
	}
}

// strike lets a standing fault happen, and says whether the request has been answered by it.
func (c *call) strike() bool {
	switch c.options.Faults.Strike(fault.Cosmos) {
	case fault.Throttle:
		c.w.Header()["X-Ms-Retry-After-Ms"] = []string{fmt.Sprint(fault.RetryAfter.Milliseconds())}
		c.fail(failure{http.StatusTooManyRequests, 3200, "TooManyRequests", "Request rate is large. More Request Units may be needed, so no changes were made. Please retry this request later."})
		return true
	case fault.Error:
		c.fail(failure{http.StatusServiceUnavailable, 0, "ServiceUnavailable", "Service is currently unavailable."})
		return true
	case fault.LostResponse:
		c.w = &discard{header: http.Header{}}
		if err := c.answer(); err != nil {
			c.fail(err)
		}
		panic(http.ErrAbortHandler) // the server's own way to break a connection
	case fault.Delay:
		timer := time.NewTimer(fault.DelayTime)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.r.Context().Done():
		}
	case fault.Kill:
	}
	return false
}

// discard takes an answer that nobody is to see.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// failure is an answer that is an error.
type failure struct {
	status    int
	substatus int
	code      string
	message   string
}

func (f failure) Error() string { return fmt.Sprintf("%d %s: %s", f.status, f.code, f.message) }

func badRequest(format string, args ...any) error {
	return failure{http.StatusBadRequest, 0, "BadRequest", fmt.Sprintf(format, args...)}
}

func notFound() error {
	return failure{http.StatusNotFound, 0, "NotFound", "Entity with the specified id does not exist in the system."}
}

func ownerNotFound() error {
	return failure{http.StatusNotFound, 1003, "NotFound", "Owner resource does not exist."}
}

func conflict() error {
	return failure{http.StatusConflict, 0, "Conflict", "Entity with the specified id already exists in the system."}
}

func preconditionFailed() error {
	return failure{http.StatusPreconditionFailed, 0, "PreconditionFailed", "Operation cannot be performed because one of the specified precondition is not met."}
}

func tooLarge() error {
	return failure{http.StatusRequestEntityTooLarge, 0, "RequestEntityTooLarge", "Request size is too large."}
}

func methodNotAllowed() error {
	return failure{http.StatusMethodNotAllowed, 0, "MethodNotAllowed", "The method is not allowed for this resource."}
}

// parsePath cuts the path into its decoded segments.
func (c *call) parsePath() error {
	path := strings.Trim(c.r.URL.EscapedPath(), "/")
	if path == "" {
		return nil
	}
	c.segments = strings.Split(path, "/")
	if len(c.segments) > 6 {
		return failure{http.StatusNotFound, 0, "NotFound", "No such path."}
	}
	for i, segment := range c.segments {
		if !strings.Contains(segment, "%") {
			continue
		}
		decoded, err := url.PathUnescape(segment)
		if err != nil {
			return badRequest("The path is not well formed.")
		}
		c.segments[i] = decoded
	}
	return nil
}

func (c *call) answer() error {
	at := func(i int) string {
		if i < len(c.segments) {
			return c.segments[i]
		}
		return ""
	}
	switch n := len(c.segments); {
	case n == 0:
		return c.account()
	case n == 1 && at(0) == "dbs":
		return c.databaseFeed()
	case n == 1 && at(0) == "offers":
		return c.offers()
	case n == 2 && at(0) == "dbs":
		return c.database(at(1))
	case n == 3 && at(0) == "dbs" && at(2) == "colls":
		return c.collectionFeed(at(1))
	case n == 4 && at(0) == "dbs" && at(2) == "colls":
		return c.collection(at(1), at(3))
	case n >= 5 && at(0) == "dbs" && at(2) == "colls":
		collection, err := c.find(at(1), at(3))
		if err != nil {
			return err
		}
		switch {
		case n == 5 && at(4) == "docs":
			return c.documentFeed(collection)
		case n == 6 && at(4) == "docs":
			return c.document(collection, at(5))
		case n == 5 && at(4) == "pkranges":
			return c.ranges(collection)
		}
	}
	return failure{http.StatusNotFound, 0, "NotFound", "No such path."}
}

// read takes the body into a pooled buffer, which the caller releases.
func (c *call) read() (*bytes.Buffer, error) {
	b, _ := buffers.Get().(*bytes.Buffer)
	if c.r.ContentLength > maxBodyBytes {
		release(b)
		return nil, tooLarge()
	}
	if _, err := io.Copy(b, io.LimitReader(c.r.Body, maxBodyBytes+1)); err != nil {
		release(b)
		return nil, badRequest("The body cannot be read.")
	}
	if b.Len() > maxBodyBytes {
		release(b)
		return nil, tooLarge()
	}
	c.body = b.Bytes()
	return b, nil
}

// write answers with a body, which may be nil.
func (c *call) write(status int, charge float64, body []byte) {
	header := c.w.Header()
	c.stats.count(c.kind, charge)
	header["X-Ms-Activity-Id"] = []string{c.activity}
	header["X-Ms-Request-Charge"] = []string{formatCharge(charge)}
	header["X-Ms-Version"] = []string{"2018-12-31"}
	header["Content-Length"] = []string{fmt.Sprint(len(body))}
	if len(body) > 0 {
		header["Content-Type"] = []string{"application/json"}
	}
	if status == http.StatusNoContent || status == http.StatusNotModified {
		delete(header, "Content-Length")
	}
	c.w.WriteHeader(status)
	if len(body) > 0 {
		_, _ = c.w.Write(body) // a client that went away cannot be told
	}
}

// fail answers with an error.
func (c *call) fail(err error) {
	var f failure
	if !errors.As(err, &f) {
		f = failure{http.StatusInternalServerError, 0, "InternalServerError", "Unknown server error."}
	}
	if f.substatus != 0 {
		c.w.Header()["X-Ms-Substatus"] = []string{fmt.Sprint(f.substatus)}
	}
	charge := 1.0
	switch f.status {
	case http.StatusTooManyRequests, http.StatusUnauthorized, http.StatusServiceUnavailable:
		charge = 0
	}
	c.write(f.status, charge, encode(map[string]string{"code": f.code, "message": f.message}))
}
