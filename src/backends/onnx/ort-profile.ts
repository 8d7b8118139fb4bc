/**
 * ONNX Runtime's profiler. It is enabled when a model is opened, and writes a file when it ends: a JSON array of trace
 * events, in microseconds, of which these are read:
 *
 *   {"cat": "Session", "name": "model_run", "ts": 5093, "dur": 263}                                    one for each run
 *   {"cat": "Node", "name": "logits_kernel_time", "ts": 5220, "dur": 4, "args": {"op_name": "Gemm"}}   inside its run
 *
 * The file is in a temporary directory until it has been read.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InferenceSession, OrtModel } from '../../internals/ort-library.ts';
import type { OpTime, RunOps } from '../op-profile.ts';
import { createSession, publicModel } from './ort-model.ts';

interface OrtEvent {
  readonly cat: string;
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
  readonly args: { readonly op_name?: string };
}

const KERNEL_SUFFIX = '_kernel_time';
const MICROS_PER_MS = 1000;

export class OrtProfile {
  readonly #directory: string;
  #session: InferenceSession | undefined;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async create(): Promise<OrtProfile> {
    return new OrtProfile(await mkdtemp(join(tmpdir(), 'pillion-profile-')));
  }

  /** Opens the profiled model. Called once. */
  readonly open = async (
    source: string | Uint8Array<ArrayBuffer>,
    options: InferenceSession.SessionOptions,
  ): Promise<OrtModel> => {
    const profileFilePrefix = join(this.#directory, 'ort');
    this.#session = await createSession(source, { ...options, enableProfiling: true, profileFilePrefix });
    return publicModel(this.#session);
  };

  /** Returns all runs since `open`, and deletes the directory. */
  async end(): Promise<readonly RunOps[]> {
    try {
      this.#session?.endProfiling();
      const [name] = await readdir(this.#directory);
      return name === undefined ? [] : runsIn(await readFile(join(this.#directory, name), 'utf8'));
    } finally {
      await this.discard();
    }
  }

  async discard(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** The runs in a profile's text, in order. Exported for its test. */
export function runsIn(text: string): readonly RunOps[] {
  const events = JSON.parse(text) as readonly OrtEvent[];
  const byStart = (a: OrtEvent, b: OrtEvent): number => a.ts - b.ts;
  const ops = events.filter(({ cat, name }) => cat === 'Node' && name.endsWith(KERNEL_SUFFIX)).sort(byStart);
  const runs = events.filter(({ cat, name }) => cat === 'Session' && name === 'model_run').sort(byStart);
  return runs.map((run) => ({
    durationMs: run.dur / MICROS_PER_MS,
    ops: ops.filter(({ ts }) => ts >= run.ts && ts <= run.ts + run.dur).map((event) => opTime(event, run)),
  }));
}

function opTime({ name, ts, dur, args }: OrtEvent, run: OrtEvent): OpTime {
  return {
    node: name.slice(0, -KERNEL_SUFFIX.length),
    op: args.op_name ?? 'unknown',
    startMs: (ts - run.ts) / MICROS_PER_MS,
    durationMs: dur / MICROS_PER_MS,
  };
}
