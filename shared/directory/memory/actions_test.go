package memory_test

import (
	"testing"

	"latchkey/shared/directory/directorytest"
	"latchkey/shared/directory/memory"
	"latchkey/shared/governance"
)

func TestActionsConformance(t *testing.T) {
	directorytest.RunActions(t, func(*testing.T) directorytest.ActionsTenant {
		dir := memory.New(memory.Options{})
		return directorytest.ActionsTenant{
			Actions: dir, PutUser: dir.PutUser, PutGroup: dir.PutGroup, PutPassPolicy: dir.PutPassPolicy, PutRole: dir.PutRole, PutEligibleRole: dir.PutEligibleRole, PutEligibleMember: dir.PutEligibleMember, PutMember: dir.PutMember,
			PutApp: func(id, name string) { dir.PutApp(governance.MobileApp{ID: id, DisplayName: name}) },
			Resumes: func() []string {
				var bodies []string
				for _, one := range dir.Resumes() {
					bodies = append(bodies, one.Body)
				}
				return bodies
			},
			Heal: func() { dir.SetFault(nil) },
			Fail: func(_ directorytest.Fault, calls int) {
				left := calls
				dir.SetFault(func(memory.Operation) memory.Fault {
					if left--; left < 0 {
						return memory.Fault{}
					}
					return memory.Fault{Kind: memory.FaultLostResponse}
				})
			},
		}
	})
}
