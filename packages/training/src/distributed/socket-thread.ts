/**
 * The thread that serves one rank's sockets: see socket-transport.ts. It sleeps on the request word, sends the rank's slots, fills
 * the slots of what comes in, and counts `done` up.
 */
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { meetOverSockets } from "./meet-sockets.ts";
import { meetOverTcp } from "./meet-tcp.ts";
import type { Meeting, MeetingPlace } from "./meeting.ts";
import { frame, frameHeader, headerBytes, parseHeader } from "./socket-frames.ts";
import { failSockets, socketCommands, socketFailure, socketSlot, socketWords } from "./socket-memory.ts";
import { describeExchange, operations } from "./transport.ts";

/** What the thread is started with. */
export interface SocketThreadStart {
  readonly rank: number;
  readonly size: number;
  readonly place: MeetingPlace;
  readonly capacity: number;
  readonly memory: SharedArrayBuffer;
  readonly limitSeconds: number;
}

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

const { rank, size, place, capacity, memory, limitSeconds } = workerData as SocketThreadStart;
const words = new Int32Array(memory, 0, 256);
const peers = new Array<Peer | null>(size).fill(null);
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
  for (const { socket } of others()) if (socket.writable) socket.write(frame("abort", reason));
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
  const header = parseHeader(peer.header);
  if (!header) {
    fail(`rank ${peer.rank} sent what is no frame of this program`);
    return false;
  }
  const { kind, sequence, operation, count, length } = header;
  peer.payloadFilled = 0;
  if (kind === "bye") {
    peer.left = true;
    peer.headerFilled = 0;
    wake();
    return true;
  }
  if (kind === "abort") peer.payload = Buffer.alloc(length);
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
  const kind = parseHeader(peer.header)?.kind;
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
    const header = parseHeader(frames.subarray(at));
    if (!header) break;
    const end = at + headerBytes + header.length;
    if (header.kind === "bye") left = true;
    if (header.kind === "abort" && end <= frames.length)
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
    peer.socket.write(frameHeader({ kind: "data", sequence: round, operation, count, length }));
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
    if (socketFailure(memory) !== null || Atomics.load(words, socketWords.command) !== socketCommands.none) return;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
}

/** Wakes an exchange that waits for others when the rank gives up, or another thread notes a failure. */
async function noticeEnd(): Promise<void> {
  while (Atomics.load(words, socketWords.command) === socketCommands.none && socketFailure(memory) === null) {
    const wait = Atomics.waitAsync(words, socketWords.command, socketCommands.none, 1000);
    if (wait.async) await wait.value;
  }
  wake();
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
    if (socketFailure(memory) !== null || Atomics.load(words, socketWords.command) !== socketCommands.none) return;
    Atomics.store(words, socketWords.done, round);
    Atomics.notify(words, socketWords.done);
  }
}

/** Tells the others that this rank ends, and lets the bytes go out. */
async function leave(meeting: Meeting | null): Promise<void> {
  closing = true;
  const reason = socketFailure(memory);
  if (reason !== null) tellFailure(reason);
  const goodbye = frame("bye");
  await Promise.all(
    others().map(({ socket }) =>
      Promise.race([new Promise<void>((resolve) => socket.end(goodbye, resolve)), sleep(1000)]),
    ),
  );
  for (const { socket } of others()) socket.destroy();
  meeting?.close();
}

/** Connects with every other rank. */
async function join(): Promise<Meeting> {
  const options = {
    ...{ rank, size, limitSeconds, admit: addPeer },
    admitted: (peer: number) => peers[peer] !== null,
    failure: () => socketFailure(memory),
  };
  const meeting = await (place.kind === "tcp"
    ? meetOverTcp(place.rendezvous, options)
    : meetOverSockets(place.directory, options));
  const reason = socketFailure(memory);
  if (reason !== null) throw new Error(reason);
  return meeting;
}

let meeting: Meeting | null = null;
process.on("uncaughtException", (error) => fail(`the thread of the sockets failed: ${error.message}`));
try {
  meeting = await join();
  parentPort?.postMessage("joined");
  void noticeEnd();
  await serve();
} catch (error) {
  fail((error as Error).message);
}
await leave(meeting);
process.exit(0);
