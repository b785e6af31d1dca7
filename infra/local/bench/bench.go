// Package bench drives whole lifecycles through a running stack, on all its wires: a request over HTTP, its approval over HTTP, and the membership in the directory that comes of it.
// It measures what a user would wait for, and what each lifecycle costs.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/infra/local/client"
	"latchkey/infra/local/cosmos"
	"latchkey/infra/local/demo"
	"latchkey/infra/local/stack"
	"latchkey/infra/local/tenant"
	"latchkey/shared/governance"
)

// Options say how much to drive.
type Options struct {
	Clients    int
	Duration   time.Duration
	Lifecycles int // instead of a duration: so many, each of another person
}

// Report is what was measured.
type Report struct {
	Clients       int                    `json:"clients"`
	Lifecycles    int                    `json:"lifecycles"`
	Seconds       float64                `json:"seconds"`
	PerSecond     float64                `json:"lifecyclesPerSecond"`
	P50           time.Duration          `json:"p50Nanoseconds"`
	P95           time.Duration          `json:"p95Nanoseconds"`
	P99           time.Duration          `json:"p99Nanoseconds"`
	Allocations   float64                `json:"allocationsPerLifecycle"` // of the whole process: stack, handler and clients
	Bytes         float64                `json:"bytesPerLifecycle"`
	Cosmos        map[string]cosmos.Stat `json:"cosmos"`
	Operations    float64                `json:"cosmosOperationsPerLifecycle"`
	RequestUnits  float64                `json:"requestUnitsPerLifecycle"`
	GraphRequests float64                `json:"graphRequestsPerLifecycle"`
	Executions    float64                `json:"executionsPerLifecycle"` // of Service Bus functions
}

const (
	packages = 8   // for each person
	managers = 20  //
	perHead  = 900 // lifecycles a second that people are made for: more than are reached
)

