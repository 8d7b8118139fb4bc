/**
 * When which of TensorFlow.js's kernels ran in a run. Its own profile tells names, shapes and durations, each kernel after
 * those that it called, but not when one began: its clock is replaced for as long as the run takes, and asked in that same
 * order. Which node of a graph a kernel was for it does not know: they are numbered.
 *
 *     fusedMatMul__op   ├───────────────────────┤   left out: what it called does the work
 *       BatchMatMul       ├────────┤                1: BatchMatMul → [32,64]
 *       Relu                          ├────┤        2: Relu → [32,64]
 */
import { systemClock } from '../../core/clock.ts';
import type { OpTime, RunOps } from '../op-profile.ts';
import type { TfjsLibrary } from './tfjs-library.ts';

interface Interval {
  readonly startMs: number;
  readonly endMs: number;
}

/** `work` done, with the kernels that it ran. No other may run meanwhile. Rejects with what `work` rejects with. */
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
    const names = kernels.map(({ name, outputShapes }) => ({ name, outputShapes }));
    return { result, run: { durationMs, ops: opsOf(names, timed, startedAt) } };
  } finally {
    backend.time = ownTime;
  }
}

function opsOf(
  kernels: readonly { readonly name: string; readonly outputShapes: readonly (readonly number[])[] }[],
  timed: readonly Interval[],
  startedAt: number,
): readonly OpTime[] {
  const ops: OpTime[] = [];
  kernels.forEach(({ name, outputShapes }, i) => {
    const { startMs, endMs } = timed[i]!;
    const before = timed[i - 1];
    // It called the one that ended last, if that began later.
    if (before !== undefined && before.startMs >= startMs) return;
    const shapes = outputShapes.map((shape) => `[${shape.join(',')}]`).join(' ');
    const node = `${ops.length + 1}: ${name} → ${shapes}`;
    ops.push({ node, op: name, startMs: startMs - startedAt, durationMs: endMs - startMs });
  });
  return ops;
}
