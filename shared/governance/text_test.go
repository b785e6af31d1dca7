package governance

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// What cannot be seen says nothing.
func TestSays(t *testing.T) {
	for text, want := range map[string]bool{
		"x": true, "5": true, "?": true, "é": true, "日": true, "😀": true, " x ": true, "\u200bx": true,
		"": false, "  \t\n": false, "\u00a0\u2003\u3000": false, "\u200b": false, "\u200b\u200c\u200d\u2060\ufeff": false, "\u202e\u2066": false,
		"\u3164": false, "\u115f\u1160": false, "\uffa0": false, "\u2800": false, "\ufe0f": false, "\U000e0100": false, "\u00ad": false, "\u034f": false, "\u180e": false,
		"\u2028\u2029": false, "\ufffc": false, "\u17b4\u17b5": false, "\u0301": false, "\U0001d159": false, "\U000e0041": false,
	} {
		if Says(text) != want {
			t.Errorf("%q says something: %t", text, !want)
		}
	}
}

// A name is what it looks like: composed, trimmed, one line in one direction.
//
// rules: CAT-01
func TestNames(t *testing.T) {
	for given, want := range map[string]string{
		"Ops": "Ops", "  Ops\t\n": "Ops", "\u00a0Ops\u3000": "Ops", "Cafe\u0301": "Café", "Café": "Café", "Ops team 1": "Ops team 1", "東京\u3000支店": "東京 支店", "Ops  0007": "Ops 0007", "Ops\u00a0\u20030007": "Ops 0007",
		"می\u200cخواهم": "می\u200cخواهم", "👨\u200d👩\u200d👧": "👨\u200d👩\u200d👧", "❤\ufe0f": "❤\ufe0f", "❤\ufe0f\u200d🔥": "❤\ufe0f\u200d🔥", "1\ufe0f\u20e3": "1\ufe0f\u20e3", "葛\U000e0100": "葛\U000e0100", "क्\u200dष": "क्\u200dष",
	} {
		if err := named("displayName", &given, 256); err != nil || given != want {
			t.Errorf("%q: %v, want %q", given, err, want)
		}
	}
	for _, bad := range []string{
		"", " ", "\u200b", "\u3164", "\u2800", "Ops\u200b", "\u200bOps", "O\u00adps", "Ops\u200d", "Ops\u200dTeam", "Ops\u200cTeam", "Ops\ufe0f", "Ops1\ufe0f", "Ops!\ufe0f", "Ops\u3164", "Ops\u2800team", "Ops\uffa0x", "Ops\u115f",
		"Ops\nTeam", "Ops\rTeam", "Ops\vTeam", "Ops\u0085Team", "Ops\u2028Team", "Ops\u2029Team", "Ops\tTeam", "Ops\x00", "Ops\x1b[31m", "Ops\x7f",
		"abc\u202egnp.exe", "\u2066Ops\u2069", "Ops\u200e", "Ops\u200f", "Ops\u061c", "Ops\ufeff", "Ops\u2060", "Ops\u206a", "Ops\u180e", "Ops\u034f", "Ops\U000e0041", "Ops\ufffe", "Ops\ufffc", "Ops\U0001d173",
		strings.Repeat("x", 257),
	} {
		name := bad
		if err := named("displayName", &name, 256); CodeOf(err) != CodeInvalid || !strings.Contains(err.Error(), "displayName") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, pair := range [][2]string{{"Ops", "Ops "}, {"Ops", "\u00a0OPS"}, {"Café", "Cafe\u0301"}, {"CAFE\u0301", "café"}, {"Å", "\u212b"}, {"K", "\u212a"}, {"Maſs", "MASS"}, {"Ops 0007", "Ops  0007"}, {"Ops 0007", "Ops\u00a00007"}} {
		if NameKey(pair[0]) != NameKey(pair[1]) {
			t.Errorf("%q and %q are two names", pair[0], pair[1])
		}
	}
	if NameKey("Cafe") == NameKey("Café") || NameKey("Ops 1") == NameKey("Ops1") {
		t.Error("names that differ are one")
	}
}

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		" Ann \r\n Bcc: eve@x ": "Ann Bcc: eve@x", "Ann\u2028B\u0085C": "Ann B C", "\u202eAnn\u202c": "Ann", "A\u200bnn\u3164": "Ann", "\u2066\u2069": "", "👨\u200d👩": "👨\u200d👩", "A\u0000B\x1bC": "ABC",
	} {
		if got := OneLine(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// A name that is taken is kept as it is, and what is made one line holds nothing that a name may not.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{"Ops", "Cafe\u0301 ", "a\u200d\ufe0fb", "A\ufe0f\u200dक", "❤\ufe0f\u200d🔥", "\u1100\u115f", "\xff", "a\u2028b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		line := OneLine(text)
		for i, c := range []rune(line) {
			if unseen([]rune(line), i) || c != ' ' && unicode.IsSpace(c) {
				t.Fatalf("%q is %q, which has U+%04X", text, line, c)
			}
		}
		name := text
		if named("x", &name, 1000) != nil {
			return
		}
		if again := name; named("x", &again, 1000) != nil || again != name || NameKey(name) != NameKey(text) || !Says(name) {
			t.Errorf("%q is kept as %q, and that as %q", text, name, again)
		}
	})
}

// JSON that passes holds nothing that encoding/json would read as another text.
func FuzzBrokenText(f *testing.F) {
	for _, seed := range []string{`"\\u0000"`, `"\u0000"`, `"\ud83d\ude00"`, `"\ud83d \ude00"`, `"\\\ud800"`, "\"\xff\"", `"\uD800\u0041"`} {
		f.Add([]byte(`{"a":` + seed + `}`))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		text, err := unquote(data)
		if err != nil || BrokenText(data) != nil {
			return
		}
		written := strings.Contains(string(data), "\ufffd") || strings.Contains(strings.ToLower(string(data)), `\ufffd`)
		if strings.ContainsRune(text, 0) || strings.ContainsRune(text, utf8.RuneError) && !written {
			t.Errorf("%q is read as %q", data, text)
		}
	})
}
