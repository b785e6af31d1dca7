// Drives the local Cosmos stand-in with @azure/cosmos, an independent client. Run by TestNodeClient, which sets COSMOS_ENDPOINT, COSMOS_KEY, COSMOS_DATABASE and
// COSMOS_MODULE. It exits with 0 and prints "ok" if everything is as it is on Azure.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(process.env.COSMOS_MODULE + "/");
const { CosmosClient, ChangeFeedStartFrom, PermissionMode } = require("@azure/cosmos");
const client = new CosmosClient({ endpoint: process.env.COSMOS_ENDPOINT, key: process.env.COSMOS_KEY });

const status = async (promise) => {
  try {
    return (await promise).statusCode;
  } catch (error) {
    return error.code;
  }
};

// Databases and containers.
const { database } = await client.databases.createIfNotExists({ id: "node" });
await client.databases.createIfNotExists({ id: "node" });
const { container } = await database.containers.createIfNotExists({ id: "things", partitionKey: { paths: ["/pk"] }, defaultTtl: -1 });
assert.equal((await database.containers.readAll().fetchAll()).resources.length, 1);
assert.ok((await client.databases.readAll().fetchAll()).resources.some((d) => d.id === "node"));
assert.deepEqual((await container.read()).resource.partitionKey.paths, ["/pk"]);
assert.equal(await status(database.container("missing").item("a", "p").read()), 404);

// Items.
const created = await container.items.create({ id: "a", pk: "p", n: 1, text: "Zoë \"x\" 😀" });
assert.equal(created.statusCode, 201);
assert.equal(created.resource._etag, created.etag);
assert.ok(created.requestCharge > 0);
assert.equal(await status(container.items.create({ id: "a", pk: "p" })), 409);
const read = await container.item("a", "p").read();
assert.equal(read.resource.text, "Zoë \"x\" 😀");
assert.equal((await container.item("none", "p").read()).statusCode, 404);
const replaced = await container.item("a", "p").replace({ ...read.resource, n: 2 }, { accessCondition: { type: "IfMatch", condition: read.etag } });
assert.equal(replaced.resource._rid, read.resource._rid);
assert.notEqual(replaced.etag, read.etag);
assert.equal(await status(container.item("a", "p").replace({ ...read.resource, n: 3 }, { accessCondition: { type: "IfMatch", condition: read.etag } })), 412);
assert.equal((await container.items.upsert({ id: "b", pk: "p", n: 5 })).statusCode, 201);
assert.equal((await container.items.upsert({ id: "b", pk: "p", n: 6 })).statusCode, 200);
assert.equal((await container.item("b", "p").patch([{ op: "incr", path: "/n", value: 1 }, { op: "add", path: "/list", value: [1] }])).resource.n, 7);
assert.equal((await container.item("b", "p").delete()).statusCode, 204);
assert.equal(await status(container.item("b", "p").delete()), 404);
for (const id of ["with space", "quo\"te", "ünï", "per%20cent", "a+b&c=d;e", "😀"]) {
  await container.items.create({ id, pk: "odd" });
  assert.equal((await container.item(id, "odd").read()).resource.id, id);
  await container.item(id, "odd").delete();
}

// Batches: all or nothing.
const good = await container.items.batch(
  [
    { operationType: "Create", resourceBody: { id: "c", pk: "p", n: 1 } },
    { operationType: "Upsert", resourceBody: { id: "d", pk: "p", n: 1 } },
    { operationType: "Replace", id: "a", resourceBody: { id: "a", pk: "p", n: 9 } },
    { operationType: "Patch", id: "a", resourceBody: { operations: [{ op: "incr", path: "/n", value: 1 }] } },
    { operationType: "Read", id: "a" },
    { operationType: "Delete", id: "d" },
  ],
  "p",
);
assert.equal(good.code, 200);
assert.deepEqual(good.result.map((r) => r.statusCode), [201, 201, 200, 200, 200, 204]);
assert.equal(good.result[4].resourceBody.n, 10);
const bad = await container.items.batch(
  [
    { operationType: "Create", resourceBody: { id: "e", pk: "p" } },
    { operationType: "Create", resourceBody: { id: "c", pk: "p" } },
    { operationType: "Delete", id: "a" },
  ],
  "p",
);
assert.equal(bad.code, 207);
assert.deepEqual(bad.result.map((r) => r.statusCode), [424, 409, 424]);
assert.equal((await container.item("e", "p").read()).statusCode, 404);
const stale = await container.items.batch(
  [
    { operationType: "Create", resourceBody: { id: "e", pk: "p" } },
    { operationType: "Replace", id: "a", ifMatch: created.etag, resourceBody: { id: "a", pk: "p" } },
  ],
  "p",
);
assert.deepEqual(stale.result.map((r) => r.statusCode), [424, 412]);
const bulk = await container.items.executeBulkOperations([
  { operationType: "Create", partitionKey: "q1", resourceBody: { id: "x", pk: "q1" } },
  { operationType: "Create", partitionKey: "q2", resourceBody: { id: "x", pk: "q2" } },
  { operationType: "Delete", partitionKey: "q1", id: "x" },
]);
assert.deepEqual(bulk.map((r) => r.response?.statusCode ?? r.error?.code), [201, 201, 204]);
await container.item("x", "q2").delete();

