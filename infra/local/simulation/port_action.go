package simulation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"latchkey/shared/app/companion"
	"latchkey/shared/directory"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// actionPort is what custom extensions have done in the directory, as the app sees it.
type actionPort struct {
	world *world
	inner directory.Actions
}

var _ directory.Actions = actionPort{}

func (p actionPort) change(what, about string, do func() error) error {
	_, err := call(p.world, what, about, true, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

func (p actionPort) Granted(ctx context.Context) ([]string, error) {
	return call(p.world, "granted", "", false, func() ([]string, error) { return p.inner.Granted(ctx) })
}

func (p actionPort) PassPolicy(ctx context.Context) (governance.PassPolicy, error) {
	return call(p.world, "passPolicy", "", false, func() (governance.PassPolicy, error) { return p.inner.PassPolicy(ctx) })
}

func (p actionPort) Passes(ctx context.Context, userID string) ([]governance.AccessPass, error) {
	return call(p.world, "passes", userID, false, func() ([]governance.AccessPass, error) { return p.inner.Passes(ctx, userID) })
}

func (p actionPort) IssuePass(ctx context.Context, userID string, order directory.PassOrder) (governance.AccessPass, governance.Secret, error) {
	type made struct {
		pass  governance.AccessPass
		value governance.Secret
	}
	one, err := call(p.world, "issuePass", userID, true, func() (made, error) {
		pass, value, err := p.inner.IssuePass(ctx, userID, order)
		return made{pass, value}, err
	})
	return one.pass, one.value, err
}

func (p actionPort) DeletePass(ctx context.Context, userID, passID string) error {
	return p.change("deletePass", userID+" "+passID, func() error { return p.inner.DeletePass(ctx, userID, passID) })
}

func (p actionPort) DirectoryRoles(ctx context.Context, userID string) ([]directory.Role, error) {
	return call(p.world, "directoryRoles", userID, false, func() ([]directory.Role, error) { return p.inner.DirectoryRoles(ctx, userID) })
}

func (p actionPort) RevokeSessions(ctx context.Context, userID string) error {
	return p.change("revokeSessions", userID, func() error { return p.inner.RevokeSessions(ctx, userID) })
}

func (p actionPort) App(ctx context.Context, appID string) (governance.MobileApp, error) {
	return call(p.world, "app", appID, false, func() (governance.MobileApp, error) { return p.inner.App(ctx, appID) })
}

func (p actionPort) AssignApp(ctx context.Context, appID, groupID string, intent governance.AppIntent) error {
	return p.change("assignApp", appID, func() error { return p.inner.AssignApp(ctx, appID, groupID, intent) })
}

func (p actionPort) Resume(ctx context.Context, path string, body []byte) error {
	return p.change("resume", path, func() error { return p.inner.Resume(ctx, path, body) })
}

// outboundPort is the network as the app sees it.
type outboundPort struct {
	world *world
	inner companion.Outbound
}

var _ companion.Outbound = outboundPort{}

func (p outboundPort) Allowed(address string) error { return p.inner.Allowed(address) }

func (p outboundPort) Send(ctx context.Context, call platform.OutboundCall) (platform.OutboundReply, error) {
	w := p.world
	t := w.current
	point := "post"
	if call.Method != http.MethodPost {
		point = ""
	}
	t.point(point)
	fault := w.strike(t, ofOutbound, OutboundThrottled, OutboundUnavailable, OutboundLost, OutboundAsleep, OutboundSignedOut)
	w.note(t, "", "post to %s%s", strings.Split(call.URL, "#")[0], injected(fault))
	switch fault {
	case OutboundThrottled:
		return platform.OutboundReply{Status: http.StatusTooManyRequests, After: time.Duration(1+t.luck.below(300)) * time.Second}, nil
	case OutboundUnavailable:
		return platform.OutboundReply{Status: http.StatusServiceUnavailable}, nil
	case OutboundAsleep:
		return page, nil
	default: // struck after it was done, or not at all
	}
	reply, err := p.inner.Send(ctx, call)
	if err == nil {
		t.mayCrash(After, point)
	}
	switch fault {
	case OutboundLost:
		return platform.OutboundReply{}, errors.New("outbound: the answer was lost")
	case OutboundSignedOut:
		return page, nil
	default:
		return reply, err
	}
}

// page is what a service answers that sleeps, or that nobody is signed in to.
var page = platform.OutboundReply{Status: http.StatusOK, Body: []byte("<html>Sign in</html>")}

// clockPort is the clock as the app sees it: who looks at it knows how late it is.
type clockPort struct{ world *world }

var _ platform.Clock = clockPort{}

func (p clockPort) Now() time.Time {
	now := p.world.clock.Now()
	if t := p.world.current; t != nil {
		t.looked = now
	}
	return now
}

// logPort looks at every line that the app logs, and keeps none.
type logPort struct{ world *world }

var _ slog.Handler = logPort{}

func (logPort) Enabled(context.Context, slog.Level) bool { return true }
func (p logPort) WithAttrs([]slog.Attr) slog.Handler     { return p }
func (p logPort) WithGroup(string) slog.Handler          { return p }

func (p logPort) Handle(_ context.Context, record slog.Record) error {
	p.world.leaks("a log line", record.Message)
	alert := false
	var about []string
	record.Attrs(func(a slog.Attr) bool {
		value := fmt.Sprint(a.Value)
		p.world.leaks("a log line", value)
		alert = alert || a.Key == "alert" && value == "true"
		about = append(about, value)
		return true
	})
	for _, id := range about {
		if effect := p.world.ledger.effects[id]; alert && effect != nil {
			effect.doubted = true
		}
		if alert {
			p.world.ledger.told[id[strings.LastIndex(id, ":")+1:]] = p.world.clock.Now() // a document is named by its kind and its resource's id
		}
	}
	return nil
}
