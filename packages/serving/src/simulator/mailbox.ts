import type { ViewEvent } from "../view/events.ts";
import { applyEvent, type ClusterView } from "../view/index.ts";
import { Fifo } from "./fifo.ts";

/** What workers tell the conductor: it comes a fixed time later, in order. */
export class Mailbox {
  readonly #view: ClusterView;
  readonly #delayMs: number;
  readonly #underWay = new Fifo<ViewEvent>();

  constructor(view: ClusterView, delayMs: number) {
    this.#view = view;
    this.#delayMs = delayMs;
  }

  send(event: ViewEvent): void {
    this.#underWay.push(event);
  }

  /** Applies what has come by now. @throws Error if the view refuses an event: the simulation loses none. */
  deliver(nowMs: number): void {
    for (
      let event = this.#underWay.peek();
      event && event.atMs + this.#delayMs <= nowMs;
      event = this.#underWay.peek()
    ) {
      this.#underWay.shift();
      applyAll(this.#view, event);
    }
  }
}

/** Applies an event that nothing should keep from being applied. */
export function applyAll(view: ClusterView, event: ViewEvent): void {
  const { status } = applyEvent(view, event);
  if (status !== "applied")
    throw new Error(`the view took ${event.kind} ${event.sequence} of worker ${event.worker} as ${status}`);
}
