/** Links that a flow crosses, at most: an SSD, the sender's way out, the receiver's way in. */
const maxHops = 3;

/**
 * Flows over links with max-min fair rates: no flow can be made faster without slowing one that is no faster than it. A flow
 * may have a rate limit of its own, as KV that cannot be sent faster than it is computed.
 *
 * A change touches only flows that compete: links with room to spare do not tie their flows together, so rates are made
 * again over the part that is reached through full links.
 */
export class Links {
  readonly #capacity: Float64Array;
  readonly #used: Float64Array;
  readonly #bytes: Float64Array;
  readonly #members: number[][];
  readonly #hops: number[] = [];
  readonly #places: number[] = [];
  readonly #hopCount: number[] = [];
  readonly #remaining: number[] = [];
  readonly #rate: number[] = [];
  readonly #limit: number[] = [];
  readonly #since: number[] = [];
  readonly #version: number[] = [];
  readonly #active: boolean[] = [];
  readonly #freeFlows: number[] = [];
  readonly #onRate: (flow: number, endMs: number, version: number) => void;
  #usedTotal = 0;
  #integral = 0;
  #integralAt = 0;
  /** Scratch of a rebalance. */
  readonly #inPart: Uint8Array;
  readonly #part: number[] = [];
  readonly #touched: number[] = [];
  readonly #flows: number[] = [];
  readonly #open: Int32Array;
  readonly #room: Float64Array;
  readonly #mark: number[] = [];
  readonly #newRate: number[] = [];

  /**
   * @param capacities - Bytes per ms of each link; Infinity for one that never limits.
   * @param onRate - Told when a flow would end at its rate from now on. It may come again, with a higher version, before that.
   */
  constructor(capacities: ArrayLike<number>, onRate: (flow: number, endMs: number, version: number) => void) {
    this.#capacity = Float64Array.from(capacities);
    for (const [link, capacity] of this.#capacity.entries()) {
      if (!(capacity > 0))
        throw new RangeError(`link ${link} has a capacity of ${capacity} bytes/ms, which is not > 0`);
    }
    const count = this.#capacity.length;
    this.#used = new Float64Array(count);
    this.#bytes = new Float64Array(count);
    this.#members = Array.from({ length: count }, () => []);
    this.#inPart = new Uint8Array(count);
    this.#open = new Int32Array(count);
    this.#room = new Float64Array(count);
    this.#onRate = onRate;
  }

