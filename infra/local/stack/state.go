package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// keepEvery is how often the state is written while the stack runs: that much is lost when it is killed.
const keepEvery = 10 * time.Second

// part is one file of the data folder.
type part struct {
	name     string
	snapshot func(io.Writer) error
	restore  func(io.Reader) error
}

func (s *Stack) parts() []part {
	return []part{
		{"cosmos", s.Cosmos.Snapshot, s.Cosmos.Restore},
		{"servicebus", s.Bus.Snapshot, s.Bus.Restore},
		{"graph", s.Graph.Snapshot, s.Graph.Restore},
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
	file, err := os.Open(filepath.Join(s.options.DataDir, name+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("restore %s: %w", name, err)
	}
	defer func() { _ = file.Close() }()
	if err := restore(file); err != nil {
		return fmt.Errorf("restore %s from %s: %w", name, file.Name(), err)
	}
	return nil
}

// save writes the state of every part: each file whole or not at all.
func (s *Stack) save() error {
	if s.options.DataDir == "" {
		return nil
	}
	if err := os.MkdirAll(s.options.DataDir, 0o700); err != nil {
		return err
	}
	for _, part := range append(s.parts(), part{"host", s.Host.Snapshot, nil}) {
		if err := s.savePart(part); err != nil {
			return fmt.Errorf("keep %s: %w", part.name, err)
		}
	}
	return nil
}

func (s *Stack) savePart(part part) error {
	file, err := os.CreateTemp(s.options.DataDir, part.name+"-*")
	if err != nil {
		return err
	}
	err = errors.Join(part.snapshot(file), file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), filepath.Join(s.options.DataDir, part.name+".json"))
	}
	if err != nil {
		err = errors.Join(err, os.Remove(file.Name()))
	}
	return err
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
