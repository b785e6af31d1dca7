package app

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// catalogState is a catalog with all that is in it, as of the ETag of its head. It is shared and never changed.
type catalogState struct {
	head      governance.Head
	catalog   governance.Catalog
	packages  map[string]governance.AccessPackage
	policies  map[string]governance.AssignmentPolicy
	resources map[string]governance.Resource
	etags     map[string]string          // by document id
	bodies    map[string]json.RawMessage // by document id, for the audit trail
}

// catalogCache keeps catalogs as of their heads' ETags: the head is read every time, what is below it only when it has changed.
type catalogCache struct {
	mu     sync.Mutex
	states map[string]*catalogState
}

const maxCachedCatalogs = 200

func newCatalogCache() *catalogCache { return &catalogCache{states: map[string]*catalogState{}} }

func (c *catalogCache) get(id, etag string) *catalogState {
	c.mu.Lock()
	defer c.mu.Unlock()
	if state := c.states[id]; state != nil && state.etags[kindHead] == etag {
		return state
	}
	return nil
}

func (c *catalogCache) put(id string, state *catalogState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.states) >= maxCachedCatalogs {
		for one := range c.states {
			delete(c.states, one)
			break
		}
	}
	c.states[id] = state
}

// loadCatalog reads a catalog with all that is in it. Errors: CodeNotFound.
func (a *App) loadCatalog(ctx context.Context, id string) (*catalogState, error) {
	missing := governance.NotFound("There is no catalog %q.", shorten(id))
	if !governance.IsGUID(id) {
		return nil, missing
	}
	id = lower(id)
	heads, err := a.store.Get(ctx, store.Catalogs, id, kindHead)
	if err != nil {
		return nil, fmt.Errorf("load catalog: %w", err)
	}
	if heads[0].ID == "" {
		return nil, missing
	}
	if state := a.catalogs.get(id, heads[0].ETag); state != nil {
		if state.catalog.ID == "" {
			return nil, missing
		}
		return state, nil
	}
	state := &catalogState{
		packages: map[string]governance.AccessPackage{}, policies: map[string]governance.AssignmentPolicy{}, resources: map[string]governance.Resource{},
		etags: map[string]string{kindHead: heads[0].ETag}, bodies: map[string]json.RawMessage{},
	}
	if state.head, err = decode[governance.Head](heads[0]); err != nil {
		return nil, err
	}
	for _, kind := range []string{kindCatalog, kindPackage, kindPolicy, kindResource} {
		if err := a.loadKind(ctx, state, id, kind); err != nil {
			return nil, err
		}
	}
	a.catalogs.put(id, state)
	if state.catalog.ID == "" { // deleted: the head stays for its audit chain
		return nil, missing
	}
	return state, nil
}

func (a *App) loadKind(ctx context.Context, state *catalogState, id, kind string) error {
	query := store.Query{Partition: id, Kind: kind, PageSize: store.MaxPageSize}
	for {
		page, err := a.store.Query(ctx, store.Catalogs, query)
		if err != nil {
			return fmt.Errorf("load catalog: %w", err)
		}
		for _, document := range page.Documents {
			state.etags[document.ID], state.bodies[document.ID] = document.ETag, document.Body
			var err error
			switch kind {
			case kindCatalog:
				state.catalog, err = decode[governance.Catalog](document)
			case kindPackage:
				err = into(state.packages, document, func(p governance.AccessPackage) string { return p.ID })
			case kindPolicy:
				err = into(state.policies, document, func(p governance.AssignmentPolicy) string { return p.ID })
			case kindResource:
				err = into(state.resources, document, func(r governance.Resource) string { return r.ID })
			}
			if err != nil {
				return err
			}
		}
		if page.Continuation == "" {
			return nil
		}
		query.Continuation = page.Continuation
	}
}

func into[T any](all map[string]T, document store.Document, id func(T) string) error {
	value, err := decode[T](document)
	if err == nil {
		all[id(value)] = value
	}
	return err
}

// policiesOf are the policies of a package, in the order of their creation.
func (s *catalogState) policiesOf(packageID string) []governance.AssignmentPolicy {
	var policies []governance.AssignmentPolicy
	for _, id := range slices.Sorted(maps.Keys(s.policies)) {
		if policy := s.policies[id]; policy.AccessPackage != nil && policy.AccessPackage.ID == packageID {
			policies = append(policies, policy)
		}
	}
	slices.SortStableFunc(policies, func(x, y governance.AssignmentPolicy) int {
		return x.CreatedDateTime.Instant().Compare(y.CreatedDateTime.Instant())
	})
	return policies
}

// packagesSorted are the packages by name.
func (s *catalogState) packagesSorted() []governance.AccessPackage {
	return slices.SortedFunc(maps.Values(s.packages), func(x, y governance.AccessPackage) int {
		return strings.Compare(x.DisplayName+x.ID, y.DisplayName+y.ID)
	})
}

// resourcesSorted are the resources by name.
func (s *catalogState) resourcesSorted() []governance.Resource {
	return slices.SortedFunc(maps.Values(s.resources), func(x, y governance.Resource) int { return strings.Compare(x.DisplayName+x.ID, y.DisplayName+y.ID) })
}

