//go:build !linux

package host

import "os/exec"

// dieWithParent does nothing here: only Linux ties the life of a child to its parent's.
func dieWithParent(*exec.Cmd) {}
