package strict

// What members and values that this release does not have wait for, in the words of docs/rules.md.
const (
	waitsReviews     = "access reviews"
	waitsUpdates     = "requests that change or extend what one has (userUpdate, adminUpdate)"
	waitsAutomatic   = "automatic assignment"
	waitsExtensions  = "custom extensions that Latchkey calls"
	waitsSeparation  = "incompatible access packages and groups"
	waitsWho         = "\"Who may have it\": validation, bypassing approval, and what else an assignment may be asked for"
	waitsAttributes  = "attributes of resources"
	waitsOutside     = "people from outside and their organisations"
	waitsBehalf      = "requests on behalf of others"
	waitsPrincipals  = "access for applications and agents"
	waitsApprovers   = "more kinds of approvers"
	waitsVisibility  = "what requestors see of approvers and roles"
	waitsResources   = "resources other than groups"
	waitsCredentials = "verified credentials"
	waitsKeys        = "names as alternate keys"
	waitsRevocation  = "approvers who take access back"
	waitsHistory     = "the history of requests and assignments"
	waitsDenials     = "policies that deny"
)

// instead is what there is in the place of what waits, each after a space.
var instead = map[string]string{
	waitsUpdates:    " What somebody has can be removed, and asked for anew.",
	waitsBehalf:     " An administrator can assign access to somebody with adminAdd.",
	waitsApprovers:  " Approvers can be people, the members of groups, and managers of whoever asks.",
	waitsRevocation: " An administrator can take access back with adminRemove.",
	waitsAutomatic:  " An administrator can assign and remove access with adminAdd and adminRemove.",
	waitsDenials:    " Only those get access whom the scope of another policy has in it.",
	waitsResources:  " A group can stand for it: what is given to the group there, its members have.",
}

// waiting are values that wait for one thing.
func waiting(waits string, values ...string) map[string]string {
	all := map[string]string{}
	for _, value := range values {
		all[value] = waits
	}
	return all
}

// noise are members that the service decides, and clients send back.
func noise(names ...string) []Member {
	members := make([]Member, len(names))
	for i, name := range names {
		members[i] = Member{Name: name, Kind: Noise}
	}
	return members
}
