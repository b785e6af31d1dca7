package cosmos_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"

	emulator "latchkey/infra/local/cosmos"
	"latchkey/infra/local/fault"
	"latchkey/shared/platform"
	"latchkey/shared/store"
	"latchkey/shared/store/cosmos"
	"latchkey/shared/store/storetest"
)

// serve runs the emulator on loopback and returns an adapter that speaks to it.
func serve(t testing.TB, options emulator.Options, adapter cosmos.Options) (*cosmos.Store, *emulator.Server) {
	t.Helper()
	account := emulator.New(options)
	server := httptest.NewServer(account)
	t.Cleanup(server.Close)
	return connect(t, server.URL, account.Key(), emulator.DefaultDatabase, adapter), account
}

func connect(t testing.TB, endpoint, key, database string, adapter cosmos.Options) *cosmos.Store {
	t.Helper()
	credential, err := azcosmos.NewKeyCredential(key)
	if err != nil {
		t.Fatal(err)
	}
	client, err := azcosmos.NewClientWithKey(endpoint, credential, cosmos.ClientOptions())
	if err != nil {
		t.Fatal(err)
	}
	s, err := cosmos.New(client, database, adapter)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T, clock platform.Clock) store.Store {
		s, _ := serve(t, emulator.Options{Clock: clock}, cosmos.Options{})
		return s
	})
}

// TestConformanceOnAnAccount runs the suite on a real account, whose database has the three containers with their partition keys and defaultTtl -1.
func TestConformanceOnAnAccount(t *testing.T) {
	endpoint, key, database := os.Getenv("COSMOS_TEST_ENDPOINT"), os.Getenv("COSMOS_TEST_KEY"), os.Getenv("COSMOS_TEST_DATABASE")
	if endpoint == "" || key == "" || database == "" {
		t.Skip("COSMOS_TEST_ENDPOINT, COSMOS_TEST_KEY and COSMOS_TEST_DATABASE name no account: the suite ran on the emulator only")
	}
	storetest.Run(t, func(t *testing.T, _ platform.Clock) store.Store {
		return connect(t, endpoint, key, database, cosmos.Options{})
	}, storetest.RealTime())
}

func document(id string) store.Document {
	return store.Document{ID: id, Kind: "test", SchemaVersion: 1, Body: []byte(`{"n":1}`)}
}

func create(ids ...string) []store.Operation {
	operations := make([]store.Operation, len(ids))
	for i, id := range ids {
		operations[i] = store.Operation{Verb: store.Create, Document: document(id)}
	}
	return operations
}

func TestCheck(t *testing.T) {
	s, account := serve(t, emulator.Options{}, cosmos.Options{})
	for _, container := range store.Containers() {
		if err := s.Check(t.Context(), container); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Check(t.Context(), "other"); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a container that the store does not know: %v", err)
	}
	server := httptest.NewServer(account)
	defer server.Close()
	err := connect(t, server.URL, account.Key(), "elsewhere", cosmos.Options{}).Check(t.Context(), store.Catalogs)
	if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, store.ErrMissing) {
		t.Errorf("a database that is not there: %v", err)
	}
	err = connect(t, server.URL, "d3Jvbmc=", emulator.DefaultDatabase, cosmos.Options{}).Check(t.Context(), store.Catalogs)
	if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, store.ErrForbidden) {
		t.Errorf("a wrong key: %v", err)
	}
}

