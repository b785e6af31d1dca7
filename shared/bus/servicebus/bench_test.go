package servicebus_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	local "latchkey/infra/local/servicebus"
	"latchkey/shared/bus"
	"latchkey/shared/bus/memory"
	"latchkey/shared/bus/servicebus"
)

// cpu is what the process has used: the SDK, the wire and the broker.
func cpu(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func benchOpen(b *testing.B) (*local.Server, *servicebus.Bus) {
	server, address := serve(b, local.Options{Queues: []memory.QueueOptions{
		{Name: bus.Notifications, DuplicateDetection: time.Second}, {Name: bus.Provisioning, RequiresSession: true, DuplicateDetection: time.Second},
	}})
	return server, open(b, connect(b, address, "c2VjcmV0"))
}

func sample(n int64) bus.Message {
	return bus.Message{ID: fmt.Sprint(n), SessionID: fmt.Sprint(n % 1000), Subject: "assignment.granted", CorrelationID: "c",
		Properties: map[string]string{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, Body: bytes.Repeat([]byte("x"), 1000)}
}

func reportCPU(b *testing.B, before time.Duration) {
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

func BenchmarkSend(b *testing.B) {
	_, a := benchOpen(b)
	send := func(n int64) {
		if err := a.Send(b.Context(), bus.Notifications, sample(n)); err != nil {
			b.Error(err)
		}
	}
	send(-1)
	runtime.GC()
	before, n := cpu(b), int64(0)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		n++
		send(n)
	}
	reportCPU(b, before)
}

func BenchmarkSendConcurrently(b *testing.B) {
	_, a := benchOpen(b)
	if err := a.Send(b.Context(), bus.Notifications, sample(-1)); err != nil {
		b.Fatal(err)
	}
	numbers := make(chan int64, 100)
	go func() {
		defer close(numbers)
		for n := range int64(b.N) {
			numbers <- n
		}
	}()
	before := cpu(b)
	b.ReportAllocs()
	b.ResetTimer()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := a.Send(b.Context(), bus.Notifications, sample(<-numbers)); err != nil {
				b.Error(err)
			}
		}
	})
	reportCPU(b, before)
}

// BenchmarkEndToEnd sends through the SDK and receives in process by session, as the local Functions host does.
func BenchmarkEndToEnd(b *testing.B) {
	server, a := benchOpen(b)
	q, err := server.Core().Queue(bus.Provisioning)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	done := make(chan struct{}, 1<<16)
	for range 8 {
		go func() {
			for {
				s, err := q.AcceptNextWait(ctx)
				if err != nil {
					return
				}
				for {
					d, ok, err := s.Receive()
					if err != nil {
						b.Error(err)
					}
					if !ok {
						break
					}
					if err := q.Complete(d.LockToken); err != nil {
						b.Error(err)
					}
					done <- struct{}{}
				}
				if err := s.Release(); err != nil {
					b.Error(err)
				}
			}
		}()
	}
	if err := a.Send(ctx, bus.Provisioning, sample(-1)); err != nil {
		b.Fatal(err)
	}
	<-done
	before := cpu(b)
	b.ReportAllocs()
	b.ResetTimer()
	var senders sync.WaitGroup
	numbers := make(chan int64)
	for range 8 {
		senders.Go(func() {
			for n := range numbers {
				if err := a.Send(ctx, bus.Provisioning, sample(n)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	senders.Go(func() {
		for n := range int64(b.N) {
			numbers <- n
		}
		close(numbers)
	})
	for range b.N {
		<-done
	}
	senders.Wait()
	reportCPU(b, before)
}
