#!/usr/bin/env node
/* Kettles N1, N2, …: those of kettle_plc.py once more, as a server built on node-opcua.

usage: kettle_plc.js --truth FILE [--state DIR] [--kettles N] [--port P] [--cook MS] [--series S]

A batch: its code is written, the state goes to 1 and, after the cooking, back to 0; a moment later the count goes up. Nobody is waited
for. The truth has a line `{"asked": …}` for each batch before it can be seen that it begins, and before it can be seen that it ends, and one
when it is counted.

Nothing is retained but the ports (and keys), in `--state`: a PLC that was killed begins its program anew, its words cleared, its counts from
0, with other batches. The truth has a line for each run.

Beside them Burst, a bit that rises for a moment, with a serial and a number: `burst N` on the control port lets it do so N times without a
pause, and once more until `fall`. */
"use strict";
// The library has remarks of its own; our first line of output is ours.
console.log = console.error;
const fs = require("fs");
const net = require("net");
const os = require("os");
const path = require("path");
const { DataType, MessageSecurityMode, OPCUACertificateManager, OPCUAServer, SecurityPolicy, StatusCodes } = require("node-opcua");

const HOST = "127.0.0.1";
const args = { kettles: "3", port: "0", cook: "900", series: "N" };
for (let i = 2; i < process.argv.length; i += 2) args[process.argv[i].slice(2)] = process.argv[i + 1];
const run = fs.existsSync(args.truth) ? fs.readFileSync(args.truth, "utf8").split("\n").filter((line) => line.startsWith('{"run"')).length : 0;
const truth = fs.openSync(args.truth, "a");
const state = { cooking: 0, done: 0, paused: false, burst: 0, bursts: Promise.resolve(), fall: null, words: null };
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const between = (low, high) => low + Math.random() * (high - low);

/** A line that a kill of the process leaves there. */
function note(row) {
    fs.writeSync(truth, row + "\n");
}

function line(row) {
    note(row);
    fs.fsyncSync(truth);
}

/** What node-opcua notes with a value is this moment, to the millisecond; the truth says the same. */
function put(node, dataType, value, at = new Date()) {
    node.setValueFromSource({ dataType, value }, StatusCodes.Good, at);
    return `${at.getTime()}000000`;
}

async function kettle(words, name) {
    for (let n = 1; ; n += 1) {
        await sleep(between(200, 600));
        while (state.paused) await sleep(10);
        state.cooking += 1;
        const batch = `${name}-${run ? `${run}-` : ""}B${String(n).padStart(5, "0")}`;
        let told = `"kettle": "${name}", "serial": "${batch}"`;
        // What is to be seen next, and when, is noted before it is.
        const show = (word, value) => {
            const at = new Date();
            told += `, "${word}": ${at.getTime()}000000`;
            note(`{"asked": {${told}}}`);
            put(words.State, DataType.Int32, value, at);
        };
        put(words.Batch, DataType.String, batch);
        // Two changes within one step of the clock have no order.
        await sleep(2);
        show("t_begin", 1);
        const looks = Math.floor(between(3, 9));
        for (let look = 0; look < looks; look += 1) {
            await sleep(Number(args.cook) / 6);
            put(words.Temp, DataType.Double, between(76, 84));
        }
        await sleep(2);
        show("t_end", 0);
        await sleep(50);
        put(words.Count, DataType.UInt32, n);
        line(`{${told}}`);
        state.cooking -= 1;
        state.done += 1;
    }
}

/** More changes than the queue of anybody who watches can hold; the last one stands. */
async function burst(words, many) {
    const rows = [];
    for (let n = 0; n <= many; n += 1) {
        state.burst += 1;
        const serial = `BURST-${String(state.burst).padStart(5, "0")}`;
        put(words.Serial, DataType.String, serial);
        put(words.No, DataType.UInt16, state.burst);
        const at = put(words.Done, DataType.Boolean, true);
        rows.push(`{"station": "BURST", "serial": "${serial}", "number": ${state.burst}, "at": ${at}}`);
        if (n === many) await new Promise((resolve) => { state.fall = resolve; });
        put(words.Done, DataType.Boolean, false);
    }
    line(rows.join("\n"));
}

async function life(node) {
    for (let n = 1; ; n += 1) {
        put(node, DataType.UInt32, n);
        await sleep(1500);
    }
}