// catalogChange is what a command on a catalog decides: its edits, and the request that brought them about, if there is one.
type catalogChange struct {
	edits   []catalogEdit
	request *governance.ResourceRequest
}

// catalogEdit writes a document, or deletes it when value is nil, and says so in the audit trail.
type catalogEdit struct {
	kind, id string // of the document
	value    any
	audit    governance.AuditEntry
}

// edited is a change of one document.
func edited(edit catalogEdit) catalogChange { return catalogChange{edits: []catalogEdit{edit}} }

// edit makes the edit of the resource of this kind and id. The catalog itself is the one document whose id says its kind only.
func (a *App) edit(kind, id string, value any, activity governance.Activity, caller governance.Caller, detail string) catalogEdit {
	document := kind
	if kind != kindCatalog {
		document = documentID(kind, id)
	}
	return catalogEdit{kind: kind, id: document, value: value, audit: governance.AuditEntry{
		Activity: activity, ActivityDateTime: governance.At(a.now()), Result: "success", InitiatedBy: caller.Initiator(), TargetID: id, Detail: detail,
	}}
}

// updateCatalog is the one verb for change of a catalog: like Update, on a catalog's partition. A new catalog's state is empty. It answers with the ETags by document id.
func (a *App) updateCatalog(ctx context.Context, id string, isNew bool, command func(*catalogState) (catalogChange, error)) (map[string]string, error) {
	commandID := a.newID()
	var etags map[string]string
	_, err := a.retry(ctx, func(again bool) (bool, error) {
		state, err := a.loadCatalog(ctx, id)
		if isNew && governance.CodeOf(err) == governance.CodeNotFound {
			state, err = &catalogState{head: governance.Head{ID: id}}, nil
		}
		if again && governance.CodeOf(err) == governance.CodeNotFound {
			deleted, headErr := a.deletedBy(ctx, id, commandID)
			if deleted || headErr != nil {
				return deleted, headErr
			}
		}
		if err != nil {
			return false, err
		}
		if again && slices.Contains(state.head.RecentCommands, commandID) {
			etags = state.etags
			return true, nil
		}
		change, err := command(state)
		if err != nil {
			return false, err
		}
		if len(change.edits) == 0 { // nothing changes
			etags = state.etags
			return false, nil
		}
		operations, err := change.operations(state.head, state.etags, state.bodies, commandID)
		if err != nil {
			return false, err
		}
		written, err := a.store.Commit(ctx, store.Catalogs, id, operations)
		if err != nil {
			return false, err
		}
		etags = map[string]string{}
		for i, operation := range operations {
			etags[operation.Document.ID] = written[i]
		}
		return true, nil
	})
	return etags, err
}

// deletedBy says whether it was this command that deleted a catalog: then only the answer to its commit was lost.
func (a *App) deletedBy(ctx context.Context, id, commandID string) (bool, error) {
	heads, err := a.store.Get(ctx, store.Catalogs, id, kindHead)
	if err != nil || heads[0].ID == "" {
		return false, err
	}
	head, err := decode[governance.Head](heads[0])
	return slices.Contains(head.RecentCommands, commandID), err
}

// maxEdits is how many edits a commit may hold: each is a write and an audit entry, next to the head's.
const maxEdits = (store.MaxOperations - 2) / 2

// inRounds deletes what may be more than one commit can hold: round commits what edits leaves it of all that is to be done, as often as something is left. What breaks off goes on when it is repeated, since
// that which all the rest belongs to is deleted last.
func inRounds(round func(edits func([]catalogEdit) catalogChange) error) error {
	for {
		more := false
		err := round(func(all []catalogEdit) catalogChange {
			more = len(all) > maxEdits
			return catalogChange{edits: all[:min(len(all), maxEdits)]}
		})
		if err != nil || !more {
			return err
		}
	}
}

// operations lays a change out as the writes of one batch. What each document was and becomes goes into its audit entry.
func (c catalogChange) operations(head governance.Head, etags map[string]string, bodies map[string]json.RawMessage, commandID string) ([]store.Operation, error) {
	batch := batch{etags: etags}
	audit := make([]governance.AuditEntry, 0, len(c.edits))
	for _, edit := range c.edits {
		entry := edit.audit
		entry.Before = bodies[edit.id]
		if edit.value == nil {
			batch.delete(edit.id)
		} else {
			entry.After = batch.put(edit.id, edit.kind, time.Time{}, edit.value)
		}
		audit = append(audit, entry)
	}
	if c.request != nil {
		batch.put(documentID(kindResourceRequest, c.request.ID), kindResourceRequest, time.Time{}, *c.request)
	}
	head.Chain(audit, commandID)
	batch.put(kindHead, kindHead, time.Time{}, head)
	batch.audit(audit)
	return batch.operations, batch.err
}

// AnyETag is an If-Match that any version fits.
const AnyETag = "*"

// matches holds an If-Match against the present version. Errors: CodePrecondition.
func matches(ifMatch, etag string) error {
	if ifMatch == "" || ifMatch == AnyETag || strings.Trim(ifMatch, `"`) == strings.Trim(etag, `"`) {
		return nil
	}
	return &governance.Error{Code: governance.CodePrecondition, Target: "If-Match", Message: "The resource has changed since that version; read it again and repeat the change."}
}
