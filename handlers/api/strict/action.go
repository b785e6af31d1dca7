package strict

// Action is an action of custom extensions; its settings are checked by its kind.
var Action = &Type{Name: "calloutAction", Members: append([]Member{
	{Name: "name", Kind: Text},
	{Name: "displayName", Kind: Text},
	{Name: "kind", Kind: Text},
	{Name: "isEnabled", Kind: Bool},
	{Name: "settings", Kind: Open},
	{Name: "callers", Kind: Texts},
	{Name: "stages", Kind: Texts},
	{Name: "onFailure", Kind: Text},
}, noise("modifiedDateTime", "findings")...)}

// TicketAnswer is what a service desk says of a ticket.
var TicketAnswer = &Type{Name: "ticket answer", Members: []Member{{Name: "status", Kind: Text}, {Name: "detail", Kind: Text}}}
