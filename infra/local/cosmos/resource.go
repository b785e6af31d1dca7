package cosmos

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"latchkey/shared/store/memory"
	"latchkey/shared/store/memory/rawjson"
)

type database struct {
	id          string
	rid         []byte
	collections map[string]*collection
}

// collection is a container, as the wire calls it.
type collection struct {
	database   string
	id         string
	rid        []byte
	paths      [][]string // of the partition key
	defaultTTL int64      // seconds; 0: items do not expire, -1: those that say when
	properties map[string]json.RawMessage
	items      *memory.Container[document]
}

// document is the text of an item, its system properties included, and the number that its resource id is made of.
type document struct {
	text   []byte
	number uint64
}

// The secondary indexes: properties that hot queries select by.
const (
	byKind = memory.FirstKey + iota
	byDue
	indexes = iota
)

const (
	maxDatabases  = 100
	maxContainers = 100
)

// Reset forgets everything but the configuration.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	for _, d := range s.options.Databases {
		created := s.addDatabase(d.ID)
		for _, c := range d.Containers {
			properties := map[string]json.RawMessage{
				"partitionKey": encode(map[string]any{"paths": []string{c.PartitionKey}, "kind": "Hash", "version": 2}),
				"defaultTtl":   json.RawMessage("-1"),
			}
			if _, err := s.addCollection(created, c.ID, properties); err != nil {
				continue // a path that is none: its container is not there, and the first request says so
			}
		}
	}
	for k := range s.stats {
		s.stats[k].operations.Store(0)
		s.stats[k].hundredths.Store(0)
	}
}

// forget drops all databases. No ETag of theirs will come back.
func (s *Server) forget() {
	for _, d := range s.databases {
		for _, c := range d.collections {
			s.lsn = max(s.lsn, c.items.Version())
		}
	}
	s.databases = map[string]*database{}
}

func (s *Server) addDatabase(id string) *database {
	s.lastRID++
	d := &database{id: id, rid: binary.BigEndian.AppendUint32(nil, s.lastRID), collections: map[string]*collection{}}
	s.databases[id] = d
	return d
}

func (s *Server) addCollection(d *database, id string, properties map[string]json.RawMessage) (*collection, error) {
	s.lastRID++
	c := &collection{database: d.id, id: id, rid: binary.BigEndian.AppendUint32(slices.Clone(d.rid), 1<<31|s.lastRID), properties: properties}
	var key struct {
		Paths []string `json:"paths"`
	}
	if err := json.Unmarshal(properties["partitionKey"], &key); err != nil || len(key.Paths) == 0 || len(key.Paths) > 3 {
		return nil, badRequest("A container has a partitionKey with one to three paths.")
	}
	for _, path := range key.Paths {
		steps, err := parseKeyPath(path)
		if err != nil {
			return nil, err
		}
		c.paths = append(c.paths, steps)
	}
	if ttl, ok := properties["defaultTtl"]; ok && string(ttl) != "null" {
		if err := json.Unmarshal(ttl, &c.defaultTTL); err != nil || c.defaultTTL == 0 || c.defaultTTL < -1 {
			return nil, badRequest("defaultTtl is -1 or a positive number of seconds.")
		}
	}
	c.items = memory.NewContainer[document](s.clock, indexes, true)
	c.items.Advance(s.lsn)
	d.collections[id] = c
	return c, nil
}

func parseKeyPath(path string) ([]string, error) {
	steps := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, step := range steps {
		steps[i] = strings.Trim(step, `"`)
		if !strings.HasPrefix(path, "/") || steps[i] == "" || len(steps) > 10 {
			return nil, badRequest("The partition key path %q is not well formed.", path)
		}
	}
	return steps, nil
}

// ridText is a resource id as text.
func ridText(rid []byte) string {
	return strings.ReplaceAll(base64.StdEncoding.EncodeToString(rid), "/", "-")
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil { // only values that marshal are given to it
		return []byte("null")
	}
	return text
}

func (s *Server) find(database, id string) (*collection, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if d := s.databases[database]; d != nil {
		if c := d.collections[id]; c != nil {
			return c, nil
		}
	}
	return nil, ownerNotFound()
}