// Run drives lifecycles and reports.
func Run(ctx context.Context, s *stack.Stack, o Options) (Report, error) {
	r := &runner{stack: s, http: &http.Client{Transport: transport(o.Clients)}}
	if err := r.prepare(ctx, max(int(o.Duration.Seconds()*perHead)/packages+o.Clients, o.Lifecycles+1)); err != nil {
		return Report{}, err
	}
	// A first lifecycle opens the connections and is not counted.
	if err := r.lifecycle(ctx, 0); err != nil {
		return Report{}, err
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	stats, graphBefore, hostBefore := s.Cosmos.Stats(), s.Graph.Stats().Requests, executions(s)
	began := time.Now()
	deadline := began.Add(o.Duration)
	var next atomic.Int64
	var mu sync.Mutex
	var took []time.Duration
	var failure error
	var clients sync.WaitGroup
	for range o.Clients {
		clients.Go(func() {
			for ctx.Err() == nil {
				number := int(next.Add(1))
				start := time.Now()
				if o.Lifecycles == 0 && !start.Before(deadline) || o.Lifecycles > 0 && number > o.Lifecycles {
					return
				}
				err := r.lifecycle(ctx, number)
				mu.Lock()
				if err != nil {
					failure = errors.Join(failure, err)
					mu.Unlock()
					return
				}
				took = append(took, time.Since(start))
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	elapsed := time.Since(began)
	if failure != nil {
		return Report{}, failure
	}
	runtime.ReadMemStats(&after)
	if err := s.Drain(ctx); err != nil {
		return Report{}, err
	}
	return r.report(o, took, elapsed, stats, s.Cosmos.Stats(), before, after, s.Graph.Stats().Requests-graphBefore, executions(s)-hostBefore), nil
}

func executions(s *stack.Stack) int64 {
	metrics := s.Host.Metrics()
	return metrics.Functions["provisioning"].Invocations + metrics.Functions["notifications"].Invocations
}

func transport(clients int) *http.Transport {
	return &http.Transport{MaxIdleConns: 2 * clients, MaxIdleConnsPerHost: 2 * clients}
}

type runner struct {
	stack    *stack.Stack
	http     *http.Client
	people   []person
	packages []string
	group    tenant.Group
}

type person struct {
	id      string
	self    *client.Client
	manager *client.Client
}

// prepare makes people, tokens and packages.
func (r *runner) prepare(ctx context.Context, people int) error {
	directory := r.stack.Graph.Directory()
	var bosses []*client.Client
	var bossIDs []string
	for i := range managers {
		boss := governance.User{ID: governance.NameID(fmt.Sprintf("bench manager %d", i)), UserPrincipalName: fmt.Sprintf("manager%d@bench.example", i), Mail: fmt.Sprintf("manager%d@bench.example", i),
			DisplayName: fmt.Sprintf("Manager %d", i), UserType: governance.UserTypeMember, AccountEnabled: true}
		directory.PutUser(boss)
		signedIn, err := r.signIn(boss.UserPrincipalName)
		if err != nil {
			return err
		}
		bosses, bossIDs = append(bosses, signedIn), append(bossIDs, boss.ID)
	}
	r.people = make([]person, people)
	var made sync.WaitGroup
	var failed atomic.Pointer[error]
	for worker := range runtime.GOMAXPROCS(0) {
		made.Go(func() {
			for i := worker; i < people; i += runtime.GOMAXPROCS(0) {
				user := governance.User{ID: governance.NameID(fmt.Sprintf("bench person %d", i)), UserPrincipalName: fmt.Sprintf("person%d@bench.example", i), Mail: fmt.Sprintf("person%d@bench.example", i),
					DisplayName: fmt.Sprintf("Person %d", i), UserType: governance.UserTypeMember, AccountEnabled: true}
				directory.PutUser(user)
				if err := directory.SetManager(user.ID, bossIDs[i%managers]); err != nil {
					failed.Store(&err)
					return
				}
				signedIn, err := r.signIn(user.UserPrincipalName)
				if err != nil {
					failed.Store(&err)
					return
				}
				r.people[i] = person{id: user.ID, self: signedIn, manager: bosses[i%managers]}
			}
		})
	}
	made.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return r.offer(ctx)
}

func (r *runner) signIn(name string) (*client.Client, error) {
	text, err := r.stack.Tokens.UserToken(name, r.stack.Tenant.Audience)
	return &client.Client{Base: r.stack.Endpoints.Host + client.EntitlementManagement, Token: text, HTTP: r.http}, err
}

// offer makes the packages, as an administrator does.
func (r *runner) offer(ctx context.Context) error {
	administrator := slices.IndexFunc(r.stack.Tenant.Users, func(u tenant.User) bool { return slices.Contains(u.Roles, "Identity Governance Administrator") })
	cloud := slices.IndexFunc(r.stack.Tenant.Groups, func(g tenant.Group) bool { return g.DisplayName == "Windows 365 Enterprise" })
	help := slices.IndexFunc(r.stack.Tenant.Groups, func(g tenant.Group) bool { return g.DisplayName == "Help desk" })
	if administrator < 0 || cloud < 0 || help < 0 {
		return errors.New("the benchmark needs the sample tenant")
	}
	r.group = r.stack.Tenant.Groups[cloud]
	admin, err := r.signIn(r.stack.Tenant.Users[administrator].UserPrincipalName)
	if err != nil {
		return err
	}
	var catalog client.Made
	if err := admin.Do(ctx, http.MethodPost, "/catalogs", map[string]any{"displayName": "Benchmark " + time.Now().Format(time.RFC3339Nano), "description": "What the benchmark makes."}, &catalog); err != nil {
		return err
	}
	for i := range packages {
		group := governance.Group{ID: governance.NameID(fmt.Sprintf("bench group %d", i)), DisplayName: fmt.Sprintf("Bench group %d", i), SecurityEnabled: true}
		r.stack.Graph.Directory().PutGroup(group)
		if err := admin.Do(ctx, http.MethodPost, "/resourceRequests", map[string]any{
			"requestType": "adminAdd", "catalog": map[string]any{"id": catalog.ID}, "resource": map[string]any{"originId": group.ID, "originSystem": "AadGroup"},
		}, nil); err != nil {
			return err
		}
		var pack client.Made
		if err := admin.Do(ctx, http.MethodPost, "/accessPackages", map[string]any{"displayName": fmt.Sprintf("Package %d", i), "description": "A group.", "catalog": map[string]any{"id": catalog.ID}}, &pack); err != nil {
			return err
		}
		if err := admin.Do(ctx, http.MethodPost, "/accessPackages/"+pack.ID+"/resourceRoleScopes", map[string]any{
			"role":  map[string]any{"originId": "Member_" + group.ID, "originSystem": "AadGroup", "resource": map[string]any{"originId": group.ID}},
			"scope": map[string]any{"originId": group.ID, "originSystem": "AadGroup"},
		}, nil); err != nil {
			return err
		}
		if err := admin.Do(ctx, http.MethodPost, "/assignmentPolicies", demo.CloudPCPolicy(pack.ID, r.stack.Tenant.Groups[help].ID), nil); err != nil {
			return err
		}
		r.packages = append(r.packages, pack.ID)
	}
	return nil
}

// look is how often the directory is looked at for the membership.
const look = time.Millisecond

// patience is how long a lifecycle may take.
const patience = 30 * time.Second

// lifecycle is one request, approved and granted.
func (r *runner) lifecycle(ctx context.Context, number int) error {
	if number >= len(r.people)*packages {
		return errors.New("there are not enough people for so many lifecycles")
	}
	who, index := r.people[number%len(r.people)], number/len(r.people)
	var request client.Made
	if err := who.self.Do(ctx, http.MethodPost, "/assignmentRequests", map[string]any{
		"requestType": "userAdd", "assignment": map[string]any{"accessPackageId": r.packages[index]}, "justification": "benchmark",
	}, &request); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	stage := governance.NameID(fmt.Sprintf("stage:%s:0", request.ID))
	if err := who.manager.Do(ctx, http.MethodPatch, "/accessPackageAssignmentApprovals/"+request.ID+"/stages/"+stage,
		map[string]any{"reviewResult": "Approve", "justification": "benchmark"}, nil); err != nil {
		return fmt.Errorf("approve: %w", err)
	}
	group := governance.NameID(fmt.Sprintf("bench group %d", index))
	directory := r.stack.Graph.Directory()
	for deadline := time.Now().Add(patience); !directory.IsMember(group, who.id); {
		if time.Now().After(deadline) {
			return fmt.Errorf("request %s was not granted within %v", request.ID, patience)
		}
		time.Sleep(look)
	}
	return nil
}

func (r *runner) report(o Options, took []time.Duration, elapsed time.Duration, before, after map[string]cosmos.Stat, memoryBefore, memoryAfter runtime.MemStats, graphRequests uint64, executions int64) Report {
	n := float64(max(len(took), 1))
	slices.Sort(took)
	at := func(share float64) time.Duration {
		if len(took) == 0 {
			return 0
		}
		return took[min(int(share*float64(len(took))), len(took)-1)]
	}
	report := Report{
		Clients: o.Clients, Lifecycles: len(took), Seconds: elapsed.Seconds(), PerSecond: float64(len(took)) / elapsed.Seconds(), P50: at(0.50), P95: at(0.95), P99: at(0.99),
		Allocations: float64(memoryAfter.Mallocs-memoryBefore.Mallocs) / n, Bytes: float64(memoryAfter.TotalAlloc-memoryBefore.TotalAlloc) / n,
		Cosmos: map[string]cosmos.Stat{}, GraphRequests: float64(graphRequests) / n, Executions: float64(executions) / n,
	}
	for kind, stat := range after {
		delta := cosmos.Stat{Operations: stat.Operations - before[kind].Operations, RequestUnits: stat.RequestUnits - before[kind].RequestUnits}
		if delta.Operations > 0 {
			report.Cosmos[kind] = delta
			report.Operations += float64(delta.Operations) / n
			report.RequestUnits += delta.RequestUnits / n
		}
	}
	return report
}

// Print writes a report for people.
func (r Report) Print(out io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%d clients, %.1f s: %d lifecycles (request, approval, granted in the directory)\n", r.Clients, r.Seconds, r.Lifecycles)
	fmt.Fprintf(&text, "  %-28s %10.1f\n", "lifecycles/s", r.PerSecond)
	for _, row := range []struct {
		name string
		took time.Duration
	}{{"p50", r.P50}, {"p95", r.P95}, {"p99", r.P99}} {
		fmt.Fprintf(&text, "  %-28s %10.1f ms\n", row.name, float64(row.took)/float64(time.Millisecond))
	}
	fmt.Fprintf(&text, "each lifecycle:\n  %-28s %10.0f (%.0f KB; the whole process)\n", "allocations", r.Allocations, r.Bytes/1024)
	fmt.Fprintf(&text, "  %-28s %10.1f\n  %-28s %10.1f\n", "Cosmos operations", r.Operations, "request units", r.RequestUnits)
	for _, kind := range slices.Sorted(maps.Keys(r.Cosmos)) {
		stat := r.Cosmos[kind]
		fmt.Fprintf(&text, "    %-26s %10.2f  %10.1f RU\n", kind, float64(stat.Operations)/float64(max(r.Lifecycles, 1)), stat.RequestUnits/float64(max(r.Lifecycles, 1)))
	}
	fmt.Fprintf(&text, "  %-28s %10.1f\n  %-28s %10.1f\n", "Graph requests", r.GraphRequests, "function executions (queues)", r.Executions)
	_, err := io.WriteString(out, text.String())
	return err
}
