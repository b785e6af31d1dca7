package cosmos

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"latchkey/infra/local/cosmos/sql"
	"latchkey/shared/store/memory"
	"latchkey/shared/store/memory/rawjson"
)

const (
	defaultPage = 100
	maxPage     = 1000
	// maxAnswerBytes is where a page ends, as the service's do.
	maxAnswerBytes = 4 << 20
)

// continuation is where a query goes on: at a place of an index, or at a row of all that it answers.
type continuation struct {
	Index    int    `json:"i,omitempty"`
	Key      string `json:"k,omitempty"`
	Sequence uint64 `json:"s,omitempty"`
	Row      int    `json:"r,omitempty"`
}

func (c *call) continuation() (continuation, error) {
	var at continuation
	text := c.r.Header.Get("X-Ms-Continuation")
	if text == "" {
		return at, nil
	}
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(decoded, &at) != nil || at.Row < 0 || at.Sequence == 0 && at.Row == 0 {
		return at, badRequest("The continuation token is malformed.")
	}
	return at, nil
}

func (c *call) continueAt(at continuation) {
	c.w.Header()["X-Ms-Continuation"] = []string{base64.RawURLEncoding.EncodeToString(encode(at))}
}

// pageSize is how many rows the client wants at once.
func (c *call) pageSize() int {
	n, err := strconv.Atoi(c.r.Header.Get("X-Ms-Max-Item-Count"))
	if err != nil || n <= 0 {
		return defaultPage
	}
	return min(n, maxPage)
}

// readQuery takes the query from the body. The parameters' values point into it.
func (c *call) readQuery() (*sql.Query, sql.Parameters, error) {
	if !json.Valid(c.body) {
		return nil, nil, badRequest("The request payload is not well formed JSON.")
	}
	body := rawjson.Of(c.body)
	parameters := sql.Parameters{}
	body.Get("parameters").Elements(func(v rawjson.Value) bool {
		parameters[v.Get("name").Text()] = v.Get("value")
		return true
	})
	query, err := sql.Parse(body.Get("query").Text())
	if err != nil {
		return nil, nil, badRequest("%v", err)
	}
	return query, parameters, nil
}

// queryPlan tells a client how to run a query that a gateway does not.
func (c *call) queryPlan(*collection) error {
	b, err := c.read()
	if err != nil {
		return err
	}
	defer release(b)
	query, parameters, err := c.readQuery()
	if err != nil {
		return err
	}
	plan, err := query.Plan(parameters)
	if err != nil {
		return badRequest("%v", err)
	}
	c.write(http.StatusOK, 1, encode(plan))
	return nil
}

// query answers one page.
func (c *call) query(collection *collection) error {
	b, err := c.read()
	if err != nil {
		return err
	}
	defer release(b)
	query, parameters, err := c.readQuery()
	if err != nil {
		return err
	}
	partition, err := c.partition(collection)
	if err != nil {
		return err
	}
	ranged, err := c.ranged()
	if err != nil {
		return err
	}
	if partition == "" && !ranged {
		if !strings.EqualFold(c.r.Header.Get("X-Ms-Documentdb-Query-Enablecrosspartition"), "true") {
			return badRequest("Cross partition query is required but disabled. Please set x-ms-documentdb-query-enablecrosspartition to true, or specify a partition key.")
		}
		if beyond := query.Beyond(); beyond != "" {
			// The words are those by which clients recognise that they need a plan.
			return failure{
				http.StatusBadRequest, 1004, "BadRequest",
				"The provided cross partition query can not be directly served by the gateway (" + beyond + "). Cross partition query only supports filters and projections here: " +
					"this is a first chance exception that newer clients handle by asking for a query plan.",
			}
		}
	}
	at, err := c.continuation()
	if err != nil {
		return err
	}
	scan := choose(query, parameters, partition)
	if at.Sequence > 0 {
		if at.Index != scan.Index {
			return badRequest("The continuation token is not one of this query.")
		}
		scan.After = memory.Cursor{Key: at.Key, Sequence: at.Sequence}
	}
	if !query.Streams() || len(scan.ids) > 0 {
		return c.executeAll(collection, query, parameters, scan, at.Row)
	}
	return c.stream(collection, query, parameters, scan)
}

