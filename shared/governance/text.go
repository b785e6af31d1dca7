package governance

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Says says whether a text says anything: whether it has a letter, digit, mark or sign that can be seen.
func Says(text string) bool {
	return strings.ContainsFunc(text, func(c rune) bool {
		return unicode.In(c, unicode.L, unicode.N, unicode.P, unicode.S) && !unicode.In(c, unicode.Other_Default_Ignorable_Code_Point, blank)
	})
}

// blank are the characters that are signs to Unicode, and of which nothing can be seen.
var blank = &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0x2800, Hi: 0x2800, Stride: 1}, {Lo: 0xfffc, Hi: 0xfffc, Stride: 1}}, R32: []unicode.Range32{{Lo: 0x1d159, Hi: 0x1d159, Stride: 1}}}

// OneLine is text with its blanks and line ends as single blanks, and without what cannot be seen: what a person typed adds no line to a mail's header, and shows what it is.
func OneLine(text string) string {
	var seen strings.Builder
	runes := []rune(text)
	for i, c := range runes {
		if !unseen(runes, i) || unicode.IsSpace(c) {
			seen.WriteRune(c)
		}
	}
	return strings.Join(strings.Fields(seen.String()), " ")
}

// unseen says whether a character changes a text, its lines or its direction, and is not seen itself: controls, format characters, separators of lines, fillers. What scripts and emoji join or
// choose a form with is part of what is seen, where they do so.
func unseen(text []rune, i int) bool {
	const nonJoiner, joiner, keycap = '\u200c', '\u200d', '\u20e3'
	c := text[i]
	if !unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Noncharacter_Code_Point, blank) {
		return false
	}
	at := func(i int) rune {
		if i < 0 || i >= len(text) {
			return ' '
		}
		return text[i]
	}
	before, after := at(i-1), at(i+1)
	switch {
	case c == joiner, c == nonJoiner:
		if unicode.Is(unicode.Variation_Selector, before) {
			before = at(i - 2)
		}
		return !joins(before) || !joins(after)
	case unicode.Is(unicode.Variation_Selector, c):
		chooses := before > unicode.MaxASCII && unicode.In(before, unicode.S, unicode.P, unicode.Han) && !unicode.Is(blank, before)
		return !chooses && (after != keycap || !strings.ContainsRune("0123456789#*", before))
	}
	return true
}

// joins says whether a character may be joined with another.
func joins(c rune) bool {
	return c > unicode.MaxLatin1 && unicode.In(c, unicode.L, unicode.M, unicode.S) &&
		!unicode.In(c, unicode.Latin, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, blank)
}

// NameKey is a name as it is compared: what differs in letter case, in how a letter is composed, or in which blanks there are, and how many, is the same name.
func NameKey(name string) string {
	return strings.ToLower(strings.ToUpper(norm.NFC.String(strings.Join(strings.Fields(name), " "))))
}

// named checks the name of a resource, and makes it what is stored: composed (NFC), with single blanks and none around it, so that what is stored is compared as it is. Errors: CodeInvalid.
func named(at string, name *string, most int) error {
	var single strings.Builder
	before := ' '
	for _, c := range norm.NFC.String(strings.TrimSpace(*name)) {
		if unicode.Is(unicode.Zs, c) { // line ends and tabs are refused
			c = ' '
		}
		if c != ' ' || before != ' ' {
			single.WriteRune(c)
		}
		before = c
	}
	*name = single.String()
	if !Says(*name) {
		return Invalid(at, "%s is missing; give it a name of 1 to %d characters.", at, most)
	}
	if utf8.RuneCountInString(*name) > most {
		return Invalid(at, "%s is longer than %d characters.", at, most)
	}
	return visible(at, *name)
}

// visible refuses a text that is not what it looks like, in one line or direction: with a character that cannot be seen. Errors: CodeInvalid.
func visible(at, text string) error {
	runes := []rune(text)
	for i, c := range runes {
		if unseen(runes, i) {
			return Invalid(at, "%s has a character that cannot be seen, breaks the line or turns the direction: U+%04X, the %d. character; leave it out.", at, c, i+1)
		}
	}
	return nil
}

// ValidateText checks what people write and others are shown: it may have lines and tabs, is at most so many characters long, and holds nothing else that cannot be seen. Errors: CodeInvalid.
func ValidateText(at, text string, most int) error {
	if utf8.RuneCountInString(text) > most {
		return Invalid(at, "%s is longer than %d characters.", at, most)
	}
	return visible(at, lines.Replace(text))
}

// lines has a blank for each character of a text that ends a line, or is a tab: so the others keep their places.
var lines = strings.NewReplacer("\n", " ", "\r", " ", "\t", " ")

// BrokenText says what in JSON is no text, although encoding/json would read it and put another character in its place: bytes that are no
// UTF-8, a NUL, which other services cut a name off at, and half of a surrogate pair; nil if all is.
func BrokenText(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("is not valid UTF-8")
	}
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' { // which is in strings alone
			continue
		}
		switch unit, ok := escaped(data[i:]); {
		case ok && unit == 0:
			return fmt.Errorf(`has a NUL character (\u0000) in a string, at byte %d`, i)
		case isLow(unit):
			return fmt.Errorf(`has half of a surrogate pair (\u%04x) in a string, at byte %d`, unit, i)
		case unit >= 0xd800 && unit < 0xdc00:
			if low, _ := escaped(data[i+6:]); !isLow(low) {
				return fmt.Errorf(`has half of a surrogate pair (\u%04x) in a string, at byte %d`, unit, i)
			}
			i += 6 // the other half
		}
		i++ // what is escaped may be a backslash
	}
	return nil
}

func isLow(unit uint64) bool { return unit >= 0xdc00 && unit < 0xe000 }

// escaped is the UTF-16 unit of an escape such as \u00e4 at the beginning of data.
func escaped(data []byte) (unit uint64, ok bool) {
	if len(data) < 6 || !bytes.HasPrefix(data, []byte(`\u`)) {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(data[2:6]), 16, 16)
	return unit, err == nil
}
