/**
 * Measures the times of TensorFlow.js's kernels in a run. Its profile has the names, shapes and durations of kernels,
 * each kernel after those that it called, but no start times: so its `time` function is replaced during the run, and is
 * called in the same order. The profile does not name the graph's nodes: kernels are numbered.
 *
 *     fusedMatMul__op   ├───────────────────────┤   left out: the kernels that it called do the work
 *       BatchMatMul       ├────────┤                1: BatchMatMul → [32,64]
 *       Relu                          ├────┤        2: Relu → [32,64]
 */
import { systemClock } from '../../core/clock.ts';
import type { OpTime, RunOps } from '../op-profile.ts';
import type { TfjsKernel, TfjsLibrary } from './tfjs-library.ts';

interface Interval {
  readonly startMs: number;
  readonly endMs: number;
}

/** Runs `work` and times its kernels. No other kernels may run meanwhile. Rejects with the error of `work`. */
export async function timeKernels<T>(tf: TfjsLibrary, work: () => Promise<T>): Promise<{ result: T; run: RunOps }> {
  const backend = tf.backend();
  const timed: Interval[] = [];
  const ownTime = backend.time;
  backend.time = async (kernel) => {
    const startMs = systemClock.nowMs();
    kernel();
    const endMs = systemClock.nowMs();
    timed.push({ startMs, endMs });
    return { kernelMs: endMs - startMs };
  };
  try {
    const startedAt = systemClock.nowMs();
    let durationMs = 0;
    const { result, kernels } = await tf.profile(async () => {
      const given = await work();
      durationMs = systemClock.nowMs() - startedAt;
      return given;
    });
    return { result, run: { durationMs, ops: opsOf(kernels, timed, startedAt) } };
  } finally {
    backend.time = ownTime;
  }
}

function opsOf(kernels: readonly TfjsKernel[], timed: readonly Interval[], startedAt: number): readonly OpTime[] {
  const ops: OpTime[] = [];
  kernels.forEach(({ name, outputShapes }, i) => {
    const { startMs, endMs } = timed[i]!;
    const before = timed[i - 1];
    // A kernel that began before the one that ended last has called it.
    if (before !== undefined && before.startMs >= startMs) return;
    const shapes = outputShapes.map((shape) => `[${shape.join(',')}]`).join(' ');
    const node = `${ops.length + 1}: ${name} → ${shapes}`;
    ops.push({ node, op: name, startMs: startMs - startedAt, durationMs: endMs - startMs });
  });
  return ops;
}
