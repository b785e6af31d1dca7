// Package cosmos keeps documents in Azure Cosmos DB: the production adapter of the store port. It speaks through the Azure SDK and decides nothing.
//
// Its invariant: a write is sent once. The client made with [ClientOptions] never repeats one whose outcome is unknown; the caller hears ErrUnavailable, reads, and
// decides again.
package cosmos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"

	"latchkey/shared/platform"
	"latchkey/shared/store"
)

var _ store.Store = (*Store)(nil)

// Options are what may be set; the zero value works.
type Options struct {
	// Observe hears of every request that was answered or failed: what it was, what it cost, how it went. It must be quick.
	Observe func(operation string, requestCharge float32, err error)
}

// The operations that Observe hears of.
const (
	OpRead      = "read"
	OpReadBatch = "readBatch"
	OpCreate    = "create"
	OpReplace   = "replace"
	OpDelete    = "delete"
	OpBatch     = "batch"
	OpQuery     = "query"
)

const (
	// inPlaceRetries is how often the SDK itself waits for a throttled account before it gives up.
	inPlaceRetries = 2
	// inPlaceWait is the longest wait that it does in place. Whatever takes longer is the caller's to plan.
	inPlaceWait = 200 * time.Millisecond
	// idle is how many connections are kept, enough for the host's concurrency: the default keeps two a host, and would open a new one for almost every request.
	idle = 200
)

// ClientOptions are those that a client for this adapter is made with. Only a throttled request is repeated, and only after a short wait: nothing was
// done, so nothing can happen twice. What else the SDK repeats on its own are reads. No redirect is followed: it would carry documents and a signature elsewhere.
func ClientOptions() *azcosmos.ClientOptions {
	transport := platform.NewTransport()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = idle, idle
	return &azcosmos.ClientOptions{ClientOptions: policy.ClientOptions{Transport: platform.HTTPClient(transport, 0), Retry: policy.RetryOptions{
		MaxRetries:    inPlaceRetries,
		RetryDelay:    inPlaceWait / 4,
		MaxRetryDelay: inPlaceWait,
		ShouldRetry: func(response *http.Response, err error) bool {
			return err == nil && response != nil && response.StatusCode == http.StatusTooManyRequests && retryAfter(response.Header) <= inPlaceWait
		},
	}}}
}

// Store is the adapter.
type Store struct {
	containers map[store.Container]*container
	observe    func(operation string, requestCharge float32, err error)
}

type container struct {
	name     store.Container
	client   *azcosmos.ContainerClient
	sessions sessions
}

// New is a store over the containers of a database, all of which must exist. The client should be made with ClientOptions.
func New(client *azcosmos.Client, database string, options Options) (*Store, error) {
	s := &Store{containers: map[store.Container]*container{}, observe: options.Observe}
	if s.observe == nil {
		s.observe = func(string, float32, error) {}
	}
	for _, name := range store.Containers() {
		c, err := client.NewContainer(database, string(name))
		if err != nil {
			return nil, fmt.Errorf("cosmos container %s: %w", name, err)
		}
		s.containers[name] = &container{name: name, client: c}
	}
	return s, nil
}

// Check says whether documents of a container can be read: it reads one that need not exist. Errors: store.ErrMissing, store.ErrForbidden, store.ErrThrottled,
// store.ErrUnavailable.
func (s *Store) Check(ctx context.Context, name store.Container) error {
	c, ok := s.containers[name]
	if !ok {
		return fmt.Errorf("check %s: %w", name, store.ErrInvalid)
	}
	if _, err := s.point(ctx, c, "ping", "ping"); err != nil {
		return fmt.Errorf("check %s: %w", name, err)
	}
	return nil
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, name store.Container, partition string, ids ...string) ([]store.Document, error) {
	ctx, span := platform.Start(ctx, platform.Client, "store get "+string(name))
	documents, err := s.get(ctx, name, partition, ids)
	span.End(err)
	if err != nil {
		return nil, fmt.Errorf("get from %s: %w", name, err)
	}
	return documents, nil
}

func (s *Store) get(ctx context.Context, name store.Container, partition string, ids []string) ([]store.Document, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := store.CheckGet(name, partition, ids); err != nil {
		return nil, err
	}
	c := s.containers[name]
	if len(ids) == 1 {
		d, err := s.point(ctx, c, partition, ids[0])
		if err != nil {
			return nil, err
		}
		return []store.Document{d}, nil
	}
	documents, complete, err := s.readBatch(ctx, c, partition, ids)
	if err != nil || complete {
		return documents, err
	}
	// A batch of reads fails as a whole if one document is absent. One query of the partition is a snapshot as well.
	return s.readQuery(ctx, c, partition, ids)
}

