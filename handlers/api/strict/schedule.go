package strict

var (
	expiration = &Type{Name: "expirationPattern", Adapt: adaptPattern, Members: []Member{
		{
			Name: "type", Kind: Enum, Is: "expirationPatternType", Default: "notSpecified",
			Values: []string{"notSpecified", "noExpiration", "afterDateTime", "afterDuration"},
		},
		{Name: "endDateTime", Kind: DateTime},
		{Name: "duration", Kind: Duration},
	}}
	recurrence = &Type{Name: "patternedRecurrence", Members: []Member{
		{Name: "pattern", Kind: Object, Of: &Type{Name: "recurrencePattern", Members: []Member{
			{
				Name: "type", Kind: Enum, Is: "recurrencePatternType",
				Values: []string{"daily", "weekly", "absoluteMonthly", "relativeMonthly", "absoluteYearly", "relativeYearly"},
			},
			{Name: "interval", Kind: Int},
			{Name: "month", Kind: Int},
			{Name: "dayOfMonth", Kind: Int},
			{Name: "daysOfWeek", Kind: Texts, Is: "dayOfWeek", Values: weekdays},
			{Name: "firstDayOfWeek", Kind: Enum, Is: "dayOfWeek", Values: weekdays},
			{Name: "index", Kind: Enum, Is: "weekIndex", Values: []string{"first", "second", "third", "fourth", "last"}},
		}}},
		{Name: "range", Kind: Object, Of: &Type{Name: "recurrenceRange", Members: []Member{
			{Name: "type", Kind: Enum, Is: "recurrenceRangeType", Values: []string{"endDate", "noEnd", "numbered"}},
			{Name: "startDate", Kind: Text, Is: "Date"},
			{Name: "endDate", Kind: Text, Is: "Date"},
			{Name: "recurrenceTimeZone", Kind: Text},
			{Name: "numberOfOccurrences", Kind: Int},
		}}},
	}}
	schedule = &Type{Name: "entitlementManagementSchedule", Synonyms: []string{"requestSchedule"}, Members: []Member{
		{Name: "startDateTime", Kind: DateTime},
		{Name: "expiration", Kind: Object, Of: expiration},
		{Name: "recurrence", Kind: Object, Of: recurrence},
		{Name: "stopDateTime", Never: "is not read; the end is in expiration"},
	}}
	// requested is the schedule of a request, which happens once.
	requested = &Type{Name: schedule.Name, Synonyms: schedule.Synonyms, Members: []Member{
		schedule.Members[0], schedule.Members[1], {Name: "recurrence", Kind: Object, Of: recurrence, Decided: true, Never: "goes with reviews; a request has none"},
		schedule.Members[3],
	}}
)

var weekdays = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// adaptPattern refuses an end beside a type that says that there is none: one of the two would be dropped.
func adaptPattern(_ *reading, n *node) error {
	kind := n.lower("type")
	if kind != "notspecified" && kind != "noexpiration" {
		return nil
	}
	for _, name := range []string{"duration", "endDateTime"} {
		if end := n.find(name); end != nil && end.kind != isNull {
			return end.invalid("goes with no end of type %s; send afterDuration or afterDateTime", n.find("type").text)
		}
	}
	return nil
}
