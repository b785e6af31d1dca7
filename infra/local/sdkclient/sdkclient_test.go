// Package sdkclient_test lets Microsoft's own Go SDK for Graph judge Latchkey's API: the request builders of identity governance, their serialization, their compression of bodies and
// their reading of errors, with nothing changed but the address. It is a package of its own because that of the SDK is large: building it cold takes minutes, and nothing that is shipped
// imports it.
package sdkclient_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/serialization"
	jsonserialization "github.com/microsoft/kiota-serialization-json-go"
	core "github.com/microsoftgraph/msgraph-sdk-go-core"
	"github.com/microsoftgraph/msgraph-sdk-go/identitygovernance"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/models/odataerrors"

	"latchkey/infra/local/stack"
	"latchkey/infra/local/tenant"
)

// signedIn puts the token of one person on every request.
type signedIn struct {
	stack *stack.Stack
	name  string
}

// AuthenticateRequest implements authentication.AuthenticationProvider.
func (s signedIn) AuthenticateRequest(_ context.Context, request *abstractions.RequestInformation, _ map[string]any) error {
	token, err := s.stack.Tokens.UserToken(s.name, s.stack.Endpoints.Audience)
	request.Headers.Add("Authorization", "Bearer "+token)
	return err
}

// sdk is msgraph-sdk-go as one person uses it.
type sdk struct {
	*identitygovernance.EntitlementManagementRequestBuilder
	adapter *core.GraphRequestAdapterBase
}

func newSDK(t *testing.T, s *stack.Stack, name string) sdk {
	t.Helper()
	adapter, err := core.NewGraphRequestAdapterBaseWithParseNodeFactoryAndSerializationWriterFactory(signedIn{s, name}, core.GraphClientOptions{GraphServiceVersion: "v1.0", GraphServiceLibraryVersion: "1.89.0"},
		jsonserialization.NewJsonParseNodeFactory(), jsonserialization.NewJsonSerializationWriterFactory())
	if err != nil {
		t.Fatal(err)
	}
	adapter.SetBaseUrl(s.Endpoints.Host + "/api/v1.0")
	return sdk{identitygovernance.NewEntitlementManagementRequestBuilderInternal(map[string]string{"baseurl": adapter.GetBaseUrl()}, adapter), adapter}
}

func to[T any](value T) *T { return &value }

// must is the value of a call that has to succeed; an error is told in Graph's words.
func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		done(t, err)
		return value
	}
}

