package companion

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"latchkey/shared/directory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

// action is a kind of work that a custom extension can have done. One is a file of its own, action_*.go, that declares itself; nothing else has to know of it.
type action struct {
	ActionKind
	settings func() plan
}

// ActionKind describes a kind of action to those who configure one.
type ActionKind struct {
	Kind        string          `json:"kind"`
	DisplayName string          `json:"displayName"`
	Description string          `json:"description"`
	Permissions [][]string      `json:"permissions"` // of Microsoft Graph; of each line one will do, the least privileged first
	Schema      json.RawMessage `json:"settingsSchema"`
}

// plan is the settings of an action, read, with what is done by them.
//
// run may be broken off anywhere and is then run again, so each of its steps either finds its work done or is guarded by work.once. It
// answers with a giveUpError for what waiting does not mend, and with the error as it is for the rest.
type plan interface {
	// validate checks the settings and sets what they leave out. Errors: CodeInvalid naming the setting.
	validate() error
	// preflight looks for what is missing: a group, a policy, a sender. The permissions of the kind are checked for it.
	preflight(ctx context.Context, c *checkup)
	run(ctx context.Context, w *work) (outcome, error)
	// rehearse says in words what run would do for a task, and changes nothing.
	rehearse(ctx context.Context, w *work) ([]string, error)
}

// follower is a plan that does something for a time, after work.promise: followUp undoes it and says so. It may come when nothing was done.
type follower interface {
	followUp(ctx context.Context, w *work) (string, error)
}

// abandoner is a plan that leaves nothing behind when its work is given up.
type abandoner interface {
	abandon(ctx context.Context, w *work) error
}

// claimer is a plan for something that two tasks must not work on at a time: claim names it.
type claimer interface{ claim() string }

// personless is a plan that does nothing to the person whom the task is about, so that they need not be in the directory.
type personless interface {
	withoutPerson()
}

// wholesome is a plan that asks more of settings that are saved than of those that were: whole says what is missing, CodeInvalid naming the setting.
type wholesome interface{ whole() error }

// outcome is what came of a run that did not fail.
type outcome struct {
	detail string
	waits  bool // it is somebody else's turn
}

// actions are all kinds, by name.
var actions = map[string]action{}

// declare adds a kind. It is called once for each file, when the program starts.
func declare(kind ActionKind, settings func() plan) string { //nolint:unparam // a declaration at package level needs a value
	if _, taken := actions[kind.Kind]; taken {
		panic("companion: the action " + kind.Kind + " is declared twice") // a programmer's mistake that no start survives
	}
	actions[kind.Kind] = action{kind, settings}
	return kind.Kind
}

// maxSettings bounds the settings of an action, in bytes.
const maxSettings = 16 << 10

// planOf reads the settings of a kind. Errors: CodeInvalid naming the setting.
func planOf(kind string, settings json.RawMessage) (plan, error) {
	a, ok := actions[kind]
	if !ok {
		return nil, governance.Invalid("kind", "There is no kind of action %q; there are %s.", governance.Clip(kind), strings.Join(slices.Sorted(maps.Keys(actions)), ", "))
	}
	if len(settings) > maxSettings {
		return nil, governance.Invalid("settings", "The settings have more than %d bytes.", maxSettings)
	}
	if len(settings) == 0 {
		settings = json.RawMessage("{}")
	}
	p := a.settings()
	decoder := json.NewDecoder(bytes.NewReader(settings))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(p); err != nil { // the door tells what is wrong by the schema, and lets in no more than this
		target := "settings"
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
			target += "/" + governance.Clip(strings.ReplaceAll(wrong.Field, ".", "/"))
		}
		return nil, governance.Invalid(target, "%s cannot be read; settingsSchema of GET calloutActionKinds says what it must be for %s.", target, kind)
	}
	return p, governance.Within("settings", p.validate())
}

