import { ncclIdBytes, versionText } from "@baltoro/tensor";
import type { ReduceOp } from "./communicator.ts";
import { RankError } from "./communicator.ts";
import type { Operation, Transport } from "./transport.ts";

/**
 * Sees that all ranks have the same NCCL and GPUs of their own, and brings them the id that rank 0 drew.
 *
 * @throws RankError
 */
export function agree(transport: Transport, version: number, gpu: string, id: Uint8Array): Uint8Array {
  const { rank, size } = transport;
  const own = Buffer.alloc(20 + ncclIdBytes);
  own.writeInt32LE(version);
  own.write(gpu, 4, "hex");
  own.set(id, 20);
  const all = gatherBytes(transport, "allGather", own);
  const versions = all.map((bytes) => bytes.readInt32LE());
  const other = versions.findIndex((value) => value !== versions[0]);
  if (other > 0) {
    const [first, second] = [versions[0], versions[other]].map(versionText);
    throw new RankError(rank, "joining", `rank 0 has NCCL ${first}, rank ${other} has ${second}: all need the same`);
  }
  const gpus = all.map((bytes) => bytes.toString("hex", 4, 20));
  const second = gpus.findIndex((value, i) => gpus.indexOf(value) < i);
  if (second > 0) {
    const first = gpus.indexOf(gpus[second]);
    const reason = `rank ${first} and rank ${second} have the same GPU; start no more ranks on a machine (${size} in all) than it shows GPUs`;
    throw new RankError(rank, "joining", reason);
  }
  return Uint8Array.from(all[0].subarray(20));
}

/** Sums or maxima of the hosts' numbers, in float64 and the order of the ranks. Holds the thread up until all are there. @throws RankError */
export function reduceNumbers(transport: Transport, values: readonly number[], op: ReduceOp): readonly number[] {
  const own = Buffer.from(Float64Array.from(values).buffer);
  const all = gatherBytes(transport, "allReduce", own).map((bytes) => new Float64Array(Uint8Array.from(bytes).buffer));
  const put = op === "sum" ? (a: number, b: number) => a + b : Math.max;
  return values.map((_, i) => all.map((numbers) => numbers[i]).reduce((a, b) => put(a, b)));
}

/** What every rank has, in their order. */
function gatherBytes(transport: Transport, operation: Operation, own: Buffer): Buffer[] {
  const { rank, size } = transport;
  const peers = Array.from({ length: size }, (_, peer) => peer);
  for (const peer of peers) {
    const { buffer, byteOffset } = transport.outgoing(peer);
    new Uint8Array(buffer, byteOffset, own.length).set(own);
  }
  const bytes = peers.map((peer) => (peer === rank ? 0 : own.length));
  transport.exchange({ operation, count: own.length }, bytes);
  return peers.map((peer) => {
    if (peer === rank) return own;
    const { buffer, byteOffset } = transport.incoming(peer);
    return Buffer.from(new Uint8Array(buffer, byteOffset, own.length).slice());
  });
}
