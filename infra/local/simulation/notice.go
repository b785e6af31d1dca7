package simulation

import (
	"slices"

	"latchkey/shared/governance"
)

// maxMails is how many mails about one thing reach one person, whatever goes wrong: one that was begun, and the one that is sent because nobody knows what became of it.
const maxMails = 2

// notified: nobody is told of one thing more than twice, nor more than once where nothing went wrong.
func (l *book) notified(mail governance.Mail) {
	w := l.world
	about := w.current.effect
	if about == nil || !about.IsKept() {
		w.fail("notice", "", "a mail went out that belongs to nothing that was committed: %s", mail.Subject)
		return
	}
	if about.mails == nil {
		about.mails = map[string]int{}
	}
	for _, to := range mail.To {
		about.mails[to]++
		if count := about.mails[to]; count > maxMails || count > 1 && !about.struck {
			w.fail("toldTwice", about.Partition, "%s got %d mails for the effect %s (%s of the request %s)", to, count, about.ID, about.Notification, about.RequestID)
		}
	}
}

// allTold: when the telling of a stage that waits is over, everybody who may decide it knows, or an operator does that they may not. Who has changed since it was committed may have been passed over.
func (c *commit) allTold(about *effect) {
	l := c.ledger
	s := l.subjects[c.partition]
	if about.Notification != governance.NotifyApprovers || about.doubted || s == nil {
		return
	}
	request := s.requests[about.RequestID]
	if index, open := openStage(request); !open || index != about.Stage || request.State != governance.StatePendingApproval {
		return
	}
	stage := request.Approval.Stages[about.Stage]
	for _, p := range l.world.tenant.people {
		asked := slices.Contains(stage.ApproverUserIDs, p.ID) || slices.ContainsFunc(stage.ApproverGroupIDs, func(id string) bool { return slices.Contains(p.groups, id) })
		if asked && eligible(p, s.person) && p.changed() < about.committed && about.mails[p.Mail] == 0 && !slices.Contains(stage.Unreached, p.ID) {
			c.broken("untold", "%s may decide stage %d of the request %s of %s, and was never told", p.name, about.Stage+1, request.ID, s.person.name)
		}
	}
}
