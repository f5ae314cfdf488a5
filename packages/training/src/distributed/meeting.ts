import type { Server, Socket } from "node:net";
import { connect } from "node:net";
import type { Rendezvous } from "./rendezvous.ts";

/** Where a group meets: sockets in a directory of one machine, or a host and port that rank 0 listens on. */
export type MeetingPlace =
  | { readonly kind: "directory"; readonly directory: string }
  | { readonly kind: "tcp"; readonly rendezvous: Rendezvous };

/** What is needed to meet. */
export interface MeetingOptions {
  readonly rank: number;
  readonly size: number;
  readonly limitSeconds: number;
  /** Takes the connection with a rank. Nobody has listened to it yet; bytes may wait in it. */
  readonly admit: (rank: number, socket: Socket) => void;
  /** Ranks that were admitted. */
  readonly admitted: (rank: number) => boolean;
  /** Why the group ended already, or null: a rank that was admitted may be lost while others are waited for. */
  readonly failure: () => string | null;
}

/** Ranks that met. */
export interface Meeting {
  /** Stops listening, and leaves nothing behind. */
  close(): void;
}

/** Seconds in which who connects must say who it is. */
export const helloSeconds = 10;

/** Ranks that are not there yet. */
export function missingRanks({ rank, size, admitted }: MeetingOptions): number[] {
  return Array.from({ length: size }, (_, peer) => peer).filter((peer) => peer !== rank && !admitted(peer));
}

/** `rank 1, 2 of 4` */
export function nameRanks(ranks: readonly number[], size: number): string {
  return `rank ${ranks.join(", ")} of ${size}`;
}

/** Connects within the time. @throws the system's error */
export function openConnection(
  to: { readonly path: string } | { readonly host: string; readonly port: number },
  seconds: number,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(to);
    const timer = setTimeout(() => socket.destroy(new Error("no answer")), seconds * 1000);
    const failed = (error: Error) => {
      clearTimeout(timer);
      reject(error);
    };
    socket.once("error", failed);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.off("error", failed);
      resolve(socket);
    });
  });
}

/** Listens. @throws the system's error */
export function listenOn(server: Server, where: Parameters<Server["listen"]>[0]): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(where, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
