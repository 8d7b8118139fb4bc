/** The labels of a Triton model's outputs (label_filename): for answers to the classification extension. */
import { join } from 'node:path';
import type { TritonModel } from '../../config/triton/config-message.ts';
import { ServingError } from '../../core/errors.ts';
import { isNameInside, isReallyInside, linesOf, readSmall } from '../model-file/small-files.ts';

const MAX_BYTES = 16 << 20;

/** Labels by output: one a line, in the order of the classes. */
export type OutputLabels = ReadonlyMap<string, readonly Uint8Array[]>;

/** Rejects with `load_failed` if a file is missing, empty, or not in the model's directory. */
export async function readLabels({ directory, config }: TritonModel): Promise<OutputLabels> {
  const labels = new Map<string, readonly Uint8Array[]>();
  for (const { name, labelFilename } of config.output) {
    if (labelFilename === '') continue;
    const path = join(directory, labelFilename);
    const bad = (problem: string): ServingError =>
      new ServingError('load_failed', `label_filename "${labelFilename}" of output "${name}" ${problem}`);
    if (!isNameInside(labelFilename) || !(await isReallyInside(directory, path))) {
      throw bad(`is not in ${directory}; put it there`);
    }
    const bytes = (await readSmall(path, MAX_BYTES)) ?? 'there is no such file';
    if (typeof bytes === 'string') throw bad(`cannot be used: ${bytes}`);
    if (bytes.length === 0) throw bad('cannot be used: it is empty');
    labels.set(name, linesOf(bytes));
  }
  return labels;
}
