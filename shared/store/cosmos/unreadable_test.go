package cosmos_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"

	emulator "latchkey/infra/local/cosmos"
	"latchkey/shared/store"
	"latchkey/shared/store/cosmos"
)

// What somebody else wrote is handed on as what it is, with as much as could be read of it; the others of its page and batch come whole.
func TestWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	account := emulator.New(emulator.Options{})
	server := httptest.NewServer(account)
	t.Cleanup(server.Close)
	s := connect(t, server.URL, account.Key(), emulator.DefaultDatabase, cosmos.Options{})
	if _, err := s.Commit(t.Context(), store.Subjects, "p", create("good")); err != nil {
		t.Fatal(err)
	}
	client, err := azcosmos.NewClientFromConnectionString("AccountEndpoint="+server.URL+";AccountKey="+account.Key()+";", nil)
	if err != nil {
		t.Fatal(err)
	}
	container, err := client.NewContainer(emulator.DefaultDatabase, string(store.Subjects))
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string]string{
		"dueAt of another width": `"kind":"test","dueAt":"2026-11-20T12:00:00Z"`,
		"dueAt a number":         `"kind":"test","dueAt":5`,
		"kind a list":            `"kind":[]`,
		"version a text":         `"kind":"test","schemaVersion":"1"`,
		"version out of range":   `"kind":"test","schemaVersion":1e300`,
	}
	for id, members := range bad {
		if _, err := container.UpsertItem(t.Context(), azcosmos.NewPartitionKeyString("p"), fmt.Appendf(nil, `{"id":%q,"subjectId":"p",%s,"body":{}}`, id, members), nil); err != nil {
			t.Fatal(err)
		}
	}
	for key, subject := range map[string]azcosmos.PartitionKey{"7": azcosmos.NewPartitionKeyNumber(7), `""`: azcosmos.NewPartitionKeyString(""), `"` + strings.Repeat("x", 300) + `"`: azcosmos.NewPartitionKeyString(strings.Repeat("x", 300))} {
		id := fmt.Sprintf("in a partition of %d bytes", len(key))
		bad[id] = ""
		if _, err := container.UpsertItem(t.Context(), subject, fmt.Appendf(nil, `{"id":%q,"subjectId":%s,"kind":"test","body":{}}`, id, key), nil); err != nil {
			t.Fatal(err)
		}
	}
	page, err := s.Query(t.Context(), store.Subjects, store.Query{})
	if err != nil || len(page.Documents) != len(bad)+1 {
		t.Fatalf("%d documents: %v", len(page.Documents), err)
	}
	for _, document := range page.Documents {
		if _, isBad := bad[document.ID]; isBad != (document.Unreadable != nil) {
			t.Errorf("%q is unreadable: %v", document.ID, document.Unreadable)
		}
	}
	for _, ids := range [][]string{{"kind a list"}, {"good", "dueAt a number"}, {"good", "absent", "version a text"}} {
		found, err := s.Get(t.Context(), store.Subjects, "p", ids...)
		if err != nil {
			t.Errorf("%q: %v", ids, err)
			continue
		}
		for i, document := range found {
			if ids[i] == "absent" {
				continue
			}
			if document.ID != ids[i] || document.ETag == "" || (document.Unreadable == nil) != (ids[i] == "good") {
				t.Errorf("of %q: %+v", ids, document)
			}
		}
	}
}
