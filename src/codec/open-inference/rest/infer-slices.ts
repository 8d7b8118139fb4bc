/** A large infer answer in JSON alone, in pieces as those of a predict answer: together they are what InferPrinter writes. */
import { type AnswerPiece, flat } from '../../json/answer-slices.ts';
import { DATATYPES } from '../datatypes.ts';
import { hasNoJsonForm, type InferAnswer } from './infer-answer-writer.ts';

/** No output is binary, or in shared memory. What cannot be written is thrown at once, and nothing later. */
export function inferPieces(answer: InferAnswer): Iterable<AnswerPiece> {
  for (const { name, tensor } of answer.outputs) {
    const { dtype } = tensor;
    if (dtype === 'float16' || dtype === 'bfloat16') throw hasNoJsonForm(name, DATATYPES[dtype]);
  }
  return piecesOf(answer);
}

function* piecesOf({ id, model, version, outputs }: InferAnswer): Generator<AnswerPiece> {
  const ofId = id === '' ? '' : `"id":${JSON.stringify(id)},`;
  let before = `{${ofId}"model_name":${JSON.stringify(model)},"model_version":${JSON.stringify(version)},"outputs":[`;
  for (const { name, tensor } of outputs) {
    const { dtype, shape } = tensor;
    yield `${before}{"name":${JSON.stringify(name)},"datatype":"${DATATYPES[dtype]}","shape":[${shape.join(',')}],"data":`;
    yield* flat(tensor);
    yield '}';
    before = ',';
  }
  yield ']}';
}