// Queries.
await container.item("a", "p").delete();
await container.item("c", "p").delete();
for (let n = 0; n < 25; n++) {
  await container.items.create({ id: `i${n}`, pk: `p${n % 3}`, n, name: n % 2 ? "odd" : "even", tags: ["t" + (n % 5)], deep: { er: n } });
}
const all = async (query, options) => (await container.items.query(query, options).fetchAll()).resources;
assert.equal((await all("SELECT * FROM c")).length, 25);
assert.equal((await all("SELECT * FROM c", { partitionKey: "p0" })).length, 9);
assert.equal((await all({ query: "SELECT c.id, c.deep.er FROM c WHERE c.n >= @n AND c.name = 'even'", parameters: [{ name: "@n", value: 20 }] })).length, 3);
assert.deepEqual(await all("SELECT VALUE c.id FROM c WHERE ARRAY_CONTAINS(c.tags, 't3') AND c.pk = 'p0'"), ["i3", "i18"]);
assert.deepEqual((await all("SELECT VALUE c.n FROM c ORDER BY c.n DESC")).slice(0, 3), [24, 23, 22]);
assert.deepEqual(await all("SELECT c.id AS name, c.n FROM c WHERE c.n < 3 ORDER BY c.name, c.n DESC"), [{ name: "i2", n: 2 }, { name: "i0", n: 0 }, { name: "i1", n: 1 }]);
assert.deepEqual(await all("SELECT VALUE COUNT(1) FROM c"), [25]);
assert.deepEqual(await all("SELECT VALUE SUM(c.n) FROM c WHERE c.pk = 'p1'", { partitionKey: "p1" }), [1 + 4 + 7 + 10 + 13 + 16 + 19 + 22]);
assert.deepEqual(await all("SELECT VALUE AVG(c.n) FROM c"), [12]);
assert.deepEqual(await all("SELECT VALUE MAX(c.n) FROM c"), [24]);
assert.deepEqual(await all("SELECT VALUE MIN(c.n) FROM c"), [0]);
assert.equal((await all("SELECT TOP 4 * FROM c")).length, 4);
assert.deepEqual(await all("SELECT TOP 2 VALUE c.n FROM c ORDER BY c.n"), [0, 1]);
assert.deepEqual(await all("SELECT VALUE c.n FROM c ORDER BY c.n OFFSET 5 LIMIT 3"), [5, 6, 7]);
assert.equal((await all("SELECT VALUE c.n FROM c OFFSET 5 LIMIT 30")).length, 20);
assert.deepEqual((await all("SELECT DISTINCT VALUE c.name FROM c")).sort(), ["even", "odd"]);
assert.deepEqual(await all("SELECT VALUE t FROM c JOIN t IN c.tags WHERE c.id = 'i7'"), ["t2"]);
assert.equal(await status(container.items.query("SELECT FROM WHERE").fetchAll()), 400);
const pages = [];
const iterator = container.items.query("SELECT VALUE c.n FROM c", { maxItemCount: 4 });
while (iterator.hasMoreResults()) pages.push(...((await iterator.fetchNext()).resources ?? []));
assert.deepEqual(pages.sort((a, b) => a - b), [...Array(25).keys()]);
const ordered = [];
const sorted = container.items.query("SELECT VALUE c.n FROM c ORDER BY c.n", { maxItemCount: 4 });
while (sorted.hasMoreResults()) ordered.push(...((await sorted.fetchNext()).resources ?? []));
assert.deepEqual(ordered, [...Array(25).keys()]);
assert.equal((await container.items.readAll({ maxItemCount: 10 }).fetchAll()).resources.length, 25);

// The change feed.
const feed = container.items.getChangeFeedIterator({ changeFeedStartFrom: ChangeFeedStartFrom.Beginning(), maxItemCount: 10 });
const seen = [];
let token;
for await (const page of feed.getAsyncIterator()) {
  if (page.statusCode === 304) break;
  seen.push(...page.result.map((d) => d.id));
  token = page.continuationToken;
}
assert.equal(seen.length, 25);
await container.items.upsert({ id: "i3", pk: "p0", n: 333 });
const more = container.items.getChangeFeedIterator({ changeFeedStartFrom: ChangeFeedStartFrom.Continuation(token) });
assert.deepEqual((await more.readNext()).result.map((d) => d.n), [333]);

// A wrong key.
const thief = new CosmosClient({ endpoint: process.env.COSMOS_ENDPOINT, key: Buffer.from("wrong").toString("base64") });
assert.equal(await status(thief.database("node").read()), 401);
thief.dispose();

await container.delete();
assert.equal((await database.delete()).statusCode, 204);
client.dispose();
console.log("ok");
