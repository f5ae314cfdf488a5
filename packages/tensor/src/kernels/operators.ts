/** `unary` ops, by index. gelu is the tanh approximation. */
export const unaryOps = [
  "neg",
  "exp",
  "log",
  "sqrt",
  "rsqrt",
  "square",
  "reciprocal",
  "tanh",
  "sigmoid",
  "silu",
  "relu",
  "gelu",
  "abs",
] as const;
export type UnaryOp = (typeof unaryOps)[number];

/** `binary` ops, by index. */
export const binaryOps = ["add", "sub", "mul", "div", "max", "min"] as const;
export type BinaryOp = (typeof binaryOps)[number];

/** `reduce` ops, by index. */
export const reduceOps = ["sum", "mean", "max", "min"] as const;
export type ReduceOp = (typeof reduceOps)[number];
