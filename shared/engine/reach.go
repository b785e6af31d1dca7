package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/shared/governance"
)

// What follows is how a change of a package's resource roles reaches those who have it (RES-12): the change says in its own commit that it is to, and each who has the package is then brought in line with the
// package as it is at that time, whatever changes led there.

// reach has a package as it is now reach all who have it.
func (c *Change) reach(packageID string, now time.Time) {
	run := governance.Reach{ID: packageID, LookDateTime: governance.At(now.Add(attention))}
	c.write(run)
	c.effect(governance.EffectOf(run, governance.WorkReach))
}

// Reached ends the reach of a package that was read in a version, the ETag, or has those whom it could not reach looked at again the next day. It answers with an empty change if the package's roles have changed
// since: that has a reach of its own.
func Reached(s State, packageID, etag string, left int, now time.Time) Change {
	run, ok := Find[governance.Reach](s, packageID)
	if !ok || s.ETag(run) != etag {
		return Change{}
	}
	audit := governance.AuditEntry{
		Activity: governance.ActivityUpdatePackage, ActivityDateTime: governance.At(now), Result: "success", InitiatedBy: governance.System().Initiator(), TargetID: packageID,
		AuditPersonal: governance.AuditPersonal{Detail: "its resource roles have reached all who have it"},
	}
	if left == 0 {
		return Change{Delete: []governance.Document{run}, Audit: []governance.AuditEntry{audit}}
	}
	run.LookDateTime = governance.At(now.Add(insistence))
	audit.Result, audit.Detail = "failure", fmt.Sprintf("its resource roles have not reached %d of those who have it; to be tried again", left)
	return Change{Write: []governance.Document{run}, Audit: []governance.AuditEntry{audit}}
}

// IsInLine says whether an assignment that lives grants just what its package does, nil if that is gone. One that is being taken away has nothing to be brought in line.
func IsInLine(assignment governance.Assignment, pack *governance.AccessPackage) bool {
	if pack == nil || assignment.Removing || assignment.State == governance.AssignmentExpired {
		return true
	}
	grants := grantsOf(*pack)
	stays := 0
	for _, delivery := range assignment.Deliveries {
		switch {
		case delivery.Leaving == slices.Contains(grants, delivery.Grant):
			return false
		case !delivery.Leaving:
			stays++
		}
	}
	return stays == len(grants)
}

// Offers says whether a package has a resource role that is a grant.
func Offers(pack governance.AccessPackage, grant governance.Grant) bool {
	return slices.Contains(grantsOf(pack), grant)
}

// grantsOf are the resource roles of a package that can be granted, each once.
func grantsOf(pack governance.AccessPackage) []governance.Grant {
	var grants []governance.Grant
	for _, scope := range pack.ResourceRoleScopes {
		if grant, ok := GrantOf(scope); ok && !slices.Contains(grants, grant) {
			grants = append(grants, grant)
		}
	}
	return grants
}

