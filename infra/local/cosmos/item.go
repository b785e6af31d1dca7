package cosmos

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"latchkey/shared/store/memory"
	"latchkey/shared/store/memory/rawjson"
)

type (
	item = memory.Item[document]
	tx   = memory.Tx[document]
)

// incoming is an item that a client sends.
type incoming struct {
	partition string
	item      item
	text      []byte // without system properties and without the closing brace; valid until the body's buffer is released
}

func checkID(id string) error {
	if id == "" || len(id) > 1023 || !utf8.ValidString(id) || strings.ContainsAny(id, `/\?#`) || strings.HasSuffix(id, " ") {
		return badRequest("One of the specified inputs is invalid: the id.")
	}
	return nil
}

// systemProperty says whether a property is the service's own: a client that sends back what it read sends them too.
func systemProperty(key []byte) bool {
	if len(key) < 3 || key[0] != '_' {
		return false
	}
	switch string(key) {
	case "_rid", "_self", "_etag", "_attachments", "_ts", "_lsn":
		return true
	}
	return false
}

// parse takes an item apart as far as the container must know it. The text is valid JSON.
func (c *collection) parse(text rawjson.Value) (incoming, error) {
	var in incoming
	if text.Kind() != rawjson.Object {
		return in, badRequest("The item is not a JSON object.")
	}
	in.text = make([]byte, 1, len(text)+256)
	in.text[0] = '{'
	keys := make([]string, indexes)
	var ttl rawjson.Value
	text.Members(func(key []byte, value rawjson.Value) bool {
		if systemProperty(key) {
			return true
		}
		switch string(key) {
		case "id":
			in.item.ID = value.Text()
		case "ttl":
			ttl = value
		case "kind":
			keys[byKind-memory.FirstKey] = value.Text()
		case "dueAt":
			keys[byDue-memory.FirstKey] = value.Text()
		}
		if len(in.text) > 1 {
			in.text = append(in.text, ',')
		}
		in.text = append(append(append(in.text, '"'), key...), '"', ':')
		in.text = append(in.text, value...)
		return true
	})
	in.item.Keys = keys
	if err := checkID(in.item.ID); err != nil {
		return in, err
	}
	var err error
	if in.item.TTL, err = c.expiry(ttl); err != nil {
		return in, err
	}
	in.partition, err = c.partitionOf(text)
	return in, err
}

// expiry is how long an item with this ttl property lives.
func (c *collection) expiry(ttl rawjson.Value) (time.Duration, error) {
	seconds := c.defaultTTL
	if ttl != nil && ttl.Kind() != rawjson.Null {
		n := ttl.Number()
		if ttl.Kind() != rawjson.Number || n != math.Trunc(n) || n == 0 || n < -1 || n > math.MaxInt32 {
			return 0, badRequest("The input ttl is invalid. Ensure to provide a nonzero positive integer less than or equal to 2147483647, or -1.")
		}
		if c.defaultTTL != 0 {
			seconds = int64(n)
		}
	}
	if seconds <= 0 {
		return 0, nil
	}
	return time.Duration(seconds) * time.Second, nil
}

// partitionOf is the canonical partition key of an item.
func (c *collection) partitionOf(text rawjson.Value) (string, error) {
	key := []byte{'['}
	for i, path := range c.paths {
		if i > 0 {
			key = append(key, ',')
		}
		var err error
		if key, err = appendKey(key, text.At(path)); err != nil {
			return "", err
		}
	}
	return string(append(key, ']')), nil
}

func appendKey(key []byte, v rawjson.Value) ([]byte, error) {
	switch v.Kind() {
	case rawjson.Undefined:
		return append(key, "{}"...), nil
	case rawjson.Null, rawjson.Bool:
		return append(key, v...), nil
	case rawjson.Number:
		return append(key, rawjson.OfNumber(v.Number())...), nil
	case rawjson.String:
		if len(v) > 2048 {
			return nil, badRequest("The partition key is too long.")
		}
		return rawjson.AppendString(key, v.Text()), nil
	default:
		return nil, badRequest("A partition key is a string, a number, a boolean or null.")
	}
}

