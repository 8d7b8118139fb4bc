/** Checks the inputs and outputs of a config.pbtxt by themselves; serving/ holds them against the graph. */
import type { Where } from '../../../config/config-file.ts';
import { dtypeOf } from '../../open-inference/exported/data-types.ts';
import type { TritonConfig, TritonTensor } from '../../open-inference/exported/model-config.ts';

/** Names, types, dims and reshapes, with the rules of Triton's model_config_utils. */
export function checkTensors({ input, output }: TritonConfig, where: Where, errors: string[]): void {
  for (const [side, tensors] of [
    ['input', input],
    ['output', output],
  ] as const) {
    const seen = new Set<string>();
    for (const [i, tensor] of tensors.entries()) {
      const at = `${side}[${i}]`;
      const say = (field: string, text: string): void =>
        void errors.push(`${where(`${at}.${field}`)}: ${side} "${tensor.name}": ${text}`);
      if (tensor.name === '') say('name', 'its name is missing');
      if (seen.has(tensor.name)) say('name', 'it is listed twice');
      seen.add(tensor.name);
      if (dtypeOf(tensor.dataType) === undefined) say('data_type', 'its data_type is missing, such as TYPE_FP32');
      checkDims(tensor, say);
    }
  }
}

function checkDims({ dims, reshape }: TritonTensor, say: (field: string, text: string) => void): void {
  if (dims.length === 0) say('dims', 'its dims are missing; a scalar is dims: [ 1 ] with reshape { shape: [ ] }');
  for (const dim of dims) if (dim < -1n || dim === 0n) say('dims', `${dim} is no dim; 1 or more, or -1 for any size`);
  if (reshape === undefined) return;
  for (const dim of reshape.shape) {
    if (dim < -1n || dim === 0n) say('reshape', `${dim} is no dim of a reshape; 1 or more, or -1 for any size`);
  }
  const free = (shape: readonly bigint[]): number => shape.filter((dim) => dim === -1n).length;
  if (free(dims) !== free(reshape.shape)) say('reshape', 'it has another number of free dims (-1) than dims has');
  else if (sectionsOf(dims) !== sectionsOf(reshape.shape)) {
    say('reshape', 'it holds another number of elements than dims does, between its free dims');
  }
}

/** The elements before, between and after the free dims: a reshape keeps each of them. */
function sectionsOf(shape: readonly bigint[]): string {
  const sections = [1n];
  for (const dim of shape) {
    if (dim === -1n) sections.push(1n);
    else sections[sections.length - 1]! *= dim;
  }
  return sections.join(' ');
}
