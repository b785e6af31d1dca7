// Package sql is the part of Cosmos DB's query language that Latchkey's adapter and the usual clients speak: a parser and an evaluator over JSON text. It serves
// the local emulator. It knows nothing of containers, partitions or paging, and does not do GROUP BY, user-defined functions or spatial queries.
//
// Its invariant is the language's own: what is undefined stays undefined. A comparison with an absent property, or between types, is neither true nor false, and a
// WHERE keeps only what is true.
package sql

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"latchkey/shared/store/memory/rawjson"
)

// ErrSyntax is a query that is not one, or that is beyond this subset or its limits.
var ErrSyntax = errors.New("syntax error")

// MaxQueryBytes bounds the text of a query, as Cosmos DB does.
const MaxQueryBytes = 512 << 10

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenName
	tokenNumber
	tokenString
	tokenParameter
	tokenSymbol
)

type token struct {
	kind  tokenKind
	text  string // as written; for a string its value, for a parameter with the @
	start int
	end   int
}

func syntaxError(at int, format string, args ...any) error {
	return fmt.Errorf("%w at %d: %s", ErrSyntax, at, fmt.Sprintf(format, args...))
}

// lex cuts a text into tokens.
func lex(text string) ([]token, error) {
	if len(text) > MaxQueryBytes {
		return nil, syntaxError(0, "the query has more than %d bytes", MaxQueryBytes)
	}
	if !utf8.ValidString(text) {
		return nil, syntaxError(0, "the query is not UTF-8")
	}
	var tokens []token
	for i := 0; i < len(text); {
		c := text[i]
		start := i
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case strings.HasPrefix(text[i:], "--"):
			if n := strings.IndexByte(text[i:], '\n'); n >= 0 {
				i += n
			} else {
				i = len(text)
			}
			continue
		case isLetter(c):
			for i < len(text) && (isLetter(text[i]) || isDigit(text[i])) {
				i++
			}
			tokens = append(tokens, token{tokenName, text[start:i], start, i})
		case c == '@':
			for i++; i < len(text) && (isLetter(text[i]) || isDigit(text[i])); {
				i++
			}
			if i == start+1 {
				return nil, syntaxError(start, "a parameter has a name")
			}
			tokens = append(tokens, token{tokenParameter, text[start:i], start, i})
		case isDigit(c) || c == '.' && i+1 < len(text) && isDigit(text[i+1]):
			i = endOfNumber(text, i)
			tokens = append(tokens, token{tokenNumber, text[start:i], start, i})
		case c == '\'' || c == '"':
			value, end, err := lexString(text, i)
			if err != nil {
				return nil, err
			}
			i = end
			tokens = append(tokens, token{tokenString, value, start, i})
		default:
			symbol := ""
			for _, s := range []string{"<=", ">=", "!=", "<>", "||", "??", "(", ")", "[", "]", "{", "}", ",", ".", ":", "=", "<", ">", "+", "-", "*", "/", "%"} {
				if strings.HasPrefix(text[i:], s) {
					symbol = s
					break
				}
			}
			if symbol == "" {
				r, _ := utf8.DecodeRuneInString(text[i:])
				return nil, syntaxError(i, "unexpected %q", r)
			}
			i += len(symbol)
			tokens = append(tokens, token{tokenSymbol, symbol, start, i})
		}
	}
	return append(tokens, token{tokenEnd, "", len(text), len(text)}), nil
}

func endOfNumber(text string, i int) int {
	for i < len(text) && isDigit(text[i]) {
		i++
	}
	if i < len(text) && text[i] == '.' {
		for i++; i < len(text) && isDigit(text[i]); {
			i++
		}
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		end := i + 1
		if end < len(text) && (text[end] == '+' || text[end] == '-') {
			end++
		}
		if end < len(text) && isDigit(text[end]) {
			for i = end; i < len(text) && isDigit(text[i]); {
				i++
			}
		}
	}
	return i
}

// lexString reads a string in either kind of quotes, with the escapes of JSON and of both quotes.
func lexString(text string, start int) (value string, end int, err error) {
	quote := text[start]
	var inner []byte
	for i := start + 1; i < len(text); i++ {
		c := text[i]
		switch {
		case c == quote:
			return rawjson.Unquote(inner), i + 1, nil
		case c == '\\' && i+1 < len(text):
			i++
			switch text[i] {
			case '\'':
				inner = append(inner, '\'')
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				inner = append(inner, '\\', text[i])
			case 'u':
				if i+4 >= len(text) || !isHex(text[i+1:i+5]) {
					return "", 0, syntaxError(i, "a \\u has four hexadecimal digits")
				}
				inner = append(inner, text[i-1:i+5]...)
				i += 4
			default:
				return "", 0, syntaxError(i, "no such escape")
			}
		case c == '"':
			inner = append(inner, '\\', '"')
		case c < ' ':
			inner = append(inner, fmt.Sprintf(`\u%04x`, c)...)
		default:
			inner = append(inner, c)
		}
	}
	return "", 0, syntaxError(start, "the string does not end")
}

func isLetter(c byte) bool {
	return c == '_' || c == '$' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; !isDigit(s[i]) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