// point reads one document; an absent one is a zero Document.
func (s *Store) point(ctx context.Context, c *container, partition, id string) (store.Document, error) {
	response, err := c.client.ReadItem(ctx, azcosmos.NewPartitionKeyString(partition), id, &azcosmos.ItemOptions{SessionToken: c.sessions.token()})
	if isAbsent(err) {
		s.observe(OpRead, charge(err), nil)
		return store.Document{}, nil
	}
	if err != nil {
		return store.Document{}, s.failed(ctx, OpRead, err)
	}
	s.answered(c, OpRead, response.Response)
	return decode(c.name, response.Value), nil
}

// readBatch reads documents as one transaction. It is not complete if one of them is absent.
func (s *Store) readBatch(ctx context.Context, c *container, partition string, ids []string) (documents []store.Document, complete bool, err error) {
	batch := c.client.NewTransactionalBatch(azcosmos.NewPartitionKeyString(partition))
	for _, id := range ids {
		batch.ReadItem(escaped(id), nil)
	}
	response, err := c.client.ExecuteTransactionalBatch(ctx, batch, c.batchOptions())
	if isAbsent(err) {
		s.observe(OpReadBatch, charge(err), nil)
		return nil, false, nil
	}
	if err != nil {
		return nil, false, s.failed(ctx, OpReadBatch, err)
	}
	s.answered(c, OpReadBatch, response.Response)
	if !response.Success {
		err := batchError(response)
		if errors.Is(err, errAbsent) {
			return nil, false, nil
		}
		return nil, false, err
	}
	if len(response.OperationResults) != len(ids) {
		return nil, false, fmt.Errorf("%w: %d results for %d reads", store.ErrUnavailable, len(response.OperationResults), len(ids))
	}
	documents = make([]store.Document, len(ids))
	for i := range documents {
		documents[i] = decode(c.name, response.OperationResults[i].ResourceBody)
	}
	return documents, true, nil
}

func (s *Store) readQuery(ctx context.Context, c *container, partition string, ids []string) ([]store.Document, error) {
	var q statement
	q.text.WriteString("SELECT * FROM c WHERE c.id IN (")
	for i, id := range ids {
		if i > 0 {
			q.text.WriteString(", ")
		}
		q.parameter(id)
	}
	q.text.WriteString(")")
	found := make(map[string]store.Document, len(ids))
	for token := ""; ; {
		page, next, err := s.page(ctx, c, partition, &q, len(ids), token)
		if err != nil {
			return nil, err
		}
		for _, d := range page {
			found[d.ID] = d
		}
		if token = next; token == "" {
			break
		}
	}
	documents := make([]store.Document, len(ids))
	for i, id := range ids {
		documents[i] = found[id]
	}
	return documents, nil
}

// Commit implements store.Store.
func (s *Store) Commit(ctx context.Context, name store.Container, partition string, operations []store.Operation) ([]string, error) {
	ctx, span := platform.Start(ctx, platform.Client, "store commit "+string(name), "operations", strconv.Itoa(len(operations)))
	etags, err := s.commit(ctx, name, partition, operations)
	span.End(err)
	if err != nil {
		return nil, fmt.Errorf("commit to %s: %w", name, err)
	}
	return etags, nil
}

func (s *Store) commit(ctx context.Context, name store.Container, partition string, operations []store.Operation) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := store.CheckCommit(name, partition, operations); err != nil {
		return nil, err
	}
	c := s.containers[name]
	if len(operations) == 1 {
		return s.writeOne(ctx, c, partition, &operations[0])
	}
	batch := c.client.NewTransactionalBatch(azcosmos.NewPartitionKeyString(partition))
	for i := range operations {
		operation := &operations[i]
		document := &operation.Document
		guard := &azcosmos.TransactionalBatchItemOptions{IfMatchETag: match(operation.IfMatch)}
		switch operation.Verb {
		case store.Create:
			batch.CreateItem(encode(name, partition, document), nil)
		case store.Replace:
			batch.ReplaceItem(escaped(document.ID), encode(name, partition, document), guard)
		case store.Delete:
			batch.DeleteItem(escaped(document.ID), guard)
		}
	}
	response, err := c.client.ExecuteTransactionalBatch(ctx, batch, c.batchOptions())
	if err != nil {
		return nil, asConflict(s.failed(ctx, OpBatch, err))
	}
	s.answered(c, OpBatch, response.Response)
	if !response.Success {
		return nil, asConflict(batchError(response))
	}
	if len(response.OperationResults) != len(operations) {
		return nil, fmt.Errorf("%w: %d results for %d operations", store.ErrUnavailable, len(response.OperationResults), len(operations))
	}
	etags := make([]string, len(operations))
	for i := range operations {
		if operations[i].Verb != store.Delete {
			etags[i] = string(response.OperationResults[i].ETag)
		}
	}
	return etags, nil
}

