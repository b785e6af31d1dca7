// Drives the local broker with @azure/service-bus, which shares no code with the Go SDK. Prints "ok" when all went as it should.
// Usage: node azure.cjs <connection string>; NODE_PATH names a directory with the package.
"use strict";
const assert = require("node:assert");
const { ServiceBusClient } = require("@azure/service-bus");

const [, , connection] = process.argv;
const client = new ServiceBusClient(connection, { retryOptions: { maxRetries: 0, timeoutInMs: 10000 } });
const plain = "notifications", sessions = "provisioning";

async function one(receiver, id) {
  const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 5000 });
  assert.ok(message, `nothing came, want ${id}`);
  assert.strictEqual(message.messageId, id);
  return message;
}

async function peekLock() {
  const sender = client.createSender(plain);
  await sender.sendMessages({
    messageId: "a", body: { n: 1 }, contentType: "application/json", subject: "sub", correlationId: "cor",
    applicationProperties: { text: "Grüße", number: 7, yes: true, when: new Date(0) },
  });
  await sender.sendMessages([{ messageId: "b", body: "b" }, { messageId: "c", body: "c" }, { messageId: "d", body: "d" }, { messageId: "d", body: "again" }]);
  const receiver = client.createReceiver(plain);
  const peeked = await receiver.peekMessages(10);
  assert.deepStrictEqual(peeked.map((m) => m.messageId), ["a", "b", "c", "d"]);
  const a = await one(receiver, "a");
  assert.deepStrictEqual(a.body, { n: 1 });
  assert.strictEqual(a.subject, "sub");
  assert.strictEqual(a.correlationId, "cor");
  assert.strictEqual(a.applicationProperties.text, "Grüße");
  assert.strictEqual(a.applicationProperties.number, 7);
  assert.strictEqual(a.applicationProperties.yes, true);
  assert.strictEqual(a.deliveryCount, 0);
  assert.strictEqual(a.state, "active");
  assert.ok(a.enqueuedTimeUtc instanceof Date && a.sequenceNumber.toNumber() >= 1);
  const until = await receiver.renewMessageLock(a);
  assert.ok(until.getTime() > Date.now());
  await receiver.completeMessage(a);
  let b = await one(receiver, "b");
  await receiver.abandonMessage(b);
  b = await one(receiver, "b");
  assert.strictEqual(b.deliveryCount, 1);
  await receiver.deadLetterMessage(b, { deadLetterReason: "why", deadLetterErrorDescription: "because" });
  const c = await one(receiver, "c");
  await receiver.deferMessage(c);
  const d = await one(receiver, "d");
  await receiver.completeMessage(d);
  const [deferred] = await receiver.receiveDeferredMessages(c.sequenceNumber);
  assert.strictEqual(deferred.messageId, "c");
  await receiver.completeMessage(deferred);
  const dead = client.createReceiver(plain, { subQueueType: "deadLetter" });
  const letter = await one(dead, "b");
  assert.strictEqual(letter.deadLetterReason, "why");
  assert.strictEqual(letter.deadLetterErrorDescription, "because");
  await dead.completeMessage(letter);
  assert.deepStrictEqual(await receiver.receiveMessages(1, { maxWaitTimeInMs: 100 }), []); // by drain
  await Promise.all([sender.close(), receiver.close(), dead.close()]);
}

async function receiveAndDelete() {
  const sender = client.createSender(plain);
  const batch = await sender.createMessageBatch();
  const body = Buffer.alloc(20000, 1);
  let count = 0;
  while (batch.tryAddMessage({ messageId: `e${count}`, body })) count++;
  assert.ok(count > 10, `a batch takes ${count}`);
  await sender.sendMessages(batch);
  const receiver = client.createReceiver(plain, { receiveMode: "receiveAndDelete" });
  const got = [];
  while (got.length < count) got.push(...(await receiver.receiveMessages(count - got.length, { maxWaitTimeInMs: 5000 })));
  assert.deepStrictEqual(got.map((m) => m.messageId), Array.from({ length: count }, (_, n) => `e${n}`));
  assert.strictEqual(Buffer.compare(Buffer.from(got[0].body), body), 0);
  await assert.rejects(sender.sendMessages({ body: Buffer.alloc(300000) }), (e) => e.code === "MessageSizeExceeded" || /larger/.test(e.message));
  await Promise.all([sender.close(), receiver.close()]);
}

