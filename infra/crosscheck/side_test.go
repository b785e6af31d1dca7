package crosscheck

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// repo is the repository as a check sees it: its files, some of them spoilt.
type repo struct {
	t       *testing.T
	spoilt  map[string]string // texts by file, instead of what is there
	dropped string            // "side/name": an item of a side made of code that is left out
}

func (r repo) read(file string) string {
	r.t.Helper()
	if text, ok := r.spoilt[file]; ok {
		return text
	}
	data, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(file)))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(data)
}

// glob lists files of the repository.
func (r repo) glob(pattern string) []string {
	r.t.Helper()
	found, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(pattern)))
	if err != nil || len(found) == 0 {
		r.t.Fatalf("%s: there is no such file (%v)", pattern, err)
	}
	for i, name := range found {
		relative, err := filepath.Rel(filepath.Join("..", ".."), name)
		if err != nil {
			r.t.Fatal(err)
		}
		found[i] = filepath.ToSlash(relative)
	}
	slices.Sort(found)
	return found
}

// sources lists the Go files below a folder, but for tests.
func (r repo) sources(folder string) []string {
	r.t.Helper()
	var found []string
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(filepath.Join(root, filepath.FromSlash(folder)), func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		relative, err := filepath.Rel(root, name)
		found = append(found, filepath.ToSlash(relative))
		return err
	})
	if err != nil || len(found) == 0 {
		r.t.Fatalf("%s: there is no Go file below it (%v)", folder, err)
	}
	return found
}

// item is one thing on one side, with what must be the same on the other, and where it stands.
type item struct {
	name, detail string
	file         string
	line         int
}

func (i item) at() string { return fmt.Sprintf("%s:%d", i.file, i.line) }

// side is all that one part of the repository has of a kind.
type side struct {
	name  string // where to look for what is missing
	code  bool   // made of compiled code: nothing to spoil in a text
	items []item
}

// add adds an item that stands in text at an offset.
func (s *side) add(name, detail, file, text string, offset int) {
	s.items = append(s.items, item{name, detail, file, 1 + strings.Count(text[:max(offset, 0)], "\n")})
}

// matches makes a side of what a pattern finds in a file: its first group is the name, the second, if there is one, the detail.
func matches(r repo, name, file, pattern string) side {
	s := side{name: name}
	text := r.read(file)
	for _, at := range regexp.MustCompile(pattern).FindAllStringSubmatchIndex(text, -1) {
		detail := ""
		if len(at) > 4 && at[4] >= 0 {
			detail = text[at[4]:at[5]]
		}
		s.add(text[at[2]:at[3]], detail, file, text, at[2])
	}
	return s
}

// ofCode makes a side of names that compiled code gives, with the place in its source where each is written in quotes.
func ofCode(r repo, name, file string, details map[string]string) side {
	s := side{name: name, code: true}
	text := r.read(file)
	for _, of := range slices.Sorted(maps.Keys(details)) {
		if r.dropped == name+"/"+of {
			continue
		}
		s.add(of, details[of], file, text, strings.Index(text, `"`+of+`"`))
	}
	return s
}

// kind is something that two or more sides must have alike. sides reads them: the first is the authority.
type kind struct {
	name  string
	sides func(repo) []side
}

// differences names what is on one side only, or differs.
func (k kind) differences(r repo) []string {
	var found []string
	sides := k.sides(r)
	authority := sides[0]
	for _, other := range sides[1:] {
		found = append(found, oneSided(k.name, authority, other)...)
		found = append(found, oneSided(k.name, other, authority)...)
		for _, mine := range authority.items {
			for _, theirs := range other.items {
				if mine.name == theirs.name && mine.detail != theirs.detail {
					found = append(found, fmt.Sprintf("%s: the %s %s has %q, but %q at %s", theirs.at(), k.name, mine.name, theirs.detail, mine.detail, mine.at()))
				}
			}
		}
	}
	return found
}

func oneSided(kind string, one, other side) []string {
	var found []string
	for _, i := range one.items {
		if !slices.ContainsFunc(other.items, func(o item) bool { return o.name == i.name }) {
			found = append(found, fmt.Sprintf("%s: the %s %s is not in %s", i.at(), kind, i.name, other.name))
		}
	}
	return found
}

// check holds the sides of a kind against each other, and then shows that it can fail.
func (k kind) check(t *testing.T) {
	t.Helper()
	sound := repo{t: t}
	for _, difference := range k.differences(sound) {
		t.Error(difference)
	}
	if t.Failed() {
		return
	}
	place := regexp.MustCompile(`^[^:]+:[0-9]+: `)
	for _, s := range k.sides(sound) {
		if len(s.items) == 0 {
			t.Errorf("%s has no %s: this test looks at nothing", s.name, k.name)
		}
		for _, i := range s.items {
			spoilt := repo{t: t, dropped: s.name + "/" + i.name}
			if !s.code {
				spoilt = without(t, sound.read(i.file), i)
			}
			found := k.differences(spoilt)
			if !slices.ContainsFunc(found, func(text string) bool { return strings.Contains(text, i.name) && place.MatchString(text) }) {
				t.Errorf("%s: without the %s %s nothing is found, but %q", i.at(), k.name, i.name, found)
			}
		}
	}
}

// without is the repository with another name where an item stands.
func without(t *testing.T, text string, i item) repo {
	lines := strings.SplitAfter(text, "\n")
	line := &lines[i.line-1]
	if !strings.Contains(*line, i.name) {
		t.Fatalf("%s: %s does not stand there", i.at(), i.name)
	}
	*line = strings.Replace(*line, i.name, other(i.name), 1)
	return repo{t: t, spoilt: map[string]string{i.file: strings.Join(lines, "")}}
}

// other is another name of the same form.
func other(name string) string {
	last := name[len(name)-1]
	switch {
	case last == 'x':
		return name[:len(name)-1] + "y"
	case last >= '0' && last <= '8':
		return name[:len(name)-1] + string(last+1)
	default:
		return name[:len(name)-1] + "x"
	}
}
