package memory

import (
	"cmp"
	"slices"
	"strings"

	"latchkey/shared/store"
	"latchkey/shared/store/memory/rawjson"
)

// Matches says whether a filter holds for a body, which is valid JSON. The filter has passed store.CheckQuery; one that has not matches nothing it does not
// understand.
func Matches(filter store.Filter, body []byte) bool { return matches(filter, rawjson.Of(body)) }

func matches(filter store.Filter, value rawjson.Value) bool {
	switch f := filter.(type) {
	case store.Compare:
		return compare(f, value.At(f.Path))
	case store.Match:
		return match(f, value.At(f.Path))
	case store.In:
		return slices.ContainsFunc(f.Values, value.At(f.Path).Is)
	case store.Any:
		for element := range value.At(f.Path).Elements {
			if matches(f.Filter, element) {
				return true
			}
		}
		return false
	case store.And:
		for _, part := range f {
			if !matches(part, value) {
				return false
			}
		}
		return true
	case store.Or:
		for _, part := range f {
			if matches(part, value) {
				return true
			}
		}
		return false
	case store.Not:
		return !matches(f.Filter, value)
	default:
		return false
	}
}

func compare(f store.Compare, at rawjson.Value) bool {
	kind := at.Kind()
	switch want := f.Value.(type) {
	case nil:
		absent := kind == rawjson.Undefined || kind == rawjson.Null
		return absent == (f.Comparison == store.Equal)
	case bool:
		return kind == rawjson.Bool && (at.Bool() == want) == (f.Comparison == store.Equal)
	case string:
		return kind == rawjson.String && compareText(f, at, want)
	case float64:
		return kind == rawjson.Number && holds(f.Comparison, cmp.Compare(at.Number(), want))
	case int64:
		return kind == rawjson.Number && holds(f.Comparison, cmp.Compare(at.Number(), float64(want)))
	default:
		return false
	}
}

func compareText(f store.Compare, at rawjson.Value, want string) bool {
	switch {
	case f.Comparison != store.Equal && f.Comparison != store.NotEqual:
		return holds(f.Comparison, strings.Compare(at.Text(), want))
	case f.FoldCase:
		return (rawjson.Fold(at.Text()) == rawjson.Fold(want)) == (f.Comparison == store.Equal)
	default:
		return at.Is(want) == (f.Comparison == store.Equal)
	}
}

func match(f store.Match, at rawjson.Value) bool {
	if at.Kind() != rawjson.String {
		return false
	}
	text, part := at.Text(), f.Text
	if f.FoldCase {
		text, part = rawjson.Fold(text), rawjson.Fold(part)
	}
	switch f.Matching {
	case store.Contains:
		return strings.Contains(text, part)
	case store.StartsWith:
		return strings.HasPrefix(text, part)
	case store.EndsWith:
		return strings.HasSuffix(text, part)
	default:
		return false
	}
}

func holds(comparison store.Comparison, order int) bool {
	switch comparison {
	case store.Equal:
		return order == 0
	case store.NotEqual:
		return order != 0
	case store.Less:
		return order < 0
	case store.LessOrEqual:
		return order <= 0
	case store.Greater:
		return order > 0
	case store.GreaterOrEqual:
		return order >= 0
	default:
		return false
	}
}
