// Command bundle assembles what Azure Functions runs: a folder and a zip with, at their root, host.json, the static Linux binary "handler" and
// one folder for each function. It checks what goes in and what came out, and says in a sentence what is wrong, with file and line where there
// is one. It serves deployment and the tests of the real host; it does not deploy.
//
//	go run ./infra/bundle [--arch amd64|arm64] [--out DIR] [--check]
//
// The same commit and the same Go release give the same bytes.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/alecthomas/kong"
)

// options are the command line.
type options struct {
	Arch    string `help:"Processor of the binary: amd64 or arm64. Flex Consumption runs amd64." enum:"amd64,arm64" default:"amd64"`
	Out     string `help:"Where the folder and the zip are written." type:"path" default:"dist"`
	Root    string `help:"The repository." type:"existingdir" default:"."`
	Package string `help:"The main package, as 'go build' takes it from the repository." default:"."`
	Check   bool   `help:"Check host.json, the functions and their settings; build nothing."`
}

func main() {
	var o options
	parser := kong.Must(&o, kong.Name("bundle"), kong.Description("Assemble the deployable folder and zip of Latchkey."), kong.UsageOnError())
	_, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err = run(ctx, o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run checks the sources, builds, and checks the result. Its error is one sentence a line.
func run(ctx context.Context, o options, out io.Writer) error {
	start := time.Now()
	functions, findings := checkSources(o.Root)
	if len(findings) > 0 {
		return findings.err()
	}
	if o.Check {
		fmt.Fprintf(out, "checked    host.json and %d functions: nothing to report\n", len(functions))
		return nil
	}
	made, err := assemble(ctx, o, functions)
	if err != nil {
		return err
	}
	if findings := checkBundle(made, o.Arch); len(findings) > 0 {
		return findings.err()
	}
	fmt.Fprintf(out, "folder     %s (%d functions)\n", made.Folder, len(functions))
	fmt.Fprintf(out, "binary     %.1f MB, linux/%s, static\n", megabytes(made.BinaryBytes), o.Arch)
	fmt.Fprintf(out, "zip        %s (%.1f MB)\n", made.Zip, megabytes(made.ZipBytes))
	fmt.Fprintf(out, "sha256     %s\n", made.SHA256)
	fmt.Fprintf(out, "took       %s\n", time.Since(start).Round(10*time.Millisecond))
	return nil
}

func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }

// finding is one thing that is wrong, as a sentence, and where.
type finding struct {
	File     string // relative to the repository, with slashes; empty if it is nowhere in particular
	Line     int    // 0 if the whole file is meant
	Sentence string
}

func (f finding) String() string {
	switch {
	case f.File == "":
		return f.Sentence
	case f.Line == 0:
		return fmt.Sprintf("%s: %s", f.File, f.Sentence)
	default:
		return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Sentence)
	}
}

type findings []finding

func (all *findings) add(file string, line int, format string, args ...any) {
	*all = append(*all, finding{File: file, Line: line, Sentence: fmt.Sprintf(format, args...)})
}

// err joins the sentences, one a line.
func (all findings) err() error {
	errs := make([]error, len(all))
	for i, f := range all {
		errs[i] = errors.New(f.String())
	}
	return errors.Join(errs...)
}
