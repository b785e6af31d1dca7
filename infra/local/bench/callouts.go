package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
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

// CalloutReport is what came of them. Times are milliseconds.
type CalloutReport struct {
	Sent, Refused, Worked, Resumed int
	PerSecond                      float64
	BeginMedian, Begin99           float64 // from accepted to begun
	AnswerMedian, Answer99         float64 // of the HTTP call
	HeapBefore, HeapAfter          uint64  // bytes, after a collection
}

// RunCallouts sends callouts at a steady rate through all the wires, each with a wait, and reads how soon the work for each was begun.
func RunCallouts(ctx context.Context, s *stack.Stack, o CalloutOptions) (CalloutReport, error) {
	token, err := client.SignIn(ctx, s.Endpoints.Token, s.Endpoints.TenantID, s.Endpoints.Audience, s.Tenant.Users[0].UserPrincipalName)
	if err != nil {
		return CalloutReport{}, err
	}
	operations := &client.Client{Base: s.Endpoints.Host + "/api/v1.0/operations", Token: token}
	if err := operations.Do(ctx, http.MethodPut, "/calloutActions/bench", map[string]any{"kind": "revokeSessions", "settings": map[string]any{}}, nil); err != nil {
		return CalloutReport{}, err
	}
	bearer, err := s.Tokens.ApplicationToken(stack.EntitlementAppID, "https://management.azure.com")
	if err != nil {
		return CalloutReport{}, err
	}
	people := make([]tenant.User, 500)
	for n := range people {
		people[n] = tenant.User{ID: platform.RandomIDs(), UserPrincipalName: fmt.Sprintf("callout%d@%s", n, s.Tenant.Domain), DisplayName: fmt.Sprint("Callout ", n), UserType: governance.UserTypeMember, AccountEnabled: true}
		s.Graph.Directory().PutUser(people[n].Governance())
	}
	report := CalloutReport{HeapBefore: heap()}
	var refused atomic.Int64
	var answers []time.Duration
	var mu sync.Mutex
	var calls sync.WaitGroup
	pace := time.NewTimer(0)
	defer pace.Stop()
	began := time.Now()
	for time.Since(began) < o.Duration {
		select {
		case <-ctx.Done():
			return report, ctx.Err()
		case <-pace.C:
		}
		pace.Reset(time.Until(began.Add(time.Duration(report.Sent+1) * time.Second / time.Duration(o.Rate)))) // late ticks are made up for
		user := people[report.Sent%len(people)]
		c := stack.Callout{Stage: "assignmentRequestGranted", RequestID: platform.RandomIDs(), StageInstanceID: platform.RandomIDs(), Package: "Bench", Wait: "PT1H"}
		report.Sent++
		calls.Go(func() {
			from := time.Now()
			status, _, err := s.PostCallout(ctx, "bench", "Bearer "+bearer, c.NativePayload(user, user))
			took := time.Since(from)
			if err != nil || status != http.StatusAccepted {
				refused.Add(1)
			}
			mu.Lock()
			answers = append(answers, took)
			mu.Unlock()
		})
	}
	calls.Wait()
	report.PerSecond = float64(report.Sent) / time.Since(began).Seconds()
	report.Refused = int(refused.Load())
	if err := s.Drain(ctx); err != nil {
		return report, err
	}
	report.AnswerMedian, report.Answer99 = quantiles(answers)
	return report, report.read(ctx, operations)
}

// read reads what became of the callouts.
func (r *CalloutReport) read(ctx context.Context, operations *client.Client) error {
	var waits []time.Duration
	path := "/callouts?$top=999"
	for path != "" {
		var page struct {
			Value []governance.Callout `json:"value"`
			Next  string               `json:"@odata.nextLink"`
		}
		if err := operations.Do(ctx, http.MethodGet, path, nil, &page); err != nil {
			return err
		}
		for _, callout := range page.Value {
			if callout.BeganDateTime != nil {
				waits = append(waits, callout.BeganDateTime.Sub(callout.AcceptedDateTime.Time))
			}
			if callout.Succeeded {
				r.Worked++
			}
			if callout.State == governance.CalloutResumed {
				r.Resumed++
			}
		}
		path = ""
		if page.Next != "" {
			path = page.Next[len(operations.Base):]
		}
	}
	r.BeginMedian, r.Begin99 = quantiles(waits)
	r.HeapAfter = heap()
	return nil
}

func quantiles(times []time.Duration) (median, most float64) {
	if len(times) == 0 {
		return 0, 0
	}
	slices.Sort(times)
	at := func(n int) float64 { return float64(times[min(n, len(times)-1)].Microseconds()) / 1000 }
	return at(len(times) / 2), at(len(times) * 99 / 100)
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// Print writes the report for people. Errors: those of the writer, and one that says what was lost.
func (r CalloutReport) Print(out io.Writer) error {
	_, err := fmt.Fprintf(out, `callouts sent            %d (%.0f/s), refused %d
worked and resumed       %d, %d
accepted to begun        median %.1f ms, 99th percentile %.1f ms
answer to the caller     median %.1f ms, 99th percentile %.1f ms
heap before and after    %.1f MB, %.1f MB (the whole cloud with its documents, audit entries and messages is in this process)
`, r.Sent, r.PerSecond, r.Refused, r.Worked, r.Resumed, r.BeginMedian, r.Begin99, r.AnswerMedian, r.Answer99, float64(r.HeapBefore)/(1<<20), float64(r.HeapAfter)/(1<<20))
	if err == nil && (r.Refused > 0 || r.Worked != r.Sent || r.Resumed != r.Sent) {
		return fmt.Errorf("of %d callouts %d were refused, %d worked and %d answered", r.Sent, r.Refused, r.Worked, r.Resumed)
	}
	return err
}