// ranged says whether the request is for a physical partition by number.
func (c *call) ranged() (bool, error) {
	id := c.r.Header.Get("X-Ms-Documentdb-Partitionkeyrangeid")
	if id != "" && id != "0" && !strings.HasSuffix(id, ",0") {
		return false, failure{http.StatusGone, 1002, "Gone", "The requested partition key range is gone."}
	}
	return id != "", nil
}

// chosen is how the candidates of a query are found.
type chosen struct {
	memory.Scan
	partition string
	ids       []string // exactly these, of the partition
}

// choose picks the index that leaves the least to look at. Whatever it picks, the query's own WHERE decides.
func choose(query *sql.Query, parameters sql.Parameters, partition string) chosen {
	c := chosen{partition: partition}
	c.Index, c.From, c.To = memory.ByPartition, partition, partition
	best := 0
	for _, constraint := range query.Constraints(parameters) {
		rank, index := 0, 0
		switch constraint.Property {
		case "id":
			rank, index = 3, memory.ByID
		case "dueAt":
			rank, index = 2, byDue
		case "kind":
			rank, index = 1, byKind
		}
		texts := make([]string, 0, len(constraint.Values))
		for _, v := range constraint.Values {
			if v.Kind() == rawjson.String {
				texts = append(texts, v.Text())
			}
		}
		if len(texts) != len(constraint.Values) || rank <= best {
			continue
		}
		if partition != "" {
			if index == memory.ByID && (constraint.Operator == "=" || constraint.Operator == "in") {
				c.ids, best = texts, rank
			}
			continue
		}
		if narrowed(&c.Scan, index, constraint.Operator, texts) {
			best = rank
		}
	}
	return c
}

func narrowed(scan *memory.Scan, index int, operator string, texts []string) bool {
	switch {
	case operator == "=" && texts[0] != "":
		scan.From, scan.To = texts[0], texts[0]
	case (operator == "<=" || operator == "<") && index == byDue && texts[0] != "":
		scan.From, scan.To = "", texts[0]
	default:
		return false
	}
	scan.Index = index
	return true
}

// stream answers rows as it finds them.
func (c *call) stream(collection *collection, query *sql.Query, parameters sql.Parameters, scan chosen) error {
	answer, _ := buffers.Get().(*bytes.Buffer)
	defer release(answer)
	c.open(answer, collection)
	rows, seen, size := 0, 0, c.pageSize()
	emit := func(row rawjson.Value) {
		if rows > 0 {
			answer.WriteByte(',')
		}
		answer.Write(row)
		rows++
	}
	if !query.HasSource() {
		if err := query.Rows(nil, parameters, emit); err != nil {
			return badRequest("%v", err)
		}
		c.close(answer, collection, rows, 1)
		return nil
	}
	scan.Limit = size
	var failed error
	_, next, more := collection.items.Scan(scan.Scan, func(i *item) memory.Verdict {
		seen++
		if scan.partition != "" && i.Partition != scan.partition {
			return memory.Skip
		}
		before := rows
		if failed = query.Rows(i.Value.text, parameters, emit); failed != nil {
			return memory.TakeLast
		}
		switch {
		case rows == before:
			return memory.Skip
		case rows >= size || answer.Len() >= maxAnswerBytes:
			return memory.TakeLast
		default:
			return memory.Take
		}
	})
	if failed != nil {
		return badRequest("%v", failed)
	}
	if more {
		c.continueAt(continuation{Index: scan.Index, Key: next.Key, Sequence: next.Sequence})
	}
	c.close(answer, collection, rows, seen)
	return nil
}

// executeAll finds all rows, and answers those from the given one on.
func (c *call) executeAll(collection *collection, query *sql.Query, parameters sql.Parameters, scan chosen, from int) error {
	seen := 0
	rows, err := query.Execute(collection.candidates(scan, &seen), parameters)
	if err != nil {
		return badRequest("%v", err)
	}
	answer, _ := buffers.Get().(*bytes.Buffer)
	defer release(answer)
	c.open(answer, collection)
	from = min(from, len(rows))
	n, size := 0, c.pageSize()
	for _, row := range rows[from:] {
		if n == size || answer.Len() >= maxAnswerBytes {
			c.continueAt(continuation{Row: from + n})
			break
		}
		if n > 0 {
			answer.WriteByte(',')
		}
		answer.Write(row)
		n++
	}
	c.close(answer, collection, n, seen)
	return nil
}

