package operate_test

import (
	"testing"

	"latchkey/infra/local/ledgertest"
	"latchkey/shared/app/authz"
	"latchkey/shared/app/operate"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/governance"
)

// stand is what keeps Latchkey running, on the memory adapters.
type stand struct {
	*ledgertest.Stand
	directory *directorymemory.Directory
	checker   *operate.Checker
	worker    *operate.Worker
}

// needs are the permissions that some actions need, as their area tells them.
type needs map[string][][]string

// Permissions implements operate.ActionNeeds.
func (n needs) Permissions(kind string) [][]string { return n[kind] }

func newStand(t *testing.T) *stand {
	s := &stand{Stand: ledgertest.New(t)}
	s.directory = directorymemory.New(directorymemory.Options{Clock: s.Clock})
	s.directory.PutGranted("User.Read.All", "GroupMember.ReadWrite.All", "Application.Read.All")
	s.checker = &operate.Checker{
		Ledger: s.Ledger, Authz: authz.New(nil, nil), Store: s.Store, Bus: s.Broker, Directory: s.directory, Actions: s.directory, Log: s.Logger,
		Needs: needs{
			"temporaryAccessPass": {{"PrivilegedEligibilitySchedule.Read.AzureADGroup"}, {"Policy.Read.AuthenticationMethod", "Policy.Read.All"}, {"RoleManagement.Read.Directory"}, {"UserAuthMethod-TAP.ReadWrite.All"}},
			"revokeSessions":      {{"User.RevokeSessions.All", "User.ReadWrite.All"}, {"User.Read.All"}},
			"groupMembership":     {{"GroupMember.ReadWrite.All", "Group.ReadWrite.All"}, {"User.Read.All"}},
			"intuneApp":           {{"GroupMember.ReadWrite.All", "Group.ReadWrite.All"}, {"DeviceManagementApps.ReadWrite.All"}},
		},
	}
	s.worker = &operate.Worker{Ledger: s.Ledger, Authz: authz.New(nil, nil), Bus: s.Broker, Log: s.Logger}
	return s
}

// downDirectory has the directory answer nothing, or again.
func (s *stand) downDirectory(down bool) {
	s.directory.SetFault(nil)
	if down {
		s.directory.SetFault(func(directorymemory.Operation) directorymemory.Fault {
			return directorymemory.Fault{Kind: directorymemory.FaultUnavailable}
		})
	}
}

// admin may do whatever a person may.
func admin() governance.Caller {
	return governance.Caller{Kind: governance.CallerUser, ObjectID: ledgertest.ID("ada"), DirectoryRoles: []string{governance.RoleGlobalAdministrator}, Scopes: []string{governance.PermissionReadWriteAll}}
}
