#!/usr/bin/env node
// Holds a subscription on the nodes of the benchmark's server and counts the values that come.
//
// usage: nodeopcua_client.js URL NODES PERIOD_MS SECONDS
//
// One JSON line: count, seconds, cores (processor time of this process per second).
"use strict";
// The library has remarks of its own; our line of output is ours.
console.log = console.error;
const { OPCUAClient, ClientSubscription, ClientMonitoredItemGroup, AttributeIds, TimestampsToReturn, MessageSecurityMode, SecurityPolicy } =
  require("node-opcua");

async function main(url, nodes, period, seconds) {
  const client = OPCUAClient.create({
    endpointMustExist: false,
    securityMode: MessageSecurityMode.None,
    securityPolicy: SecurityPolicy.None,
    requestedSessionTimeout: 120000,
    transportTimeout: 60000,
  });
  await client.connect(url);
  const session = await client.createSession();
  const index = (await session.readNamespaceArray()).indexOf("urn:bench");
  const subscription = ClientSubscription.create(session, {
    requestedPublishingInterval: period,
    requestedLifetimeCount: 1000,
    requestedMaxKeepAliveCount: 20,
    maxNotificationsPerPublish: 0,
    publishingEnabled: true,
  });
  let values = 0;
  for (let first = 0; first < nodes; first += 1000) {
    const some = [];
    for (let n = first; n < Math.min(nodes, first + 1000); n++)
      some.push({ nodeId: `ns=${index};s=T${String(n).padStart(6, "0")}`, attributeId: AttributeIds.Value });
    const group = ClientMonitoredItemGroup.create(
      subscription, some, { samplingInterval: period / 2, queueSize: 10, discardOldest: true }, TimestampsToReturn.Both);
    group.on("changed", () => { values += 1; });
    await new Promise((done) => group.once("initialized", done));
  }
  await new Promise((done) => setTimeout(done, 2000));
  values = 0;
  const began = process.hrtime.bigint(), busy = process.cpuUsage();
  await new Promise((done) => setTimeout(done, seconds * 1000));
  const took = Number(process.hrtime.bigint() - began) / 1e9;
  const used = process.cpuUsage(busy);
  const cores = (used.user + used.system) / 1e6 / took;
  process.stdout.write(JSON.stringify({ count: values, seconds: took, cores }) + "\n");
  process.exit(0);
}

const [url, nodes, period, seconds] = process.argv.slice(2);
main(url, Number(nodes), Number(period), Number(seconds)).catch((why) => { console.error(why); process.exit(1); });