function command([verb, word]) {
    if (verb === "pause") state.paused = word === "on";
    else if (verb === "burst") state.bursts = state.bursts.then(() => burst(state.words, Number(word)));
    else if (verb === "fall" && state.fall) state.fall();
    else if (verb === "stats") return JSON.stringify({ cooking: state.cooking, done: state.done }) + "\nok\n";
    else if (verb === "stop") process.exit(0);
    else return `err ${verb} is no command\n`;
    return "ok\n";
}

function control(port) {
    const server = net.createServer((socket) => {
        socket.on("error", () => {});
        socket.on("data", (bytes) => {
            for (const words of bytes.toString().trim().split("\n")) socket.write(command(words.trim().split(/\s+/)));
        });
    });
    return new Promise((resolve) => server.listen(port, HOST, () => resolve(server.address().port)));
}

/** As `free_port` of plc_common.py; node-opcua does not tell which one it took. */
let given = 0;
function freePort() {
    given += 1;
    const port = 20000 + ((process.pid * 97 + given) % 12000);
    const server = net.createServer();
    return new Promise((resolve) => {
        server.on("error", () => resolve(freePort()));
        server.listen(port, HOST, () => server.close(() => resolve(port)));
    });
}

async function main() {
    line(`{"run": ${run}, "at": ${Date.now()}000000}`);
    const folder = args.state || fs.mkdtempSync(path.join(os.tmpdir(), "kettles-"));
    const kept = path.join(folder, "ports.json");
    const ports = fs.existsSync(kept) ? JSON.parse(fs.readFileSync(kept, "utf8")) : { port: Number(args.port) || (await freePort()), control: await freePort() };
    fs.writeFileSync(kept, JSON.stringify(ports));
    const { port } = ports;
    // Keys that the library makes for itself, in a folder of its own.
    const rootFolder = path.join(folder, "keys");
    const certificates = new OPCUACertificateManager({ rootFolder, automaticallyAcceptUnknownCertificate: true });
    const server = new OPCUAServer({
        port, host: HOST, hostname: HOST, resourcePath: "/", allowAnonymous: true, serverCertificateManager: certificates,
        securityPolicies: [SecurityPolicy.None], securityModes: [MessageSecurityMode.None],
        // One that was cut counts until the library notices.
        maxConnectionsPerEndpoint: 1000,
        // Where a node has no slowest rate, every change is told.
        serverCapabilities: { minSupportedSampleRate: 0 },
    });
    await server.initialize();
    const space = server.engine.addressSpace;
    const own = space.registerNamespace("urn:shift:kettles");
    const add = (name, dataType, type, value) => {
        const nodeId = `s=${name}`;
        const node = own.addVariable({ organizedBy: space.rootFolder.objects, browseName: name, nodeId, dataType, minimumSamplingInterval: 10 });
        put(node, type, value);
        return node;
    };
    const beat = add("Life", "UInt32", DataType.UInt32, 0);
    add("Boot", "UInt32", DataType.UInt32, run + 1);
    const kettles = [];
    for (let k = 1; k <= Number(args.kettles); k += 1) {
        const name = `${args.series}${k}`;
        const words = {
            State: add(`${name}.State`, "Int32", DataType.Int32, 0),
            Batch: add(`${name}.Batch`, "String", DataType.String, ""),
            Temp: add(`${name}.Temp`, "Double", DataType.Double, 20),
            Count: add(`${name}.Count`, "UInt32", DataType.UInt32, 0),
        };
        kettles.push([words, name]);
    }
    const told = (name, type, kind, value) => {
        const node = add(`Burst.${name}`, type, kind, value);
        node.minimumSamplingInterval = 0;
        return node;
    };
    state.words = {
        Serial: told("Serial", "String", DataType.String, ""),
        No: told("No", "UInt16", DataType.UInt16, 0),
        Done: told("Done", "Boolean", DataType.Boolean, false),
    };
    await server.start();
    await control(ports.control);
    process.stdout.write(JSON.stringify({ ...ports, pid: process.pid }) + "\n");
    await Promise.all([life(beat), ...kettles.map(([words, name]) => kettle(words, name))]);
}

main().catch((why) => {
    console.error(why);
    process.exit(1);
});
