package cosmos

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"latchkey/shared/store/memory/rawjson"
)

// maxBatch is the service's limit of operations.
const maxBatch = 100

// batchOperation is one of a batch.
type batchOperation struct {
	kind      string
	id        string
	match     string
	noneMatch string
	partition string // of its own, in a bulk request
	body      rawjson.Value
}

type batchResult struct {
	status int
	charge float64
	etag   string
	body   []byte
}

// batch applies operations: all or none of them, or, for a bulk request, each for itself.
func (c *call) batch(collection *collection) error {
	b, err := c.read()
	if err != nil {
		return err
	}
	defer release(b)
	operations, err := parseBatch(c.body)
	if err != nil {
		return err
	}
	minimal := strings.EqualFold(c.r.Header.Get("Prefer"), "return=minimal")
	results := make([]batchResult, len(operations))
	failed := false
	if strings.EqualFold(c.r.Header.Get("X-Ms-Cosmos-Batch-Atomic"), "true") {
		partition, err := c.required(collection)
		if err != nil {
			return err
		}
		failed = collection.atomic(partition, operations, results)
	} else {
		for i := range operations {
			partition, err := collection.parseKey(operations[i].partition)
			if err != nil || partition == "" {
				return badRequest("An operation of a bulk request names its partition key.")
			}
			failed = collection.atomic(partition, operations[i:i+1], results[i:i+1]) || failed
		}
	}
	status := http.StatusOK
	if failed {
		status = http.StatusMultiStatus
	}
	total := 0.0
	text := []byte{'['}
	for i, r := range results {
		if i > 0 {
			text = append(text, ',')
		}
		total += r.charge
		text = strconv.AppendInt(append(text, `{"statusCode":`...), int64(r.status), 10)
		text = append(append(text, `,"requestCharge":`...), formatCharge(r.charge)...)
		if r.etag != "" {
			text = rawjson.AppendString(append(text, `,"eTag":`...), r.etag)
		}
		if r.body != nil && (!minimal || operations[i].kind == "Read") {
			text = append(append(text, `,"resourceBody":`...), r.body...)
		}
		text = append(text, '}')
	}
	c.w.Header()["X-Ms-Session-Token"] = []string{sessionToken(collection.items.Version())}
	c.write(status, total, append(text, ']'))
	return nil
}

func parseBatch(body []byte) ([]batchOperation, error) {
	if !json.Valid(body) {
		return nil, badRequest("The request payload is not well formed JSON.")
	}
	list := rawjson.Of(body)
	var operations []batchOperation
	list.Elements(func(v rawjson.Value) bool {
		operations = append(operations, batchOperation{
			kind: v.Get("operationType").Text(), id: v.Get("id").Text(), match: v.Get("ifMatch").Text(), noneMatch: v.Get("ifNoneMatch").Text(),
			partition: v.Get("partitionKey").Text(), body: v.Get("resourceBody"),
		})
		return len(operations) <= maxBatch
	})
	if list.Kind() != rawjson.Array || len(operations) == 0 || len(operations) > maxBatch {
		return nil, badRequest("Batch request has more operations than what is supported, or none: 1 to %d.", maxBatch)
	}
	return operations, nil
}

// errRollBack undoes a batch whose results say why.
var errRollBack = errors.New("an operation of the batch failed")

// atomic applies all operations to a partition or none, and says whether it was none. The results tell which one failed; the others depended on it.
func (c *collection) atomic(partition string, operations []batchOperation, results []batchResult) (failed bool) {
	incomings := make([]incoming, len(operations))
	for i := range operations {
		switch operations[i].kind {
		case "Create", "Upsert", "Replace":
			in, err := c.parse(operations[i].body)
			if err == nil && in.partition != partition {
				err = badRequest("PartitionKey extracted from document doesn't match the one specified in the header.")
			}
			if err != nil {
				dependent(results, i, err)
				return true
			}
			incomings[i] = in
		}
	}
	err := c.items.Update(partition, func(t *tx) error {
		for i := range operations {
			result, err := c.apply(t, &operations[i], incomings[i])
			if err != nil {
				dependent(results, i, err)
				return errRollBack
			}
			results[i] = result
		}
		return nil
	})
	return err != nil
}

func dependent(results []batchResult, cause int, err error) {
	for i := range results {
		results[i] = batchResult{status: http.StatusFailedDependency}
	}
	results[cause] = batchResult{status: asFailure(err).status, charge: 1.24}
}

func (c *collection) apply(t *tx, operation *batchOperation, in incoming) (batchResult, error) {
	var status int
	var written *item
	var err error
	switch operation.kind {
	case "Create":
		status, written, err = c.create(t, in)
	case "Upsert":
		status, written, err = c.upsert(t, in, operation.match)
	case "Replace":
		status, written, err = c.replace(t, operation.id, in, operation.match)
	case "Delete":
		if status, written, err = c.remove(t, operation.id, operation.match); err == nil {
			return batchResult{status: status, charge: deleteCharge(len(written.Value.text))}, nil
		}
	case "Patch":
		status, written, err = c.patch(t, operation.id, operation.body, operation.match)
	case "Read":
		return c.batchRead(t, operation)
	default:
		err = badRequest("There is no operation %q.", operation.kind)
	}
	if err != nil {
		return batchResult{}, err
	}
	return batchResult{status, writeCharge(len(written.Value.text)), written.ETag, written.Value.text}, nil
}

func (c *collection) batchRead(t *tx, operation *batchOperation) (batchResult, error) {
	found := t.Get(operation.id)
	if found == nil {
		return batchResult{}, notFound()
	}
	if operation.noneMatch != "" && operation.noneMatch == found.ETag {
		return batchResult{http.StatusNotModified, 1, found.ETag, nil}, nil
	}
	return batchResult{http.StatusOK, readCharge(len(found.Value.text)), found.ETag, found.Value.text}, nil
}
