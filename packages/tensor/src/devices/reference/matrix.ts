import { type Implementations, put } from "./view.ts";

export const matrixKernels: Implementations<"gemm" | "groupedGemm" | "groupedGemmWeightGrad"> = {
  gemm(g) {
    for (let batch = 0; batch < g.batch; batch++) {
      const [a0, b0, c0, d0] = [batch * g.strideA, batch * g.strideB, batch * g.strideC, batch * g.strideD];
      for (let i = 0; i < g.m; i++) {
        for (let j = 0; j < g.n; j++) {
          let sum = 0;
          for (let p = 0; p < g.k; p++) {
            const a = g.a[a0 + (g.transposeA ? p * g.lda + i : i * g.lda + p)];
            const b = g.b[b0 + (g.transposeB ? j * g.ldb + p : p * g.ldb + j)];
            sum += a * b;
          }
          const c = g.c && g.beta !== 0 ? g.beta * g.c[c0 + i * g.ldc + j] : 0;
          g.d[d0 + i * g.ldd + j] = g.alpha * sum + c + (g.bias ? g.bias[j] : 0);
        }
      }
    }
  },
  groupedGemm({ x, w, y, offsets, experts, n, k, transposeW, accumulate }) {
    for (let e = 0; e < experts; e++) {
      for (let r = offsets[e]; r < offsets[e + 1]; r++) {
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let p = 0; p < k; p++) sum += x[r * k + p] * w[e * n * k + (transposeW ? j * k + p : p * n + j)];
          put(y, r * n + j, sum, accumulate);
        }
      }
    }
  },
  groupedGemmWeightGrad({ dy, x, dw, offsets, experts, n, k, accumulate }) {
    for (let e = 0; e < experts; e++) {
      for (let j = 0; j < n; j++) {
        for (let p = 0; p < k; p++) {
          let sum = 0;
          for (let r = offsets[e]; r < offsets[e + 1]; r++) sum += dy[r * n + j] * x[r * k + p];
          put(dw, (e * n + j) * k + p, sum, accumulate);
        }
      }
    }
  },
};
