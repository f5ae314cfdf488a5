import { byTable, gridOf, type Launches } from "./launch.ts";

const file = "optimizers";
/** Partial sums of a matrix's squares. */
const parts = 64;

export const optimizerLaunches: Launches<
  "adamw" | "muonMomentum" | "normalizeFrobenius" | "muonUpdate" | "clipFactor" | "qkClip"
> = {
  adamw: byTable("adamw", file, ({ n }) => gridOf(n)),
  muonMomentum: byTable("muonMomentum", file, ({ n }) => gridOf(n)),
  normalizeFrobenius({ x, batch, n, safety, eps }, launcher) {
    launcher.launch(file, "frobeniusPartials", [parts, batch], 256, "ppi", [x, launcher.scratch, n]);
    const blocks = Math.min(Math.ceil(n / 1024), 256);
    launcher.launch(file, "frobeniusScale", [blocks, batch], 256, "ppiff", [x, launcher.scratch, n, safety, eps]);
  },
  muonUpdate: byTable("muonUpdate", file, ({ n }) => gridOf(n)),
  clipFactor: byTable("clipFactor", file, () => [1], 1),
  qkClip: byTable("qkClip", file, ({ heads, count, columns }) => [Math.ceil((count * columns) / 256), heads]),
};
