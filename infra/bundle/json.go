package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
)

// maxDepth bounds the nesting of the JSON that is read here.
const maxDepth = 32

// node is a JSON value that knows its line, so that a sentence can say where. Unlike encoding/json it refuses a key that is there twice:
// the Functions host takes the last one, a reader sees the first.
type node struct {
	Line   int
	Value  any // string, json.Number, bool, nil; for objects and arrays nil
	Fields map[string]*node
	Items  []*node
	object bool
	array  bool
}

// parseJSON reads one JSON value; the error is a finding in the file.
func parseJSON(file string, data []byte) (*node, *finding) {
	lines := lineIndex(data)
	d := &decoder{json: json.NewDecoder(bytes.NewReader(data)), lines: lines}
	d.json.UseNumber()
	root, err := d.value(0)
	if err == nil {
		if _, more := d.json.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the end of the JSON value")
		}
	}
	if err != nil {
		offset := d.json.InputOffset()
		if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
			offset = syntax.Offset
		}
		return nil, &finding{File: file, Line: lines.at(offset), Sentence: fmt.Sprintf("is not JSON that the host can read: %v.", err)}
	}
	return root, nil
}

type decoder struct {
	json  *json.Decoder
	lines lineTable
}

func (d *decoder) value(depth int) (*node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	token, err := d.json.Token()
	if errors.Is(err, io.EOF) {
		return nil, io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	n := &node{Line: d.lines.at(d.json.InputOffset())}
	switch token {
	case json.Delim('{'):
		n.object, n.Fields = true, map[string]*node{}
		for d.json.More() {
			key, err := d.json.Token()
			if err != nil {
				return nil, err
			}
			name := key.(string) // the decoder accepts nothing else as a key
			if _, twice := n.Fields[name]; twice {
				return nil, fmt.Errorf("%q is there twice", name)
			}
			if n.Fields[name], err = d.value(depth + 1); err != nil {
				return nil, err
			}
		}
		_, err = d.json.Token()
	case json.Delim('['):
		n.array = true
		for d.json.More() {
			item, err := d.value(depth + 1)
			if err != nil {
				return nil, err
			}
			n.Items = append(n.Items, item)
		}
		_, err = d.json.Token()
	default:
		n.Value = token
	}
	return n, err
}

// get follows a path of keys, or returns nil.
func (n *node) get(path ...string) *node {
	for _, key := range path {
		if n == nil {
			return nil
		}
		n = n.Fields[key]
	}
	return n
}

// text is the string at a path; empty if it is absent or no string.
func (n *node) text(path ...string) string {
	if at := n.get(path...); at != nil {
		s, _ := at.Value.(string)
		return s
	}
	return ""
}

// isTrue says whether the value at a path is the literal true.
func (n *node) isTrue(path ...string) bool {
	at := n.get(path...)
	return at != nil && at.Value == true
}

// lineOf is the line of the value at a path, or of n itself if there is none.
func (n *node) lineOf(path ...string) int {
	if at := n.get(path...); at != nil {
		return at.Line
	}
	return n.Line
}

// keys are the names of an object's fields, sorted.
func (n *node) keys() []string {
	keys := make([]string, 0, len(n.Fields))
	for key := range n.Fields {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

// lineTable holds the offset of each line feed.
type lineTable []int64

func lineIndex(data []byte) lineTable {
	var table lineTable
	for i, b := range data {
		if b == '\n' {
			table = append(table, int64(i))
		}
	}
	return table
}

// at is the line, from 1, of the byte that ends at an offset.
func (t lineTable) at(offset int64) int {
	return 1 + sort.Search(len(t), func(i int) bool { return t[i] >= offset })
}
