package triggers

import (
	"context"
	"log/slog"
	"time"

	"latchkey/handlers/hostwire"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/platform"
)

// sweep is what a timer runs.
type sweep func(ctx context.Context, caller governance.Caller) (ledger.Sweep, error)

// late is the lag from which on a line about it is more than information, so that it is written at any level.
const late = 5 * time.Minute

// timer runs a sweep and tells how late it was: the timer itself, or the oldest thing that it found, unless that has a metric of its own. Alerts read those lines.
func timer(now func() time.Time, logger *slog.Logger, name, own string, run sweep) func(context.Context, hostwire.Tick) error {
	return func(ctx context.Context, tick hostwire.Tick) (err error) {
		began := now()
		ctx, span := platform.Start(ctx, platform.Internal, "sweep "+name)
		defer func() { span.End(err) }()
		swept, err := run(ctx, governance.System())
		tell := func(metric string, lag time.Duration) {
			level := slog.LevelInfo
			if lag > late {
				level = slog.LevelError
			}
			logger.Log(ctx, level, "the timer "+name+" has run", platform.LogMetric, metric, platform.LogValue, platform.Seconds(lag), "function", name, "found", swept.Found, "sent", swept.Sent)
		}
		lag := lateness(tick, began)
		if own == "" {
			lag = max(lag, swept.Lag)
		} else {
			tell(own, swept.Lag)
		}
		tell(platform.MetricTimerLag, lag)
		return err
	}
}

// lateness is how long after its time a tick comes. The host tells that time if it keeps account.
func lateness(tick hostwire.Tick, now time.Time) time.Duration {
	if tick.ScheduleStatus == nil || tick.ScheduleStatus.Next.IsZero() {
		return 0
	}
	return max(now.Sub(tick.ScheduleStatus.Next), 0)
}
