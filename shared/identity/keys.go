package identity

import (
	"context"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
	"golang.org/x/time/rate"

	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

const (
	// refreshAfter is when keys are fetched again, beside the requests that go on. Entra publishes a key long before it signs with it.
	refreshAfter = time.Hour
	// waitAfter is when keys are so old that a request waits for new ones. If there are none to be had, the old ones still serve: a token lives an hour,
	// and refusing everybody for as long as an outage lasts helps nobody.
	waitAfter = 24 * time.Hour
	// fetchTimeout bounds one fetch, and so the wait of whoever needs it.
	fetchTimeout = 5 * time.Second
	// backOffLimit bounds the pause after failed fetches, which doubles from one second.
	backOffLimit = 30 * time.Second
	// unknownEvery and unknownBurst limit the fetches that unknown key ids cause: anyone can invent those.
	unknownEvery = 30 * time.Second
	unknownBurst = 2
)

// keySet is what the tenant published at one time. It never changes.
type keySet struct {
	keys       map[string]jwkset.JWK
	refused    map[string]string // key ids that are published and not accepted, and why
	fetched    time.Time
	generation uint64 // grows whenever the keys differ from those before
}

// keySource is the keys of the tenant as keyfunc reads them. Nothing is fetched before the first use; concurrent uses share one fetch.
type keySource struct {
	jwkset.Storage // what keyfunc never calls for a token with a kid: an empty memory

	life      context.Context
	clock     platform.Clock
	publisher *publisher
	set       atomic.Pointer[keySet]

	mu       sync.Mutex
	flight   chan struct{} // closed when the fetch under way ends; nil when none is
	failures int           // fetches that failed since one succeeded
	failure  error         // the last of them
	retryAt  time.Time     // no fetch before
	limiter  *rate.Limiter // of fetches for unknown key ids
}

func newKeySource(life context.Context, clock platform.Clock, from *publisher) *keySource {
	return &keySource{
		Storage:   jwkset.NewMemoryStorage(),
		life:      life,
		clock:     clock,
		publisher: from,
		limiter:   rate.NewLimiter(rate.Every(unknownEvery), unknownBurst),
	}
}

// generation names the keys that hold now, after fetching them again if they are old; 0: there are none yet.
func (k *keySource) generation(ctx context.Context) uint64 {
	if set := k.current(ctx); set != nil {
		return set.generation
	}
	return 0
}

// KeyRead finds the key of a token. Errors: CodeUnauthorized if the tenant does not publish a usable key of that id, CodeUnavailable if that cannot be
// known now because its keys cannot be fetched.
func (k *keySource) KeyRead(ctx context.Context, kid string) (jwkset.JWK, error) {
	set := k.current(ctx)
	if key, found, err := set.find(kid); found {
		return key, err
	}
	err := k.refresh(ctx, set != nil)
	if key, found, err := k.set.Load().find(kid); found {
		return key, err
	}
	if err != nil {
		return jwkset.JWK{}, unavailable(err)
	}
	return jwkset.JWK{}, refuse(nil, "The access token is signed with a key that the tenant does not publish (kid).")
}

// current is the newest set there is, or nil. It starts a fetch for an old set, and waits for it if the set is very old.
func (k *keySource) current(ctx context.Context) *keySet {
	set := k.set.Load()
	if set == nil {
		return nil
	}
	switch age := k.clock.Now().Sub(set.fetched); {
	case age < refreshAfter:
		return set
	case age < waitAfter:
		k.start(false)
	default:
		_ = k.refresh(ctx, false) // the old ones still serve
	}
	return k.set.Load()
}

// check says whether there are keys, after fetching them if there are none. Errors: CodeUnavailable.
func (k *keySource) check(ctx context.Context) error {
	if k.current(ctx) != nil {
		return nil
	}
	if err := k.refresh(ctx, false); k.set.Load() == nil {
		return unavailable(err)
	}
	return nil
}

// refresh is start, and waits for the end of the fetch. Errors: that of the last fetch, also if none is made now; the context's.
func (k *keySource) refresh(ctx context.Context, forUnknown bool) error {
	select {
	case <-k.start(forUnknown):
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.failure
	case <-ctx.Done():
		return ctx.Err()
	}
}

// start joins the fetch under way or begins one, and returns what is closed when it ends. It is closed already, and nothing is fetched, while a failure is
// backed off from, and for an unknown key id when there were too many of those.
func (k *keySource) start(forUnknown bool) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.flight != nil {
		return k.flight
	}
	done, now := make(chan struct{}), k.clock.Now()
	if now.Before(k.retryAt) || forUnknown && !k.limiter.AllowN(now, 1) {
		close(done)
		return done
	}
	k.flight = done
	go k.fetch(done) // not in the request that happens to be first: its end must not fail the others
	return done
}

func (k *keySource) fetch(done chan struct{}) {
	ctx, cancel := context.WithTimeout(k.life, fetchTimeout)
	defer cancel()
	fresh, err := k.publisher.fetch(ctx)
	now := k.clock.Now()

	k.mu.Lock()
	defer k.mu.Unlock()
	defer close(done)
	k.flight, k.failure = nil, err
	if err != nil {
		k.retryAt = now.Add(min(time.Second<<min(k.failures, 10), backOffLimit))
		k.failures++
		return
	}
	k.failures, k.retryAt = 0, time.Time{}
	fresh.fetched, fresh.generation = now, 1
	if old := k.set.Load(); old != nil {
		fresh.generation = old.generation
		if !maps.EqualFunc(fresh.keys, old.keys, sameKey) {
			fresh.generation++
		}
	}
	k.set.Store(fresh)
}

// find looks a key up; an error says why a published key is not accepted. A nil set has no keys.
func (s *keySet) find(kid string) (jwkset.JWK, bool, error) {
	if s == nil {
		return jwkset.JWK{}, false, nil
	}
	if why, ok := s.refused[kid]; ok {
		return jwkset.JWK{}, true, refuse(nil, "The access token is signed with a key that is not accepted: %s.", why)
	}
	key, ok := s.keys[kid]
	return key, ok, nil
}

func sameKey(x, y jwkset.JWK) bool {
	return x.Marshal().N == y.Marshal().N && x.Marshal().E == y.Marshal().E
}

var errUnreachable = errors.New("identity: the tenant's keys cannot be fetched")

func unavailable(cause error) error {
	return &governance.Error{
		Code:    governance.CodeUnavailable,
		Message: "The access token cannot be checked now, because the tenant's signing keys cannot be fetched. Try again.",
		Err:     errors.Join(errUnreachable, cause),
	}
}
