package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/handlers"
	"latchkey/handlers/api"
	"latchkey/infra/local/ledgertest"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// largeLists is a server with 100 requests of 1.9 MB, and what its own memory is with them.
type largeLists struct {
	server http.Handler
	base   uint64
}

func newLargeLists(t *testing.T) largeLists {
	t.Helper()
	s := ledgertest.New(t)
	tenant := directorymemory.New(directorymemory.Options{Clock: s.Clock})
	tenant.PutUser(governance.User{ID: ledgertest.ID("ada"), UserType: governance.UserTypeMember, AccountEnabled: true})
	with := s.Options(s.Store)
	use := handlers.Wire(handlers.Ports{Store: s.Store, Bus: s.Broker, Directory: tenant, Clock: s.Clock, NewID: with.NewID, Sleep: with.Sleep})
	admin := governance.Caller{Kind: governance.CallerUser, ObjectID: ledgertest.ID("ada"), DirectoryRoles: []string{governance.RoleGlobalAdministrator}, Scopes: []string{governance.PermissionReadWriteAll}}
	somebody := governance.Subject{ID: ledgertest.ID("somebody"), ObjectID: ledgertest.ID("somebody")}
	text := strings.Repeat("x", 1_900_000)
	for i := range 100 {
		s.Put(ledger.SubjectPlace(somebody.ID), governance.AssignmentRequest{
			ID: ledgertest.ID(fmt.Sprintf("request %d", i)), RequestType: governance.RequestUserAdd, State: governance.StateCanceled, Status: governance.StatusCanceled, Justification: text,
			CreatedDateTime: governance.At(s.Clock.Now().Add(time.Duration(i*37%100) * time.Minute)), AccessPackage: &governance.AccessPackage{ID: ledgertest.ID("package"), Catalog: &governance.Catalog{ID: ledgertest.ID("catalog")}},
			Assignment: &governance.Assignment{ID: ledgertest.ID("assignment"), Target: &somebody}, Requestor: &somebody, Policy: &governance.AssignmentPolicy{ID: ledgertest.ID("policy")},
		})
	}
	debug.SetGCPercent(15) // of the store, which is in this process here, and in none on Azure
	t.Cleanup(func() { debug.SetGCPercent(100) })
	debug.FreeOSMemory()
	return largeLists{api.New(api.Options{Use: use.UseCases, Identity: signedIn(admin), TokenFrom: func(http.Header) (string, error) { return "token", nil }, Logger: s.Logger}), heap()}
}

func heap() uint64 {
	var is runtime.MemStats
	runtime.ReadMemStats(&is)
	return is.HeapAlloc
}

// counted takes an answer and keeps of it its size, its next link and how many resources there are.
type counted struct {
	header http.Header
	code   int
	body   []byte
}

func (c *counted) Header() http.Header         { return c.header }
func (c *counted) WriteHeader(code int)        { c.code = code }
func (c *counted) Write(b []byte) (int, error) { c.body = b; return len(b), nil }

// follow reads a list to its end, and says how many resources it has, in which order, and how large the largest answer is.
func (l largeLists) follow(path string) (ids []string, largest, pages int, err error) {
	for next := path; next != ""; pages++ {
		at, err := url.Parse(next)
		if err != nil {
			return nil, 0, 0, err
		}
		answer := &counted{header: http.Header{}}
		l.server.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, at.RequestURI(), nil))
		if answer.code != http.StatusOK {
			return nil, 0, 0, fmt.Errorf("%s: %d %.200s", next, answer.code, answer.body)
		}
		var list struct {
			NextLink string `json:"@odata.nextLink"`
			Value    []struct {
				ID string `json:"id"`
			} `json:"value"`
		}
		if err := json.Unmarshal(answer.body, &list); err != nil {
			return nil, 0, 0, err
		}
		largest = max(largest, len(answer.body))
		for _, one := range list.Value {
			ids = append(ids, one.ID)
		}
		next = list.NextLink
	}
	return ids, largest, pages, nil
}

// TestListsOfLargeRequests: a list costs memory as one page does, whatever is asked for; six lists of 100 requests of 1.9 MB at once stay under 100 MB, and each is whole, but for what would take all of it to put in order. No rule of Microsoft's: issue 11.
func TestListsOfLargeRequests(t *testing.T) {
	l := newLargeLists(t)
	const root = "/api/v1.0/identityGovernance/entitlementManagement/assignmentRequests"
	for name, query := range map[string]string{"as they come, and with what is in them": "", "in order": "?$orderby=createdDateTime%20desc", "from the middle": "?$skip=50"} {
		t.Run(name, func(t *testing.T) {
			var peak atomic.Uint64
			stop := make(chan struct{})
			var watcher, lists sync.WaitGroup
			watcher.Go(func() {
				looks := time.NewTicker(3 * time.Millisecond)
				defer looks.Stop()
				for {
					select {
					case <-stop:
						return
					case <-looks.C:
						peak.Store(max(peak.Load(), heap()))
					}
				}
			})
			for i := range 6 {
				lists.Go(func() {
					path := root + query
					if query == "" && i%2 == 1 {
						path += "?$expand=assignment,requestor&$top=999"
					}
					ids, largest, pages, err := l.follow(path)
					if refused := query != ""; refused {
						if err == nil || !strings.Contains(err.Error(), "narrow $filter") {
							t.Errorf("%d requests, and it is not refused: %v", len(ids), err)
						}
						return
					}
					seen := map[string]bool{}
					for _, id := range ids {
						seen[id] = true
					}
					if err != nil || len(ids) != 100 || len(seen) != 100 || largest > 9<<20 || pages < 15 {
						t.Errorf("%d requests, %d of them different, on %d pages of %d bytes at most: %v", len(ids), len(seen), pages, largest, err)
					}
				})
			}
			lists.Wait()
			close(stop)
			watcher.Wait()
			more := float64(peak.Load()-min(l.base, peak.Load())) / (1 << 20)
			t.Logf("six lists of 100 requests of 1.9 MB at once, %s: %.0f MB more", name, more)
			if more > 100 {
				t.Errorf("they took %.0f MB more", more)
			}
		})
	}
}