// candidates are the items that a chosen way finds, one after another. Those found by id are one snapshot.
func (c *collection) candidates(scan chosen, seen *int) iter.Seq[rawjson.Value] {
	return func(yield func(rawjson.Value) bool) {
		give := func(i *item) bool {
			*seen++
			return yield(i.Value.text)
		}
		if len(scan.ids) > 0 {
			given := map[string]bool{}
			for _, found := range c.items.Get(scan.partition, scan.ids...) {
				if found == nil || given[found.ID] {
					continue
				}
				given[found.ID] = true
				if !give(found) {
					return
				}
			}
			return
		}
		scan.Limit = maxPage
		for {
			page, next, more := c.items.Scan(scan.Scan, nil)
			for _, i := range page {
				if (scan.partition == "" || i.Partition == scan.partition) && !give(i) {
					return
				}
			}
			if !more {
				return
			}
			scan.After = next
		}
	}
}

func (c *call) open(answer *bytes.Buffer, collection *collection) {
	answer.WriteString(`{"_rid":"`)
	answer.WriteString(ridText(collection.rid))
	answer.WriteString(`","Documents":[`)
}

func (c *call) close(answer *bytes.Buffer, collection *collection, rows, seen int) {
	answer.WriteString(`],"_count":`)
	answer.WriteString(strconv.Itoa(rows))
	answer.WriteByte('}')
	header := c.w.Header()
	header["X-Ms-Item-Count"] = []string{strconv.Itoa(rows)}
	header["X-Ms-Session-Token"] = []string{sessionToken(collection.items.Version())}
	c.write(http.StatusOK, queryCharge(seen, rows, answer.Len()), answer.Bytes())
}

// list answers a page of all items.
func (c *call) list(collection *collection) error {
	partition, err := c.partition(collection)
	if err != nil {
		return err
	}
	at, err := c.continuation()
	if err != nil {
		return err
	}
	scan := chosen{partition: partition}
	scan.From, scan.To = partition, partition
	scan.After = memory.Cursor{Key: at.Key, Sequence: at.Sequence}
	all, err := sql.Parse("SELECT * FROM c")
	if err != nil {
		return err
	}
	return c.stream(collection, all, nil, scan)
}

// changeFeed answers what was written since the client last asked, each item once, as it is now.
func (c *call) changeFeed(collection *collection) error {
	if feed := c.r.Header.Get("A-Im"); !strings.EqualFold(strings.ReplaceAll(feed, " ", ""), "incrementalfeed") {
		return badRequest("The change feed %q is not supported.", feed)
	}
	partition, err := c.partition(collection)
	if err != nil {
		return err
	}
	if _, err := c.ranged(); err != nil {
		return err
	}
	var after uint64
	var since time.Time
	switch match := c.r.Header.Get("If-None-Match"); {
	case match == "*":
		after = collection.items.Version()
	case match != "":
		if after, err = strconv.ParseUint(strings.Trim(match, `"`), 10, 64); err != nil {
			return badRequest("The continuation of the change feed is malformed.")
		}
	default:
		if text := c.r.Header.Get("If-Modified-Since"); text != "" {
			if since, err = http.ParseTime(strings.Replace(text, "UTC", "GMT", 1)); err != nil {
				return badRequest("If-Modified-Since is malformed.")
			}
		}
	}
	var page []*item
	last := after
	for rounds := 0; len(page) == 0 && rounds < 100; rounds++ {
		var found []*item
		before := last
		found, last = collection.items.Changes(partition, last, c.pageSize())
		for _, i := range found {
			if !i.Modified.Before(since) {
				page = append(page, i)
			}
		}
		if last == before {
			break
		}
	}
	header := c.w.Header()
	header["Etag"] = []string{`"` + strconv.FormatUint(last, 10) + `"`}
	if len(page) == 0 {
		header["X-Ms-Session-Token"] = []string{sessionToken(collection.items.Version())}
		header["Last-Modified"] = []string{httpDate(c.clock.Now())}
		c.write(http.StatusNotModified, 1, nil)
		return nil
	}
	answer, _ := buffers.Get().(*bytes.Buffer)
	defer release(answer)
	c.open(answer, collection)
	for n, i := range page {
		if n > 0 {
			answer.WriteByte(',')
		}
		answer.Write(i.Value.text[:len(i.Value.text)-1])
		answer.WriteString(`,"_lsn":`)
		answer.WriteString(strconv.FormatUint(i.Version, 10))
		answer.WriteByte('}')
	}
	c.close(answer, collection, len(page), len(page))
	return nil
}