async function schedule() {
  const sender = client.createSender(plain);
  const numbers = await sender.scheduleMessages([{ messageId: "f", body: 1 }, { messageId: "g", body: 2 }], new Date(Date.now() + 500));
  assert.strictEqual(numbers.length, 2);
  await sender.cancelScheduledMessages(numbers[0]);
  await sender.sendMessages({ messageId: "h", body: 3, scheduledEnqueueTimeUtc: new Date(Date.now() + 700) });
  const receiver = client.createReceiver(plain);
  assert.deepStrictEqual(await receiver.receiveMessages(1, { maxWaitTimeInMs: 50 }), []);
  for (const id of ["g", "h"]) await receiver.completeMessage(await one(receiver, id));
  await Promise.all([sender.close(), receiver.close()]);
}

async function bySession() {
  const sender = client.createSender(sessions);
  await sender.sendMessages([{ messageId: "i", sessionId: "s1", body: 1 }, { messageId: "j", sessionId: "s1", body: 2 }]);
  await sender.sendMessages({ messageId: "k", sessionId: "s2", body: 3 });
  await assert.rejects(sender.sendMessages({ messageId: "l", body: 4 }));
  const first = await client.acceptNextSession(sessions);
  assert.strictEqual(first.sessionId, "s1");
  assert.ok(first.sessionLockedUntilUtc.getTime() > Date.now());
  await assert.rejects(client.acceptSession(sessions, "s1"), (e) => e.code === "SessionCannotBeLocked");
  const second = await client.acceptSession(sessions, "s2");
  await second.completeMessage(await one(second, "k"));
  await first.completeMessage(await one(first, "i"));
  await first.setSessionState({ step: 1 });
  assert.deepStrictEqual(await first.getSessionState(), { step: 1 });
  await first.renewSessionLock();
  await first.close();
  const again = await client.acceptSession(sessions, "s1");
  assert.deepStrictEqual(await again.getSessionState(), { step: 1 });
  await again.setSessionState(null);
  await again.completeMessage(await one(again, "j"));
  await Promise.all([again.close(), second.close(), sender.close()]);
  const empty = new ServiceBusClient(connection, { retryOptions: { maxRetries: 0, timeoutInMs: 300 } });
  await assert.rejects(empty.acceptNextSession(sessions));
  await empty.close();
}

async function subscribe() {
  const sender = client.createSender(plain), receiver = client.createReceiver(plain);
  const want = Array.from({ length: 100 }, (_, n) => `m${n}`), got = [];
  await new Promise((resolve, reject) => {
    receiver.subscribe({
      processMessage: async (m) => { got.push(m.messageId); if (got.length === want.length) resolve(); },
      processError: async (e) => reject(e.error),
    }, { maxConcurrentCalls: 5 });
    sender.sendMessages(want.map((messageId) => ({ messageId, body: messageId }))).catch(reject);
  });
  assert.deepStrictEqual(got.sort(), want.sort());
  await Promise.all([sender.close(), receiver.close()]);
}

async function unknown() {
  await assert.rejects(client.createSender("nowhere").sendMessages({ body: 1 }), (e) => e.code === "MessagingEntityNotFound");
}

(async () => {
  for (const step of [peekLock, receiveAndDelete, schedule, bySession, subscribe, unknown]) {
    await step().catch((e) => { throw new Error(`${step.name}: ${e.stack}`); });
  }
  await client.close();
  console.log("ok");
})().catch((e) => { console.error(e.message); process.exit(1); });
