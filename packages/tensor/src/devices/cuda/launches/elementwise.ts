import { byTable, gridOf, type Launches } from "./launch.ts";

const file = "elementwise";

export const elementwiseLaunches: Launches<
  | "swigluForward"
  | "swigluBackward"
  | "unary"
  | "unaryBackward"
  | "binary"
  | "axpby"
  | "scaleByScalar"
  | "fill"
  | "fillInt"
  | "copy3d"
  | "castF32ToBf16"
  | "castBf16ToF32"
  | "randomUniform"
  | "dropout"
> = {
  swigluForward: byTable("swigluForward", file, ({ n }) => gridOf(n)),
  swigluBackward: byTable("swigluBackward", file, ({ n }) => gridOf(n)),
  unary: byTable("unary", file, ({ n }) => gridOf(n)),
  unaryBackward: byTable("unaryBackward", file, ({ n }) => gridOf(n)),
  binary: byTable("binary", file, ({ rows, columns }) => gridOf(rows * columns)),
  axpby: byTable("axpby", file, ({ n }) => gridOf(n)),
  scaleByScalar: byTable("scaleByScalar", file, ({ n }) => gridOf(n)),
  fill: byTable("fill", file, ({ n }) => gridOf(n)),
  fillInt: byTable("fillInt", file, ({ n }) => gridOf(n)),
  copy3d: byTable("copy3d", file, ({ n0, n1, n2 }) => gridOf(n0 * n1 * n2)),
  castF32ToBf16: byTable("castF32ToBf16", file, ({ n }) => gridOf(n)),
  castBf16ToF32: byTable("castBf16ToF32", file, ({ n }) => gridOf(n)),
  randomUniform: byTable("randomUniform", "random", ({ n }) => gridOf(n)),
  dropout: byTable("dropout", "random", ({ n }) => gridOf(n)),
};
