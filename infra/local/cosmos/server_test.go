package cosmos_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"

	"latchkey/infra/local/cosmos"
	"latchkey/infra/local/fault"
	"latchkey/shared/platform"
)

var start = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

type fixture struct {
	*testing.T
	account   *cosmos.Server
	server    *httptest.Server
	client    *azcosmos.Client
	container *azcosmos.ContainerClient
	clock     *platform.ManualClock
}

func serve(t *testing.T, options cosmos.Options) *fixture {
	t.Helper()
	f := &fixture{T: t, clock: platform.NewManualClock(start)}
	options.Clock = f.clock
	f.account = cosmos.New(options)
	f.server = httptest.NewServer(f.account)
	t.Cleanup(f.server.Close)
	credential, err := azcosmos.NewKeyCredential(f.account.Key())
	if err != nil {
		t.Fatal(err)
	}
	if f.client, err = azcosmos.NewClientWithKey(f.server.URL, credential, noRetries()); err != nil {
		t.Fatal(err)
	}
	if f.container, err = f.client.NewContainer(cosmos.DefaultDatabase, "subjects"); err != nil {
		t.Fatal(err)
	}
	return f
}

func noRetries() *azcosmos.ClientOptions {
	return &azcosmos.ClientOptions{ClientOptions: policy.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}}}
}

func key(partition string) azcosmos.PartitionKey { return azcosmos.NewPartitionKeyString(partition) }

func (f *fixture) create(partition, text string) azcosmos.ItemResponse {
	f.Helper()
	response, err := f.container.CreateItem(f.Context(), key(partition), []byte(text), &azcosmos.ItemOptions{EnableContentResponseOnWrite: true})
	if err != nil {
		f.Fatal(err)
	}
	return response
}

// query answers all rows of a query.
func (f *fixture) query(text string, partition azcosmos.PartitionKey, parameters ...azcosmos.QueryParameter) ([]string, error) {
	f.Helper()
	pager := f.container.NewQueryItemsPager(text, partition, &azcosmos.QueryOptions{QueryParameters: parameters, PageSizeHint: 3})
	rows := []string{}
	for pager.More() {
		page, err := pager.NextPage(f.Context())
		if err != nil {
			return nil, err
		}
		if len(page.Items) > 3 {
			f.Fatalf("a page of %d rows", len(page.Items))
		}
		for _, row := range page.Items {
			rows = append(rows, string(row))
		}
	}
	return rows, nil
}

func (f *fixture) status(err error, want int) *azcore.ResponseError {
	f.Helper()
	var response *azcore.ResponseError
	if !errors.As(err, &response) || response.StatusCode != want {
		f.Fatalf("error %v, want status %d", err, want)
	}
	return response
}

func TestItemsHaveSystemProperties(t *testing.T) {
	f := serve(t, cosmos.Options{})
	response := f.create("p", `{"id":"a","subjectId":"p","_etag":"forged","_ts":1,"_own":2,"text":"x"}`)
	var item map[string]any
	if err := json.Unmarshal(response.Value, &item); err != nil {
		t.Fatal(err)
	}
	if item["_etag"] != string(response.ETag) || item["_ts"] != float64(start.Unix()) || item["_own"] != 2.0 || item["text"] != "x" || item["_rid"] == "" {
		t.Fatalf("%s with ETag %s", response.Value, response.ETag)
	}
	if response.RequestCharge < 5 || response.ActivityID == "" || response.SessionToken == nil || *response.SessionToken != "0:-1#1" {
		t.Fatalf("charge %f, activity %q, session %v", response.RequestCharge, response.ActivityID, response.SessionToken)
	}
	replaced, err := f.container.ReplaceItem(t.Context(), key("p"), "a", response.Value, &azcosmos.ItemOptions{EnableContentResponseOnWrite: true, IfMatchEtag: &response.ETag})
	if err != nil {
		t.Fatal(err)
	}
	var again map[string]any
	if err := json.Unmarshal(replaced.Value, &again); err != nil {
		t.Fatal(err)
	}
	if again["_rid"] != item["_rid"] || again["_etag"] == item["_etag"] || strings.Count(string(replaced.Value), `"_etag"`) != 1 {
		t.Fatalf("%s", replaced.Value)
	}
}

