package main

import (
	"fmt"
	"strconv"
	"strings"
)

// The six fields of the host's timer expressions.
var ncrontabFields = []struct {
	name     string
	min, max int
	words    string // names of the values from min, three letters each
}{
	{"second", 0, 59, ""},
	{"minute", 0, 59, ""},
	{"hour", 0, 23, ""},
	{"day", 1, 31, ""},
	{"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
	{"day of week", 0, 6, "sunmontuewedthufrisat"},
}

// checkNCRONTAB says what is wrong with a timer expression: six fields, each a list of values, ranges and steps.
func checkNCRONTAB(expression string) error {
	fields := strings.Fields(expression)
	if len(fields) != len(ncrontabFields) {
		return fmt.Errorf("%q has %d fields; a timer expression has six: second minute hour day month day-of-week", expression, len(fields))
	}
	for i, field := range fields {
		for part := range strings.SplitSeq(field, ",") {
			if err := checkNCRONTABPart(part, i); err != nil {
				return fmt.Errorf("%q: %w", expression, err)
			}
		}
	}
	return nil
}

func checkNCRONTABPart(part string, index int) error {
	field := ncrontabFields[index]
	span, step, stepped := strings.Cut(part, "/")
	if stepped {
		if n, err := strconv.Atoi(step); err != nil || n < 1 || n > field.max {
			return fmt.Errorf("%q is no step of the %s", step, field.name)
		}
	}
	if span == "*" {
		return nil
	}
	low, high, ranged := strings.Cut(span, "-")
	from, ok := ncrontabValue(low, index)
	if !ok {
		return fmt.Errorf("%q is no %s; %d to %d are", low, field.name, field.min, field.max)
	}
	if !ranged {
		return nil
	}
	to, ok := ncrontabValue(high, index)
	if !ok {
		return fmt.Errorf("%q is no %s; %d to %d are", high, field.name, field.min, field.max)
	}
	if to < from {
		return fmt.Errorf("%q ends before it begins", span)
	}
	return nil
}

func ncrontabValue(text string, index int) (int, bool) {
	field := ncrontabFields[index]
	if n, err := strconv.Atoi(text); err == nil {
		return n, n >= field.min && n <= field.max && text[0] != '+' && text[0] != '-'
	}
	if len(text) == 3 {
		if at := strings.Index(field.words, strings.ToLower(text)); at >= 0 && at%3 == 0 {
			return field.min + at/3, true
		}
	}
	return 0, false
}
