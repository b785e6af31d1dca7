package cosmos

import (
	"math"
	"strconv"
	"sync/atomic"
)

// kind is what a request was, for the counters.
type kind int

const (
	kindMetadata kind = iota
	kindRead
	kindCreate
	kindReplace
	kindUpsert
	kindPatch
	kindDelete
	kindBatch
	kindQuery
	kindQueryPlan
	kindChangeFeed
	kinds
)

func (k kind) String() string {
	return [...]string{"metadata", "read", "create", "replace", "upsert", "patch", "delete", "batch", "query", "queryPlan", "changeFeed"}[k]
}

// Stat is what requests of one kind came to.
type Stat struct {
	Operations   int64   `json:"operations"`
	RequestUnits float64 `json:"requestUnits"`
}

type stats [kinds]struct {
	operations atomic.Int64
	hundredths atomic.Int64
}

func (s *stats) count(k kind, charge float64) {
	s[k].operations.Add(1)
	s[k].hundredths.Add(int64(math.Round(charge * 100)))
}

// Stats counts requests and request units by kind, since the start or the last Reset. The kinds are metadata, read, create, replace, upsert, patch, delete, batch,
// query, queryPlan and changeFeed; what did not happen is not in it.
func (s *Server) Stats() map[string]Stat {
	all := map[string]Stat{}
	for k := range kinds {
		if n := s.stats[k].operations.Load(); n > 0 {
			all[k.String()] = Stat{n, float64(s.stats[k].hundredths.Load()) / 100}
		}
	}
	return all
}

// Charges follow what Microsoft documents: reading 1 KB by id costs 1 request unit and 100 KB cost 10; writing 1 KB costs 5 and 100 KB cost 50, with the
// default indexing. A query starts at about 2.3 and grows with what it looks at and returns. They are estimates, good for comparing designs, not for a bill.

func kilobytes(bytes int) float64 { return math.Max(0, float64(bytes)/1024-1) }

func readCharge(bytes int) float64   { return 1 + kilobytes(bytes)*9/99 }
func writeCharge(bytes int) float64  { return 5 + kilobytes(bytes)*45/99 }
func deleteCharge(bytes int) float64 { return writeCharge(bytes) }

func queryCharge(seen, returned, bytes int) float64 {
	return 2.3 + 0.02*float64(seen) + 0.05*float64(returned) + float64(bytes)/1024/10
}

func formatCharge(charge float64) string { return strconv.FormatFloat(charge, 'f', 2, 64) }
