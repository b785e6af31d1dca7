package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// BuildHandler builds the handler into a folder, stripped as it is when it is bundled, and returns its path. The working directory must be in a checkout.
func BuildHandler(ctx context.Context, folder string) (string, error) {
	path := filepath.Join(folder, "handler")
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", path, "latchkey")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the handler: %w\n%s", err, output)
	}
	return path, nil
}
