/** Counts of requests by route and status, and of the time they took. Routes are the table's, never a request's own path. */
export interface Metrics {
  observe(route: string, status: number, seconds: number): void;
  /** Prometheus' text format. */
  render(gauges: Readonly<Record<string, number>>): string;
}

/** Upper bounds of the histogram, seconds. */
const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createMetrics(): Metrics {
  const counts = new Map<string, number>();
  const times = new Map<string, { buckets: number[]; sum: number }>();
  return {
    observe(route, status, seconds) {
      const labels = `route="${route}",status="${status}"`;
      counts.set(labels, (counts.get(labels) ?? 0) + 1);
      const time = times.get(route) ?? { buckets: Array.from({ length: bounds.length + 1 }, () => 0), sum: 0 };
      const bucket = bounds.findIndex((bound) => seconds <= bound);
      time.buckets[bucket < 0 ? bounds.length : bucket]++;
      time.sum += seconds;
      times.set(route, time);
    },
    render(gauges) {
      const lines = ["# TYPE baltoro_clinic_requests_total counter"];
      for (const [labels, count] of counts) lines.push(`baltoro_clinic_requests_total{${labels}} ${count}`);
      lines.push("# TYPE baltoro_clinic_request_seconds histogram");
      for (const [route, { buckets, sum }] of times) {
        let total = 0;
        buckets.forEach((count, i) => {
          total += count;
          lines.push(`baltoro_clinic_request_seconds_bucket{route="${route}",le="${bounds[i] ?? "+Inf"}"} ${total}`);
        });
        lines.push(
          `baltoro_clinic_request_seconds_sum{route="${route}"} ${sum}`,
          `baltoro_clinic_request_seconds_count{route="${route}"} ${total}`,
        );
      }
      for (const [name, value] of Object.entries(gauges)) {
        lines.push(`# TYPE baltoro_clinic_${name} gauge`, `baltoro_clinic_${name} ${value}`);
      }
      return `${lines.join("\n")}\n`;
    },
  };
}
