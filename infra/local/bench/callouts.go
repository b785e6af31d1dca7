package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"latchkey/infra/local/client"
	"latchkey/infra/local/stack"
	"latchkey/infra/local/tenant"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// CalloutOptions say how many callouts come, and for how long.
type CalloutOptions struct {
	Rate     int // a second
	Duration time.Duration
}

// CalloutReport is what came of them.
type CalloutReport struct {
	sent, accepted, worked, resumed int           // worked: the action succeeded; resumed: and its source was told
	duration, elapsed               time.Duration // that was asked for; until the last answer
	windows                         []window
	begin, answer                   []time.Duration // from accepted to begun; of the HTTP call
	memory                          []sample
	crashes                         int64 // of the handler, meanwhile
}

// window is what happened in a part of the time.
type window struct {
	sent, accepted, begun, resumed int
	atOnce                         int // the most calls that were being answered at a time
	begin                          []time.Duration
}

// windowLength is the time of a line of the report.
const windowLength = 10 * time.Second

// calloutPeople is how many people the callouts are about, in turn.
const calloutPeople = 500

// RunCallouts sends callouts at a steady rate through all the wires, each with a wait, and reads how soon the work for each was begun, and what memory the handler has meanwhile.
func RunCallouts(ctx context.Context, s *stack.Stack, o CalloutOptions) (CalloutReport, error) {
	r := calloutRunner{stack: s, report: CalloutReport{duration: o.Duration, windows: make([]window, (o.Duration+windowLength-1)/windowLength)}}
	if err := r.prepare(ctx); err != nil {
		return CalloutReport{}, err
	}
	crashes := s.Host.Metrics().Crashes
	r.began = time.Now()
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	watched := watch(watching, s.Host.HandlerPID)
	if err := r.send(ctx, o); err != nil {
		return CalloutReport{}, err
	}
	stopWatching()
	r.report.memory = <-watched
	if err := s.Drain(ctx); err != nil {
		return CalloutReport{}, err
	}
	r.report.crashes = s.Host.Metrics().Crashes - crashes
	return r.report, r.read(ctx)
}

type calloutRunner struct {
	stack      *stack.Stack
	operations *client.Client
	bearer     string
	people     []tenant.User
	began      time.Time

	mu     sync.Mutex
	report CalloutReport
	inHand int // calls that are being answered
}

// prepare makes the action and the people.
func (r *calloutRunner) prepare(ctx context.Context) error {
	s := r.stack
	token, err := client.SignIn(ctx, s.Endpoints.Token, s.Endpoints.TenantID, s.Endpoints.Audience, s.Tenant.Users[0].UserPrincipalName)
	if err != nil {
		return err
	}
	r.operations = &client.Client{Base: s.Endpoints.Host + "/api/v1.0/operations", Token: token}
	if err := r.operations.Do(ctx, http.MethodPut, "/calloutActions/bench", map[string]any{"kind": "revokeSessions", "settings": map[string]any{}}, nil); err != nil {
		return err
	}
	if r.bearer, err = s.Tokens.ApplicationToken(stack.EntitlementAppID, "https://management.azure.com"); err != nil {
		return err
	}
	r.people = make([]tenant.User, calloutPeople)
	for n := range r.people {
		r.people[n] = tenant.User{ID: platform.RandomIDs(), UserPrincipalName: fmt.Sprintf("callout%d@%s", n, s.Tenant.Domain), DisplayName: fmt.Sprint("Callout ", n), UserType: governance.UserTypeMember, AccountEnabled: true}
		s.Graph.Directory().PutUser(r.people[n].Governance())
	}
	return nil
}

// send sends at the rate, and comes back when everything is answered.
func (r *calloutRunner) send(ctx context.Context, o CalloutOptions) error {
	var calls sync.WaitGroup
	defer calls.Wait()
	pace := time.NewTimer(0)
	defer pace.Stop()
	for n := 0; time.Since(r.began) < o.Duration; n++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pace.C:
		}
		pace.Reset(time.Until(r.began.Add(time.Duration(n+1) * time.Second / time.Duration(o.Rate)))) // late ticks are made up for
		user := r.people[n%len(r.people)]
		calls.Go(func() { r.one(ctx, user) })
	}
	calls.Wait()
	r.report.elapsed = time.Since(r.began)
	return nil
}

// one sends one callout.
func (r *calloutRunner) one(ctx context.Context, user tenant.User) {
	c := stack.Callout{Stage: "assignmentRequestGranted", RequestID: platform.RandomIDs(), StageInstanceID: platform.RandomIDs(), Package: "Bench", Wait: "PT1H"}
	from := time.Now()
	r.mu.Lock()
	r.inHand++
	at := r.window(from)
	at.sent++
	at.atOnce = max(at.atOnce, r.inHand)
	r.report.sent++
	r.mu.Unlock()
	status, _, err := r.stack.PostCallout(ctx, "bench", "Bearer "+r.bearer, c.NativePayload(user, user))
	to := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inHand--
	if err == nil && status == http.StatusAccepted {
		r.report.accepted++
		r.window(to).accepted++
	}
	r.report.answer = append(r.report.answer, to.Sub(from))
}

// window is the one of an instant; what comes after the last is counted in it.
func (r *calloutRunner) window(at time.Time) *window {
	n := int(at.Sub(r.began) / windowLength)
	return &r.report.windows[min(max(n, 0), len(r.report.windows)-1)]
}

