package app

import (
	"context"
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
	etags     map[string]string // by document id
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
		etags: map[string]string{kindHead: heads[0].ETag},
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
			state.etags[document.ID] = document.ETag
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

// catalogChange is what a command on a catalog decides.
type catalogChange struct {
	catalog   *governance.Catalog
	packages  []governance.AccessPackage
	policies  []governance.AssignmentPolicy
	resources []governance.Resource
	requests  []governance.ResourceRequest
	deletes   []string // document ids
	audit     []governance.AuditEntry
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
		if len(change.audit) == 0 { // nothing changes
			etags = state.etags
			return false, nil
		}
		operations, err := catalogOperations(state, change, commandID)
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

func catalogOperations(state *catalogState, change catalogChange, commandID string) ([]store.Operation, error) {
	head := state.head
	audit := slices.Clone(change.audit)
	for i := range audit {
		head.AuditSequence++
		audit[i].Seal(head.ID, head.AuditSequence, head.AuditHash)
		head.AuditHash = audit[i].Hash
	}
	head.RecentCommands = append(slices.Clone(head.RecentCommands), commandID)
	if extra := len(head.RecentCommands) - governance.MaxRecentCommands; extra > 0 {
		head.RecentCommands = head.RecentCommands[extra:]
	}
	batch := batch{etags: state.etags}
	batch.put(kindHead, kindHead, time.Time{}, head)
	if change.catalog != nil {
		batch.put(kindCatalog, kindCatalog, time.Time{}, *change.catalog)
	}
	for _, one := range change.packages {
		batch.put(documentID(kindPackage, one.ID), kindPackage, time.Time{}, one)
	}
	for _, one := range change.policies {
		batch.put(documentID(kindPolicy, one.ID), kindPolicy, time.Time{}, one)
	}
	for _, one := range change.resources {
		batch.put(documentID(kindResource, one.ID), kindResource, time.Time{}, one)
	}
	for _, one := range change.requests {
		batch.put(documentID(kindResourceRequest, one.ID), kindResourceRequest, time.Time{}, one)
	}
	for _, id := range change.deletes {
		batch.delete(id)
	}
	batch.audit(audit)
	return batch.operations, batch.err
}

// audited begins the audit entry of a change to a catalog.
func (a *App) audited(activity governance.Activity, caller governance.Caller, target, detail string) []governance.AuditEntry {
	return []governance.AuditEntry{{
		Activity: activity, ActivityDateTime: governance.At(a.now()), Result: "success", InitiatedBy: caller.Initiator(), TargetID: target, Detail: detail,
	}}
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
