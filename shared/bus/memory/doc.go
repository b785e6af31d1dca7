// Package memory is a message broker in memory with the semantics of Service Bus queues: peek-lock, sessions, duplicate detection, scheduled
// messages, deferral and dead letters. It serves three: the simulation, which drives it from one goroutine with a clock of its own; infra/local, which
// puts it on the wire as an AMQP broker and reads it in process as the Functions host does; and tests that need a [bus.Bus].
//
// It has no goroutine and no timer. Time is the clock it is given: every call first does what has become due since the last one (messages become
// visible, locks expire). Who moves the clock calls [Broker.Tick], so that those who wait are woken; who lives by a running clock calls it when
// [Broker.NextDue] has come.
//
// It does not know topics, transactions, partitions or a time to live.
package memory
