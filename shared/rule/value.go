package rule

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

// value is a text as it is stored, and as it is compared. The empty one is null: Entra stores no empty text.
type value struct{ stored, folded string }

func newValue(text string) value { return value{text, fold(text)} }

// fold is a text in which letters are the same that differ by case alone: each rune is the least of those that unicode.SimpleFold leads to. So no locale counts, and a text never gets other
// letters than it has.
func fold(text string) string {
	for i := range len(text) {
		if c := text[i]; c >= 'a' && c <= 'z' || c >= utf8.RuneSelf {
			return string(appendFolded(make([]byte, 0, len(text)), text))
		}
	}
	return text
}

func appendFolded(to []byte, text string) []byte {
	for _, r := range text {
		switch {
		case r >= 'a' && r <= 'z':
			to = append(to, byte(r)-'a'+'A')
		case r < utf8.RuneSelf:
			to = append(to, byte(r))
		default:
			to = utf8.AppendRune(to, leastOf(r))
		}
	}
	return to
}

// leastOf is the least rune that differs from r by case alone.
func leastOf(r rune) rune {
	for next := unicode.SimpleFold(r); ; next = unicode.SimpleFold(next) {
		if next <= r {
			return next // past the greatest it begins again with the least
		}
		r = next
	}
}

// many is from how many values on looking one up is quicker than going through them.
const many = 9

// set is some values, to be found by their folded text.
type set struct {
	stored []string // as they are written
	few    []string
	lots   map[string]struct{} // instead of few
}

func newSet(values []string) set {
	s := set{stored: values}
	for _, text := range values {
		if folded := fold(text); folded != "" { // null equals no text
			s.few = append(s.few, folded)
		}
	}
	if len(s.few) < many {
		return s
	}
	s.lots = make(map[string]struct{}, len(s.few))
	for _, text := range s.few {
		s.lots[text] = struct{}{}
	}
	s.few = nil
	return s
}

func (s *set) has(folded string) bool {
	if s.lots != nil {
		_, found := s.lots[folded]
		return found
	}
	return slices.Contains(s.few, folded)
}
