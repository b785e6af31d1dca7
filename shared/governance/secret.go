package governance

import (
	"fmt"
	"io"
)

// Secret is a text that must not be seen: a Temporary Access Pass between its issue and its delivery, a key of a webhook. However it is printed, logged or encoded, what comes out is
// [secret]; only Reveal gives the text.
type Secret struct{ text string }

// hidden is what a Secret looks like from outside.
const hidden = "[secret]"

// Hide makes a Secret of a text.
func Hide(text string) Secret { return Secret{text: text} }

// Reveal is the text. Whoever calls it sees to it that it goes nowhere but to whom it is for.
func (s Secret) Reveal() string { return s.text }

// IsZero says whether there is none.
func (s Secret) IsZero() bool { return s.text == "" }

// String hides it.
func (s Secret) String() string { return hidden }

// GoString hides it.
func (s Secret) GoString() string { return hidden }

// Format hides it from every verb of fmt.
func (s Secret) Format(to fmt.State, _ rune) { _, _ = io.WriteString(to, hidden) }

// MarshalText hides it from every encoder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
