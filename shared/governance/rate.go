package governance

import (
	"fmt"
	"slices"
	"time"
)

// Submitted is a request for access that somebody made for themselves, as far as the head of their place remembers it.
type Submitted struct {
	PackageID string    `json:"packageId"`
	At        *DateTime `json:"at"`
}

// Bounds of how often somebody may ask.
const (
	// SubmissionWindow is how long a request counts.
	SubmissionWindow = time.Hour
	// MaxSubmitted is how many requests of one window count at most, of all packages together.
	MaxSubmitted = 300
	// SettingRequestsPerHour is the setting of how many requests for one package may be accepted in a window; 0: any number.
	SettingRequestsPerHour = "RequestsPerHour"
)

// Enter implements HeadEntry: what is older than a window is forgotten.
func (s Submitted) Enter(head *Head) {
	head.Submitted = append(head.lately(s.At.Instant()), s)
}

// lately are the requests of the last window.
func (h *Head) lately(now time.Time) []Submitted {
	return slices.DeleteFunc(slices.Clone(h.Submitted), func(s Submitted) bool { return !s.At.Instant().After(now.Add(-SubmissionWindow)) })
}

// Room refuses one request more for a package than most in a window. Errors: CodeThrottled, with when there is room again.
func (h *Head) Room(packageID string, most int, now time.Time) error {
	all := h.lately(now)
	same := slices.DeleteFunc(slices.Clone(all), func(s Submitted) bool { return s.PackageID != packageID })
	switch {
	case len(same) >= most:
		return tooOften(fmt.Sprintf("This access package was requested %d times for this person within an hour, and the setting %s allows no more", len(same), SettingRequestsPerHour), same[len(same)-most].At.Instant(), now)
	case len(all) >= MaxSubmitted:
		return tooOften(fmt.Sprintf("%d requests were made for this person within an hour, which is the most", len(all)), all[len(all)-MaxSubmitted].At.Instant(), now)
	}
	return nil
}

func tooOften(why string, first, now time.Time) error {
	wait := first.Add(SubmissionWindow).Sub(now)
	return &Error{Code: CodeThrottled, Message: fmt.Sprintf("%s; try again in %d minutes.", why, int((wait+time.Minute-1)/time.Minute)), RetryAfter: wait}
}