func (c *call) account() error {
	if c.r.Method != http.MethodGet {
		return methodNotAllowed()
	}
	scheme := "http"
	if c.r.TLS != nil {
		scheme = "https"
	}
	// Clients go on with the address that the account says it has: it is the one they used.
	locations := []map[string]string{{"name": "Local", "databaseAccountEndpoint": scheme + "://" + c.r.Host + "/"}}
	c.write(http.StatusOK, 0, encode(map[string]any{
		"_self": "", "id": "local", "_rid": "local", "media": "//media/", "addresses": "//addresses/", "_dbs": "//dbs/",
		"writableLocations": locations, "readableLocations": locations, "enableMultipleWriteLocations": false,
		"userReplicationPolicy":    map[string]any{"asyncReplication": false, "minReplicaSetSize": 1, "maxReplicasetSize": 1},
		"userConsistencyPolicy":    map[string]any{"defaultConsistencyLevel": "Session"},
		"systemReplicationPolicy":  map[string]any{"minReplicaSetSize": 1, "maxReplicasetSize": 1},
		"readPolicy":               map[string]any{"primaryReadCoefficient": 1, "secondaryReadCoefficient": 1},
		"queryEngineConfiguration": `{"maxSqlQueryInputLength":262144,"maxJoinsPerSqlQuery":10,"maxLogicalAndPerSqlQuery":2000,"maxLogicalOrPerSqlQuery":2000,"maxInExpressionItemsCount":16000}`,
	}))
	return nil
}

func (d *database) describe() map[string]any {
	rid := ridText(d.rid)
	return map[string]any{"id": d.id, "_rid": rid, "_self": "dbs/" + rid + "/", "_etag": `"` + rid + `"`, "_colls": "colls/", "_users": "users/", "_ts": 0}
}

func (c *collection) describe() map[string]any {
	rid, parent := ridText(c.rid), ridText(c.rid[:4])
	all := map[string]any{"indexingPolicy": map[string]any{
		"indexingMode": "consistent", "automatic": true, "includedPaths": []map[string]any{{"path": "/*"}}, "excludedPaths": []map[string]any{{"path": `/"_etag"/?`}},
	}}
	for name, value := range c.properties {
		all[name] = value
	}
	for name, value := range map[string]any{
		"id": c.id, "_rid": rid, "_self": "dbs/" + parent + "/colls/" + rid + "/", "_etag": `"` + rid + `"`, "_ts": 0, "_docs": "docs/", "_sprocs": "sprocs/",
		"_triggers": "triggers/", "_udfs": "udfs/", "_conflicts": "conflicts/",
	} {
		all[name] = value
	}
	return all
}

// readProperties takes the definition of a database or container from the body.
func (c *call) readProperties() (id string, properties map[string]json.RawMessage, err error) {
	b, err := c.read()
	if err != nil {
		return "", nil, err
	}
	defer release(b)
	if err := json.Unmarshal(c.body, &properties); err != nil {
		return "", nil, badRequest("The body is not a JSON object.")
	}
	id = rawjson.Of(properties["id"]).Text()
	if err := checkID(id); err != nil {
		return "", nil, err
	}
	for name := range properties {
		if name == "id" || strings.HasPrefix(name, "_") {
			delete(properties, name)
		}
	}
	return id, properties, nil
}

// answered is what a look at the account's tree came to. It is written when the lock on the tree has been released.
type answered struct {
	status int
	charge float64
	body   any // nil: none
}

// locked runs look with the account's tree to itself, and answers with what it came to.
func (c *call) locked(look func() (answered, error)) error {
	a, err := func() (answered, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		return look()
	}()
	if err != nil {
		return err
	}
	var body []byte
	if a.body != nil {
		body = encode(a.body)
	}
	c.write(a.status, a.charge, body)
	return nil
}

func (c *call) databaseFeed() error {
	if c.isQuery() || c.r.Method == http.MethodGet {
		return c.locked(func() (answered, error) {
			list := []map[string]any{}
			for _, id := range slices.Sorted(maps.Keys(c.databases)) {
				list = append(list, c.databases[id].describe())
			}
			return answered{http.StatusOK, 1, map[string]any{"_rid": "", "Databases": list, "_count": len(list)}}, nil
		})
	}
	if c.r.Method != http.MethodPost {
		return methodNotAllowed()
	}
	id, _, err := c.readProperties()
	if err != nil {
		return err
	}
	return c.locked(func() (answered, error) {
		if c.databases[id] != nil {
			return answered{}, conflict()
		}
		if len(c.databases) >= maxDatabases {
			return answered{}, badRequest("The account has %d databases, and no more.", maxDatabases)
		}
		return answered{http.StatusCreated, 5, c.addDatabase(id).describe()}, nil
	})
}

