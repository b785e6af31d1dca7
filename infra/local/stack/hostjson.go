package stack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ReadHostJSON reads the host.json of the checkout that the working directory is in: the one that is deployed.
func ReadHostJSON() ([]byte, error) {
	folder, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for {
		data, err := os.ReadFile(filepath.Join(folder, "host.json"))
		if err == nil {
			return data, nil
		}
		parent := filepath.Dir(folder)
		if !errors.Is(err, fs.ErrNotExist) || parent == folder {
			return nil, fmt.Errorf("host.json is not found in the working directory or above; run this in a checkout of Latchkey: %w", err)
		}
		folder = parent
	}
}
