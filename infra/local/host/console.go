package host

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
)

// maxLogLine bounds a line of the handler's output; what is longer is cut into several.
const maxLogLine = 64 << 10

// relay passes a line of the handler on to the log.
func (w *process) relay(level slog.Level, line string) {
	w.logger.LogAttrs(context.Background(), level, line, slog.String("category", "Host.Function.Console"))
}

// errorLevel is that of a line of standard error: an error, unless it says that it is a warning.
func errorLevel(line string) slog.Level {
	if strings.Contains(strings.ToLower(line), "warn") {
		return slog.LevelWarn
	}
	return slog.LevelError
}

// lineWriter cuts a stream into lines. One goroutine writes, and flushes at the end.
type lineWriter struct {
	emit func(line string)
	rest []byte
}

// Write implements io.Writer.
func (w *lineWriter) Write(p []byte) (int, error) {
	written := len(p)
	for {
		end := bytes.IndexByte(p, '\n')
		if end < 0 && len(w.rest)+len(p) < maxLogLine {
			w.rest = append(w.rest, p...)
			return written, nil
		}
		if end < 0 || len(w.rest)+end > maxLogLine {
			end = maxLogLine - len(w.rest)
			w.rest, p = append(w.rest, p[:end]...), p[end:]
		} else {
			w.rest, p = append(w.rest, p[:end]...), p[end+1:]
		}
		w.emit(strings.TrimSuffix(string(w.rest), "\r"))
		w.rest = w.rest[:0]
	}
}

func (w *lineWriter) flush() {
	if len(w.rest) > 0 {
		w.emit(string(w.rest))
		w.rest = nil
	}
}

// lastLines keeps the last three lines of standard error, which the host repeats when the handler dies. It is read only when nobody writes any more.
type lastLines struct{ lines []string }

func (l *lastLines) add(line string) {
	l.lines = append(l.lines, line)
	if len(l.lines) > 3 {
		l.lines = slices.Delete(l.lines, 0, 1)
	}
}

func (l *lastLines) text() string { return strings.Join(l.lines, " | ") }
