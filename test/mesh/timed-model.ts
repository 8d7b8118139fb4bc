/**
 * half_plus_two on a machine that is not there: a server of TensorFlow Serving's API that runs one batch at a time, and
 * takes a fixed time for it instead of any core. A sidecar whose model is remote then is as slow as its machine.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { onEngine, PILLION } from '../support/grpc-engines.ts';
import { GrpcHarness } from '../support/grpc-harness.ts';
import { affine, signature, spec } from '../support/puppet-models.ts';

/** Most rows of a batch. */
const BATCH_ROWS = 8;
/** Of the fast machine: a batch takes so long, and longer for each row. */
const BATCH_MS = 32;
const ROW_MS = 8;

/** Flags of a sidecar that serves such a model: few rows wait, so that an overload shows in seconds. */
export const TIMED_FLAGS = [`--max_batch_size=${BATCH_ROWS}`, '--max_enqueued_batches=4'];

export interface TimedModel {
  /** The flag that serves it. */
  readonly flag: string;
  /** Rows a second, in full batches. */
  readonly capacity: number;
  stop(): Promise<void>;
}

/** `slowness`: how many times as long everything takes. */
export async function startTimedModel(directory: string, slowness: number): Promise<TimedModel> {
  const harness = onEngine(PILLION, () => new GrpcHarness({}));
  const answer = affine(0.5, 2);
  let last = Promise.resolve();
  harness.models.add('half_plus_two', {
    signatures: {
      serving_default: signature({ x: spec('float32', [-1], 'x:0') }, { y: spec('float32', [-1], 'y:0') }),
    },
    behave: async (request) => {
      const rows = request.inputs.values().next().value!.shape[0]!;
      last = last.then(() => pause(slowness * (BATCH_MS + ROW_MS * rows)));
      await last;
      return answer(request);
    },
  });
  const [address] = await harness.server.listen(['127.0.0.1:0']);
  const base = join(directory, 'half_plus_two');
  mkdirSync(join(base, '1'), { recursive: true });
  writeFileSync(join(base, '1', 'remote.yaml'), `address: ${address}\nmodel: half_plus_two\nconcurrency: 1\n`);
  return {
    flag: `--model=half_plus_two=${base}`,
    capacity: (1000 * BATCH_ROWS) / (slowness * (BATCH_MS + ROW_MS * BATCH_ROWS)),
    stop: () => harness.stop(),
  };
}
