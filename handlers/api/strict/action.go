package strict

// Action is an action of custom extensions; its settings are checked by its kind.
var Action = &Type{Words: "an action", Members: append([]Member{
	{Name: "name", Kind: Text},
	{Name: "displayName", Kind: Text},
	{Name: "kind", Kind: Text},
	{Name: "isEnabled", Kind: Bool},
	{Name: "settings", Kind: Open},
	{Name: "callers", Kind: Texts},
	{Name: "stages", Kind: Texts},
	{Name: "onFailure", Kind: Text},
	{Name: "findings", Kind: Texts, Decided: true},
}, noise("modifiedDateTime")...)}

// TicketAnswer is what a service desk says of a ticket.
var TicketAnswer = &Type{Words: "the answer to a ticket", Members: []Member{{Name: "status", Kind: Text}, {Name: "detail", Kind: Text}}}
