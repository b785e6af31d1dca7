package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// keepEvery is how often the state is written while the stack runs: that much is lost when it is killed.
const keepEvery = 10 * time.Second

// keptStates is how many complete states stay in the data folder.
const keptStates = 2

const (
	statePrefix = "state-"       // begins the name of a folder with a complete state; its number follows
	unfinished  = "unfinished-*" // is the name of a folder that is being written
)

// part is one file of a state.
type part struct {
	name     string
	snapshot func(io.Writer) error
	restore  func(io.Reader) error
}

// parts are in the order in which they are kept. The bus comes before what its messages bring about: a message may be kept whose work is kept too, since work done twice is done once, but
// never neither of them.
func (s *Stack) parts() []part {
	return []part{
		{"servicebus", s.Bus.Snapshot, s.Bus.Restore},
		{"graph", s.Graph.Snapshot, s.Graph.Restore},
		{"cosmos", s.Cosmos.Snapshot, s.Cosmos.Restore},
		{"clock", s.saveClock, s.restoreClock},
	}
}

type clockState struct {
	Now time.Time `json:"now"`
}

func (s *Stack) saveClock(w io.Writer) error {
	return json.NewEncoder(w).Encode(clockState{Now: s.Clock.Now()})
}

// restoreClock never lets time go backwards: if it was ahead of the machine's when it was kept, it goes on from there.
func (s *Stack) restoreClock(r io.Reader) error {
	var state clockState
	if err := json.NewDecoder(r).Decode(&state); err != nil {
		return err
	}
	if ahead := time.Until(state.Now); ahead > 0 {
		s.Clock.Advance(ahead)
	}
	return nil
}

func (s *Stack) restore() error {
	if err := s.sweepUnfinished(); err != nil {
		return err
	}
	for _, part := range s.parts() {
		if err := s.restorePart(part.name, part.restore); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stack) restorePart(name string, restore func(io.Reader) error) error {
	if s.options.DataDir == "" {
		return nil
	}
	states, err := s.states()
	if err != nil || len(states) == 0 {
		return err
	}
	path := filepath.Join(s.options.DataDir, stateFolder(states[len(states)-1]), name+".json")
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // of a release that did not keep it
	}
	if err != nil {
		return fmt.Errorf("restore %s: %w", name, err)
	}
	defer func() { _ = file.Close() }()
	if err := restore(file); err != nil {
		return fmt.Errorf("restore %s from %s: %w", name, path, err)
	}
	return nil
}

// sweepUnfinished removes what a stack left that was killed while it kept its state.
func (s *Stack) sweepUnfinished() error {
	if s.options.DataDir == "" {
		return nil
	}
	left, err := filepath.Glob(filepath.Join(s.options.DataDir, unfinished))
	for _, folder := range left {
		err = errors.Join(err, os.RemoveAll(folder))
	}
	return err
}

func stateFolder(number int) string { return fmt.Sprintf("%s%06d", statePrefix, number) }

// states are the numbers of the complete states in the data folder, oldest first.
func (s *Stack) states() ([]int, error) {
	entries, err := os.ReadDir(s.options.DataDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the data folder: %w", err)
	}
	var numbers []int
	for _, entry := range entries {
		text, found := strings.CutPrefix(entry.Name(), statePrefix)
		if number, err := strconv.Atoi(text); found && err == nil && entry.IsDir() {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// save writes the state of all parts into a folder that gets its name when it is complete: whoever is killed meanwhile leaves the state before, whole. The database stands still as long as
// that takes. Everything that is done is committed there, so the parts fit together.
func (s *Stack) save() error {
	if s.options.DataDir == "" {
		return nil
	}
	s.saving.Lock()
	defer s.saving.Unlock()
	if err := os.MkdirAll(s.options.DataDir, 0o700); err != nil {
		return err
	}
	states, err := s.states()
	if err != nil {
		return err
	}
	next := 1
	if len(states) > 0 {
		next = states[len(states)-1] + 1
	}
	folder, err := os.MkdirTemp(s.options.DataDir, unfinished)
	if err != nil {
		return err
	}
	if err := s.saveInto(folder); err != nil {
		return errors.Join(err, os.RemoveAll(folder))
	}
	if err := os.Rename(folder, filepath.Join(s.options.DataDir, stateFolder(next))); err != nil {
		return errors.Join(err, os.RemoveAll(folder))
	}
	for len(states) >= keptStates {
		if err := os.RemoveAll(filepath.Join(s.options.DataDir, stateFolder(states[0]))); err != nil {
			return fmt.Errorf("remove an old state: %w", err)
		}
		states = states[1:]
	}
	return nil
}

func (s *Stack) saveInto(folder string) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	for _, part := range append(s.parts(), part{"host", s.Host.Snapshot, nil}) {
		file, err := os.OpenFile(filepath.Join(folder, part.name+".json"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("keep %s: %w", part.name, err)
		}
		if err := errors.Join(part.snapshot(file), file.Sync(), file.Close()); err != nil {
			return fmt.Errorf("keep %s: %w", part.name, err)
		}
	}
	return nil
}

// maxWrite is the most that is read of a write before it may wait for a state to be kept: more than the database takes.
const maxWrite = 2<<20 + 1

// holdable is the database with writes that wait while a state is kept. Each is read before, so that no slow client is waited for.
func (s *Stack) holdable(database http.Handler) http.Handler {
	if s.options.DataDir == "" {
		return database
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			body, err := io.ReadAll(io.LimitReader(r.Body, maxWrite))
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			s.writing.RLock()
			defer s.writing.RUnlock()
		}
		database.ServeHTTP(w, r)
	})
}

// keep writes the state from time to time.
func (s *Stack) keep() {
	if s.options.DataDir == "" {
		return
	}
	stop := make(chan struct{})
	s.closers = append(s.closers, func(context.Context) error { close(stop); return nil })
	s.running.Go(func() {
		ticker := time.NewTicker(keepEvery)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				if err := s.save(); err != nil {
					s.log.Error("the state was not kept", "error", err)
				}
			}
		}
	})
}
