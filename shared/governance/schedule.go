package governance

import (
	"encoding/json"
	"time"
)

// ExpirationType says how an access ends.
type ExpirationType string

// The expiration types (LIF-01).
const (
	ExpirationNotSpecified  ExpirationType = "notSpecified"
	ExpirationNone          ExpirationType = "noExpiration"
	ExpirationAfterDateTime ExpirationType = "afterDateTime"
	ExpirationAfterDuration ExpirationType = "afterDuration"
)

// UnmarshalJSON reads it in any letter case.
func (t *ExpirationType) UnmarshalJSON(data []byte) error {
	return decodeEnum(data, t, "expiration/type", ExpirationNotSpecified, ExpirationNone, ExpirationAfterDateTime, ExpirationAfterDuration)
}

// Expiration is Graph's expirationPattern.
type Expiration struct {
	Type        ExpirationType `json:"type,omitempty"`
	EndDateTime *DateTime      `json:"endDateTime,omitempty"`
	Duration    *Duration      `json:"duration,omitempty"`
}

// Validate checks that type and members agree (LIF-03). Errors: CodeInvalid naming the member below target.
func (e *Expiration) Validate(target string) error {
	if e == nil {
		return nil
	}
	if e.Type == "" || e.Type == ExpirationNotSpecified {
		switch {
		case e.EndDateTime != nil && e.Duration != nil:
			return Invalid(target+"/duration", "Give either duration or endDateTime, not both.")
		case e.EndDateTime != nil:
			e.Type = ExpirationAfterDateTime
		case e.Duration != nil:
			e.Type = ExpirationAfterDuration
		default:
			e.Type = ExpirationNotSpecified
		}
	}
	switch e.Type {
	case ExpirationAfterDateTime:
		if e.EndDateTime == nil {
			return Invalid(target+"/endDateTime", "An expiration of type afterDateTime needs endDateTime.")
		}
		if e.Duration != nil {
			return Invalid(target+"/duration", "An expiration of type afterDateTime has no duration.")
		}
		if wrong := yearOutOfBounds(e.EndDateTime.Time); wrong != "" {
			return Invalid(target+"/endDateTime", "endDateTime %s.", wrong)
		}
	case ExpirationAfterDuration:
		if e.Duration == nil || e.Duration.IsZero() {
			return Invalid(target+"/duration", "An expiration of type afterDuration needs a duration longer than nothing, such as P30D.")
		}
		if e.EndDateTime != nil {
			return Invalid(target+"/endDateTime", "An expiration of type afterDuration has no endDateTime.")
		}
	case ExpirationNone, ExpirationNotSpecified:
		if e.EndDateTime != nil || e.Duration != nil {
			return Invalid(target, "An expiration of type %s has neither duration nor endDateTime.", e.Type)
		}
	}
	return nil
}

// End is when an access that starts at start ends by this pattern; the zero time means never.
func (e *Expiration) End(start time.Time) time.Time {
	if e == nil {
		return time.Time{}
	}
	switch e.Type {
	case ExpirationAfterDateTime:
		return e.EndDateTime.Instant()
	case ExpirationAfterDuration:
		if e.Duration != nil {
			return e.Duration.AddTo(start)
		}
	case ExpirationNone, ExpirationNotSpecified:
	}
	return time.Time{}
}

// Schedule is Graph's entitlementManagementSchedule. The recurrence is that of reviews, which a later release runs; it is kept as the client wrote it, once ReadRecurrence has looked at it.
type Schedule struct {
	StartDateTime *DateTime       `json:"startDateTime,omitempty"`
	Expiration    *Expiration     `json:"expiration,omitempty"`
	Recurrence    json.RawMessage `json:"recurrence,omitempty"`
}

// Ends is the expiration, nil if there is none.
func (s *Schedule) Ends() *Expiration {
	if s == nil {
		return nil
	}
	return s.Expiration
}

// repeats says whether what is said of time is what is known of it.
func (s *Schedule) repeats(known *Schedule) bool {
	if known == nil {
		known = &Schedule{}
	}
	if s.StartDateTime != nil && !s.StartDateTime.Equal(known.StartDateTime.Instant()) {
		return false
	}
	is := known.Expiration
	switch said := s.Expiration; {
	case said == nil || said.Type == ExpirationNotSpecified:
		return true
	case is == nil || said.Type != "" && said.Type != is.Type:
		return false
	case said.EndDateTime != nil && !said.EndDateTime.Equal(is.EndDateTime.Instant()):
		return false
	default:
		return said.Duration == nil || is.Duration != nil && *said.Duration == *is.Duration
	}
}
