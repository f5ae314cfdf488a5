/**
 * The thread that serves one rank's sockets: see socket-transport.ts. It sleeps on the request word, sends the rank's slots, fills
 * the slots of what comes in, and counts `done` up. Ranks listen for those above them and call those below.
 */
import { rmdirSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { failSockets, socketCommands, socketFailure, socketSlot, socketWords } from "./socket-memory.ts";
import { describeExchange, operations } from "./transport.ts";

/** What the thread is started with. */
export interface SocketThreadStart {
  readonly rank: number;
  readonly size: number;
  /** Socket of each rank. */
  readonly paths: readonly string[];
  readonly capacity: number;
  readonly memory: SharedArrayBuffer;
  readonly limitSeconds: number;
}

/** A frame: six words of header, then `length` bytes. */
const headerWords = 6;
const headerBytes = 4 * headerWords;
const magic = 0x0ba17030;
const kinds = { hello: 0, data: 1, bye: 2, abort: 3 } as const;
type Kind = keyof typeof kinds;
const kindNames = Object.keys(kinds) as Kind[];

interface Peer {
  readonly rank: number;
  readonly socket: Socket;
  /** Bytes that wait for their round. */
  backlog: Buffer;
  readonly header: Buffer;
  headerFilled: number;
  payload: Buffer | null;
  payloadFilled: number;
  /** The last round that came in whole. */
  arrived: number;
  left: boolean;
}

const { rank, size, paths, capacity, memory, limitSeconds } = workerData as SocketThreadStart;
const words = new Int32Array(memory, 0, 256);
const peers: (Peer | null)[] = paths.map(() => null);
const others = () => peers.filter((peer) => peer !== null);
/** The round that the rank has asked for. */
let round = 0;
let closing = false;
let told = false;
let wake = () => {};

/** Tells the others first: once the rank knows, its process may be gone in a moment. */
function fail(reason: string): void {
  tellFailure(socketFailure(memory) ?? reason);
  failSockets(memory, reason);
  wake();
}

function tellFailure(reason: string): void {
  if (told) return;
  told = true;
  const text = Buffer.from(reason);
  for (const { socket } of others()) {
    if (socket.writable) socket.write(Buffer.concat([frame("abort", 0, 0, 0, text.length), text]));
  }
}

function frame(kind: Kind, sequence: number, operation: number, count: number, length: number): Buffer {
  const header = Buffer.alloc(headerBytes);
  for (const [i, word] of [magic, kinds[kind], sequence, operation, count | 0, length].entries())
    header.writeInt32LE(word, 4 * i);
  return header;
}

const slotBytes = (incoming: 0 | 1, peer: number, length: number) =>
  Buffer.from(memory, socketSlot(size, capacity, incoming, peer), length);

/** Takes bytes of a peer, up to the end of this round's frame; what is left waits, and the socket with it. */
function receive(peer: Peer, chunk: Buffer): void {
  let rest = chunk;
  while (rest.length > 0) {
    if (peer.arrived >= round) {
      peer.backlog = Buffer.concat([peer.backlog, rest]);
      peer.socket.pause();
      return;
    }
    if (!peer.payload) {
      const taken = rest.copy(peer.header, peer.headerFilled, 0, headerBytes - peer.headerFilled);
      peer.headerFilled += taken;
      rest = rest.subarray(taken);
      if (peer.headerFilled < headerBytes) return;
      if (!beginFrame(peer)) return;
    }
    const payload = peer.payload as Buffer | null;
    if (payload) {
      const taken = rest.copy(payload, peer.payloadFilled);
      peer.payloadFilled += taken;
      rest = rest.subarray(taken);
      if (peer.payloadFilled === payload.length) endFrame(peer, payload);
    }
  }
}

/** Reads the header that is complete. False where the connection is of no more use. */
function beginFrame(peer: Peer): boolean {
  const [seen, kind, sequence, operation, count, length] = Array.from({ length: headerWords }, (_, i) =>
    peer.header.readInt32LE(4 * i),
  );
  if (seen !== magic) {
    fail(`rank ${peer.rank} sent what is no frame of this program`);
    return false;
  }
  peer.payloadFilled = 0;
  if (kindNames[kind] === "bye") {
    peer.left = true;
    peer.headerFilled = 0;
    wake();
    return true;
  }
  if (kindNames[kind] === "abort") peer.payload = Buffer.alloc(length);
  else {
    const mine = { operation: operations[words[socketWords.operation]], count: words[socketWords.count] };
    const theirs = { operation: operations[operation], count };
    if (sequence !== round || theirs.operation !== mine.operation || theirs.count !== mine.count || length > capacity) {
      fail(
        `rank ${peer.rank} is in ${describeExchange(theirs)}, this rank in ${describeExchange(mine)}: they do different work`,
      );
      return false;
    }
    peer.payload = slotBytes(1, peer.rank, length);
  }
  if (peer.payload.length === 0) endFrame(peer, peer.payload);
  return true;
}

function endFrame(peer: Peer, payload: Buffer): void {
  const kind = kindNames[peer.header.readInt32LE(4)];
  peer.payload = null;
  peer.headerFilled = 0;
  if (kind === "abort") fail(payload.toString("utf8"));
  else {
    peer.arrived = round;
    // −1: arrived. Tells the rank whom it waits for.
    Atomics.store(words, socketWords.bytes + peer.rank, -1);
  }
  wake();
}

/** Whether frames that wait end with a goodbye, and why their rank gave up if it did. */
function lastWords(frames: Buffer): { readonly left: boolean; readonly reason: string | null } {
  let left = false;
  for (let at = 0; at + headerBytes <= frames.length; ) {
    const kind = kindNames[frames.readInt32LE(at + 4)];
    const end = at + headerBytes + frames.readInt32LE(at + 20);
    if (kind === "bye") left = true;
    if (kind === "abort" && end <= frames.length)
      return { left, reason: frames.toString("utf8", at + headerBytes, end) };
    at = end;
  }
  return { left, reason: null };
}

function addPeer(of: number, socket: Socket): void {
  const header = Buffer.alloc(headerBytes);
  const peer: Peer = {
    rank: of,
    socket,
    backlog: Buffer.alloc(0),
    header,
    headerFilled: 0,
    payload: null,
    payloadFilled: 0,
    arrived: 0,
    left: false,
  };
  peers[of] = peer;
  socket.on("data", (chunk: Buffer) => receive(peer, chunk));
  const lost = (how: string) => {
    // A socket's end may be seen while its last frames wait for their round.
    const { left, reason } = lastWords(peer.backlog);
    peer.left ||= left;
    if (peer.left || closing) return wake();
    if (reason !== null) fail(reason);
    // Several connections may close at once, and in any order: those that were told a cause go first.
    else setTimeout(() => closing || fail(`rank ${of} is lost: ${how}`), 50);
  };
  socket.on("error", (error) => lost(`its connection failed (${error.message})`));
  socket.on("close", () => lost("its connection closed, its process has ended or was killed"));
}

/** Sends this round's slots and waits until all are out and those of the others in. */
async function exchange(): Promise<void> {
  const [operation, count] = [words[socketWords.operation], words[socketWords.count]];
  let unsent = 0;
  for (const peer of others()) {
    const length = words[socketWords.bytes + peer.rank];
    unsent++;
    peer.socket.cork();
    peer.socket.write(frame("data", round, operation, count, length));
    peer.socket.write(slotBytes(0, peer.rank, length), () => {
      unsent--;
      wake();
    });
    peer.socket.uncork();
  }
  for (const peer of others()) {
    const backlog = peer.backlog;
    peer.backlog = Buffer.alloc(0);
    peer.socket.resume();
    receive(peer, backlog);
  }
  while (unsent > 0 || others().some(({ arrived }) => arrived !== round)) {
    const gone = others().find(({ arrived, left }) => left && arrived !== round);
    if (gone) fail(`rank ${gone.rank} has left`);
    if (socketFailure(memory) !== null) return;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
}

/** Serves rounds until the rank closes or gives up. */
async function serve(): Promise<void> {
  for (;;) {
    const request = Atomics.load(words, socketWords.request);
    const command = Atomics.load(words, socketWords.command);
    if (command !== socketCommands.none || socketFailure(memory) !== null) return;
    if (request === round) {
      const wait = Atomics.waitAsync(words, socketWords.request, request, 1000);
      if (wait.async) await wait.value;
      continue;
    }
    round = request;
    await exchange();
    if (socketFailure(memory) !== null) return;
    Atomics.store(words, socketWords.done, round);
    Atomics.notify(words, socketWords.done);
  }
}

/** Tells the others that this rank ends, and lets the bytes go out. */
async function leave(server: Server): Promise<void> {
  closing = true;
  const reason = socketFailure(memory);
  if (reason !== null) tellFailure(reason);
  const goodbye = frame("bye", 0, 0, 0, 0);
  server.close();
  await Promise.all(
    others().map(({ socket }) =>
      Promise.race([new Promise<void>((resolve) => socket.end(goodbye, resolve)), sleep(1000)]),
    ),
  );
  for (const { socket } of others()) socket.destroy();
  rmSync(paths[rank], { force: true });
  try {
    rmdirSync(dirname(paths[rank]));
  } catch {
    // Other ranks are still there: the last one removes it.
  }
}

/** Listens on this rank's socket, taking over what a dead process left. */
async function listen(server: Server): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
      server.once("error", resolve);
      server.listen(paths[rank], () => {
        server.off("error", resolve);
        resolve(null);
      });
    });
    if (!error) return;
    if (error.code !== "EADDRINUSE" || attempt > 2) throw error;
    const alive = await call(paths[rank]).catch(() => null);
    if (alive) {
      alive.destroy();
      throw new Error(`another process is rank ${rank} of this group already (${paths[rank]})`);
    }
    rmSync(paths[rank], { force: true });
  }
}

