package rule

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// What docs/rule-language.md says of its examples is so, and it lists every property and operator.
func TestExamplesOfTheDocs(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../docs/rule-language.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	if !strings.Contains(page, "at 2026-12-01T12:00:00Z.") || !strings.Contains(page, "3,072 characters, parentheses 200 deep, and patterns that compile to 10,000 steps") ||
		MaxLength != 3072 || maxNesting != 200 || maxProgram != 10_000 || maxGroups != 50 {
		t.Error("the page has other limits, or another moment")
	}
	var user *Person
	examples := map[string]int{}
	for _, block := range regexp.MustCompile("(?s)```([a-z ]+)\n(.*?)\n```").FindAllStringSubmatch(page, -1) {
		if block[1] == "person" {
			user = person(t, block[2])
			continue
		}
		for _, example := range strings.Split(block[2], "\n") {
			examples[block[1]]++
			r, err := Parse(example, now)
			switch block[1] {
			case "refused":
				if err == nil {
					t.Errorf("%s is taken", example)
				}
			case "selects", "selects not":
				if err != nil {
					t.Errorf("%s: %v", example, err)
				} else if again(t, r, example); r.Matches(user, now) != (block[1] == "selects") {
					t.Errorf("the page says of %s that it %s", example, block[1])
				}
			default:
				t.Errorf("what is a block %q?", block[1])
			}
		}
	}
	if examples["selects"] < 20 || examples["selects not"] < 5 || examples["refused"] < 10 {
		t.Errorf("these are all examples: %v", examples)
	}
	for _, p := range properties {
		if !strings.HasPrefix(p.name, extensionAttribute) && !strings.Contains(page, "`"+p.name+"`") || p.graph != "" && !strings.Contains(page, "`"+p.graph+"`") {
			t.Errorf("%s is not on the page", p.name)
		}
	}
	for _, s := range spellings {
		if !strings.Contains(page, "`-"+s.name+"`") {
			t.Errorf("-%s is not on the page", s.name)
		}
	}
}
