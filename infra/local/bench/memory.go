package bench

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sample is the resident memory of the handler's process at one time.
type sample struct {
	at    time.Duration // since the beginning
	bytes int64
}

// samplePeriod is how often it is looked at.
const samplePeriod = 200 * time.Millisecond

// watch samples the memory of a process until the context ends. It finds none where there is no /proc, and for a handler that is no process of its own.
func watch(ctx context.Context, pid func() int) <-chan []sample {
	result := make(chan []sample, 1)
	go func() {
		var samples []sample
		defer func() { result <- samples }()
		ticker := time.NewTicker(samplePeriod)
		defer ticker.Stop()
		for began := time.Now(); ; {
			if bytes := resident(pid()); bytes > 0 {
				samples = append(samples, sample{time.Since(began), bytes})
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return result
}

// resident is the resident memory of a process in bytes, as Linux tells it; 0 if it does not.
func resident(pid int) int64 {
	if pid == 0 {
		return 0
	}
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	fields := strings.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	kilobytes, _ := strconv.ParseInt(fields[0], 10, 64) // 0 if it is no number
	return kilobytes << 10
}

// least and most are those of the samples from one time to another; 0 if there are none.
func extremes(samples []sample, from, to time.Duration) (least, most int64) {
	for _, one := range samples {
		if one.at >= from && one.at < to {
			if least == 0 || one.bytes < least {
				least = one.bytes
			}
			most = max(most, one.bytes)
		}
	}
	return least, most
}

const (
	// flatShare and flatSlack are what the memory of the last third may have above that of the second: less than that is the garbage collector's breathing.
	flatShare = 0.10
	flatSlack = 2 << 20
	// flatTime is how long memory must be watched to be judged: a process that has just begun grows.
	flatTime = 30 * time.Second
)

// growth is what the last third of the time has above the second, by the medians of each. The first is for warming up.
type growth struct{ second, last int64 }

// judge says how memory grew; false: it was not watched for long enough.
func judge(samples []sample, over time.Duration) (growth, bool) {
	if over < flatTime {
		return growth{}, false
	}
	middle := func(from, to time.Duration) int64 {
		var sizes []int64
		for _, one := range samples {
			if one.at >= from && one.at < to {
				sizes = append(sizes, one.bytes)
			}
		}
		if len(sizes) == 0 {
			return 0
		}
		slices.Sort(sizes)
		return sizes[len(sizes)/2]
	}
	g := growth{middle(over/3, over*2/3), middle(over*2/3, over)}
	return g, g.second > 0 && g.last > 0
}

// flat says whether that is no growth.
func (g growth) flat() bool {
	return float64(g.last-g.second) <= flatShare*float64(g.second)+flatSlack
}

// megabytes writes a size for people.
func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/(1<<20)) }
