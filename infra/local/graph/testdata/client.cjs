// Microsoft's JavaScript client does its work against the emulator. Run by TestJavaScriptClient with the base URL, two user ids and a group id.
// It exits 0 and prints "ok" only if every answer was as Graph's.
"use strict";
const assert = require("node:assert");
const { Client, PageIterator, BatchRequestContent, BatchResponseContent } = require("@microsoft/microsoft-graph-client");

const [baseUrl, alice, bob, sales] = process.argv.slice(2);
const client = Client.init({
  baseUrl: baseUrl + "/", defaultVersion: "v1.0", authProvider: (done) => done(null, "a-token"), customHosts: new Set([new URL(baseUrl).hostname]),
});

async function refused(status, code, request) {
  try {
    await request;
  } catch (error) {
    assert.strictEqual(error.statusCode, status, `${error.code}: ${error.message}`);
    assert.strictEqual(error.code, code);
    assert.ok(error.requestId, "the error has a request id");
    return error;
  }
  assert.fail(`not refused with ${status}`);
}

async function main() {
  // users
  const user = await client.api(`/users/${alice}`).select("id,displayName,accountEnabled").expand("manager($select=id)").get();
  assert.strictEqual(user.id, alice);
  assert.strictEqual(user.manager.id, bob);
  assert.strictEqual(user.accountEnabled, true);
  assert.strictEqual(user.mail, undefined);
  const defaults = await client.api(`/users/${alice}`).get();
  assert.strictEqual(defaults.accountEnabled, undefined, "accountEnabled is not among the defaults");
  assert.deepStrictEqual(defaults.businessPhones, []);
  assert.strictEqual((await client.api(`/users/${alice}/manager`).get()).id, bob);
  await refused(404, "Request_ResourceNotFound", client.api(`/users/${bob}/manager`).get());
  await refused(404, "Request_ResourceNotFound", client.api("/users/nobody@contoso.example").get());
  await refused(400, "Request_BadRequest", client.api("/users").filter("shoeSize eq '42'").get());

  const created = await client.api("/users").post({
    accountEnabled: true, displayName: "Zoë O'Neil", mailNickname: "zoe", userPrincipalName: "zoe@contoso.example", department: "R&D", jobTitle: "Baker",
    passwordProfile: { password: "not kept", forceChangePasswordNextSignIn: true },
  });
  assert.ok(created.id);
  const found = await client.api("/users").header("ConsistencyLevel", "eventual").filter(encodeURIComponent("startswith(displayName,'Zoë O''N') and department eq 'R&D'")).select("id,department,jobTitle").count(true).get();
  assert.strictEqual(found["@odata.count"], 1);
  assert.deepStrictEqual({ ...found.value[0] }, { id: created.id, department: "R&D", jobTitle: "Baker" });
  await client.api(`/users/${created.id}`).update({ jobTitle: null, companyName: "Contoso" });
  const patched = await client.api("/users/zoe@contoso.example").select("jobTitle,companyName").get();
  assert.strictEqual(patched.jobTitle, null);
  assert.strictEqual(patched.companyName, "Contoso");
  await client.api(`/users/${created.id}/manager/$ref`).put({ "@odata.id": `${baseUrl}/v1.0/users/${alice}` });
  assert.deepStrictEqual((await client.api(`/users/${alice}/directReports`).select("id").get()).value.map((o) => o.id), [created.id]);
  await client.api(`/users/${created.id}/manager/$ref`).delete();

  // members
  const reference = { "@odata.id": `https://graph.microsoft.com/v1.0/directoryObjects/${created.id}` };
  await client.api(`/groups/${sales}/members/$ref`).post(reference);
  const twice = await refused(400, "Request_BadRequest", client.api(`/groups/${sales}/members/$ref`).post(reference));
  assert.match(twice.message, /already exist for the following modified properties: 'members'/);
  const members = await client.api(`/groups/${sales}/transitiveMembers/microsoft.graph.user`).header("ConsistencyLevel", "eventual").count(true).select("id").get();
  assert.ok(members.value.some((o) => o.id === created.id));
  const groups = await client.api(`/users/${created.id}/transitiveMemberOf/microsoft.graph.group`).header("ConsistencyLevel", "eventual").count(true).select("id").get();
  assert.deepStrictEqual(groups.value.map((o) => o.id), [sales]);
  assert.deepStrictEqual((await client.api(`/users/${created.id}/checkMemberGroups`).post({ groupIds: [sales] })).value, [sales]);
  await client.api(`/groups/${sales}/members/${created.id}/$ref`).delete();
  await refused(404, "Request_ResourceNotFound", client.api(`/groups/${sales}/members/${created.id}/$ref`).delete());

  // groups
  const group = await client.api("/groups").post({
    displayName: "New", mailEnabled: false, mailNickname: "new", securityEnabled: true, "owners@odata.bind": [`${baseUrl}/v1.0/users/${alice}`],
  });
  assert.deepStrictEqual((await client.api(`/groups/${group.id}/owners`).get()).value.map((o) => o.id), [alice]);
  await client.api(`/groups/${group.id}`).delete();
  await refused(404, "Request_ResourceNotFound", client.api(`/groups/${group.id}`).get());

  // paging: the client's own iterator follows the links to the end
  const first = await client.api("/users").top(7).select("id").get();
  assert.strictEqual(first.value.length, 7);
  const seen = new Set();
  if (baseUrl.startsWith("https:")) {
    await new PageIterator(client, first, (o) => seen.add(o.id) !== undefined).iterate();
  } else {
    // over plain http the client takes an absolute link for a relative path
    for (let page = first; page; page = page["@odata.nextLink"] && (await client.api(page["@odata.nextLink"].slice(`${baseUrl}/v1.0`.length)).get())) {
      page.value.forEach((o) => seen.add(o.id));
    }
  }
  const all = await client.api("/users").header("ConsistencyLevel", "eventual").top(999).count(true).get();
  assert.strictEqual(seen.size, all["@odata.count"]);

  // mail, sessions
  await client.api(`/users/${alice}/sendMail`).post({
    message: { subject: "Hello", body: { contentType: "HTML", content: "<p>Hello <b>you</b></p>" }, toRecipients: [{ emailAddress: { address: "bo@contoso.example" } }] },
    saveToSentItems: false,
  });
  assert.strictEqual((await client.api(`/users/${alice}/revokeSignInSessions`).post({})).value, true);

  // batch
  const batch = new BatchRequestContent([
    { id: "1", request: new Request(`${baseUrl}/v1.0/users/${alice}?$select=id`, { method: "GET" }) },
    { id: "2", request: new Request(`${baseUrl}/v1.0/users/nobody@contoso.example`, { method: "GET" }) },
  ]);
  const content = await batch.getContent();
  for (const one of content.requests) one.url = one.url.replace(/^.*\/users/, "/users");
  const answers = new BatchResponseContent(await client.api("/$batch").post(content));
  assert.strictEqual((await answers.getResponseById("1").json()).id, alice);
  assert.strictEqual(answers.getResponseById("2").status, 404);

  await client.api(`/users/${created.id}`).delete();
  await refused(404, "Request_ResourceNotFound", client.api(`/users/${created.id}`).get());
  console.log("ok");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
