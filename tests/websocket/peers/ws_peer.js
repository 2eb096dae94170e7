// A peer built on npm's ws (Debian: node-ws).
//
//   node ws_peer.js serve [CERTIFICATE KEY]  an echo server, over TLS with these; prints "port N",
//                                            ends with its input
//   node ws_peer.js talk URL [CA]            talks to an echo server and prints what came of it
//   node ws_peer.js conform URL              answers every case of a conformance driver
//   node ws_peer.js check                    says that ws is there
//
// A server takes texts as wishes too: "close CODE REASON", "ping", "fragments". Both ends say
// "closed CODE REASON" in the end. It redirects "/moved" to "/", and refuses "/denied".
"use strict";

const { once } = require("events");
const { readFileSync } = require("fs");
const http = require("http");
const https = require("https");
const { WebSocket, WebSocketServer } = load("ws");

const options = { maxPayload: 64 * 1024 * 1024, perMessageDeflate: false };

// A Node.js that is not Debian's does not look where Debian's packages are.
function load(name) {
  try {
    return require(name);
  } catch {
    return require(`/usr/share/nodejs/${name}`);
  }
}

function tellClose(socket) {
  socket.on("close", (code, reason) => console.log(`closed ${code} ${reason}`.trim()));
}

function answer(socket, data, isBinary) {
  const [word, code, ...reason] = isBinary ? [] : data.toString().split(" ");
  if (word === "close") socket.close(Number(code), reason.join(" "));
  else if (word === "ping") socket.ping("are you there?");
  else if (word === "fragments") sendFragments(socket, "0123456789".repeat(1000), 7);
  else socket.send(data, { binary: isBinary });
}

function serve(certificate, key) {
  const server = certificate
    ? https.createServer({ cert: readFileSync(certificate), key: readFileSync(key) })
    : http.createServer();
  const verifyClient = ({ req }, done) => {
    if (req.url === "/moved") done(false, 302, "moved", { Location: "/" });
    else if (req.url === "/denied") done(false, 403, "not you", { "Set-Cookie": ["a=1", "b=2"] });
    else done(true);
  };
  new WebSocketServer({ server, verifyClient, ...options }).on("connection", (socket) => {
    tellClose(socket);
    socket.on("message", (data, isBinary) => answer(socket, data, isBinary));
    socket.on("pong", (data) => console.log(`pong ${data}`));
    socket.on("error", () => {}); // a "close" follows
  });
  server.listen(0, "127.0.0.1", () => console.log(`port ${server.address().port}`));
  process.stdin.on("end", () => process.exit(0)).resume();
}

function sendFragments(socket, data, parts) {
  const size = Math.ceil(data.length / parts);
  for (let i = 0; i < parts; ++i) {
    const binary = Buffer.isBuffer(data);
    socket.send(data.slice(i * size, (i + 1) * size), { binary, fin: i === parts - 1 });
  }
}

async function echo(socket, what, sent, parts = 1) {
  const answered = once(socket, "message");
  sendFragments(socket, sent, parts);
  const [data, isBinary] = await answered;
  const isSame = isBinary === Buffer.isBuffer(sent) && Buffer.from(sent).equals(data);
  console.log(`${what} ${isSame ? "same" : "different"}`);
}

async function talk(url, ca) {
  const trusting = ca ? { ...options, ca: readFileSync(ca) } : options;
  let socket = new WebSocket(url, trusting);
  tellClose(socket);
  await once(socket, "open");
  await echo(socket, "text", "Größe, Привет, 你好, 😀");
  await echo(socket, "binary", Buffer.from([...Array(256).keys()]));
  await echo(socket, "empty", "");
  await echo(socket, "large", Buffer.alloc(1024 * 1024, 0xa5));
  await echo(socket, "fragmented", "0123456789".repeat(1000), 7);
  socket.ping("token");
  const [token] = await once(socket, "pong");
  console.log(`pong ${token}`);
  let closed = once(socket, "close");
  socket.close(4001, "goodbye");
  await closed;

  socket = new WebSocket(url, trusting);
  tellClose(socket);
  await once(socket, "open");
  closed = once(socket, "close");
  socket.send("close 4002 as you wish");
  await closed;
}

// The messages of one connection, echoed when wanted; resolves when it is closed.
function connect(url, echoes) {
  return new Promise((resolve) => {
    const received = [];
    const socket = new WebSocket(url, options);
    socket.on("message", (data, isBinary) => {
      received.push(data.toString());
      if (echoes) socket.send(data, { binary: isBinary });
    });
    socket.on("error", () => {}); // a "close" follows
    socket.on("close", () => resolve(received));
  });
}

async function conform(url) {
  const [count] = await connect(`${url}/getCaseCount`, false);
  for (let number = 1; number <= Number(count); ++number) {
    await connect(`${url}/runCase?case=${number}&agent=ws`, true);
  }
  await connect(`${url}/updateReports?agent=ws`, false);
}

const modes = { serve, talk, conform, check: () => console.log("ws is there") };
const [mode, ...words] = process.argv.slice(2);
modes[mode](...words);