function call(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => resolve(socket));
    socket.once("error", reject);
  });
}

/** The first frame of a connection: which rank of how many is there. */
function hello(socket: Socket): Promise<{ readonly from: number; readonly of: number }> {
  return new Promise((resolve, reject) => {
    let got = Buffer.alloc(0);
    const take = () => {
      const chunk = socket.read(headerBytes - got.length) as Buffer | null;
      if (chunk) got = Buffer.concat([got, chunk]);
      if (got.length < headerBytes) return;
      socket.off("readable", take);
      if (got.readInt32LE(0) !== magic) reject(new Error("something that is no rank has connected"));
      else resolve({ from: got.readInt32LE(8), of: got.readInt32LE(16) });
    };
    socket.on("readable", take);
    socket.once("close", () => reject(new Error("a rank hung up while it joined")));
  });
}

/** Connects with every other rank. @throws where one does not come in time or belongs to another group. */
async function join(server: Server): Promise<void> {
  const deadline = performance.now() + limitSeconds * 1000;
  const missing = () => paths.map((_, peer) => peer).filter((peer) => peer !== rank && peers[peer] === null);
  let refusal: Error | null = null;
  const admit = async (socket: Socket, expected: number | null) => {
    socket.write(frame("hello", rank, 0, size, 0));
    const { from, of } = await hello(socket);
    if (of !== size) throw new Error(`rank ${from} counts ${of} ranks, this rank ${size}`);
    if (from >= size || from === rank || peers[from] || (expected !== null && from !== expected))
      throw new Error(`there are two processes of rank ${from}`);
    addPeer(from, socket);
  };
  server.on("connection", (socket) => {
    socket.on("error", () => {});
    admit(socket, null).catch((error: Error) => {
      // Whoever looks whether this socket is alive hangs up at once: that is no refusal.
      if (!/hung up/.test(error.message)) refusal = error;
    });
  });
  await listen(server);
  for (let peer = 0; peer < rank; peer++) {
    for (let socket: Socket | null = null; !socket; ) {
      socket = await call(paths[peer]).catch(() => null);
      if (socket) await admit(socket, peer);
      else if (performance.now() > deadline || refusal) break;
      else await sleep(20);
    }
  }
  while (missing().length > 0 && performance.now() < deadline && !refusal) await sleep(5);
  if (refusal) throw refusal as Error;
  if (missing().length > 0)
    throw new Error(
      `rank ${missing().join(", ")} of ${size} did not join within ${limitSeconds} s (sockets in ${paths[rank]}): is it started?`,
    );
}

const server = createServer({ pauseOnConnect: false });
process.on("uncaughtException", (error) => fail(`the thread of the sockets failed: ${error.message}`));
try {
  await join(server);
  parentPort?.postMessage("joined");
  await serve();
} catch (error) {
  fail((error as Error).message);
}
await leave(server);
process.exit(0);