func done(t *testing.T, err error) {
	t.Helper()
	var refusal *odataerrors.ODataError
	if errors.As(err, &refusal) && refusal.GetErrorEscaped() != nil {
		t.Fatalf("%d %s: %s", refusal.ResponseStatusCode, *refusal.GetErrorEscaped().GetCode(), *refusal.GetErrorEscaped().GetMessage())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks that the SDK reads an error as Graph's.
func refused(t *testing.T, err error, status int, code string) {
	t.Helper()
	var refusal *odataerrors.ODataError
	if !errors.As(err, &refusal) || refusal.GetErrorEscaped() == nil {
		t.Fatalf("no OData error: %v", err)
	}
	main := refusal.GetErrorEscaped()
	if refusal.ResponseStatusCode != status || main.GetCode() == nil || *main.GetCode() != code || main.GetInnerError() == nil || main.GetInnerError().GetRequestId() == nil {
		t.Errorf("%d %v, want %d %s: %v", refusal.ResponseStatusCode, main.GetCode(), status, code, err)
	}
}

func days(t *testing.T, duration *serialization.ISODuration, want string) {
	t.Helper()
	if duration == nil || duration.String() != want {
		t.Errorf("the SDK reads the duration %v, want %s", duration, want)
	}
}

func person(t *testing.T, s *stack.Stack, name string) tenant.User {
	t.Helper()
	user, ok := s.Tenant.User(name + "@" + s.Tenant.Domain)
	if !ok {
		t.Fatalf("there is no %s", name)
	}
	return user
}

func singleUser(id string) models.SubjectSetable {
	user := models.NewSingleUser()
	user.SetUserId(&id)
	return user
}

func isoDuration(t *testing.T, text string) *serialization.ISODuration {
	t.Helper()
	duration, err := serialization.ParseISODuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return duration
}

// What msgraph-sdk-go sends in the order in which it sends it, and a request that is approved.
//
// rules: OBJ-01 OBJ-03 OBJ-05 OBJ-07 OBJ-09 OBJ-10 OBJ-11 OBJ-12 OBJ-15 OBJ-16 OBJ-20 REQ-10 APR-14
func TestMicrosoftGraphSDK(t *testing.T) {
	ctx := t.Context()
	hostJSON, err := stack.ReadHostJSON()
	if err != nil {
		t.Fatal(err)
	}
	s, err := stack.Start(ctx, stack.Options{HostJSON: hostJSON, ManualTimers: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	ida, marta, rui := newSDK(t, s, "ida@contoso.example"), newSDK(t, s, "marta@contoso.example"), newSDK(t, s, "rui@contoso.example")
	group, deskGroup := s.Tenant.Groups[1].ID, s.Tenant.Groups[0].ID
	boss, requestor, other := person(t, s, "marta").ID, person(t, s, "rui").ID, person(t, s, "hana").ID

	// catalogs
	draft := models.NewAccessPackageCatalog()
	draft.SetDisplayName(to("SDK catalog"))
	draft.SetDescription(to("by msgraph-sdk-go"))
	draft.SetState(to(models.PUBLISHED_ACCESSPACKAGECATALOGSTATE))
	draft.SetIsExternallyVisible(to(false))
	catalog := must[models.AccessPackageCatalogable](t)(ida.Catalogs().Post(ctx, draft, nil))
	catalogID := *catalog.GetId()
	if *catalog.GetDisplayName() != "SDK catalog" || *catalog.GetState() != models.PUBLISHED_ACCESSPACKAGECATALOGSTATE || *catalog.GetIsExternallyVisible() || catalog.GetCreatedDateTime() == nil ||
		*catalog.GetCatalogType() != models.USERMANAGED_ACCESSPACKAGECATALOGTYPE {
		t.Errorf("the catalog is %s", *catalog.GetDisplayName())
	}
	_, err = ida.Catalogs().Post(ctx, draft, nil)
	refused(t, err, http.StatusConflict, "conflict")
	must[models.AccessPackageCatalogable](t)(ida.Catalogs().ByAccessPackageCatalogId(catalogID).Get(ctx, nil))
	listed := must[models.AccessPackageCatalogCollectionResponseable](t)(ida.Catalogs().Get(ctx, &identitygovernance.EntitlementManagementCatalogsRequestBuilderGetRequestConfiguration{
		QueryParameters: &identitygovernance.EntitlementManagementCatalogsRequestBuilderGetQueryParameters{
			Count: to(true), Filter: to("displayName eq 'SDK catalog'"), Orderby: []string{"displayName"}, Select: []string{"id", "displayName", "state"}, Top: to(int32(5)),
		},
	}))
	if *listed.GetOdataCount() != 1 || len(listed.GetValue()) != 1 || *listed.GetValue()[0].GetId() != catalogID || listed.GetValue()[0].GetDescription() != nil {
		t.Errorf("%d catalogs are listed", len(listed.GetValue()))
	}
	_, err = ida.Catalogs().Get(ctx, &identitygovernance.EntitlementManagementCatalogsRequestBuilderGetRequestConfiguration{
		QueryParameters: &identitygovernance.EntitlementManagementCatalogsRequestBuilderGetQueryParameters{Search: to("x")},
	})
	refused(t, err, http.StatusBadRequest, "invalidRequest")
	change := models.NewAccessPackageCatalog()
	change.SetDescription(to("patched"))
	_, err = ida.Catalogs().ByAccessPackageCatalogId(catalogID).Patch(ctx, change, nil)
	done(t, err)
	if now := must[models.AccessPackageCatalogable](t)(ida.Catalogs().ByAccessPackageCatalogId(catalogID).Get(ctx, nil)); *now.GetDescription() != "patched" || *now.GetDisplayName() != "SDK catalog" {
		t.Errorf("patched: %s, %s", *now.GetDescription(), *now.GetDisplayName())
	}

	// package, resource, role
	in := models.NewAccessPackageCatalog()
	in.SetId(&catalogID)
	wanted := models.NewAccessPackage()
	wanted.SetDisplayName(to("SDK package"))
	wanted.SetDescription(to("d"))
	wanted.SetIsHidden(to(false))
	wanted.SetCatalog(in)
	packageID := *must[models.AccessPackageable](t)(ida.AccessPackages().Post(ctx, wanted, nil)).GetId()

	resource := models.NewAccessPackageResource()
	resource.SetOriginId(&group)
	resource.SetOriginSystem(to("AadGroup"))
	adding := models.NewAccessPackageResourceRequest()
	adding.SetRequestType(to(models.ADMINADD_ACCESSPACKAGEREQUESTTYPE))
	adding.SetCatalog(in)
	adding.SetResource(resource)
	if added := must[models.AccessPackageResourceRequestable](t)(ida.ResourceRequests().Post(ctx, adding, nil)); *added.GetState() != models.DELIVERED_ACCESSPACKAGEREQUESTSTATE {
		t.Errorf("the resource request is %v", *added.GetState())
	}
	at := ida.Catalogs().ByAccessPackageCatalogId(catalogID)
	resources := must[models.AccessPackageResourceCollectionResponseable](t)(at.Resources().Get(ctx, &identitygovernance.EntitlementManagementCatalogsItemResourcesRequestBuilderGetRequestConfiguration{
		QueryParameters: &identitygovernance.EntitlementManagementCatalogsItemResourcesRequestBuilderGetQueryParameters{Expand: []string{"roles", "scopes"}, Filter: to("originId eq '" + group + "'")},
	})).GetValue()
	if len(resources) != 1 || len(resources[0].GetRoles()) != 2 || len(resources[0].GetScopes()) != 1 {
		t.Fatalf("%d resources", len(resources))
	}
	roles := must[models.AccessPackageResourceRoleCollectionResponseable](t)(at.ResourceRoles().Get(ctx, &identitygovernance.EntitlementManagementCatalogsItemResourceRolesRequestBuilderGetRequestConfiguration{
		QueryParameters: &identitygovernance.EntitlementManagementCatalogsItemResourceRolesRequestBuilderGetQueryParameters{
			Expand: []string{"resource"}, Filter: to("(originSystem eq 'AadGroup' and resource/id eq '" + *resources[0].GetId() + "')"),
		},
	})).GetValue()
	if len(roles) != 2 || *roles[0].GetOriginId() != "Member_"+group || *roles[0].GetResource().GetOriginId() != group {
		t.Fatalf("%d roles", len(roles))
	}
	role := models.NewAccessPackageResourceRole()
	role.SetDisplayName(to("Member"))
	role.SetOriginId(to("Member_" + group))
	role.SetOriginSystem(to("AadGroup"))
	role.SetResource(resource)
	scope := models.NewAccessPackageResourceScope()
	scope.SetIsRootScope(to(true))
	scope.SetOriginId(&group)
	scope.SetOriginSystem(to("AadGroup"))
	roleScope := models.NewAccessPackageResourceRoleScope()
	roleScope.SetRole(role)
	roleScope.SetScope(scope)
	roleScopeID := *must[models.AccessPackageResourceRoleScopeable](t)(ida.AccessPackages().ByAccessPackageId(packageID).ResourceRoleScopes().Post(ctx, roleScope, nil)).GetId()
	whole := must[models.AccessPackageable](t)(ida.AccessPackages().ByAccessPackageId(packageID).Get(ctx, &identitygovernance.EntitlementManagementAccessPackagesAccessPackageItemRequestBuilderGetRequestConfiguration{
		QueryParameters: &identitygovernance.EntitlementManagementAccessPackagesAccessPackageItemRequestBuilderGetQueryParameters{
			Expand: []string{"resourceRoleScopes($expand=role,scope)", "assignmentPolicies", "catalog"},
		},
	}))
	if scopes := whole.GetResourceRoleScopes(); len(scopes) != 1 || *scopes[0].GetRole().GetOriginId() != "Member_"+group || *scopes[0].GetScope().GetOriginId() != group ||
		*whole.GetCatalog().GetId() != catalogID || whole.GetAssignmentPolicies() == nil {
		t.Errorf("the package is %d scopes", len(scopes))
	}

	// policies
	policy := newPolicy(t, packageID, boss, deskGroup, requestor)
	made := must[models.AccessPackageAssignmentPolicyable](t)(ida.AssignmentPolicies().Post(ctx, policy, nil))
	policyID := *made.GetId()
	check := func(policy models.AccessPackageAssignmentPolicyable) {
		t.Helper()
		// The SDK writes P30D as P4W2D and reads P4W2D as 28 days: what was set must come back.
		days(t, policy.GetExpiration().GetDuration(), isoDuration(t, "P30D").String())
		stage := policy.GetRequestApprovalSettings().GetStages()[0]
		days(t, stage.GetDurationBeforeAutomaticDenial(), isoDuration(t, "P14D").String())
		days(t, stage.GetDurationBeforeEscalation(), isoDuration(t, "P7D").String())
		if _, ok := stage.GetPrimaryApprovers()[0].(models.RequestorManagerable); !ok {
			t.Errorf("the first approver is a %T", stage.GetPrimaryApprovers()[0])
		}
		if questions := policy.GetQuestions(); len(questions) != 2 || *questions[0].GetText() != "why?" || *questions[1].(models.AccessPackageMultipleChoiceQuestionable).GetChoices()[0].GetActualValue() != "A" {
			t.Errorf("%d questions", len(questions))
		}
		if sets := policy.GetSpecificAllowedTargets(); len(sets) != 2 || *sets[0].(models.GroupMembersable).GetGroupId() != deskGroup || *sets[1].(models.SingleUserable).GetUserId() != requestor {
			t.Errorf("%d targets", len(sets))
		}
		if review := policy.GetReviewSettings(); *review.GetIsEnabled() || *review.GetSchedule().GetRecurrence().GetPattern().GetInterval() != 3 {
			t.Error("the review settings are others")
		}
	}
	check(made)
	read := must[models.AccessPackageAssignmentPolicyable](t)(ida.AssignmentPolicies().ByAccessPackageAssignmentPolicyId(policyID).Get(ctx, &identitygovernance.EntitlementManagementAssignmentPoliciesAccessPackageAssignmentPolicyItemRequestBuilderGetRequestConfiguration{
		QueryParameters: &identitygovernance.EntitlementManagementAssignmentPoliciesAccessPackageAssignmentPolicyItemRequestBuilderGetQueryParameters{Expand: []string{"accessPackage", "catalog"}},
	}))
	check(read)
	if *read.GetAccessPackage().GetId() != packageID || *read.GetCatalog().GetId() != catalogID {
		t.Error("the policy is another package's")
	}
	policy.SetId(&policyID)
	policy.SetDisplayName(to("SDK policy v2"))
	replaced := must[models.AccessPackageAssignmentPolicyable](t)(ida.AssignmentPolicies().ByAccessPackageAssignmentPolicyId(policyID).Put(ctx, policy, nil))
	check(replaced)
	if *replaced.GetDisplayName() != "SDK policy v2" {
		t.Errorf("replaced: %s", *replaced.GetDisplayName())
	}

	// a direct assignment
	direct := models.NewAccessPackageAssignmentRequest()
	direct.SetRequestType(to(models.ADMINADD_ACCESSPACKAGEREQUESTTYPE))
	direct.SetJustification(to("sdk"))
	assignment := models.NewAccessPackageAssignment()
	assignment.SetAdditionalData(map[string]any{"targetId": other, "accessPackageId": packageID, "assignmentPolicyId": policyID})
	direct.SetAssignment(assignment)
	schedule := models.NewEntitlementManagementSchedule()
	schedule.SetStartDateTime(to(s.Clock.Now()))
	expiration := models.NewExpirationPattern()
	expiration.SetTypeEscaped(to(models.NOEXPIRATION_EXPIRATIONPATTERNTYPE))
	schedule.SetExpiration(expiration)
	direct.SetSchedule(schedule)
	direct.SetAnswers(answersTo(replaced))
	requestID := *must[models.AccessPackageAssignmentRequestable](t)(ida.AssignmentRequests().Post(ctx, direct, nil)).GetId()
	if err := s.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	if got := must[models.AccessPackageAssignmentRequestable](t)(ida.AssignmentRequests().ByAccessPackageAssignmentRequestId(requestID).Get(ctx, nil)); *got.GetState() != models.DELIVERED_ACCESSPACKAGEREQUESTSTATE {
		t.Errorf("the direct assignment is %v", *got.GetState())
	}
	held := func() []models.AccessPackageAssignmentable {
		t.Helper()
		return must[models.AccessPackageAssignmentCollectionResponseable](t)(ida.Assignments().Get(ctx, &identitygovernance.EntitlementManagementAssignmentsRequestBuilderGetRequestConfiguration{
			QueryParameters: &identitygovernance.EntitlementManagementAssignmentsRequestBuilderGetQueryParameters{
				Expand: []string{"target", "assignmentPolicy"}, Filter: to("accessPackage/id eq '" + packageID + "' and state eq 'Delivered'"),
			},
		})).GetValue()
	}
	if all := held(); len(all) != 1 || *all[0].GetTarget().GetObjectId() != other || *all[0].GetAssignmentPolicy().GetId() != policyID {
		t.Fatalf("%d assignments", len(all))
	}

	// somebody asks, and the manager approves
	offered := must[identitygovernance.EntitlementManagementAccessPackagesFilterByCurrentUserWithOnGetResponseable](t)(
		rui.AccessPackages().FilterByCurrentUserWithOn(to("allowedRequestor")).GetAsFilterByCurrentUserWithOnGetResponse(ctx, nil)).GetValue()
	if len(offered) != 1 || *offered[0].GetId() != packageID {
		t.Fatalf("%d packages are offered", len(offered))
	}
	requirements := must[identitygovernance.EntitlementManagementAccessPackagesItemGetApplicablePolicyRequirementsPostResponseable](t)(
		rui.AccessPackages().ByAccessPackageId(packageID).GetApplicablePolicyRequirements().PostAsGetApplicablePolicyRequirementsPostResponse(ctx, nil)).GetValue()
	if len(requirements) != 1 || *requirements[0].GetPolicyId() != policyID || !*requirements[0].GetIsRequestorJustificationRequired() || len(requirements[0].GetQuestions()) != 2 {
		t.Fatalf("%d requirements", len(requirements))
	}
	asked := models.NewAccessPackageAssignmentRequest()
	asked.SetRequestType(to(models.USERADD_ACCESSPACKAGEREQUESTTYPE))
	mine := models.NewAccessPackageAssignment()
	mine.SetAdditionalData(map[string]any{"accessPackageId": packageID})
	asked.SetAssignment(mine)
	asked.SetAnswers(answersTo(replaced))
	_, err = rui.AssignmentRequests().Post(ctx, asked, nil)
	refused(t, err, http.StatusBadRequest, "invalidRequest")
	asked.SetJustification(to("because"))
	pending := must[models.AccessPackageAssignmentRequestable](t)(rui.AssignmentRequests().Post(ctx, asked, nil))
	if *pending.GetState() != models.PENDINGAPPROVAL_ACCESSPACKAGEREQUESTSTATE || *pending.GetAnswers()[0].(models.AccessPackageAnswerStringable).GetValue() != "text" {
		t.Errorf("the request is %v", *pending.GetState())
	}
	waiting := must[identitygovernance.EntitlementManagementAccessPackageAssignmentApprovalsFilterByCurrentUserWithOnGetResponseable](t)(
		marta.AccessPackageAssignmentApprovals().FilterByCurrentUserWithOn(to("approver")).GetAsFilterByCurrentUserWithOnGetResponse(ctx, nil)).GetValue()
	if len(waiting) != 1 || *waiting[0].GetId() != *pending.GetId() {
		t.Fatalf("%d approvals wait", len(waiting))
	}
	approval := marta.AccessPackageAssignmentApprovals().ByApprovalId(*waiting[0].GetId())
	stages := must[models.ApprovalStageCollectionResponseable](t)(approval.Stages().Get(ctx, nil)).GetValue()
	if len(stages) != 1 || !*stages[0].GetAssignedToMe() || *stages[0].GetStatus() != "InProgress" {
		t.Fatalf("%d stages", len(stages))
	}
	decision := models.NewApprovalStage()
	decision.SetReviewResult(to("Approve"))
	decision.SetJustification(to("fine"))
	_, err = approval.Stages().ByApprovalStageId(*stages[0].GetId()).Patch(ctx, decision, nil)
	done(t, err)
	_, err = approval.Stages().ByApprovalStageId(*stages[0].GetId()).Patch(ctx, decision, nil)
	refused(t, err, http.StatusConflict, "conflict")
	if err := s.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	own := must[identitygovernance.EntitlementManagementAssignmentsFilterByCurrentUserWithOnGetResponseable](t)(rui.Assignments().FilterByCurrentUserWithOn(to("target")).GetAsFilterByCurrentUserWithOnGetResponse(ctx, nil)).GetValue()
	if len(own) != 1 || *own[0].GetState() != models.DELIVERED_ACCESSPACKAGEASSIGNMENTSTATE || own[0].GetSchedule().GetExpiration().GetEndDateTime().Before(s.Clock.Now().Add(29*24*time.Hour)) {
		t.Fatalf("%d assignments of one's own", len(own))
	}
	requests := must[identitygovernance.EntitlementManagementAssignmentRequestsFilterByCurrentUserWithOnGetResponseable](t)(
		rui.AssignmentRequests().FilterByCurrentUserWithOn(to("target")).GetAsFilterByCurrentUserWithOnGetResponse(ctx, nil)).GetValue()
	if len(requests) != 1 || *requests[0].GetStatus() != "Fulfilled" || requests[0].GetCompletedDateTime() == nil {
		t.Errorf("%d requests of one's own", len(requests))
	}
	if have := s.Graph.Directory().MemberIDs(group); !slices.Contains(have, requestor) || !slices.Contains(have, other) {
		t.Errorf("members: %v", have)
	}
	// A canceled request and its error.
	done(t, func() error {
		_, err := newSDK(t, s, "hugo@contoso.example").AssignmentRequests().Post(ctx, asked, nil)
		return err
	}())
	third := must[identitygovernance.EntitlementManagementAssignmentRequestsFilterByCurrentUserWithOnGetResponseable](t)(
		newSDK(t, s, "hugo@contoso.example").AssignmentRequests().FilterByCurrentUserWithOn(to("createdBy")).GetAsFilterByCurrentUserWithOnGetResponse(ctx, nil)).GetValue()[0]
	done(t, newSDK(t, s, "hugo@contoso.example").AssignmentRequests().ByAccessPackageAssignmentRequestId(*third.GetId()).Cancel().Post(ctx, nil))
	refused(t, newSDK(t, s, "hugo@contoso.example").AssignmentRequests().ByAccessPackageAssignmentRequestId(*third.GetId()).Cancel().Post(ctx, nil), http.StatusConflict, "conflict")

	pages(t, ida, catalogID)

	// the end
	refused(t, ida.AccessPackages().ByAccessPackageId(packageID).Delete(ctx, nil), http.StatusConflict, "conflict")
	for _, one := range held() {
		removal := models.NewAccessPackageAssignmentRequest()
		removal.SetRequestType(to(models.ADMINREMOVE_ACCESSPACKAGEREQUESTTYPE))
		gone := models.NewAccessPackageAssignment()
		gone.SetId(one.GetId())
		removal.SetAssignment(gone)
		must[models.AccessPackageAssignmentRequestable](t)(ida.AssignmentRequests().Post(ctx, removal, nil))
	}
	if err := s.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	done(t, ida.AccessPackages().ByAccessPackageId(packageID).ResourceRoleScopes().ByAccessPackageResourceRoleScopeId(roleScopeID).Delete(ctx, nil))
	done(t, ida.AssignmentPolicies().ByAccessPackageAssignmentPolicyId(policyID).Delete(ctx, nil))
	done(t, ida.AccessPackages().ByAccessPackageId(packageID).Delete(ctx, nil))
	_, err = ida.AccessPackages().ByAccessPackageId(packageID).Get(ctx, nil)
	refused(t, err, http.StatusNotFound, "AccessPackageNotFound")
	_, err = rui.Catalogs().Get(ctx, nil)
	refused(t, err, http.StatusForbidden, "accessDenied")
	if have := s.Graph.Directory().MemberIDs(group); len(have) != 0 {
		t.Errorf("members: %v", have)
	}
}

// pages follows @odata.nextLink with the SDK's own iterator.
func pages(t *testing.T, ida sdk, catalogID string) {
	t.Helper()
	in := models.NewAccessPackageCatalog()
	in.SetId(&catalogID)
	names := []string{}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		one := models.NewAccessPackage()
		one.SetDisplayName(to("page " + name))
		one.SetDescription(to("d"))
		one.SetCatalog(in)
		must[models.AccessPackageable](t)(ida.AccessPackages().Post(t.Context(), one, nil))
		names = append(names, "page "+name)
	}
	first := must[models.AccessPackageCollectionResponseable](t)(ida.AccessPackages().Get(t.Context(), &identitygovernance.EntitlementManagementAccessPackagesRequestBuilderGetRequestConfiguration{
		QueryParameters: &identitygovernance.EntitlementManagementAccessPackagesRequestBuilderGetQueryParameters{Filter: to("startswith(displayName,'page ') and catalog/id eq '" + catalogID + "'"), Top: to(int32(2))},
	}))
	if first.GetOdataNextLink() == nil {
		t.Fatal("there is no second page")
	}
	iterator := must[*core.PageIterator[models.AccessPackageable]](t)(core.NewPageIterator[models.AccessPackageable](first, ida.adapter, models.CreateAccessPackageCollectionResponseFromDiscriminatorValue))
	var found []string
	done(t, iterator.Iterate(t.Context(), func(one models.AccessPackageable) bool {
		found = append(found, *one.GetDisplayName())
		return true
	}))
	slices.Sort(found)
	if !slices.Equal(found, names) {
		t.Errorf("the pages have %v", found)
	}
}

// newPolicy is the policy that was recorded.
func newPolicy(t *testing.T, packageID, approver, targets, target string) models.AccessPackageAssignmentPolicyable {
	t.Helper()
	of := models.NewAccessPackage()
	of.SetId(&packageID)
	policy := models.NewAccessPackageAssignmentPolicy()
	policy.SetAccessPackage(of)
	policy.SetDisplayName(to("SDK policy"))
	policy.SetDescription(to("d"))
	policy.SetAllowedTargetScope(to(models.SPECIFICDIRECTORYUSERS_ALLOWEDTARGETSCOPE))
	members := models.NewGroupMembers()
	members.SetGroupId(&targets)
	members.SetDescription(to("g"))
	policy.SetSpecificAllowedTargets([]models.SubjectSetable{members, singleUser(target)})
	expiration := models.NewExpirationPattern()
	expiration.SetTypeEscaped(to(models.AFTERDURATION_EXPIRATIONPATTERNTYPE))
	expiration.SetDuration(isoDuration(t, "P30D"))
	policy.SetExpiration(expiration)

	text := models.NewAccessPackageTextInputQuestion()
	text.SetIsRequired(to(true))
	text.SetSequence(to(int32(0)))
	text.SetText(to("why?"))
	text.SetIsSingleLineQuestion(to(true))
	choice := models.NewAccessPackageAnswerChoice()
	choice.SetActualValue(to("A"))
	choice.SetText(to("Option A"))
	pick := models.NewAccessPackageMultipleChoiceQuestion()
	pick.SetSequence(to(int32(1)))
	pick.SetText(to("pick"))
	pick.SetChoices([]models.AccessPackageAnswerChoiceable{choice})
	pick.SetIsMultipleSelectionAllowed(to(false))
	policy.SetQuestions([]models.AccessPackageQuestionable{text, pick})

	manager := models.NewRequestorManager()
	manager.SetManagerLevel(to(int32(1)))
	stage := models.NewAccessPackageApprovalStage()
	stage.SetDurationBeforeAutomaticDenial(isoDuration(t, "P14D"))
	stage.SetDurationBeforeEscalation(isoDuration(t, "P7D"))
	stage.SetIsApproverJustificationRequired(to(true))
	stage.SetIsEscalationEnabled(to(true))
	stage.SetPrimaryApprovers([]models.SubjectSetable{manager, singleUser(approver)})
	stage.SetFallbackPrimaryApprovers([]models.SubjectSetable{singleUser(approver)})
	stage.SetEscalationApprovers([]models.SubjectSetable{singleUser(approver)})
	approval := models.NewAccessPackageAssignmentApprovalSettings()
	approval.SetIsApprovalRequiredForAdd(to(true))
	approval.SetIsApprovalRequiredForUpdate(to(false))
	approval.SetIsRequestorJustificationRequired(to(true))
	approval.SetStages([]models.AccessPackageApprovalStageable{stage})
	policy.SetRequestApprovalSettings(approval)

	requestors := models.NewAccessPackageAssignmentRequestorSettings()
	requestors.SetAllowCustomAssignmentSchedule(to(true))
	requestors.SetEnableTargetsToSelfAddAccess(to(true))
	requestors.SetEnableTargetsToSelfRemoveAccess(to(true))
	requestors.SetEnableTargetsToSelfUpdateAccess(to(false))
	requestors.SetOnBehalfRequestors([]models.SubjectSetable{})
	policy.SetRequestorSettings(requestors)

	pattern := models.NewRecurrencePattern()
	pattern.SetTypeEscaped(to(models.ABSOLUTEMONTHLY_RECURRENCEPATTERNTYPE))
	pattern.SetInterval(to(int32(3)))
	span := models.NewRecurrenceRange()
	span.SetTypeEscaped(to(models.NOEND_RECURRENCERANGETYPE))
	recurrence := models.NewPatternedRecurrence()
	recurrence.SetPattern(pattern)
	recurrence.SetRangeEscaped(span)
	lasts := models.NewExpirationPattern()
	lasts.SetTypeEscaped(to(models.AFTERDURATION_EXPIRATIONPATTERNTYPE))
	lasts.SetDuration(isoDuration(t, "P14D"))
	schedule := models.NewEntitlementManagementSchedule()
	schedule.SetStartDateTime(to(time.Date(2026, 11, 22, 18, 10, 17, 0, time.UTC)))
	schedule.SetRecurrence(recurrence)
	schedule.SetExpiration(lasts)
	review := models.NewAccessPackageAssignmentReviewSettings()
	review.SetIsEnabled(to(false))
	review.SetExpirationBehavior(to(models.KEEPACCESS_ACCESSREVIEWEXPIRATIONBEHAVIOR))
	review.SetIsRecommendationEnabled(to(true))
	review.SetIsReviewerJustificationRequired(to(true))
	review.SetIsSelfReview(to(false))
	review.SetPrimaryReviewers([]models.SubjectSetable{singleUser(approver)})
	review.SetFallbackReviewers([]models.SubjectSetable{})
	review.SetSchedule(schedule)
	policy.SetReviewSettings(review)
	return policy
}

// answersTo answers the questions of newPolicy.
func answersTo(policy models.AccessPackageAssignmentPolicyable) []models.AccessPackageAnswerable {
	var answers []models.AccessPackageAnswerable
	for i, value := range []string{"text", "A"} {
		answer := models.NewAccessPackageAnswerString()
		answer.SetValue(to(value))
		answer.SetAnsweredQuestion(policy.GetQuestions()[i])
		answers = append(answers, answer)
	}
	return answers
}
