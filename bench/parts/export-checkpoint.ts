/** One export in a process of its own, whose memory is then its own: SOURCE TARGET DTYPE. Prints one JSON object. */
import { exportCheckpoint, type WeightDType } from "@baltoro/k2";

const [source, target, dtype] = process.argv.slice(2) as [string, string, WeightDType];
const residentBytes = () => process.resourceUsage().maxRSS * 1024;
const before = residentBytes();
const start = performance.now();
const { bytesRead, bytesWritten } = await exportCheckpoint(source, target, { dtype, shardBytes: 512 * 2 ** 20 });
const seconds = (performance.now() - start) / 1000;
console.log(JSON.stringify({ bytesRead, bytesWritten, seconds, before, peak: residentBytes() }));
