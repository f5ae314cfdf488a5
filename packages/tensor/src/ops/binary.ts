import { record } from "../autograd.ts";
import { type BinaryOp, binaryOps, unaryOps } from "../kernels/index.ts";
import { empty, type Tensor } from "../tensor.ts";
import { type BroadcastPlan, elementStrides, planBroadcast, sumRepeated } from "./broadcast.ts";
import { commonFloat, expectDType } from "./check.ts";

/** a + b. Shapes broadcast by NumPy's rules, as far as {@link planBroadcast} goes. Of equal shapes, backward copies nothing. */
export function add(a: Tensor, b: Tensor): Tensor {
  return binary("add", a, b);
}

/** a − b, broadcast as {@link add}. */
export function subtract(a: Tensor, b: Tensor): Tensor {
  return binary("sub", a, b);
}

/** a · b, broadcast as {@link add}. */
export function multiply(a: Tensor, b: Tensor): Tensor {
  return binary("mul", a, b);
}

/** a / b, broadcast as {@link add}. */
export function divide(a: Tensor, b: Tensor): Tensor {
  return binary("div", a, b);
}

/** The larger of a and b, broadcast as {@link add}. Where they are equal the gradient goes to b. */
export function maximum(a: Tensor, b: Tensor): Tensor {
  return binary("max", a, b);
}

/** The smaller of a and b, broadcast as {@link add}. Where they are equal the gradient goes to b. */
export function minimum(a: Tensor, b: Tensor): Tensor {
  return binary("min", a, b);
}

function binary(op: BinaryOp, a: Tensor, b: Tensor): Tensor {
  expectDType(op, "a", a, "float");
  expectDType(op, "b", b, "float");
  const plan = planBroadcast(op, a.shape, b.shape);
  const y = apply(op, a, b, plan);
  const saved = op === "add" || op === "sub" ? [] : [a, b];
  record(op, [a, b], [y], saved, ([dy], sinks, [savedA, savedB]) => {
    if (!dy) return;
    const gradients = operandGradients(op, dy, savedA, savedB, plan);
    for (const [i, { shape }] of [a, b].entries()) {
      const sink = sinks[i];
      if (sink) sink.add(sumRepeated(dy.device, gradients[i](), plan, plan.operands[i], shape));
    }
  });
  return y;
}

/** Enqueues a ∘ b, operands in the plan's order. */
function apply(op: BinaryOp, a: Tensor, b: Tensor, plan: BroadcastPlan): Tensor {
  const y = empty(a.device, plan.shape, commonFloat(a, b), op);
  const [strideA, strideB] = plan.operands.map((operand) => elementStrides(plan, operand));
  a.device.backend.enqueue("binary", {
    ...{ a: a.buffer, b: b.buffer, y: y.buffer, rows: plan.rows, columns: plan.columns, op: binaryOps.indexOf(op) },
    ...{ aRow: strideA.row, aColumn: strideA.column, bRow: strideB.row, bColumn: strideB.column },
  });
  return y;
}

/** Gradients of both operands in the result's shape, each made only if it is wanted. */
function operandGradients(
  op: BinaryOp,
  dy: Tensor,
  a: Tensor,
  b: Tensor,
  plan: BroadcastPlan,
): readonly [() => Tensor, () => Tensor] {
  const dense = { row: 1, column: 1 } as const;
  const [planA, planB] = plan.operands.map((operand) => ({ ...plan, operands: [dense, operand] }));
  const both = { ...plan, operands: [dense, dense] };
  const negated = (x: Tensor) => {
    const y = empty(x.device, plan.shape, x.dtype, `${op} gradient`);
    x.device.backend.enqueue("axpby", { x: x.buffer, y: y.buffer, n: x.size, alpha: -1, beta: 0 });
    return y;
  };
  switch (op) {
    case "add":
      return [() => dy, () => dy];
    case "sub":
      return [() => dy, () => negated(dy)];
    case "mul":
      return [() => apply("mul", dy, b, planB), () => apply("mul", dy, a, planA)];
    case "div":
      return [
        () => apply("div", dy, b, planB),
        () => negated(apply("div", apply("mul", dy, apply("div", a, b, plan), both), b, planB)),
      ];
    case "max":
    case "min": {
      const toA = () => {
        const difference = apply("sub", a, b, plan);
        return passPositive(dy, op === "max" ? difference : negated(difference));
      };
      return [toA, () => apply("sub", dy, toA(), both)];
    }
  }
}

/** dy where x > 0, else 0: the gradient of relu. */
export function passPositive(dy: Tensor, x: Tensor): Tensor {
  const dx = empty(dy.device, dy.shape, dy.dtype, "masked gradient");
  dy.device.backend.enqueue("unaryBackward", {
    ...{ dy: dy.buffer, x: x.buffer, y: x.buffer, dx: dx.buffer, n: dy.size },
    op: unaryOps.indexOf("relu"),
    accumulate: 0,
  });
  return dx;
}
