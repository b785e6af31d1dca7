// Package scenario reads the stories of testdata/scenarios and plays them: people, packages and policies, then steps in virtual time with what must be true after
// each. The same files are played through the pure engine, through app on memory, and over HTTP: whoever has a Runner can play them.
//
// It serves tests and the demonstration. It knows no adapter, decides nothing, and waits for nothing: a Runner answers when all that follows from a step is done.
package scenario

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"

	"latchkey/shared/governance"
)

// Scenario is one story.
type Scenario struct {
	Name     string    `json:"-"` // of its file
	Tells    string    `json:"tells"`
	Rules    []string  `json:"rules"`
	Start    time.Time `json:"start"`
	People   []Person  `json:"people"`
	Groups   []Group   `json:"groups"`
	Packages []Package `json:"packages"`
	Steps    []Step    `json:"steps"`
}

// Person is somebody of a scenario. Everybody else of it refers to them by name.
type Person struct {
	Name          string `json:"name"`
	Manager       string `json:"manager,omitempty"`
	Guest         bool   `json:"guest,omitempty"`
	Disabled      bool   `json:"disabled,omitempty"`
	Administrator bool   `json:"administrator,omitempty"` // an Identity Governance Administrator
}

// Group is a group, with who is in it at the start.
type Group struct {
	Name    string   `json:"name"`
	Members []string `json:"members,omitempty"`
}

// Package is an access package in a published catalog. In its policies "{name}" stands for the id of a person or a group.
type Package struct {
	Name     string                        `json:"name"`
	Grants   []string                      `json:"grants"` // groups, of which it makes members
	Policies []governance.AssignmentPolicy `json:"policies"`
}

// Deed is what somebody does in a step.
type Deed string

// The deeds. In all but Wait somebody does something to a request, which the step gives a name or calls by it.
const (
	Wait    Deed = "wait"    // nothing but time passes
	Request Deed = "request" // userAdd of a package
	Assign  Deed = "assign"  // adminAdd of a package for somebody
	Approve Deed = "approve" // a stage
	Deny    Deed = "deny"    // a stage
	Cancel  Deed = "cancel"
	Remove  Deed = "remove" // userRemove of a package by who has it, adminRemove by anybody else
)

// Step is something that somebody does, and what must be true when all that follows from it is done.
type Step struct {
	At            *governance.Duration `json:"at,omitempty"` // since the start; absent: at once
	Who           string               `json:"who,omitempty"`
	Do            Deed                 `json:"do"`
	Request       string               `json:"request,omitempty"` // the name of the request, within the scenario
	Package       string               `json:"package,omitempty"`
	Policy        string               `json:"policy,omitempty"` // by its displayName
	For           string               `json:"for,omitempty"`    // whose access; absent: one's own
	Stage         int                  `json:"stage,omitempty"`  // counted from 1; absent: the first
	Justification string               `json:"justification,omitempty"`
	Starts        *governance.Duration `json:"starts,omitempty"` // since the start of the scenario
	Lasts         *governance.Duration `json:"lasts,omitempty"`
	Refused       governance.Code      `json:"refused,omitempty"` // the step is refused so, and changes nothing
	Expect        Expect               `json:"expect"`
}

// Expect is what must be true after a step. What is left out is not looked at, except mail: there must be exactly this.
type Expect struct {
	Requests    map[string]string   `json:"requests,omitempty"`    // by name: state/status
	Assignments map[string]string   `json:"assignments,omitempty"` // by person/package: its state; empty: there is none
	Members     map[string][]string `json:"members,omitempty"`     // by group: exactly these
	Mail        []Mail              `json:"mail,omitempty"`        // since the step before, in any order
}

// Mail is one mail to one person.
type Mail struct {
	To   string                      `json:"to"`
	Kind governance.NotificationKind `json:"kind"`
}

// Limits of a scenario file.
const (
	maxFile  = 1 << 20
	maxSteps = 200
)

// PersonID is the object id of a person.
func PersonID(name string) string { return governance.NameID("scenario:person:" + name) }

// GroupID is the object id of a group.
func GroupID(name string) string { return governance.NameID("scenario:group:" + name) }

// Load reads all scenarios of a folder, in the order of their names.
func Load(folder fs.FS) ([]Scenario, error) {
	names, err := fs.Glob(folder, "*.json")
	if err != nil {
		return nil, fmt.Errorf("scenarios: %w", err)
	}
	slices.Sort(names)
	scenarios := make([]Scenario, 0, len(names))
	for _, name := range names {
		data, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, fmt.Errorf("scenarios: %w", err)
		}
		s, err := Parse(strings.TrimSuffix(name, ".json"), data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		scenarios = append(scenarios, s)
	}
	return scenarios, nil
}

// reference is "{name}" in the text of a scenario.
var reference = regexp.MustCompile(`"\{([a-z0-9-]+)\}"`)