func TestFaults(t *testing.T) {
	faults := &fault.Injector{}
	s, _ := serve(t, emulator.Options{Faults: faults}, cosmos.Options{})
	strike := func(kind fault.Kind, count int) {
		faults.Clear()
		faults.Add(fault.Fault{Target: fault.Cosmos, Kind: kind, Count: count})
	}
	commit := func(operations []store.Operation) error {
		_, err := s.Commit(t.Context(), store.Subjects, "p", operations)
		return err
	}
	exists := func(id string) bool {
		faults.Clear()
		documents, err := s.Get(t.Context(), store.Subjects, "p", id)
		if err != nil {
			t.Fatal(err)
		}
		return documents[0].ID == id
	}
	if err := commit(create("warm")); err != nil {
		t.Fatal(err)
	}
	for name, ids := range map[string][]string{"one": {"a"}, "batch": {"a", "b"}} {
		t.Run(name, func(t *testing.T) {
			id := func(fault string) []string {
				all := make([]string, len(ids))
				for i := range ids {
					all[i] = name + "-" + fault + "-" + ids[i]
				}
				return all
			}
			strike(fault.Throttle, 0)
			err := commit(create(id("throttle")...))
			if !errors.Is(err, store.ErrThrottled) || store.RetryAfter(err) != fault.RetryAfter || exists(id("throttle")[0]) {
				t.Fatalf("throttled: %v", err)
			}
			strike(fault.Error, 1)
			if err := commit(create(id("error")...)); !errors.Is(err, store.ErrUnavailable) || exists(id("error")[0]) {
				t.Fatalf("unavailable: %v", err)
			}
			// One lost response must be one write: were it repeated, the second would meet the first and say conflict.
			strike(fault.LostResponse, 1)
			if err := commit(create(id("lost")...)); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrConflict) {
				t.Fatalf("lost response: %v", err)
			}
			if !exists(id("lost")[0]) {
				t.Fatal("the write whose response was lost did not happen")
			}
		})
	}
	strike(fault.Throttle, 0)
	if _, err := s.Get(t.Context(), store.Subjects, "p", "warm"); !errors.Is(err, store.ErrThrottled) {
		t.Fatalf("get: %v", err)
	}
	if _, err := s.Get(t.Context(), store.Subjects, "p", "warm", "other"); !errors.Is(err, store.ErrThrottled) {
		t.Fatalf("get of two: %v", err)
	}
	if _, err := s.Query(t.Context(), store.Subjects, store.Query{}); !errors.Is(err, store.ErrThrottled) {
		t.Fatalf("query: %v", err)
	}
}

// scripted answers every data request with one status.
func scripted(t *testing.T, status int, header map[string]string) *cosmos.Store {
	t.Helper()
	var endpoint string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			fmt.Fprintf(w, `{"readableLocations":[{"name":"x","databaseAccountEndpoint":%q}],"writableLocations":[{"name":"x","databaseAccountEndpoint":%q}]}`, endpoint, endpoint)
			return
		}
		for name, value := range header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	endpoint = server.URL
	return connect(t, server.URL, emulator.DefaultKey, "db", cosmos.Options{})
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		header map[string]string
		commit error
		get    error // nil: absent
	}{
		{400, nil, store.ErrInvalid, store.ErrInvalid},
		{401, nil, store.ErrUnavailable, store.ErrUnavailable},
		{403, nil, store.ErrUnavailable, store.ErrUnavailable},
		{404, nil, store.ErrConflict, nil},
		{404, map[string]string{"x-ms-substatus": "1003"}, store.ErrUnavailable, store.ErrUnavailable},
		{404, map[string]string{"x-ms-substatus": "1002"}, store.ErrUnavailable, store.ErrUnavailable},
		{409, nil, store.ErrConflict, store.ErrConflict},
		{410, nil, store.ErrUnavailable, store.ErrUnavailable},
		{412, nil, store.ErrConflict, store.ErrConflict},
		{413, nil, store.ErrTooLarge, store.ErrTooLarge},
		{429, map[string]string{"x-ms-retry-after-ms": "1500.5"}, store.ErrThrottled, store.ErrThrottled},
		{449, nil, store.ErrConflict, store.ErrConflict},
		{500, nil, store.ErrUnavailable, store.ErrUnavailable},
		{503, nil, store.ErrUnavailable, store.ErrUnavailable},
	} {
		t.Run(fmt.Sprint(c.status, c.header), func(t *testing.T) {
			t.Parallel()
			s := scripted(t, c.status, c.header)
			_, err := s.Commit(t.Context(), store.Subjects, "p", []store.Operation{{Verb: store.Replace, Document: document("a")}})
			if !errors.Is(err, c.commit) {
				t.Errorf("commit: %v", err)
			}
			documents, err := s.Get(t.Context(), store.Subjects, "p", "a")
			if !errors.Is(err, c.get) || c.get == nil && (err != nil || documents[0].ID != "") {
				t.Errorf("get: %v, %v", documents, err)
			}
			if c.status == 429 && store.RetryAfter(err) != 1500*time.Millisecond+500*time.Microsecond {
				t.Errorf("wait %v", store.RetryAfter(err))
			}
		})
	}
}

func TestNothingListens(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	s := connect(t, server.URL, emulator.DefaultKey, "db", cosmos.Options{})
	server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.Commit(ctx, store.Subjects, "p", create("a")); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("commit: %v", err)
	}
}