// partition is the canonical partition key that the request names; empty: none.
func (c *call) partition(collection *collection) (string, error) {
	return collection.parseKey(c.r.Header.Get("X-Ms-Documentdb-Partitionkey"))
}

func (c *collection) parseKey(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if len(text) > 8192 || !json.Valid([]byte(text)) {
		return "", badRequest("The partition key header is not well formed JSON.")
	}
	key, n := []byte{'['}, 0
	var err error
	rawjson.Of([]byte(text)).Elements(func(v rawjson.Value) bool {
		if n++; n > 1 {
			key = append(key, ',')
		}
		if v.Kind() == rawjson.Object {
			v = nil // {} stands for an absent key
		}
		key, err = appendKey(key, v)
		return err == nil
	})
	if err != nil {
		return "", err
	}
	if n == 0 {
		return "", nil
	}
	if n != len(c.paths) {
		return "", badRequest("Partition key provided either doesn't correspond to definition in the collection or doesn't match partition key field values specified in the document.")
	}
	return string(append(key, ']')), nil
}

// required is the partition key of a request that must name one.
func (c *call) required(collection *collection) (string, error) {
	partition, err := c.partition(collection)
	if err == nil && partition == "" {
		err = badRequest("PartitionKey value must be supplied for this operation.")
	}
	return partition, err
}

// put stores an incoming item and gives it its system properties.
func (c *collection) put(t *tx, in incoming) *item {
	existing := t.Get(in.item.ID)
	stored := t.Put(in.item)
	stored.Value.number = stored.Version
	if existing != nil {
		stored.Value.number = existing.Value.number
	}
	ridString := ridText(binary.LittleEndian.AppendUint64(slices.Clone(c.rid), stored.Value.number))
	text := in.text
	text = append(text, `,"_rid":"`...)
	text = append(text, ridString...)
	text = append(text, `","_self":"dbs/`...)
	text = append(text, ridText(c.rid[:4])...)
	text = append(text, "/colls/"...)
	text = append(text, ridText(c.rid)...)
	text = append(text, "/docs/"...)
	text = append(text, ridString...)
	text = append(text, `/","_etag":"\"`...)
	text = append(text, stored.ETag[1:len(stored.ETag)-1]...)
	text = append(text, `\"","_attachments":"attachments/","_ts":`...)
	text = strconv.AppendInt(text, stored.Modified.Unix(), 10)
	stored.Value.text = slices.Clip(append(text, '}'))
	return stored
}

// The writes, each within a change to its partition. They answer the status and the item that is now there.

func (c *collection) create(t *tx, in incoming) (int, *item, error) {
	if t.Get(in.item.ID) != nil {
		return 0, nil, conflict()
	}
	return http.StatusCreated, c.put(t, in), nil
}

// upsert heeds an ETag only if there is an item: so does the service.
func (c *collection) upsert(t *tx, in incoming, match string) (int, *item, error) {
	existing := t.Get(in.item.ID)
	if existing == nil {
		return http.StatusCreated, c.put(t, in), nil
	}
	if match != "" && match != "*" && match != existing.ETag {
		return 0, nil, preconditionFailed()
	}
	return http.StatusOK, c.put(t, in), nil
}

func (c *collection) replace(t *tx, id string, in incoming, match string) (int, *item, error) {
	existing := t.Get(id)
	if existing == nil {
		return 0, nil, notFound()
	}
	if match != "" && match != "*" && match != existing.ETag {
		return 0, nil, preconditionFailed()
	}
	if in.item.ID != id {
		return 0, nil, badRequest("Replacing the id of an item is not supported.")
	}
	return http.StatusOK, c.put(t, in), nil
}

func (c *collection) remove(t *tx, id, match string) (int, *item, error) {
	existing := t.Get(id)
	if existing == nil {
		return 0, nil, notFound()
	}
	if match != "" && match != "*" && match != existing.ETag {
		return 0, nil, preconditionFailed()
	}
	t.Delete(id)
	return http.StatusNoContent, existing, nil
}