// read reads what became of the callouts, as Latchkey tells it.
func (r *calloutRunner) read(ctx context.Context) error {
	for path := "/callouts?$top=999"; path != ""; {
		var page struct {
			Value []governance.Task `json:"value"`
			Next  string            `json:"@odata.nextLink"`
		}
		if err := r.operations.Do(ctx, http.MethodGet, path, nil, &page); err != nil {
			return err
		}
		for _, callout := range page.Value {
			if callout.BeganDateTime != nil {
				wait := callout.BeganDateTime.Sub(callout.AcceptedDateTime.Time)
				r.report.begin = append(r.report.begin, wait)
				at := r.window(callout.BeganDateTime.Time)
				at.begun++
				at.begin = append(at.begin, wait)
			}
			if callout.Succeeded {
				r.report.worked++
			}
			if callout.State == governance.TaskResumed && callout.EndedDateTime != nil {
				r.report.resumed++
				r.window(callout.EndedDateTime.Time).resumed++
			}
		}
		path = strings.TrimPrefix(page.Next, r.operations.Base)
	}
	return nil
}

// beginGoal is what the median from accepted to begun is to stay under.
const beginGoal = 100 * time.Millisecond

// Print writes the report for people. Errors: those of the writer, and one for each thing that does not hold.
func (r *CalloutReport) Print(out io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%-10s %8s %8s %8s %8s %8s   %23s   %25s\n", "", "", "", "", "", "most", "from accepted to begun", "handler's resident memory")
	fmt.Fprintf(&text, "%-10s %8s %8s %8s %8s %8s   %11s %11s   %12s %12s\n", "seconds", "sent", "accepted", "begun", "resumed", "at once", "median", "99 %", "least", "most")
	for n, w := range r.windows {
		from, to := time.Duration(n)*windowLength, time.Duration(n+1)*windowLength
		median, most := quantiles(w.begin)
		fmt.Fprintf(&text, "%-10s %8d %8d %8d %8d %8d   %8.1f ms %8.1f ms", fmt.Sprintf("%.0f-%.0f", from.Seconds(), min(to, r.duration).Seconds()), w.sent, w.accepted, w.begun, w.resumed, w.atOnce, median, most)
		if least, most := extremes(r.memory, from, to); most > 0 {
			fmt.Fprintf(&text, "   %12s %12s", megabytes(least), megabytes(most))
		}
		text.WriteByte('\n')
	}
	beginMedian, begin99 := quantiles(r.begin)
	answerMedian, answer99 := quantiles(r.answer)
	fmt.Fprintf(&text, "\n%d callouts in %.1f s (%.0f/s); answer to the caller: median %.1f ms, 99 %% %.1f ms; accepted to begun: median %.1f ms, 99 %% %.1f ms\n",
		r.sent, r.elapsed.Seconds(), float64(r.sent)/r.elapsed.Seconds(), answerMedian, answer99, beginMedian, begin99)
	var broken []error
	verdict := func(holds bool, format string, args ...any) {
		word, sentence := "holds  ", fmt.Sprintf(format, args...)
		if !holds {
			word = "BROKEN "
			broken = append(broken, errors.New(sentence))
		}
		fmt.Fprintf(&text, "%s %s\n", word, sentence)
	}
	verdict(r.sent > 0 && r.accepted == r.sent && r.worked == r.sent && r.resumed == r.sent, "nothing lost: of %d callouts %d were accepted, %d worked and %d resumed", r.sent, r.accepted, r.worked, r.resumed)
	verdict(beginMedian < milliseconds(beginGoal), "begun in time: the median is %.1f ms, and is to be under %.0f", beginMedian, milliseconds(beginGoal))
	verdict(r.crashes == 0, "the handler crashed %d times", r.crashes)
	switch g, judged := judge(r.memory, r.duration); {
	case judged && !g.flat() && r.stalled():
		fmt.Fprintf(&text, "memory was not judged: it is %s in the last third of the time and %s in the second (medians), but the machine stalled, and more callouts than ever were in hand at once; run it again when nothing else runs\n",
			megabytes(g.last), megabytes(g.second))
	case judged:
		verdict(g.flat(), "memory flat: %s in the last third of the time, %s in the second (medians); it may have 10 %% and 2 MB more", megabytes(g.last), megabytes(g.second))
	case len(r.memory) == 0:
		text.WriteString("memory was not measured: that needs Linux, and a handler in a process of its own\n")
	default:
		fmt.Fprintf(&text, "memory was not judged: that takes a run of %s or more\n", flatTime)
	}
	if _, err := io.WriteString(out, text.String()); err != nil {
		return err
	}
	return errors.Join(broken...)
}

// stallShare is how many times the callouts in hand at once of an earlier time are a stall: what they need at once, a process keeps for a while.
const stallShare = 3

// stalled says whether, late, far more callouts were in hand at once than ever before.
func (r *CalloutReport) stalled() bool {
	early, late := 0, 0
	for n, w := range r.windows {
		if time.Duration(n+1)*windowLength <= r.duration/2 {
			early = max(early, w.atOnce)
		} else {
			late = max(late, w.atOnce)
		}
	}
	return early > 0 && late > stallShare*early
}

// quantiles are the median and the 99th percentile, in milliseconds.
func quantiles(times []time.Duration) (median, most float64) {
	if len(times) == 0 {
		return 0, 0
	}
	slices.Sort(times)
	return milliseconds(times[len(times)/2]), milliseconds(times[len(times)*99/100])
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
