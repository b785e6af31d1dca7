package cosmos

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"latchkey/shared/store/memory/rawjson"
)

// maxPatch is the service's limit of operations in one patch.
const maxPatch = 10

type patchOperation struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value"`
}

func (c *call) patchItem(collection *collection, id, match string) error {
	partition, err := c.required(collection)
	if err != nil {
		return err
	}
	b, err := c.read()
	if err != nil {
		return err
	}
	defer release(b)
	if !json.Valid(c.body) {
		return badRequest("The request payload is not well formed JSON.")
	}
	return c.change(collection, partition, func(t *tx) (int, *item, error) {
		return collection.patch(t, id, rawjson.Of(c.body), match)
	})
}

// patch changes parts of an item: the body is a list of operations, or an object with them and a condition.
func (c *collection) patch(t *tx, id string, body rawjson.Value, match string) (int, *item, error) {
	if body.Kind() == rawjson.Object {
		if body.Get("condition") != nil {
			return 0, nil, badRequest("A conditional patch is not supported.")
		}
		body = body.Get("operations")
	}
	var operations []patchOperation
	if err := json.Unmarshal(body, &operations); err != nil || len(operations) == 0 || len(operations) > maxPatch {
		return 0, nil, badRequest("A patch has 1 to %d operations.", maxPatch)
	}
	existing := t.Get(id)
	if existing == nil {
		return 0, nil, notFound()
	}
	if match != "" && match != "*" && match != existing.ETag {
		return 0, nil, preconditionFailed()
	}
	var root any
	if err := json.Unmarshal(existing.Value.text, &root); err != nil {
		return 0, nil, err
	}
	for _, operation := range operations {
		steps := strings.Split(strings.TrimPrefix(operation.Path, "/"), "/")
		if !strings.HasPrefix(operation.Path, "/") || len(steps) > 32 {
			return 0, nil, badRequest("The path %q is not well formed.", operation.Path)
		}
		var err error
		if root, err = patched(root, steps, operation); err != nil {
			return 0, nil, err
		}
	}
	text, err := json.Marshal(root)
	if err != nil {
		return 0, nil, err
	}
	in, err := c.parse(rawjson.Of(text))
	if err != nil {
		return 0, nil, err
	}
	if in.partition != existing.Partition || in.item.ID != id {
		return 0, nil, badRequest("A patch changes neither the id nor the partition key.")
	}
	return http.StatusOK, c.put(t, in), nil
}

// patched is a value with one operation applied at a path.
func patched(at any, steps []string, operation patchOperation) (any, error) {
	step := strings.NewReplacer("~1", "/", "~0", "~").Replace(steps[0])
	missing := badRequest("The path %q does not exist.", operation.Path)
	switch parent := at.(type) {
	case map[string]any:
		old, exists := parent[step]
		if len(steps) > 1 {
			if !exists {
				return nil, missing
			}
			child, err := patched(old, steps[1:], operation)
			parent[step] = child
			return parent, err
		}
		if operation.Op == "remove" {
			if !exists {
				return nil, missing
			}
			delete(parent, step)
			return parent, nil
		}
		value, err := patchValue(old, exists, operation)
		parent[step] = value
		return parent, err
	case []any:
		if step == "-" && len(steps) == 1 && (operation.Op == "add" || operation.Op == "set") {
			value, err := patchValue(nil, false, operation)
			return append(parent, value), err
		}
		n, err := strconv.Atoi(step)
		if err != nil || n < 0 || n >= len(parent) {
			return nil, missing
		}
		switch {
		case len(steps) > 1:
			parent[n], err = patched(parent[n], steps[1:], operation)
		case operation.Op == "remove":
			return append(parent[:n], parent[n+1:]...), nil
		case operation.Op == "add":
			value, err := patchValue(nil, false, operation)
			return append(parent[:n], append([]any{value}, parent[n:]...)...), err
		default:
			parent[n], err = patchValue(parent[n], true, operation)
		}
		return parent, err
	}
	return nil, missing
}

func patchValue(old any, exists bool, operation patchOperation) (any, error) {
	var value any
	if err := json.Unmarshal(operation.Value, &value); err != nil {
		return nil, badRequest("The patch of %q has no value.", operation.Path)
	}
	switch operation.Op {
	case "add", "set":
		return value, nil
	case "replace":
		if !exists {
			return nil, badRequest("The path %q does not exist.", operation.Path)
		}
		return value, nil
	case "incr":
		by, ok := value.(float64)
		n, number := old.(float64)
		if !ok || exists && !number {
			return nil, badRequest("Only a number can be incremented, by a number.")
		}
		return n + by, nil
	default:
		return nil, badRequest("There is no patch operation %q.", operation.Op)
	}
}