func TestPreconditions(t *testing.T) {
	f := serve(t, cosmos.Options{})
	first := f.create("p", `{"id":"a","subjectId":"p"}`).ETag
	if _, err := f.container.UpsertItem(t.Context(), key("p"), []byte(`{"id":"a","subjectId":"p"}`), &azcosmos.ItemOptions{IfMatchEtag: &first}); err != nil {
		t.Fatal(err)
	}
	_, err := f.container.UpsertItem(t.Context(), key("p"), []byte(`{"id":"a","subjectId":"p"}`), &azcosmos.ItemOptions{IfMatchEtag: &first})
	f.status(err, http.StatusPreconditionFailed)
	_, err = f.container.DeleteItem(t.Context(), key("p"), "a", &azcosmos.ItemOptions{IfMatchEtag: &first})
	f.status(err, http.StatusPreconditionFailed)
	// As on Azure: an upsert of what does not exist does not look at its ETag.
	if _, err := f.container.UpsertItem(t.Context(), key("p"), []byte(`{"id":"new","subjectId":"p"}`), &azcosmos.ItemOptions{IfMatchEtag: &first}); err != nil {
		t.Fatal(err)
	}
}

func TestBadItems(t *testing.T) {
	f := serve(t, cosmos.Options{})
	for _, text := range []string{`{"id":"a","subjectId":"q"}`, `{"subjectId":"p"}`, `{"id":"","subjectId":"p"}`, `{"id":"a/b","subjectId":"p"}`, `[]`, `{`, `{"id":"a","subjectId":"p","ttl":0}`, `{"id":"a","subjectId":["p"]}`} {
		_, err := f.container.CreateItem(t.Context(), key("p"), []byte(text), nil)
		f.status(err, http.StatusBadRequest)
	}
	_, err := f.container.CreateItem(t.Context(), key("p"), []byte(`{"id":"a","subjectId":"p","x":"`+strings.Repeat("x", 2<<20)+`"}`), nil)
	f.status(err, http.StatusRequestEntityTooLarge)
	_, err = f.container.CreateItem(t.Context(), azcosmos.NewPartitionKey(), []byte(`{"id":"a","subjectId":"p"}`), nil)
	f.status(err, http.StatusBadRequest)
	batch := f.container.NewTransactionalBatch(key("p"))
	for n := range 101 {
		batch.CreateItem(fmt.Appendf(nil, `{"id":"%d","subjectId":"p"}`, n), nil)
	}
	_, err = f.container.ExecuteTransactionalBatch(t.Context(), batch, nil)
	f.status(err, http.StatusBadRequest)
	if rows, err := f.query("SELECT * FROM c", azcosmos.NewPartitionKey()); err != nil || len(rows) != 0 {
		t.Fatalf("%q, %v", rows, err)
	}
}

func TestQueries(t *testing.T) {
	f := serve(t, cosmos.Options{})
	for n := range 10 {
		f.create(fmt.Sprint("p", n%2), fmt.Sprintf(`{"id":"i%d","subjectId":"p%d","n":%d,"kind":"k%d"}`, n, n%2, n, n%3))
	}
	everywhere := azcosmos.NewPartitionKey()
	for _, c := range []struct {
		text string
		key  azcosmos.PartitionKey
		want string
	}{
		{"SELECT VALUE c.n FROM c WHERE c.n >= @n", everywhere, "8 7 9"},
		{"SELECT VALUE c.n FROM c WHERE c.kind = 'k0'", everywhere, "0 3 6 9"},
		{"SELECT VALUE c.n FROM c WHERE c.id = 'i4'", everywhere, "4"},
		{"SELECT VALUE c.n FROM c WHERE c.id IN ('i4', 'i4', 'i5', 'i6')", key("p0"), "4 6"},
		{"SELECT VALUE c.n FROM c ORDER BY c.n DESC", key("p1"), "9 7 5 3 1"},
		{"SELECT VALUE c.n FROM c ORDER BY c.n OFFSET 1 LIMIT 3", key("p1"), "3 5 7"},
		{"SELECT VALUE COUNT(1) FROM c", key("p1"), "5"},
		{"SELECT TOP 2 VALUE c.n FROM c", key("p0"), "0 2"},
		{"SELECT VALUE 1", key("p0"), "1"},
	} {
		rows, err := f.query(c.text, c.key, azcosmos.QueryParameter{Name: "@n", Value: 7})
		if got := strings.Join(rows, " "); err != nil || got != c.want {
			t.Errorf("%s: %q, want %q, %v", c.text, got, c.want, err)
		}
	}
	// What a gateway does not do across partitions for a client that brings no plan.
	for _, text := range []string{"SELECT * FROM c ORDER BY c.n", "SELECT VALUE COUNT(1) FROM c", "SELECT TOP 1 * FROM c", "SELECT DISTINCT c.n FROM c", "SELECT * FROM c OFFSET 1 LIMIT 1"} {
		_, err := f.query(text, everywhere)
		if response := f.status(err, http.StatusBadRequest); response.RawResponse.Header.Get("x-ms-substatus") != "1004" {
			t.Errorf("%s: %v", text, err)
		}
	}
	_, err := f.query("SELECT nonsense FROM", everywhere)
	f.status(err, http.StatusBadRequest)
	for _, token := range []string{"x", "e30", "eyJzIjotMX0"} {
		_, err = f.container.NewQueryItemsPager("SELECT * FROM c", everywhere, &azcosmos.QueryOptions{ContinuationToken: &token}).NextPage(t.Context())
		f.status(err, http.StatusBadRequest)
	}
	no := false
	_, err = f.container.NewQueryItemsPager("SELECT * FROM c", everywhere, &azcosmos.QueryOptions{EnableCrossPartitionQuery: &no}).NextPage(t.Context())
	f.status(err, http.StatusBadRequest)
}

