/** The labels of a Triton model's outputs (label_filename): for answers to the classification extension. */
import { join } from 'node:path';
import { ServingError } from '../../../core/errors.ts';
import { isNameInside, isReallyInside, linesOf, readSmall } from '../../../models/model-file/small-files.ts';
import type { GivenConfig } from '../../open-inference/exported/model-config.ts';
import type { TritonModel } from '../config/triton-model.ts';

const MAX_BYTES = 16 << 20;

/**
 * Labels by output: one a line of its file, in the order of the classes. Rejects with `load_failed` if a file is
 * missing, empty, or not in the model's directory.
 */
export async function readLabels({ directory, config }: TritonModel): Promise<GivenConfig['labels']> {
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