// Parse reads one scenario and checks that whatever it names is there.
func Parse(name string, data []byte) (Scenario, error) {
	if len(data) > maxFile {
		return Scenario{}, fmt.Errorf("longer than %d bytes", maxFile)
	}
	var cast struct {
		People []struct {
			Name string `json:"name"`
		} `json:"people"`
		Groups []struct {
			Name string `json:"name"`
		} `json:"groups"`
	}
	if err := json.Unmarshal(data, &cast); err != nil {
		return Scenario{}, fmt.Errorf("read: %w", err)
	}
	ids := map[string]string{}
	for _, person := range cast.People {
		ids[person.Name] = PersonID(person.Name)
	}
	for _, group := range cast.Groups {
		ids[group.Name] = GroupID(group.Name)
	}
	data = reference.ReplaceAllFunc(data, func(found []byte) []byte {
		if id, known := ids[string(found[2:len(found)-2])]; known {
			return []byte(`"` + id + `"`)
		}
		return found // the check of ids below names it
	})
	s := Scenario{Name: name}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil {
		return Scenario{}, fmt.Errorf("read: %w", err)
	}
	return s, s.complete()
}

// complete checks a scenario, and gives its policies their ids and what may be left out.
func (s *Scenario) complete() error {
	if s.Start.IsZero() || len(s.Steps) == 0 || len(s.Steps) > maxSteps {
		return fmt.Errorf("a scenario has a start and 1 to %d steps", maxSteps)
	}
	s.Start = s.Start.UTC()
	for _, person := range s.People {
		if person.Manager != "" && !s.hasPerson(person.Manager) {
			return fmt.Errorf("%s reports to %s, who is not there", person.Name, person.Manager)
		}
	}
	for _, group := range s.Groups {
		for _, member := range group.Members {
			if !s.hasPerson(member) {
				return fmt.Errorf("%s has the member %s, who is not there", group.Name, member)
			}
		}
	}
	for i := range s.Packages {
		pack := &s.Packages[i]
		for _, group := range pack.Grants {
			if !slices.ContainsFunc(s.Groups, func(g Group) bool { return g.Name == group }) {
				return fmt.Errorf("%s grants %s, which is not there", pack.Name, group)
			}
		}
		for j := range pack.Policies {
			policy := &pack.Policies[j]
			policy.ID = governance.NameID("scenario:policy:" + pack.Name + ":" + policy.DisplayName)
			questions := 0
			newID := func() string {
				questions++
				return governance.NameID(fmt.Sprintf("scenario:question:%s:%d", policy.ID, questions))
			}
			if err := policy.Validate(s.Start, time.Time{}, newID); err != nil {
				return fmt.Errorf("%s, policy %q: %w", pack.Name, policy.DisplayName, err)
			}
		}
	}
	requests, last := map[string]bool{}, time.Time{}
	for i, step := range s.Steps {
		if err := s.completeStep(step, requests); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
		if step.At != nil {
			at := step.At.AddTo(s.Start)
			if at.Before(last) {
				return fmt.Errorf("step %d: time does not run backwards", i+1)
			}
			last = at
		}
	}
	return nil
}

func (s *Scenario) completeStep(step Step, requests map[string]bool) error {
	for _, name := range []string{step.Who, step.For} {
		if name != "" && !s.hasPerson(name) {
			return fmt.Errorf("%s is not there", name)
		}
	}
	makes := step.Do == Request || step.Do == Assign || step.Do == Remove
	switch step.Do {
	case Wait:
		if step.At == nil {
			return fmt.Errorf("wait needs at")
		}
		return nil
	case Request, Assign, Remove:
		if _, ok := s.Package(step.Package); !ok {
			return fmt.Errorf("there is no package %q", step.Package)
		}
	case Approve, Deny, Cancel:
		if !requests[step.Request] {
			return fmt.Errorf("there is no request %q so far", step.Request)
		}
	default:
		return fmt.Errorf("%q is no deed", step.Do)
	}
	if step.Who == "" || step.Request == "" || makes && requests[step.Request] {
		return fmt.Errorf("%s needs who, and a request by a name of its own", step.Do)
	}
	if makes {
		requests[step.Request] = true
	}
	return nil
}

func (s *Scenario) hasPerson(name string) bool {
	_, ok := s.Person(name)
	return ok
}

// Person finds a person by name.
func (s *Scenario) Person(name string) (Person, bool) {
	i := slices.IndexFunc(s.People, func(p Person) bool { return p.Name == name })
	if i < 0 {
		return Person{}, false
	}
	return s.People[i], true
}

// Package finds a package by name.
func (s *Scenario) Package(name string) (Package, bool) {
	i := slices.IndexFunc(s.Packages, func(p Package) bool { return p.Name == name })
	if i < 0 {
		return Package{}, false
	}
	return s.Packages[i], true
}

// Target is whose access a step is about.
func (s Step) Target() string {
	if s.For != "" {
		return s.For
	}
	return s.Who
}
