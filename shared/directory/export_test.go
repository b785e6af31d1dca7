package directory

// Remembered is how many it remembers.
func Remembered(r *Recent) int { return len(r.seen) }
