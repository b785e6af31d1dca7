// Drives the local broker with rhea, a plain AMQP client that knows nothing of Service Bus. Prints "ok" when all went as it should.
// Usage: node rhea.cjs <host> <port> <key>; NODE_PATH names a directory with the package.
"use strict";
const assert = require("node:assert");
const rhea = require("rhea");

const [, , host, port, password] = process.argv;
const container = rhea.create_container();
const connection = container.connect({ host, port, username: "local", password, reconnect: false });
const total = 300, large = "x".repeat(200000);
let sent = 0, accepted = 0, received = 0;

const sender = connection.open_sender("notifications");
sender.on("sendable", () => {
  for (; sent < total && sender.sendable(); sent++) {
    sender.send({ message_id: `r${sent}`, body: sent === 7 ? large : `body ${sent}`, application_properties: { n: sent } });
  }
});
sender.on("accepted", () => accepted++);
const receiver = connection.open_receiver({ source: "notifications", credit_window: 20 });
receiver.on("message", ({ message }) => {
  assert.strictEqual(message.message_id, `r${received}`);
  assert.strictEqual(message.body, received === 7 ? large : `body ${received}`);
  assert.strictEqual(message.application_properties.n, received);
  received++;
  if (received === total) refuse();
});

// A link to nowhere is refused, and the connection stands.
function refuse() {
  const nowhere = connection.open_sender("nowhere");
  nowhere.on("sender_error", () => {
    assert.strictEqual(nowhere.error.condition, "amqp:not-found");
    setImmediate(() => connection.close());
  });
}
connection.on("connection_close", () => {
  assert.strictEqual(accepted, total);
  console.log("ok");
});
container.on("error", (e) => { console.error(e); process.exit(1); });
setTimeout(() => { console.error(`sent ${sent}, accepted ${accepted}, received ${received}`); process.exit(1); }, 20000).unref();