// Align brings an assignment in line with its package as it is now, nil if that is gone (RES-12): what the package has come to have is to be granted, what it has no more is to leave. The delivery that is under
// way does it, or else a request that the service makes. It is an empty change where nothing is to be done, or can be: for want of room, because the request in hand cannot be read, or because another request is
// to take the place of an assignment whose delivery has failed, from which things are only taken then.
func Align(s State, assignmentID string, pack *governance.AccessPackage, now time.Time) (Change, error) {
	assignment, ok := Find[governance.Assignment](s, assignmentID)
	if _, unread := s.Unread[governance.StoredID(governance.AssignmentRequest{}.DocumentKind(), assignment.RequestID)]; !ok || unread || IsInLine(assignment, pack) {
		return Change{}, nil
	}
	grants, replaced := grantsOf(*pack), isReplaced(s.Head, assignment)
	assignment.Deliveries = slices.Clone(assignment.Deliveries)
	var changes []string
	for i := range assignment.Deliveries {
		delivery := &assignment.Deliveries[i]
		switch offered := slices.Contains(grants, delivery.Grant); {
		case offered && delivery.Leaving: // it may have been taken away, and nobody has heard of it yet
			delivery.Leaving, delivery.State = false, governance.DeliveryPending
			if replaced {
				delivery.State, delivery.Reason = governance.DeliveryFailed, "another request is to take the place of this assignment"
			}
			changes = append(changes, "keep "+nameOf(delivery.Grant))
		case !offered && !delivery.Leaving:
			delivery.Leaving, delivery.Reason = true, ""
			changes = append(changes, "remove "+nameOf(delivery.Grant))
		}
	}
	if !replaced {
		for _, grant := range grants {
			has := slices.ContainsFunc(assignment.Deliveries, func(d governance.Delivery) bool { return d.Grant == grant })
			if has || len(assignment.Deliveries) >= governance.MaxRoleScopes || s.Head.Grants()+len(assignment.Deliveries)-held(s.Head, assignmentID) >= governance.MaxGrants {
				continue
			}
			assignment.Deliveries = append(assignment.Deliveries, governance.Delivery{Grant: grant, State: governance.DeliveryPending})
			changes = append(changes, "add "+nameOf(grant))
		}
	}
	if len(changes) == 0 {
		return Change{}, nil
	}
	request, delivering := inHand(s, assignment)
	activity := governance.ActivityEscalate
	if delivering {
		request = clone(request)
	} else {
		activity = governance.ActivitySystemUpdates
		request = governance.AssignmentRequest{
			ID:              governance.NameID(fmt.Sprintf("update:%s:%d", assignment.ID, s.Head.AuditSequence)),
			RequestType:     governance.RequestSystemUpdate,
			State:           governance.StateDelivering,
			Status:          governance.StatusDelivering,
			CreatedDateTime: governance.At(now),
			AccessPackage:   assignment.AccessPackage,
			Assignment:      &governance.Assignment{ID: assignment.ID, Target: assignment.Target, AssignmentPolicy: assignment.AssignmentPolicy},
			Requestor:       assignment.Target,
		}
		assignment.RequestID = request.ID
	}
	audit := entry(activity, governance.System(), now, &request, assignment.ID)
	audit.Detail, audit.After = strings.Join(changes, "; "), state(&request)
	change := Change{Audit: []governance.AuditEntry{audit}}
	change.retry(s.Head, &request, assignment, now)
	return change, nil
}

func nameOf(grant governance.Grant) string { return grant.Role + " of " + grant.ResourceID }

// held is how many grants the head counts for an assignment.
func held(head governance.Head, assignmentID string) int {
	for _, holding := range head.Holdings {
		if holding.AssignmentID == assignmentID {
			return len(holding.Grants)
		}
	}
	return 0
}

// inHand is the request that is being carried out on an assignment.
func inHand(s State, assignment governance.Assignment) (governance.AssignmentRequest, bool) {
	request, ok := Find[governance.AssignmentRequest](s, assignment.RequestID)
	return request, ok && request.State == governance.StateDelivering
}

func isLeaving(d governance.Delivery) bool { return d.Leaving }

// isWhole says whether all that an assignment is to grant is granted.
func isWhole(assignment governance.Assignment) bool {
	return !assignment.Removing && !slices.ContainsFunc(assignment.Deliveries, func(d governance.Delivery) bool { return !d.Leaving && !isDelivered(d) })
}

// isReplaced says whether another request is to take the place of an assignment, whose delivery has failed: nothing more is granted by it.
func isReplaced(head governance.Head, assignment governance.Assignment) bool {
	return slices.ContainsFunc(head.InFlight, func(flight governance.InFlight) bool {
		return flight.Type.IsAddition() && flight.PackageID == assignment.AccessPackage.ID && flight.AssignmentID != assignment.ID
	})
}
