package governance

import (
	"encoding/json"
	"unicode/utf8"
)

// Bounds of what a request is made of, in bytes of JSON as it is stored: a batch is bounded in those, and one character may take six of them. With them every commit that a request ever
// leads to fits into one batch; TestEveryCommitFits of shared/engine adds them up.
const (
	MaxPolicySize  = 384 << 10 // a policy; each request keeps the one that it was made under
	MaxAnswersSize = 256 << 10 // all answers of a request
	MaxReason      = 500       // why a resource role failed
	MaxName        = 1536      // a name that the directory or a token tells: 256 characters
)

// Shorten is as much of a text as is stored in most bytes, with … for what is left out.
func Shorten(text string, most int) string {
	size, fits := 0, 0 // fits: how much leaves room for the …
	for i, r := range text {
		if size <= most-len("…") {
			fits = i
		}
		if size += storedSize(r); size > most {
			return text[:fits] + "…"
		}
	}
	return text
}

// storedSize is how many bytes encoding/json makes of a rune at most.
func storedSize(r rune) int {
	switch {
	case r == '<', r == '>', r == '&', r < ' ', r == '\u2028', r == '\u2029', r == utf8.RuneError:
		return len(`\u0000`)
	case r == '"', r == '\\':
		return 2
	}
	return utf8.RuneLen(r)
}

// validateSize refuses a policy that is too large to be kept with each request, and names the largest of its members.
func (p *AssignmentPolicy) validateSize() error {
	size, err := sizeOf(p)
	if err != nil || size <= MaxPolicySize {
		return err
	}
	largest, most := "", 0
	for _, member := range []struct {
		name  string
		value any
	}{
		{"questions", p.Questions}, {"reviewSettings", p.ReviewSettings},
	} {
		n, err := sizeOf(member.value)
		if err != nil {
			return err
		}
		if n > most {
			largest, most = member.name, n
		}
	}
	return Invalid(largest, "The policy takes %d bytes as it is stored, and may take %d; %d of them are %s, which must be shorter.", size, MaxPolicySize, most, largest)
}

func sizeOf(value any) (int, error) {
	data, err := json.Marshal(value)
	return len(data), err
}
