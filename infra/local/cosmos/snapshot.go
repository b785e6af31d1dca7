package cosmos

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"latchkey/shared/store/memory/rawjson"
)

// savedCollection is a container in a snapshot.
type savedCollection struct {
	Database   string                     `json:"database"`
	ID         string                     `json:"id"`
	Properties map[string]json.RawMessage `json:"properties"`
	Version    uint64                     `json:"version"`
	Items      []savedItem                `json:"items"`
}

type savedItem struct {
	Number   uint64          `json:"number"`
	Version  uint64          `json:"version"`
	Modified time.Time       `json:"modified"`
	Text     json.RawMessage `json:"item"`
}

// Snapshot writes all containers with their items as JSON.
func (s *Server) Snapshot(w io.Writer) error {
	s.mu.RLock()
	var all []*collection
	for _, id := range slices.Sorted(maps.Keys(s.databases)) {
		d := s.databases[id]
		for _, id := range slices.Sorted(maps.Keys(d.collections)) {
			all = append(all, d.collections[id])
		}
	}
	s.mu.RUnlock()
	out := bufio.NewWriter(w)
	out.WriteByte('[')
	for n, c := range all {
		if n > 0 {
			out.WriteByte(',')
		}
		// The items are written one by one, into the place that the empty list leaves.
		head := encode(savedCollection{c.database, c.id, c.properties, c.items.Version(), []savedItem{}})
		out.Write(head[:len(head)-2])
		first := true
		err := c.items.Each(func(i *item) error {
			if !first {
				out.WriteByte(',')
			}
			first = false
			_, err := out.Write(encode(savedItem{i.Value.number, i.Version, i.Modified, i.Value.text}))
			return err
		})
		if err != nil {
			return fmt.Errorf("snapshot of cosmos: %w", err)
		}
		out.WriteString("]}")
	}
	out.WriteByte(']')
	if err := out.Flush(); err != nil {
		return fmt.Errorf("snapshot of cosmos: %w", err)
	}
	return nil
}

// Restore replaces everything by what Snapshot wrote. What is configured and not in the snapshot is there afterwards, empty.
func (s *Server) Restore(r io.Reader) error {
	var saved []savedCollection
	if err := json.NewDecoder(r).Decode(&saved); err != nil {
		return fmt.Errorf("restore of cosmos: %w", err)
	}
	s.Reset()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range saved {
		if err := s.restore(&saved[i]); err != nil {
			return fmt.Errorf("restore of cosmos: container %s: %w", saved[i].ID, err)
		}
	}
	return nil
}

func (s *Server) restore(saved *savedCollection) error {
	d := s.databases[saved.Database]
	if d == nil {
		d = s.addDatabase(saved.Database)
	}
	c, err := s.addCollection(d, saved.ID, saved.Properties)
	if err != nil {
		return err
	}
	for _, one := range saved.Items {
		in, err := c.parse(rawjson.Of(one.Text))
		if err != nil {
			return err
		}
		in.item.Partition, in.item.Version, in.item.Modified = in.partition, one.Version, one.Modified
		in.item.Value = document{one.Text, one.Number}
		c.items.Load(in.item)
	}
	c.items.Advance(saved.Version)
	return nil
}
