package api

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// Bounds of the log lines about refusals, for each minute: a flood of them must not become one of lines, nor hide the refusals of others.
const (
	maxRefusalsOfOne = 10  // lines of one caller; of those who are not known, of one operation and reason
	maxStrangers     = 100 // lines of all who are not known
	maxRefusals      = 200 // lines of all
)

// strangers counts the lines of all who are not known; no operation is called so.
const strangers = ""

// refusals tells the log of who was refused what: 401 and 403.
type refusals struct {
	log   *slog.Logger
	clock platform.Clock

	mu     sync.Mutex
	minute time.Time
	lines  map[string]int // of this minute, by caller, and of strangers by operation and reason and all together
	total  int
	silent int // refusals that left no line since the last that did
}

// tell writes a line, unless there were too many. The reason is what the caller was told, which names nobody; what they sent is not repeated.
func (r *refusals) tell(ctx context.Context, by governance.Caller, operation, requestID string, status int, reason string) {
	r.mu.Lock()
	if now := r.clock.Now().Truncate(time.Minute); !now.Equal(r.minute) || r.lines == nil {
		r.minute, r.lines, r.total = now, map[string]int{}, 0
	}
	who, stranger := by.ObjectID+" "+by.AppID, by.ObjectID == "" && by.AppID == ""
	if stranger {
		who = operation + "\n" + reason
	}
	if r.lines[who] >= maxRefusalsOfOne || r.total >= maxRefusals || stranger && r.lines[strangers] >= maxStrangers {
		r.silent++
		r.mu.Unlock()
		return
	}
	silent := r.silent
	r.lines[who]++
	r.total++
	if stranger {
		r.lines[strangers]++
	}
	r.silent = 0
	r.mu.Unlock()
	r.log.WarnContext(ctx, "a call was refused", "status", status, "objectId", by.ObjectID, "applicationId", by.AppID, "operation", operation, "reason", reason, "requestId", requestID, "untold", silent)
}