// documentFeed is what can be asked of all items: create, upsert, batch, query, list, changes.
func (c *call) documentFeed(collection *collection) error {
	header := c.r.Header
	switch {
	case c.r.Method == http.MethodGet && header.Get("A-Im") != "":
		c.kind = kindChangeFeed
		return c.changeFeed(collection)
	case c.r.Method == http.MethodGet:
		c.kind = kindQuery
		return c.list(collection)
	case c.r.Method != http.MethodPost:
		return methodNotAllowed()
	case strings.EqualFold(header.Get("X-Ms-Cosmos-Is-Query-Plan-Request"), "true"):
		c.kind = kindQueryPlan
		return c.queryPlan(collection)
	case strings.EqualFold(header.Get("X-Ms-Cosmos-Is-Batch-Request"), "true"):
		c.kind = kindBatch
		return c.batch(collection)
	case c.isQuery():
		c.kind = kindQuery
		return c.query(collection)
	case strings.EqualFold(header.Get("X-Ms-Documentdb-Is-Upsert"), "true"):
		c.kind = kindUpsert
		return c.writeItem(collection, func(t *tx, in incoming) (int, *item, error) {
			return collection.upsert(t, in, header.Get("If-Match"))
		})
	default:
		c.kind = kindCreate
		return c.writeItem(collection, collection.create)
	}
}

// document is what can be asked of one item.
func (c *call) document(collection *collection, id string) error {
	match := c.r.Header.Get("If-Match")
	switch c.r.Method {
	case http.MethodGet, http.MethodHead:
		c.kind = kindRead
		return c.readItem(collection, id)
	case http.MethodPut:
		c.kind = kindReplace
		return c.writeItem(collection, func(t *tx, in incoming) (int, *item, error) {
			return collection.replace(t, id, in, match)
		})
	case http.MethodPatch:
		c.kind = kindPatch
		return c.patchItem(collection, id, match)
	case http.MethodDelete:
		c.kind = kindDelete
		partition, err := c.required(collection)
		if err != nil {
			return err
		}
		return c.change(collection, partition, func(t *tx) (int, *item, error) { return collection.remove(t, id, match) })
	default:
		return methodNotAllowed()
	}
}

func (c *call) readItem(collection *collection, id string) error {
	partition, err := c.required(collection)
	if err != nil {
		return err
	}
	found := collection.items.Get(partition, id)[0]
	c.w.Header()["X-Ms-Session-Token"] = []string{sessionToken(collection.items.Version())}
	if found == nil {
		return notFound()
	}
	c.w.Header()["Etag"] = []string{found.ETag}
	if match := c.r.Header.Get("If-None-Match"); match != "" && (match == found.ETag || match == "*") {
		c.write(http.StatusNotModified, 1, nil)
		return nil
	}
	c.write(http.StatusOK, readCharge(len(found.Value.text)), found.Value.text)
	return nil
}

// writeItem reads an item from the body and lets apply write it.
func (c *call) writeItem(collection *collection, apply func(*tx, incoming) (int, *item, error)) error {
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
	in, err := collection.parse(rawjson.Of(c.body))
	if err != nil {
		return err
	}
	if in.partition != partition {
		return badRequest("PartitionKey extracted from document doesn't match the one specified in the header.")
	}
	return c.change(collection, partition, func(t *tx) (int, *item, error) { return apply(t, in) })
}

// change applies one write and answers with its outcome.
func (c *call) change(collection *collection, partition string, apply func(*tx) (int, *item, error)) error {
	var status int
	var written *item
	err := collection.items.Update(partition, func(t *tx) (err error) {
		status, written, err = apply(t)
		return err
	})
	c.w.Header()["X-Ms-Session-Token"] = []string{sessionToken(collection.items.Version())}
	if err != nil {
		return err
	}
	charge := writeCharge(len(written.Value.text))
	if status == http.StatusNoContent {
		c.write(status, charge, nil)
		return nil
	}
	c.w.Header()["Etag"] = []string{written.ETag}
	if strings.EqualFold(c.r.Header.Get("Prefer"), "return=minimal") {
		c.write(status, charge, nil)
		return nil
	}
	c.write(status, charge, written.Value.text)
	return nil
}

func asFailure(err error) failure {
	var f failure
	if errors.As(err, &f) {
		return f
	}
	return failure{http.StatusInternalServerError, 0, "InternalServerError", "Unknown server error."}
}
