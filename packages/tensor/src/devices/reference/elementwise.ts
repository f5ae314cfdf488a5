import { type BinaryOp, binaryOps, type UnaryOp, unaryOps } from "../../kernels/index.ts";
import { type Implementations, put, roundToBf16, sigmoid } from "./view.ts";

const geluScale = Math.sqrt(2 / Math.PI);
const geluInner = (x: number) => geluScale * (x + 0.044715 * x ** 3);

const unaryForward: Readonly<Record<UnaryOp, (x: number) => number>> = {
  neg: (x) => -x,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  square: (x) => x * x,
  reciprocal: (x) => 1 / x,
  tanh: Math.tanh,
  sigmoid,
  silu: (x) => x * sigmoid(x),
  relu: (x) => Math.max(x, 0),
  gelu: (x) => 0.5 * x * (1 + Math.tanh(geluInner(x))),
  abs: Math.abs,
};

/** f′ from x and y = f(x). */
const unaryDerivative: Readonly<Record<UnaryOp, (x: number, y: number) => number>> = {
  neg: () => -1,
  exp: (_, y) => y,
  log: (x) => 1 / x,
  sqrt: (_, y) => 0.5 / y,
  rsqrt: (_, y) => -0.5 * y ** 3,
  square: (x) => 2 * x,
  reciprocal: (_, y) => -y * y,
  tanh: (_, y) => 1 - y * y,
  sigmoid: (_, y) => y * (1 - y),
  silu: (x) => sigmoid(x) * (1 + x * (1 - sigmoid(x))),
  relu: (x) => (x > 0 ? 1 : 0),
  gelu: (x) => {
    const t = Math.tanh(geluInner(x));
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * geluScale * (1 + 3 * 0.044715 * x * x);
  },
  abs: (x) => Math.sign(x),
};

const binaryForward: Readonly<Record<BinaryOp, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  max: Math.max,
  min: Math.min,
};

export const elementwiseKernels: Implementations<
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
> = {
  swigluForward({ gate, up, y, n }) {
    for (let i = 0; i < n; i++) y[i] = gate[i] * sigmoid(gate[i]) * up[i];
  },
  swigluBackward({ dy, gate, up, dgate, dup, n }) {
    for (let i = 0; i < n; i++) {
      const [d, g, u, s] = [dy[i], gate[i], up[i], sigmoid(gate[i])];
      dgate[i] = d * u * s * (1 + g * (1 - s));
      dup[i] = d * g * s;
    }
  },
  unary({ x, y, n, op }) {
    for (let i = 0; i < n; i++) y[i] = unaryForward[unaryOps[op]](x[i]);
  },
  unaryBackward({ dy, x, y, dx, n, op, accumulate }) {
    for (let i = 0; i < n; i++) put(dx, i, dy[i] * unaryDerivative[unaryOps[op]](x[i], y[i]), accumulate);
  },
  binary({ a, b, y, rows, columns, aRow, aColumn, bRow, bColumn, op }) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        y[r * columns + c] = binaryForward[binaryOps[op]](a[r * aRow + c * aColumn], b[r * bRow + c * bColumn]);
      }
    }
  },
  axpby({ x, y, n, alpha, beta }) {
    for (let i = 0; i < n; i++) y[i] = alpha * x[i] + (beta === 0 ? 0 : beta * y[i]);
  },
  scaleByScalar({ x, scalar, y, n, alpha, accumulate }) {
    const factor = scalar[0] * alpha;
    for (let i = 0; i < n; i++) put(y, i, x[i] * factor, accumulate);
  },
  fill({ y, n, value }) {
    y.fill(value, 0, n);
  },
  fillInt({ y, n, value }) {
    y.fill(value, 0, n);
  },
  copy3d({ src, dst, n0, n1, n2, srcOffset, src0, src1, dstOffset, dst0, dst1, accumulate }) {
    for (let i = 0; i < n0; i++) {
      for (let j = 0; j < n1; j++) {
        for (let c = 0; c < n2; c++) {
          put(dst, dstOffset + i * dst0 + j * dst1 + c, src[srcOffset + i * src0 + j * src1 + c], accumulate);
        }
      }
    }
  },
  castF32ToBf16({ x, y, n }) {
    for (let i = 0; i < n; i++) y[i] = roundToBf16(x[i]);
  },
  castBf16ToF32({ x, y, n }) {
    for (let i = 0; i < n; i++) y[i] = x[i];
  },
};