  /** Starts a flow over one to three different links. @returns its number, which is given again after its end. */
  start(nowMs: number, bytes: number, limit: number, first: number, second = -1, third = -1): number {
    if (!(bytes > 0)) throw new RangeError(`a flow of ${bytes} bytes`);
    if (!(limit > 0)) throw new RangeError(`a flow with a rate limit of ${limit} bytes/ms`);
    const flow = this.#freeFlows.pop() ?? this.#active.length;
    const hops = [first, second, third].filter((link) => link >= 0);
    this.#hopCount[flow] = hops.length;
    for (const [h, link] of hops.entries()) {
      this.#hops[flow * maxHops + h] = link;
      this.#places[flow * maxHops + h] = this.#members[link].length;
      this.#members[link].push(flow);
    }
    this.#remaining[flow] = bytes;
    this.#rate[flow] = 0;
    this.#limit[flow] = limit;
    this.#since[flow] = nowMs;
    this.#version[flow] = (this.#version[flow] ?? 0) + 1;
    this.#active[flow] = true;
    this.#mark[flow] = 0;
    let room = limit;
    for (const link of hops) room = Math.min(room, this.#capacity[link] - this.#used[link]);
    if (room >= limit && Number.isFinite(limit)) this.#setRate(nowMs, flow, limit);
    else this.#rebalance(nowMs, hops);
    return flow;
  }

  /** Raises or lowers the limit of a flow. */
  setLimit(nowMs: number, flow: number, limit: number): void {
    this.#limit[flow] = limit;
    if (this.#rate[flow] > limit || this.#rate[flow] < limit) this.#rebalance(nowMs, this.hopsOf(flow));
  }

  /** Ends a flow, whether or not all has arrived. */
  end(nowMs: number, flow: number): void {
    const hops = this.hopsOf(flow);
    const full = hops.some((link) => this.#isFull(link));
    this.#setRate(nowMs, flow, 0);
    for (const [h, link] of hops.entries()) {
      const members = this.#members[link];
      const place = this.#places[flow * maxHops + h];
      const last = members.pop() as number;
      if (last !== flow) {
        members[place] = last;
        this.#places[last * maxHops + this.hopsOf(last).indexOf(link)] = place;
      }
      if (members.length === 0) this.#used[link] = 0;
    }
    this.#version[flow]++;
    this.#active[flow] = false;
    this.#freeFlows.push(flow);
    if (full) this.#rebalance(nowMs, hops);
  }

  /** The number that the next flow will have. */
  nextFlow(): number {
    return this.#freeFlows.at(-1) ?? this.#active.length;
  }

  isCurrent(flow: number, version: number): boolean {
    return this.#active[flow] && this.#version[flow] === version;
  }

  hopsOf(flow: number): number[] {
    return this.#hops.slice(flow * maxHops, flow * maxHops + this.#hopCount[flow]);
  }

  rateOf(flow: number): number {
    return this.#rate[flow];
  }

  limitOf(flow: number): number {
    return this.#limit[flow];
  }

  activeFlows(): number[] {
    return this.#active.flatMap((active, flow) => (active ? [flow] : []));
  }

  /** Bytes per ms that go over a link now. */
  usedOf(link: number): number {
    return this.#used[link];
  }

  /** Bytes that went over a link until `nowMs`. */
  bytesOf(nowMs: number, link: number): number {
    for (const flow of this.#members[link]) this.#advance(nowMs, flow);
    return this.#bytes[link];
  }

  /** Bytes that all links carried until `nowMs`, a flow counted once per link. */
  carriedBytes(nowMs: number): number {
    this.#integral += this.#usedTotal * (nowMs - this.#integralAt);
    this.#integralAt = nowMs;
    return this.#integral;
  }

  /** @throws Error naming the first broken invariant: a link above its capacity, a flow above its limit, a rate that is not max-min fair. */
  checkIntegrity(): void {
    const tolerance = 1 + 1e-6;
    for (const [link, members] of this.#members.entries()) {
      const sum = members.reduce((total, flow) => total + this.#rate[flow], 0);
      if (sum > this.#capacity[link] * tolerance)
        throw new Error(`link ${link} carries ${sum} of ${this.#capacity[link]} bytes/ms`);
      if (Math.abs(sum - this.#used[link]) > 1e-6 * (1 + sum))
        throw new Error(`link ${link} counts ${this.#used[link]}, its flows ${sum} bytes/ms`);
    }
    for (const flow of this.activeFlows()) {
      const rate = this.#rate[flow];
      if (rate > this.#limit[flow] * tolerance)
        throw new Error(`flow ${flow} runs at ${rate}, its limit is ${this.#limit[flow]} bytes/ms`);
      if (rate >= this.#limit[flow] / tolerance) continue;
      const bound = this.hopsOf(flow).some(
        (link) =>
          this.#used[link] * tolerance >= this.#capacity[link] &&
          this.#members[link].every((other) => this.#rate[other] <= rate * tolerance),
      );
      if (!bound) throw new Error(`flow ${flow} could run faster than ${rate} bytes/ms`);
    }
  }

  #isFull(link: number): boolean {
    return this.#used[link] >= this.#capacity[link] * (1 - 1e-9);
  }

  #advance(nowMs: number, flow: number): void {
    const moved = this.#rate[flow] * (nowMs - this.#since[flow]);
    this.#since[flow] = nowMs;
    if (moved === 0) return;
    this.#remaining[flow] -= moved;
    for (let h = 0; h < this.#hopCount[flow]; h++) this.#bytes[this.#hops[flow * maxHops + h]] += moved;
  }

  #setRate(nowMs: number, flow: number, rate: number): void {
    const old = this.#rate[flow];
    if (rate === old) return;
    this.#advance(nowMs, flow);
    this.carriedBytes(nowMs);
    for (let h = 0; h < this.#hopCount[flow]; h++) this.#used[this.#hops[flow * maxHops + h]] += rate - old;
    this.#usedTotal += this.#hopCount[flow] * (rate - old);
    this.#rate[flow] = rate;
    if (rate > 0) this.#onRate(flow, nowMs + Math.max(0, this.#remaining[flow]) / rate, ++this.#version[flow]);
  }

  /** Makes the rates again of all flows that compete, through full links, with what goes over `seeds`. */
  #rebalance(nowMs: number, seeds: readonly number[]): void {
    const part = this.#part;
    const flows = this.#flows;
    part.length = 0;
    flows.length = 0;
    for (const link of seeds) this.#enter(link);
    for (let i = 0; ; ) {
      // A flow of the part ties in its other links where they are full.
      for (; i < flows.length; i++) {
        const flow = flows[i];
        for (let h = 0; h < this.#hopCount[flow]; h++) {
          const link = this.#hops[flow * maxHops + h];
          if (this.#isFull(link)) this.#enter(link);
        }
      }
      if (!this.#fill()) break;
    }
    for (const link of part) this.#inPart[link] = 0;
    for (const flow of flows) this.#mark[flow] = 0;
    for (const flow of flows)
      if (this.#newRate[flow] < this.#rate[flow]) this.#setRate(nowMs, flow, this.#newRate[flow]);
    for (const flow of flows)
      if (this.#newRate[flow] > this.#rate[flow]) this.#setRate(nowMs, flow, this.#newRate[flow]);
  }

  #enter(link: number): void {
    if (this.#inPart[link]) return;
    this.#inPart[link] = 1;
    this.#part.push(link);
    for (const flow of this.#members[link]) {
      if (this.#mark[flow]) continue;
      this.#mark[flow] = 1;
      this.#flows.push(flow);
    }
  }

  /** Progressive filling of the part's flows. @returns whether a link outside of the part became full, and has been added to it. */
  #fill(): boolean {
    const flows = this.#flows;
    const touched = this.#touched;
    touched.length = 0;
    for (const flow of flows) {
      this.#newRate[flow] = -1;
      for (let h = 0; h < this.#hopCount[flow]; h++) {
        const link = this.#hops[flow * maxHops + h];
        if (this.#open[link] === 0) {
          touched.push(link);
          this.#room[link] = this.#capacity[link] - this.#used[link];
        }
        this.#open[link]++;
        this.#room[link] += this.#rate[flow];
      }
    }
    let left = flows.length;
    while (left > 0) {
      let level = Number.POSITIVE_INFINITY;
      for (const link of touched)
        if (this.#open[link] > 0) level = Math.min(level, this.#room[link] / this.#open[link]);
      for (const flow of flows) if (this.#newRate[flow] < 0) level = Math.min(level, this.#limit[flow]);
      level = Math.max(level, 1e-12);
      const bound = level * (1 + 1e-12);
      for (const link of touched)
        this.#fullAt[link] = this.#open[link] > 0 && this.#room[link] / this.#open[link] <= bound ? 1 : 0;
      for (const flow of flows) {
        if (this.#newRate[flow] >= 0) continue;
        let stops = this.#limit[flow] <= bound;
        for (let h = 0; h < this.#hopCount[flow] && !stops; h++)
          stops = this.#fullAt[this.#hops[flow * maxHops + h]] === 1;
        if (!stops) continue;
        this.#newRate[flow] = level;
        left--;
        for (let h = 0; h < this.#hopCount[flow]; h++) {
          const link = this.#hops[flow * maxHops + h];
          this.#open[link]--;
          this.#room[link] -= level;
        }
      }
    }
    let grew = false;
    for (const link of touched) {
      this.#open[link] = 0;
      if (!this.#inPart[link] && this.#room[link] <= this.#capacity[link] * 1e-9) {
        this.#enter(link);
        grew = true;
      }
    }
    return grew;
  }

  readonly #fullAt: number[] = [];
}
