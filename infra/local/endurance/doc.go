// Package endurance proves what only shows when the whole stack runs for a while: a handler that is killed without notice under load, time that passes by months, retries over hours, and
// timers among a million assignments.
//
// It holds tests and benchmarks alone, and serves nothing else. The long forms are asked for by flags:
//
//	go test ./infra/local/endurance -run Kill -kills 50 -realtime   kill -9 at 50 moments, then everything by the machine's clock (about two minutes)
//	go test ./infra/local/endurance -run xxx -bench Sweep           what a sweep costs among 1,000 and 1,000,000 assignments
package endurance
