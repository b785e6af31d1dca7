package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// What an adapter refuses before it touches anything is the same for all of them, so it is decided here.

const (
	// MaxIDBytes bounds the id of a document.
	MaxIDBytes = 255
	// MaxPartitionBytes bounds the name of a partition.
	MaxPartitionBytes = 255
	// MaxFilterNodes bounds the conditions of one filter; each value of an In counts as one.
	MaxFilterNodes = 1000
	// MaxFilterDepth bounds how deep conditions nest.
	MaxFilterDepth = 32

	// instantLayout has a fixed width, so that instants sort as strings.
	instantLayout = "2006-01-02T15:04:05.000Z"
	// envelopeBytes is what the envelope of a document adds to its body on the wire, generously.
	envelopeBytes = 256
	// exactInteger is the largest integer that every JSON reader keeps exactly.
	exactInteger = 1 << 53
)

// FormatInstant writes an instant as documents keep it: UTC, milliseconds (rounded down), of fixed width.
func FormatInstant(t time.Time) string { return t.UTC().Format(instantLayout) }

// ParseInstant reads what FormatInstant wrote.
func ParseInstant(text string) (time.Time, error) {
	t, err := time.Parse(instantLayout, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: instant %q", ErrInvalid, text)
	}
	return t, nil
}

// Normalized is the document as a store keeps it: DueAt in UTC and rounded up to the millisecond, TTL rounded up to the second.
func (d Document) Normalized() Document {
	if !d.DueAt.IsZero() {
		due := d.DueAt.UTC().Truncate(time.Millisecond)
		if due.Before(d.DueAt) {
			due = due.Add(time.Millisecond)
		}
		d.DueAt = due
	}
	if rest := d.TTL % time.Second; rest > 0 {
		d.TTL += time.Second - rest
	}
	return d
}

// CheckGet says whether a Get may be tried: ErrInvalid if not.
func CheckGet(container Container, partition string, ids []string) error {
	if err := checkPlace(container, partition); err != nil {
		return err
	}
	if len(ids) == 0 || len(ids) > MaxOperations {
		return fmt.Errorf("%w: %d ids, want 1 to %d", ErrInvalid, len(ids), MaxOperations)
	}
	for _, id := range ids {
		if err := checkID(id); err != nil {
			return err
		}
	}
	return nil
}

// CheckCommit says whether a Commit may be tried: ErrInvalid or ErrTooLarge if not.
func CheckCommit(container Container, partition string, operations []Operation) error {
	if err := checkPlace(container, partition); err != nil {
		return err
	}
	if len(operations) == 0 || len(operations) > MaxOperations {
		return fmt.Errorf("%w: %d operations, want 1 to %d", ErrInvalid, len(operations), MaxOperations)
	}
	size := 0
	for i := range operations {
		operation := &operations[i]
		if err := checkOperation(partition, operation); err != nil {
			return fmt.Errorf("operation %d: %w", i, err)
		}
		size += envelopeBytes + len(operation.Document.ID) + len(partition)
		if operation.Verb != Delete {
			size += len(operation.Document.Body) + len(operation.Document.Kind)
		}
	}
	if size > MaxBatchBytes {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, size, MaxBatchBytes)
	}
	for i := range operations {
		if body := operations[i].Document.Body; operations[i].Verb != Delete && (!json.Valid(body) || bytes.TrimLeft(body, " \t\r\n")[0] != '{') {
			return fmt.Errorf("operation %d: %w: the body is not a JSON object", i, ErrInvalid)
		}
	}
	return nil
}

// CheckQuery says whether a Query may be tried: ErrInvalid if not. Its continuation is the adapter's to check.
func CheckQuery(container Container, query Query) error {
	if err := checkContainer(container); err != nil {
		return err
	}
	if query.Partition != "" {
		if err := checkPlace(container, query.Partition); err != nil {
			return err
		}
	}
	if query.ID != "" {
		if err := checkID(query.ID); err != nil {
			return err
		}
	}
	if query.PageSize < 0 || query.PageSize > MaxPageSize {
		return fmt.Errorf("%w: page size %d, at most %d", ErrInvalid, query.PageSize, MaxPageSize)
	}
	if query.Filter == nil {
		return nil
	}
	nodes := 0
	return checkFilter(query.Filter, 1, &nodes)
}

func checkOperation(partition string, operation *Operation) error {
	document := &operation.Document
	if err := checkID(document.ID); err != nil {
		return err
	}
	if document.Partition != "" && document.Partition != partition {
		return fmt.Errorf("%w: document %q names another partition than the commit", ErrInvalid, document.ID)
	}
	switch operation.Verb {
	case Create:
		if operation.IfMatch != "" {
			return fmt.Errorf("%w: a create has no ETag to match", ErrInvalid)
		}
	case Replace:
	case Delete:
		return nil
	default:
		return fmt.Errorf("%w: verb %d", ErrInvalid, operation.Verb)
	}
	if document.TTL < 0 || document.TTL > math.MaxInt32*time.Second {
		return fmt.Errorf("%w: TTL %v", ErrInvalid, document.TTL)
	}
	if year := document.DueAt.UTC().Year(); !document.DueAt.IsZero() && (year < 1 || year > 9998) {
		return fmt.Errorf("%w: due in the year %d", ErrInvalid, year)
	}
	return nil
}