// Schemas are those of the settings of all kinds.
func Schemas() map[string]json.RawMessage {
	schemas := map[string]json.RawMessage{}
	for kind, a := range actions {
		schemas[kind] = a.Schema
	}
	return schemas
}

// Permissions are those of Microsoft Graph that a kind of action needs; of each line one will do, the least privileged first.
func (Actions) Permissions(kind string) [][]string { return actions[kind].ActionKind.Permissions }

// giveUpError is a failure that waiting does not mend. Its detail is for people: an approver reads it. As an error, for the log, it names nobody.
type giveUpError struct {
	detail     string
	impersonal string // detail without anybody's name
	cause      error  // for the log
}

func (g *giveUpError) Error() string {
	if g.cause != nil {
		return g.impersonal + ": " + g.cause.Error()
	}
	return g.impersonal
}

func (g *giveUpError) Unwrap() error { return g.cause }

// giveUpf makes a giveUpError. Arguments that are a personName are left out of what is logged.
func giveUpf(cause error, format string, args ...any) error {
	withheld := slices.Clone(args)
	for i, arg := range withheld {
		if _, is := arg.(personName); is {
			withheld[i] = "…"
		}
	}
	return &giveUpError{detail: fmt.Sprintf(format, args...), impersonal: fmt.Sprintf(format, withheld...), cause: cause}
}

// work is one task that is being worked on.
type work struct {
	*Ports
	place      governance.Place // of the person whom it is about
	task       governance.Task
	plan       plan
	unreadable error // why there is no plan: the settings are of another release
	superseded bool  // a newer task had taken over when this one was read
	shows      bool  // a pass is asked for to be shown: one call at a time
	again      bool  // what is done, or may be being done, is done once more, and nothing is recorded
}

// update changes the task and keeps the new version.
func (w *work) update(ctx context.Context, decide ledger.Decide) error {
	done, err := w.Ledger.Update(ctx, w.place, stored[governance.Task](w.task.ID), decide)
	if err != nil {
		return err
	}
	for _, task := range engine.Written[governance.Task](done.Change) {
		w.task = task
	}
	return nil
}

// once does a step unless it is recorded as done, and records it. A crash between the two does it again, so a step finds its work done or is harmless to repeat.
func (w *work) once(ctx context.Context, step string, do func() (note string, err error)) error {
	_, done := w.task.Done(step)
	if w.again && !done && w.task.State != governance.TaskWorking || !w.again && done {
		return nil
	}
	note, err := do()
	if err != nil || w.again {
		return err
	}
	return w.record(ctx, step, note)
}

func (w *work) record(ctx context.Context, step, note string) error {
	return w.update(ctx, func(s engine.State) (engine.Change, error) {
		return engine.RecordTaskStep(s, w.task.ID, step, note, w.Ledger.Now())
	})
}

// promise sees to it that the plan's followUp comes, from before anything is done for a time.
func (w *work) promise(ctx context.Context, until time.Time) error {
	if w.task.FollowUpDateTime != nil {
		return nil
	}
	return w.update(ctx, func(s engine.State) (engine.Change, error) {
		return engine.PromiseFollowUp(s, w.task.ID, until)
	})
}

// target is the person whom the task is about, as the directory knows them now.
func (w *work) target(ctx context.Context) (governance.User, error) {
	return w.person(ctx, w.task.Target.ObjectID, "The person whom this is for")
}

func (w *work) person(ctx context.Context, id, who string) (governance.User, error) {
	if id == "" {
		return governance.User{}, giveUpf(nil, "%s is not named.", who)
	}
	user, err := w.Directory.User(ctx, id)
	if errors.Is(err, directory.ErrNotFound) {
		return user, giveUpf(err, "%s no longer exists in the directory.", who)
	}
	return user, err
}

// run runs a plan, if the person is in the directory or need not be. A guest to be is not: entitlement management invites them when access is given.
func (w *work) run(ctx context.Context) (outcome, error) {
	if err := w.present(); err != nil {
		return outcome{}, err
	}
	return w.plan.run(ctx, w)
}