func TestReadMany(t *testing.T) {
	f := serve(t, cosmos.Options{})
	f.create("p", `{"id":"a","subjectId":"p"}`)
	f.create("q", `{"id":"b","subjectId":"q"}`)
	response, err := f.container.ReadManyItems(t.Context(), []azcosmos.ItemIdentity{{ID: "a", PartitionKey: key("p")}, {ID: "b", PartitionKey: key("q")}, {ID: "c", PartitionKey: key("q")}}, nil)
	if err != nil || len(response.Items) != 2 {
		t.Fatalf("%d items, %v", len(response.Items), err)
	}
}

func TestChangeFeed(t *testing.T) {
	f := serve(t, cosmos.Options{})
	for n := range 5 {
		f.create(fmt.Sprint("p", n%2), fmt.Sprintf(`{"id":"i%d","subjectId":"p%d"}`, n, n%2))
	}
	if _, err := f.container.UpsertItem(t.Context(), key("p0"), []byte(`{"id":"i0","subjectId":"p0","n":1}`), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := f.container.DeleteItem(t.Context(), key("p1"), "i1", nil); err != nil {
		t.Fatal(err)
	}
	ranges, err := f.container.ReadFeedRanges(t.Context(), nil)
	if err != nil || len(ranges) != 1 {
		t.Fatalf("%v, %v", ranges, err)
	}
	options := &azcosmos.ChangeFeedOptions{FeedRange: &ranges[0], MaxItemCount: 3}
	var seen []string
	for range 4 {
		page, err := f.container.ReadChangeFeed(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range page.Items {
			var item struct{ ID string }
			if err := json.Unmarshal(text, &item); err != nil {
				t.Fatal(err)
			}
			seen = append(seen, item.ID)
		}
		if page.ContinuationToken != "" {
			options.Continuation = &page.ContinuationToken
		}
	}
	if got := strings.Join(seen, " "); got != "i2 i3 i4 i0" {
		t.Fatalf("changes %s", got)
	}
	f.create("p0", `{"id":"new","subjectId":"p0"}`)
	page, err := f.container.ReadChangeFeed(t.Context(), options)
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("%q, %v", page.Items, err)
	}
}

func TestExpiry(t *testing.T) {
	f := serve(t, cosmos.Options{})
	f.create("p", `{"id":"brief","subjectId":"p","ttl":10}`)
	f.create("p", `{"id":"lasting","subjectId":"p"}`)
	f.clock.Advance(10 * time.Second)
	_, err := f.container.ReadItem(t.Context(), key("p"), "brief", nil)
	f.status(err, http.StatusNotFound)
	if rows, err := f.query("SELECT VALUE c.id FROM c", azcosmos.NewPartitionKey()); err != nil || strings.Join(rows, " ") != `"lasting"` {
		t.Fatalf("%q, %v", rows, err)
	}
	f.create("p", `{"id":"brief","subjectId":"p"}`)
}

func TestAuthorization(t *testing.T) {
	f := serve(t, cosmos.Options{ValidateToken: func(token string) error {
		if token != "good" {
			return errors.New("bad token")
		}
		return nil
	}})
	for name, header := range map[string]string{
		"none":            "",
		"nonsense":        "nonsense",
		"wrong signature": "type%3Dmaster%26ver%3D1.0%26sig%3DAAAA",
		"bad escape":      "%zz",
		"bad token":       "type=aad&ver=1.0&sig=bad",
		"other version":   "type=aad&ver=2.0&sig=good",
		"bearer":          "Bearer good",
		"resource token":  "type=resource&ver=1.0&sig=good",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.server.URL+"/dbs", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			request.Header.Set("Authorization", header)
		}
		response, err := f.server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: status %d", name, response.StatusCode)
		}
	}
	for token, want := range map[string]bool{"good": true, "bad": false} {
		client, err := azcosmos.NewClient(f.server.URL, credential(token), noRetries())
		if err != nil {
			t.Fatal(err)
		}
		container, err := client.NewContainer(cosmos.DefaultDatabase, "subjects")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := container.Read(t.Context(), nil); (err == nil) != want {
			t.Errorf("token %s: %v", token, err)
		}
	}
	// A signature is for one request: another verb, path or date needs another one.
	for _, path := range []string{"/dbs/latchkey/colls/subjects", "/dbs/latchkey/colls/subjects/docs/a"} {
		var signed *http.Request
		capture := &azcosmos.ClientOptions{ClientOptions: policy.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}, Transport: capturing(func(r *http.Request) {
			if r.URL.Path == "/dbs/latchkey" {
				signed = r
			}
		})}}
		key, err := azcosmos.NewKeyCredential(f.account.Key())
		if err != nil {
			t.Fatal(err)
		}
		client, err := azcosmos.NewClientWithKey(f.server.URL, key, capture)
		if err != nil {
			t.Fatal(err)
		}
		database, err := client.NewDatabase("latchkey")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := database.Read(t.Context(), nil); err != nil || signed == nil {
			t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.server.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Header = signed.Header.Clone()
		response, err := f.server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusUnauthorized {
			t.Errorf("a signature for another path opened %s: status %d", path, response.StatusCode)
		}
	}
}