func checkContainer(container Container) error {
	if !slices.Contains(Containers(), container) {
		return fmt.Errorf("%w: container %q", ErrInvalid, string(container))
	}
	return nil
}

func checkPlace(container Container, partition string) error {
	if err := checkContainer(container); err != nil {
		return err
	}
	if partition == "" || len(partition) > MaxPartitionBytes || !utf8.ValidString(partition) {
		return fmt.Errorf("%w: a partition has 1 to %d bytes of UTF-8", ErrInvalid, MaxPartitionBytes)
	}
	for _, r := range partition {
		// The Cosmos SDK writes the partition with Go's quoting into a JSON header: these come out as something that is not JSON.
		if r < ' ' || r == 0x7f || r > 0xffff {
			return fmt.Errorf("%w: the partition holds %U", ErrInvalid, r)
		}
	}
	return nil
}

func checkID(id string) error {
	if id == "" || len(id) > MaxIDBytes || !utf8.ValidString(id) {
		return fmt.Errorf("%w: an id has 1 to %d bytes of UTF-8", ErrInvalid, MaxIDBytes)
	}
	for _, r := range id {
		if r < ' ' || r == 0x7f || r == '/' || r == '\\' || r == '?' || r == '#' {
			return fmt.Errorf("%w: an id never holds %q", ErrInvalid, r)
		}
	}
	if strings.HasSuffix(id, " ") || id == "." || id == ".." {
		return fmt.Errorf("%w: id %q cannot be the end of a URL", ErrInvalid, id)
	}
	return nil
}

func checkFilter(filter Filter, depth int, nodes *int) error {
	if *nodes++; *nodes > MaxFilterNodes {
		return fmt.Errorf("%w: a filter has at most %d conditions", ErrInvalid, MaxFilterNodes)
	}
	if depth > MaxFilterDepth {
		return fmt.Errorf("%w: a filter nests at most %d deep", ErrInvalid, MaxFilterDepth)
	}
	switch f := filter.(type) {
	case Compare:
		return checkCompare(f)
	case Match:
		if f.Matching < Contains || f.Matching > EndsWith {
			return fmt.Errorf("%w: matching %d", ErrInvalid, f.Matching)
		}
		return checkPath(f.Path)
	case In:
		if *nodes += len(f.Values); *nodes > MaxFilterNodes {
			return fmt.Errorf("%w: a filter has at most %d conditions", ErrInvalid, MaxFilterNodes)
		}
		return checkPath(f.Path)
	case Any:
		if err := checkPath(f.Path); err != nil {
			return err
		}
		return checkFilter(f.Filter, depth+1, nodes)
	case And:
		return checkFilters(f, depth, nodes)
	case Or:
		return checkFilters(f, depth, nodes)
	case Not:
		return checkFilter(f.Filter, depth+1, nodes)
	default:
		return fmt.Errorf("%w: filter of type %T", ErrInvalid, filter)
	}
}

func checkFilters(filters []Filter, depth int, nodes *int) error {
	for _, filter := range filters {
		if err := checkFilter(filter, depth+1, nodes); err != nil {
			return err
		}
	}
	return nil
}

func checkCompare(f Compare) error {
	if f.Comparison < Equal || f.Comparison > GreaterOrEqual {
		return fmt.Errorf("%w: comparison %d", ErrInvalid, f.Comparison)
	}
	ordered := f.Comparison != Equal && f.Comparison != NotEqual
	switch value := f.Value.(type) {
	case string:
	case nil, bool:
		if ordered {
			return fmt.Errorf("%w: %v has no order", ErrInvalid, value)
		}
	case float64:
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return fmt.Errorf("%w: %v is not a JSON number", ErrInvalid, value)
		}
	case int64:
		if value > exactInteger || value < -exactInteger {
			return fmt.Errorf("%w: %d is beyond what a JSON number keeps exactly", ErrInvalid, value)
		}
	default:
		return fmt.Errorf("%w: comparison with a %T", ErrInvalid, value)
	}
	return checkPath(f.Path)
}

func checkPath(path []string) error {
	if len(path) > MaxFilterDepth {
		return fmt.Errorf("%w: a path has at most %d names", ErrInvalid, MaxFilterDepth)
	}
	for _, name := range path {
		if name == "" || len(name) > MaxIDBytes || !utf8.ValidString(name) {
			return fmt.Errorf("%w: a property name has 1 to %d bytes of UTF-8", ErrInvalid, MaxIDBytes)
		}
	}
	return nil
}