func (c *call) database(id string) error {
	return c.locked(func() (answered, error) {
		d := c.databases[id]
		if d == nil {
			return answered{}, notFound()
		}
		switch c.r.Method {
		case http.MethodGet:
			return answered{http.StatusOK, 1, d.describe()}, nil
		case http.MethodDelete:
			for _, one := range d.collections {
				c.lsn = max(c.lsn, one.items.Version())
			}
			delete(c.databases, id)
			return answered{http.StatusNoContent, 5, nil}, nil
		default:
			return answered{}, methodNotAllowed()
		}
	})
}

func (c *call) collectionFeed(database string) error {
	reads := c.isQuery() || c.r.Method == http.MethodGet
	if !reads && c.r.Method != http.MethodPost {
		return methodNotAllowed()
	}
	var id string
	var properties map[string]json.RawMessage
	if !reads {
		var err error
		if id, properties, err = c.readProperties(); err != nil {
			return err
		}
	}
	return c.locked(func() (answered, error) {
		d := c.databases[database]
		if d == nil {
			return answered{}, ownerNotFound()
		}
		if reads {
			list := []map[string]any{}
			for _, id := range slices.Sorted(maps.Keys(d.collections)) {
				list = append(list, d.collections[id].describe())
			}
			return answered{http.StatusOK, 1, map[string]any{"_rid": ridText(d.rid), "DocumentCollections": list, "_count": len(list)}}, nil
		}
		if d.collections[id] != nil {
			return answered{}, conflict()
		}
		if len(d.collections) >= maxContainers {
			return answered{}, badRequest("The database has %d containers, and no more.", maxContainers)
		}
		created, err := c.addCollection(d, id, properties)
		if err != nil {
			return answered{}, err
		}
		return answered{http.StatusCreated, 5, created.describe()}, nil
	})
}

func (c *call) collection(database, id string) error {
	return c.locked(func() (answered, error) {
		d := c.databases[database]
		if d == nil || d.collections[id] == nil {
			return answered{}, notFound()
		}
		switch c.r.Method {
		case http.MethodGet:
			return answered{http.StatusOK, 1, d.collections[id].describe()}, nil
		case http.MethodDelete:
			c.lsn = max(c.lsn, d.collections[id].items.Version())
			delete(d.collections, id)
			return answered{http.StatusNoContent, 5, nil}, nil
		default:
			return answered{}, methodNotAllowed()
		}
	})
}

// ranges says that there is one physical partition.
func (c *call) ranges(collection *collection) error {
	if c.r.Method != http.MethodGet {
		return methodNotAllowed()
	}
	const etag = `"0"`
	c.w.Header()["Etag"] = []string{etag}
	if c.r.Header.Get("If-None-Match") == etag {
		c.write(http.StatusNotModified, 1, nil)
		return nil
	}
	rid := ridText(collection.rid)
	c.write(http.StatusOK, 1, encode(map[string]any{"_rid": rid, "_count": 1, "PartitionKeyRanges": []map[string]any{{
		"id": "0", "_rid": rid, "_self": "dbs/" + ridText(collection.rid[:4]) + "/colls/" + rid + "/pkranges/0/", "_etag": etag, "_ts": c.clock.Now().Unix(),
		"minInclusive": "", "maxExclusive": "FF", "ridPrefix": 0, "throughputFraction": 1, "status": "online", "parents": []string{},
	}}}))
	return nil
}

// offers says that nothing has a throughput of its own.
func (c *call) offers() error {
	c.write(http.StatusOK, 1, encode(map[string]any{"_rid": "", "Offers": []string{}, "_count": 0}))
	return nil
}

func (c *call) isQuery() bool {
	return c.r.Method == http.MethodPost && (strings.EqualFold(c.r.Header.Get("X-Ms-Documentdb-Isquery"), "true") ||
		strings.EqualFold(c.r.Header.Get("X-Ms-Documentdb-Query"), "true") || strings.HasPrefix(c.r.Header.Get("Content-Type"), "application/query+json"))
}

func httpDate(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

func sessionToken(lsn uint64) string { return fmt.Sprintf("0:-1#%d", lsn) }