type credential string

func (c credential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(c), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

type capturing func(*http.Request)

func (c capturing) Do(r *http.Request) (*http.Response, error) {
	c(r)
	return http.DefaultClient.Do(r)
}

func TestFaults(t *testing.T) {
	faults := &fault.Injector{}
	f := serve(t, cosmos.Options{Faults: faults})
	f.create("p", `{"id":"warm","subjectId":"p"}`)
	try := func(kind fault.Kind, id string) error {
		faults.Add(fault.Fault{Target: fault.Cosmos, Kind: kind, Count: 1})
		_, err := f.container.CreateItem(t.Context(), key("p"), fmt.Appendf(nil, `{"id":%q,"subjectId":"p"}`, id), nil)
		return err
	}
	if response := f.status(try(fault.Throttle, "a"), http.StatusTooManyRequests); response.RawResponse.Header.Get("x-ms-retry-after-ms") != "1000" {
		t.Errorf("wait %q", response.RawResponse.Header.Get("x-ms-retry-after-ms"))
	}
	f.status(try(fault.Error, "b"), http.StatusServiceUnavailable)
	if err := try(fault.LostResponse, "c"); err == nil {
		t.Error("the response was not lost")
	}
	if err := try(fault.Delay, "d"); err != nil {
		t.Error(err)
	}
	rows, err := f.query("SELECT VALUE c.id FROM c", key("p"))
	if got := strings.Join(rows, " "); err != nil || got != `"warm" "c" "d"` {
		t.Errorf("there is %s, %v", got, err)
	}
}

func TestResetSnapshotRestore(t *testing.T) {
	f := serve(t, cosmos.Options{})
	f.create("p", `{"id":"a","subjectId":"p","text":"<ü>"}`)
	etag := f.create("q", `{"id":"b","subjectId":"q","ttl":60,"kind":"k"}`).ETag
	if _, err := f.client.CreateDatabase(t.Context(), azcosmos.DatabaseProperties{ID: "other"}, nil); err != nil {
		t.Fatal(err)
	}
	var saved bytes.Buffer
	if err := f.account.Snapshot(&saved); err != nil || !json.Valid(saved.Bytes()) {
		t.Fatalf("%v\n%s", err, saved.Bytes())
	}
	f.account.Reset()
	if rows, err := f.query("SELECT * FROM c", azcosmos.NewPartitionKey()); err != nil || len(rows) != 0 {
		t.Fatalf("after the reset: %q, %v", rows, err)
	}
	if len(f.account.Stats()) != 1 { // the query just now
		t.Errorf("%+v", f.account.Stats())
	}
	other, err := f.client.NewDatabase("other")
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.Read(t.Context(), nil)
	f.status(err, http.StatusNotFound)
	if recreated := f.create("q", `{"id":"b","subjectId":"q"}`).ETag; recreated == etag {
		t.Error("an ETag came back after the reset")
	}

	// A second account takes over, as after a restart.
	g := serve(t, cosmos.Options{})
	if err := g.account.Restore(bytes.NewReader(saved.Bytes())); err != nil {
		t.Fatal(err)
	}
	item, err := g.container.ReadItem(t.Context(), key("p"), "a", nil)
	if err != nil || !strings.Contains(string(item.Value), `\u003cü\u003e`) && !strings.Contains(string(item.Value), `<ü>`) {
		t.Fatalf("%s, %v", item.Value, err)
	}
	if _, err := g.container.ReplaceItem(t.Context(), key("q"), "b", []byte(`{"id":"b","subjectId":"q","ttl":60}`), &azcosmos.ItemOptions{IfMatchEtag: &etag}); err != nil {
		t.Fatalf("the restored item has another ETag: %v", err)
	}
	g.clock.Advance(time.Minute)
	_, err = g.container.ReadItem(t.Context(), key("q"), "b", nil)
	g.status(err, http.StatusNotFound)
	if err := g.account.Restore(strings.NewReader("nonsense")); err == nil {
		t.Error("nonsense was restored")
	}
}

func TestStats(t *testing.T) {
	f := serve(t, cosmos.Options{})
	f.create("p", `{"id":"a","subjectId":"p"}`)
	if _, err := f.container.ReadItem(t.Context(), key("p"), "a", nil); err != nil {
		t.Fatal(err)
	}
	stats := f.account.Stats()
	if stats["create"] != (cosmos.Stat{Operations: 1, RequestUnits: 5}) || stats["read"] != (cosmos.Stat{Operations: 1, RequestUnits: 1}) {
		t.Errorf("%+v", stats)
	}
}

// TestDueQueryIsCheapOnTheWire: the query that a timer asks looks at what is due and not at what exists, which its charge tells.
func TestDueQueryIsCheapOnTheWire(t *testing.T) {
	f := serve(t, cosmos.Options{})
	for n := range 200 {
		batch := f.container.NewTransactionalBatch(key(fmt.Sprint("p", n)))
		for i := range 100 {
			due := "2027-01-01T00:00:00.000Z"
			if n == 199 && i < 2 {
				due = "2026-01-01T00:00:00.000Z"
			}
			batch.CreateItem(fmt.Appendf(nil, `{"id":"%d","subjectId":"p%d","kind":"assignment","dueAt":%q}`, i, n, due), nil)
		}
		if _, err := f.container.ExecuteTransactionalBatch(t.Context(), batch, nil); err != nil {
			t.Fatal(err)
		}
	}
	page, err := f.container.NewQueryItemsPager("SELECT * FROM c WHERE c.kind = @k AND c.dueAt <= @due", azcosmos.NewPartitionKey(), &azcosmos.QueryOptions{QueryParameters: []azcosmos.QueryParameter{
		{Name: "@k", Value: "assignment"}, {Name: "@due", Value: "2026-06-01T00:00:00.000Z"},
	}}).NextPage(t.Context())
	if err != nil || len(page.Items) != 2 || page.ContinuationToken != nil {
		t.Fatalf("%d items, %v", len(page.Items), err)
	}
	if page.RequestCharge > 5 {
		t.Errorf("the query cost %f", page.RequestCharge)
	}
}

func TestUnknownPaths(t *testing.T) {
	f := serve(t, cosmos.Options{})
	for _, path := range []string{"/nowhere", "/dbs/a/b/c/d/e/f/g", "/dbs/latchkey/colls/subjects/sprocs", "/dbs/%zz"} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://x/", http.NoBody)
		request.URL.Path, request.URL.RawPath = path, path
		recorder := httptest.NewRecorder()
		f.account.ServeHTTP(recorder, request)
		if recorder.Code < 400 || recorder.Code >= 500 {
			body, _ := io.ReadAll(recorder.Body)
			t.Errorf("%s: %d %s", path, recorder.Code, body)
		}
	}
}

func BenchmarkHandlerRead(b *testing.B) {
	account := cosmos.New(cosmos.Options{ValidateToken: func(string) error { return nil }})
	send := func(method, path, body string) int {
		request := httptest.NewRequestWithContext(b.Context(), method, path, strings.NewReader(body))
		request.Header.Set("Authorization", "type=aad&ver=1.0&sig=x")
		request.Header.Set("x-ms-documentdb-partitionkey", `["p"]`)
		recorder := httptest.NewRecorder()
		account.ServeHTTP(recorder, request)
		return recorder.Code
	}
	if status := send(http.MethodPost, "/dbs/latchkey/colls/subjects/docs", `{"id":"a","subjectId":"p"}`); status != http.StatusCreated {
		b.Fatal(status)
	}
	b.ReportAllocs()
	for b.Loop() {
		if status := send(http.MethodGet, "/dbs/latchkey/colls/subjects/docs/a", ""); status != http.StatusOK {
			b.Fatal(status)
		}
	}
}
