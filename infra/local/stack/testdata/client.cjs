// Microsoft's JavaScript client for Graph does its work against Latchkey's API: an administrator offers a package, somebody asks for it, the manager approves, access ends.
// Run by TestJavaScriptClient with the base URL, the control port, the id of a group, and the tokens of the three. It exits 0 and prints "ok" only if every answer was as Graph's.
"use strict";
const assert = require("node:assert");
const { Client, PageIterator } = require("@microsoft/microsoft-graph-client");

const [baseUrl, control, group, ...tokens] = process.argv.slice(2);
const root = "/identityGovernance/entitlementManagement";
const [admin, manager, requestor] = tokens.map((token) => Client.init({
  baseUrl: baseUrl + "/api/", defaultVersion: "v1.0", authProvider: (done) => done(null, token), customHosts: new Set([new URL(baseUrl).hostname]),
}));

async function refused(status, code, request) {
  try {
    await request;
  } catch (error) {
    assert.strictEqual(error.statusCode, status, `${error.code}: ${error.message}`);
    assert.strictEqual(error.code, code);
    assert.ok(error.requestId, "the error has a request id");
    assert.ok(error.date instanceof Date && !isNaN(error.date), "the error has a date");
    return error;
  }
  assert.fail(`not refused with ${status}`);
}

const drain = async () => assert.ok((await fetch(control + "/drain", { method: "POST" })).ok);

async function main() {
  const catalog = await admin.api(root + "/catalogs").post({ displayName: "JavaScript's catalog", description: "Zoë & co" });
  await refused(409, "conflict", admin.api(root + "/catalogs").post({ displayName: "JavaScript's catalog", description: "d" }));
  const found = await admin.api(root + "/catalogs").filter("displayName eq 'JavaScript''s catalog'").select("id,displayName").orderby("displayName").count(true).get();
  assert.strictEqual(found["@odata.count"], 1);
  assert.deepStrictEqual(Object.keys(found.value[0]).filter((name) => !name.startsWith("@")).sort(), ["displayName", "id"]);
  await refused(400, "invalidRequest", admin.api(root + "/catalogs").search("x").get());
  await refused(403, "accessDenied", requestor.api(root + "/catalogs").get());
  const etag = (await admin.api(`${root}/catalogs/${catalog.id}`).get())["@odata.etag"];
  await admin.api(`${root}/catalogs/${catalog.id}`).header("If-Match", etag).patch({ description: "patched" });
  await refused(412, "preconditionFailed", admin.api(`${root}/catalogs/${catalog.id}`).header("If-Match", etag).patch({ description: "lost" }));

  await admin.api(root + "/resourceRequests").post({ requestType: "adminAdd", catalog: { id: catalog.id }, resource: { originId: group, originSystem: "AadGroup" } });
  const pack = await admin.api(root + "/accessPackages").post({ displayName: "Package", description: "d", catalog: { id: catalog.id } });
  const resource = { originId: group, originSystem: "AadGroup" };
  await admin.api(`${root}/accessPackages/${pack.id}/resourceRoleScopes`).post({
    role: { originId: "Member_" + group, displayName: "Member", originSystem: "AadGroup", resource }, scope: { originId: group, originSystem: "AadGroup", isRootScope: true },
  });
  const policy = await admin.api(root + "/assignmentPolicies").post({
    displayName: "Everybody", accessPackage: { id: pack.id }, allowedTargetScope: "allMemberUsers", expiration: { type: "afterDuration", duration: "P30D" },
    requestorSettings: { enableTargetsToSelfAddAccess: true, enableTargetsToSelfRemoveAccess: true },
    requestApprovalSettings: {
      isApprovalRequiredForAdd: true, stages: [{ durationBeforeAutomaticDenial: "P14D", primaryApprovers: [{ "@odata.type": "#microsoft.graph.requestorManager", managerLevel: 1 }] }],
    },
  });
  assert.deepStrictEqual(policy.questions, []);
  const put = await admin.api(`${root}/assignmentPolicies/${policy.id}`).put({ ...policy, displayName: "Everybody, again" });
  assert.strictEqual(put.displayName, "Everybody, again");
  assert.strictEqual(put.expiration.duration, "P30D");
  const whole = await admin.api(`${root}/accessPackages/${pack.id}`).expand("resourceRoleScopes($expand=role,scope),assignmentPolicies,catalog").get();
  assert.strictEqual(whole.resourceRoleScopes[0].role.originId, "Member_" + group);
  assert.strictEqual(whole.assignmentPolicies[0].id, policy.id);
  assert.strictEqual(whole.catalog.description, "patched");

  const offered = await requestor.api(`${root}/accessPackages/filterByCurrentUser(on='allowedRequestor')`).get();
  assert.ok(offered.value.some((one) => one.id === pack.id));
  const asked = await requestor.api(root + "/assignmentRequests").post({ requestType: "userAdd", assignment: { accessPackageId: pack.id }, justification: "why not" });
  assert.strictEqual(asked.state, "pendingApproval");
  const waiting = await manager.api(`${root}/accessPackageAssignmentApprovals/filterByCurrentUser(on='approver')`).expand("stages").get();
  const approval = waiting.value.find((one) => one.id === asked.id);
  const stage = `${root}/accessPackageAssignmentApprovals/${approval.id}/stages/${approval.stages[0].id}`;
  await refused(403, "accessDenied", requestor.api(stage).patch({ reviewResult: "Approve" }));
  await manager.api(stage).patch({ reviewResult: "Approve", justification: "fine" });
  await refused(409, "conflict", manager.api(stage).patch({ reviewResult: "Deny" }));
  await drain();
  const held = await requestor.api(`${root}/assignments/filterByCurrentUser(on='target')`).expand("accessPackage").get();
  const mine = held.value.find((one) => one.accessPackage.id === pack.id);
  assert.strictEqual(mine.state, "delivered");
  await requestor.api(root + "/assignmentRequests").post({ requestType: "userRemove", assignment: { id: mine.id } });
  await drain();
  assert.strictEqual((await requestor.api(`${root}/assignments/${mine.id}`).get()).state, "expired");
  await refused(409, "conflict", requestor.api(`${root}/assignmentRequests/${asked.id}/cancel`).post(null));

  for (let i = 0; i < 5; i++) await admin.api(root + "/accessPackages").post({ displayName: "Page " + i, description: "d", catalog: { id: catalog.id } });
  const names = [];
  const first = await admin.api(root + "/accessPackages").filter(`catalog/id eq '${catalog.id}' and startswith(displayName,'Page')`).top(2).get();
  await new PageIterator(admin, first, (one) => names.push(one.displayName) > 0).iterate();
  assert.deepStrictEqual(names.sort(), ["Page 0", "Page 1", "Page 2", "Page 3", "Page 4"]);

  await admin.api(`${root}/assignmentPolicies/${policy.id}`).delete();
  await admin.api(`${root}/accessPackages/${pack.id}`).delete();
  await refused(404, "AccessPackageNotFound", admin.api(`${root}/accessPackages/${pack.id}`).get());
  console.log("ok");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