// An account that redirects is asked nothing elsewhere: neither a document nor a signature goes there.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		server := httptest.NewServer(http.RedirectHandler(other.URL, status))
		s := connect(t, server.URL, emulator.DefaultKey, "db", cosmos.Options{})
		if _, err := s.Commit(t.Context(), store.Subjects, "p", create("a")); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%d: commit: %v", status, err)
		}
		if _, err := s.Get(t.Context(), store.Subjects, "p", "a"); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%d: get: %v", status, err)
		}
		server.Close()
	}
	if elsewhere.Load() != 0 {
		t.Errorf("%d requests went elsewhere", elsewhere.Load())
	}
}

// TestErrorsKeepSecrets: no error shows what a document holds, or the key.
func TestErrorsKeepSecrets(t *testing.T) {
	s, _ := serve(t, emulator.Options{}, cosmos.Options{})
	operations := create("a")
	operations[0].Document.Body = []byte(`{"secret":"hush"}`)
	if _, err := s.Commit(t.Context(), store.Subjects, "p", operations); err != nil {
		t.Fatal(err)
	}
	_, err := s.Commit(t.Context(), store.Subjects, "p", operations)
	if !errors.Is(err, store.ErrConflict) || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "sig") {
		t.Fatalf("%v", err)
	}
}

func TestObserve(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]float32{}
	failures := 0
	s, account := serve(t, emulator.Options{}, cosmos.Options{Observe: func(operation string, charge float32, err error) {
		mu.Lock()
		defer mu.Unlock()
		seen[operation] += charge
		if err != nil {
			failures++
		}
	}})
	for _, ids := range [][]string{{"a"}, {"b", "c"}, {"a"}} {
		_, _ = s.Commit(t.Context(), store.Subjects, "p", create(ids...))
	}
	for _, ids := range [][]string{{"a"}, {"absent"}, {"a", "b"}, {"a", "absent"}} {
		if _, err := s.Get(t.Context(), store.Subjects, "p", ids...); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Query(t.Context(), store.Subjects, store.Query{}); err != nil {
		t.Fatal(err)
	}
	for _, operation := range []string{cosmos.OpCreate, cosmos.OpBatch, cosmos.OpRead, cosmos.OpReadBatch, cosmos.OpQuery} {
		if seen[operation] <= 0 {
			t.Errorf("%s cost nothing: %v", operation, seen)
		}
	}
	if failures != 1 {
		t.Errorf("%d failures, want the one conflict", failures)
	}
	if stats := account.Stats(); stats["read"].Operations != 2 || stats["create"].Operations != 2 || stats["batch"].Operations != 3 || stats["query"].Operations != 2 {
		t.Errorf("the account counted %+v", stats)
	}
}

// TestSessionTokens: what this process has written is named in its next read, as session consistency wants.
func TestSessionTokens(t *testing.T) {
	account := emulator.New(emulator.Options{})
	var mu sync.Mutex
	var tokens []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/docs/") {
			mu.Lock()
			tokens = append(tokens, r.Header.Get("x-ms-session-token"))
			mu.Unlock()
		}
		account.ServeHTTP(w, r)
	}))
	defer server.Close()
	s := connect(t, server.URL, account.Key(), emulator.DefaultDatabase, cosmos.Options{})
	for _, id := range []string{"a", "b"} {
		if _, err := s.Commit(t.Context(), store.Subjects, "p", create(id)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(t.Context(), store.Subjects, "p", id); err != nil {
			t.Fatal(err)
		}
	}
	if len(tokens) != 2 || tokens[0] != "0:-1#1" || tokens[1] != "0:-1#2" {
		t.Fatalf("the reads named %q", tokens)
	}
}

func BenchmarkPointRead(b *testing.B) {
	s, _ := serve(b, emulator.Options{}, cosmos.Options{})
	operations := create("a")
	operations[0].Document.Body = []byte(`{"text":"` + strings.Repeat("x", 1000) + `"}`)
	if _, err := s.Commit(b.Context(), store.Subjects, "p", operations); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Get(b.Context(), store.Subjects, "p", "a"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCommitFive(b *testing.B) {
	s, _ := serve(b, emulator.Options{}, cosmos.Options{})
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		var operations []store.Operation
		for i := range 5 {
			d := document(fmt.Sprintf("%d-%d", n, i))
			d.Body = []byte(`{"text":"` + strings.Repeat("x", 1000) + `"}`)
			operations = append(operations, store.Operation{Verb: store.Create, Document: d})
		}
		if _, err := s.Commit(b.Context(), store.Subjects, "p", operations); err != nil {
			b.Fatal(err)
		}
	}
}
