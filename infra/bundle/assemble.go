package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// bundled is when every entry of the zip says that it was written: a constant, so that the same sources give the same bytes.
var bundled = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)

// The modes of what is in the bundle.
const (
	binaryMode fs.FileMode = 0o755
	fileMode   fs.FileMode = 0o644
)

// bundle is what assemble made.
type bundle struct {
	Folder      string
	Zip         string
	Functions   []string
	BinaryBytes int64
	ZipBytes    int64
	SHA256      string
}

// assemble builds the binary and writes the folder and the zip.
func assemble(ctx context.Context, o options, functions []function) (bundle, error) {
	root, err := filepath.Abs(o.Root)
	if err != nil {
		return bundle{}, err
	}
	out, err := filepath.Abs(o.Out)
	if err != nil {
		return bundle{}, err
	}
	made := bundle{Folder: filepath.Join(out, "latchkey-linux-"+o.Arch)}
	made.Zip = made.Folder + ".zip"
	if err := errors.Join(os.RemoveAll(made.Folder), os.RemoveAll(made.Zip)); err != nil {
		return bundle{}, err
	}
	if err := os.MkdirAll(made.Folder, 0o755); err != nil {
		return bundle{}, err
	}
	if err := compile(ctx, root, o.Package, o.Arch, filepath.Join(made.Folder, binaryName)); err != nil {
		return bundle{}, err
	}
	if err := install(filepath.Join(root, hostFile), filepath.Join(made.Folder, hostFile)); err != nil {
		return bundle{}, err
	}
	for _, f := range functions {
		folder := filepath.Join(made.Folder, f.Name)
		if err := os.Mkdir(folder, 0o755); err != nil {
			return bundle{}, err
		}
		if err := install(filepath.Join(root, filepath.FromSlash(f.File)), filepath.Join(folder, functionFile)); err != nil {
			return bundle{}, err
		}
		made.Functions = append(made.Functions, f.Name)
	}
	if err := pack(made.Folder, made.Zip); err != nil {
		return bundle{}, err
	}
	return made, made.measure()
}

// compile builds the main package as a static, stripped binary that says nothing of where and from what it was built.
func compile(ctx context.Context, root, pkg, arch, binary string) error {
	if !strings.HasPrefix(pkg, ".") && !filepath.IsAbs(pkg) {
		pkg = "./" + pkg
	}
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", binary, pkg)
	command.Dir = root
	// GOFLAGS and the processor's variants of this machine must not get into the bytes.
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=", "GOEXPERIMENT=", "GOFIPS140=off")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("the handler does not build: %w\n%s", err, strings.TrimSpace(stderr.String()))
	}
	return os.Chmod(binary, binaryMode)
}

// install copies a file with the mode of a bundled one, whatever the umask.
func install(from, to string) error {
	data, err := readBounded(from)
	if err != nil {
		return err
	}
	if err := os.WriteFile(to, data, fileMode); err != nil {
		return err
	}
	return os.Chmod(to, fileMode)
}

// pack writes a folder as a zip: sorted, without folders as entries, with Unix modes and one time.
func pack(folder, name string) (err error) {
	var files []string
	err = filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			files = append(files, file)
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(files)

	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	archive := zip.NewWriter(out)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	for _, file := range files {
		if err := packFile(archive, folder, file); err != nil {
			return err
		}
	}
	return archive.Close()
}

func packFile(archive *zip.Writer, folder, file string) error {
	relative, err := filepath.Rel(folder, file)
	if err != nil {
		return err
	}
	header := &zip.FileHeader{Name: path.Clean(filepath.ToSlash(relative)), Method: zip.Deflate, Modified: bundled}
	header.SetMode(fileMode) // also says "created by Unix", without which the modes are not read
	if header.Name == binaryName {
		header.SetMode(binaryMode)
	}
	entry, err := archive.CreateHeader(header)
	if err != nil {
		return err
	}
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(entry, in)
	return errors.Join(err, in.Close())
}

// measure fills in the sizes and the hash.
func (b *bundle) measure() error {
	info, err := os.Stat(filepath.Join(b.Folder, binaryName))
	if err != nil {
		return err
	}
	b.BinaryBytes = info.Size()
	archive, err := os.Open(b.Zip)
	if err != nil {
		return err
	}
	hash := sha256.New()
	b.ZipBytes, err = io.Copy(hash, archive)
	b.SHA256 = hex.EncodeToString(hash.Sum(nil))
	return errors.Join(err, archive.Close())
}
