/**
 * The inputs of the requests in a version's warm-up file, as the graph gets them. They are decoded by the handlers that
 * serve requests, with a servable that keeps the inputs and runs nothing.
 */
import { join } from 'node:path';
import { ServingError } from '../../core/errors.ts';
import type { Signatures } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { Servable, type ServableRunner } from '../../models/serving/servable.ts';
import type { RecordReplayer } from '../../models/warm-up/record-replayer.ts';
import { forEachRecord, hasRecordFile, WARM_UP_FILE } from '../../proxy/records/recorded-file.ts';

/** The recorded inputs of each signature. Never rejects: a file that cannot be read has none. */
export type ReadRecordedInputs = (versionDirectory: string, signatures: Signatures) => Promise<RecordedInputs>;

export type RecordedInputs = ReadonlyMap<string, readonly TensorMap[]>;

/** Enough to prove something; more take memory. */
const MAX_REQUESTS = 32;

export function recordedInputs(replayer: Pick<RecordReplayer, 'replay'>, maxRecordBytes: number): ReadRecordedInputs {
  return async (versionDirectory, signatures) => {
    const path = join(versionDirectory, WARM_UP_FILE);
    const kept = new Map<string, TensorMap[]>();
    const servable = new Servable('recorded', 0n, signatures, keeperOf(kept));
    let count = 0;
    try {
      if (!(await hasRecordFile(path))) return kept;
      await forEachRecord(path, maxRecordBytes, async ({ data }) => {
        count += 1;
        if (count <= MAX_REQUESTS) await replayer.replay(servable, data).catch(() => undefined);
      });
    } catch {
      // The warm-up reports what is wrong with the file.
    }
    return kept;
  };
}

function keeperOf(kept: Map<string, TensorMap[]>): ServableRunner {
  return {
    submit({ signatureName, inputs }) {
      const own = kept.get(signatureName) ?? [];
      kept.set(signatureName, [...own, copyOf(inputs)]);
      throw new ServingError('cancelled', 'only its inputs are read');
    },
    close: async () => undefined,
    queuedRows: 0,
    queuedTasks: 0,
    runningBatches: 0,
  };
}

/** The inputs may be views of a record's bytes, which are reused. */
function copyOf(inputs: TensorMap): TensorMap {
  return new Map(
    [...inputs].map(([name, tensor]) => [
      name,
      tensor.dtype === 'string'
        ? { ...tensor, data: tensor.data.map((bytes) => Uint8Array.from(bytes)) }
        : { ...tensor, data: Uint8Array.from(tensor.data) },
    ]),
  );
}