func (w *work) present() error {
	if _, ok := w.plan.(personless); ok || w.task.Target.ObjectID != "" {
		return nil
	}
	return giveUpf(nil, "The person whom this is for is not in the directory yet.")
}

// addressee is whom a plan sends something to.
func (w *work) addressee(ctx context.Context, to string) (governance.User, error) {
	switch to {
	case toTarget:
		return reachable(w.target(ctx))
	case toRequestor:
		return reachable(w.person(ctx, w.task.Requestor.ObjectID, "The person who asked"))
	}
	user, err := w.target(ctx)
	if err != nil {
		return user, err
	}
	if user.ManagerID == "" || strings.EqualFold(user.ManagerID, user.ID) {
		return user, giveUpf(nil, "%s has no manager in the directory.", nameOf(user))
	}
	return reachable(w.person(ctx, user.ManagerID, "The manager of the person whom this is for"))
}

func reachable(user governance.User, err error) (governance.User, error) {
	switch {
	case err != nil:
	case !user.AccountEnabled:
		err = giveUpf(nil, "The account of %s is disabled.", nameOf(user))
	case user.Mail == "":
		err = giveUpf(nil, "%s has no mail address.", nameOf(user))
	}
	return user, err
}

// To whom things are sent.
const (
	toTarget    = "target"
	toManager   = "manager"
	toRequestor = "requestor"
)

// personName is what somebody is called: for people to read, never for the log.
type personName string

func nameOf(user governance.User) personName {
	if user.DisplayName != "" {
		return personName(governance.OneLine(user.DisplayName))
	}
	return personName(user.UserPrincipalName)
}

// ofDirectory says in words what an error of the directory is: of what class for who configures an action, and for an approver, if waiting does not mend it.
var ofDirectory = []struct {
	err          error
	class, final string
}{
	{directory.ErrForbidden, "a permission is missing", "Latchkey lacks a permission in Microsoft Graph"},
	{directory.ErrNotFound, "it does not exist", "the directory has no such object any more"},
	{directory.ErrRefused, "it is refused", "the directory refuses it"},
	{directory.ErrThrottled, "the directory asks for patience", ""},
	{store.ErrUnavailable, "there was no answer", ""},
	{directory.ErrUnavailable, "there was no answer", ""},
}

// inWords makes of a directory's refusal what an approver can read; what waiting may mend stays as it is.
func inWords(err error, what string) error {
	for _, one := range ofDirectory {
		if one.final != "" && errors.Is(err, one.err) {
			return giveUpf(err, "%s failed: %s.", what, one.final)
		}
	}
	return err
}

// classOf says in words of what kind an error of the directory is, without what it holds.
func classOf(err error) string {
	for _, one := range ofDirectory {
		if errors.Is(err, one.err) {
			return one.class
		}
	}
	return "an unexpected error"
}

// direction says whether something is given or taken away: as the settings say, or by the stage. Nothing is given by the stage before somebody has approved it.
func direction(setting string, stage governance.TaskStage) (give bool, err error) {
	byStage := setting != "add" && setting != "remove"
	switch {
	case setting == "add", byStage && (stage == governance.StageRequestApproved || stage == governance.StageRequestGranted):
		return true, nil
	case setting == "remove", byStage && stage.IsRemoval():
		return false, nil
	}
	return false, giveUpf(nil, "The action does not say whether it gives or takes away, and the stage %s does not tell; its settings must say so.", stage)
}

func validDirection(setting *string) error {
	*setting = cmp.Or(*setting, "byStage")
	if !slices.Contains([]string{"byStage", "add", "remove"}, *setting) {
		return governance.Invalid("direction", "direction is byStage, add or remove.")
	}
	return nil
}

func has(list []string, value string) bool {
	return slices.ContainsFunc(list, func(one string) bool { return strings.EqualFold(one, value) })
}