// writeOne needs no transaction: one conditional write is one, and answers sooner.
func (s *Store) writeOne(ctx context.Context, c *container, partition string, operation *store.Operation) ([]string, error) {
	key := azcosmos.NewPartitionKeyString(partition)
	options := &azcosmos.ItemOptions{IfMatchEtag: match(operation.IfMatch), SessionToken: c.sessions.token()}
	document := &operation.Document
	var response azcosmos.ItemResponse
	var err error
	var name string
	switch operation.Verb {
	case store.Create:
		name = OpCreate
		response, err = c.client.CreateItem(ctx, key, encode(c.name, partition, document), options)
	case store.Replace:
		name = OpReplace
		response, err = c.client.ReplaceItem(ctx, key, document.ID, encode(c.name, partition, document), options)
	case store.Delete:
		name = OpDelete
		response, err = c.client.DeleteItem(ctx, key, document.ID, options)
	}
	if err != nil {
		err = s.failed(ctx, name, err)
		if errors.Is(err, errAbsent) && name == OpCreate { // the container, then
			return nil, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
		return nil, asConflict(err)
	}
	s.answered(c, name, response.Response)
	if operation.Verb == store.Delete {
		return []string{""}, nil
	}
	return []string{string(response.ETag)}, nil
}

// Query implements store.Store.
func (s *Store) Query(ctx context.Context, name store.Container, query store.Query) (store.Page, error) {
	ctx, span := platform.Start(ctx, platform.Client, "store query "+string(name), "kind", query.Kind)
	page, err := s.query(ctx, name, query)
	span.End(err)
	if err != nil {
		return store.Page{}, fmt.Errorf("query %s: %w", name, err)
	}
	return page, nil
}

func (s *Store) query(ctx context.Context, name store.Container, query store.Query) (store.Page, error) {
	if err := ctx.Err(); err != nil {
		return store.Page{}, err
	}
	if err := store.CheckQuery(name, query); err != nil {
		return store.Page{}, err
	}
	token, err := store.ParseContinuation(name, query)
	if err != nil {
		return store.Page{}, err
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r < ' ' || r > '~' }) { // it goes into a header
		return store.Page{}, fmt.Errorf("%w: continuation", store.ErrInvalid)
	}
	documents, next, err := s.page(ctx, s.containers[name], query.Partition, compile(query), cmp.Or(query.PageSize, store.DefaultPageSize), token)
	return store.Page{Documents: documents, Continuation: store.FormatContinuation(name, query, next)}, err
}

// page runs a statement for one page. Without a partition the gateway asks all of them, which it can do for filters only.
func (s *Store) page(ctx context.Context, c *container, partition string, q *statement, size int, token string) ([]store.Document, string, error) {
	key := azcosmos.NewPartitionKey()
	if partition != "" {
		key = azcosmos.NewPartitionKeyString(partition)
	}
	options := &azcosmos.QueryOptions{
		PageSizeHint:                       int32(size),
		QueryParameters:                    q.parameters,
		SessionToken:                       c.sessions.token(),
		ResponseContinuationTokenLimitInKB: 1,
	}
	if token != "" {
		options.ContinuationToken = &token
	}
	response, err := c.client.NewQueryItemsPager(q.text.String(), key, options).NextPage(ctx)
	if err != nil {
		err = s.failed(ctx, OpQuery, err)
		if errors.Is(err, errAbsent) { // the container, then
			err = fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
		return nil, "", err
	}
	s.answered(c, OpQuery, response.Response)
	documents := make([]store.Document, len(response.Items))
	for i, text := range response.Items {
		documents[i] = decode(c.name, text)
	}
	if response.ContinuationToken == nil {
		return documents, "", nil
	}
	return documents, *response.ContinuationToken, nil
}

func (c *container) batchOptions() *azcosmos.TransactionalBatchOptions {
	options := &azcosmos.TransactionalBatchOptions{}
	if token := c.sessions.token(); token != nil {
		options.SessionToken = *token
	}
	return options
}

// answered notes what a response tells besides its content.
func (s *Store) answered(c *container, operation string, response azcosmos.Response) {
	c.sessions.learn(headerOf(response.RawResponse).Get("x-ms-session-token"))
	s.observe(operation, response.RequestCharge, nil)
}

// failed is the port's error for one of the SDK's.
func (s *Store) failed(ctx context.Context, operation string, err error) error {
	mapped := mapError(ctx, err)
	s.observe(operation, charge(err), mapped)
	return mapped
}

func match(etag string) *azcore.ETag {
	if etag == "" {
		return nil
	}
	tag := azcore.ETag(etag)
	return &tag
}

// escaped is an id as the SDK's batch needs it: it writes ids between quotes as they are.
func escaped(id string) string {
	text := appendString(nil, id)
	return string(text[1 : len(text)-1])
}
