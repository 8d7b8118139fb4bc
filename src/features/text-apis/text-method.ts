/** The part that the methods of all these APIs share: a body of JSON is read, at once or in slices, and becomes a call. */
import type { Buffer } from 'node:buffer';
import { LARGE_MESSAGE_BYTES } from '../../codec-thread/codec-thread.ts';
import { atOnce, inSlices, type Steps } from '../../core/in-slices.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import { areLargerThan, type TensorMap } from '../../core/tensor.ts';
import type { Method } from '../../proxy/exchange.ts';
import type { ModelResolver } from '../../proxy/handlers/model-resolver.ts';
import type { RequestContext } from '../../proxy/request-context.ts';
import type { TextTask } from '../text/exported/text-model.ts';
import { type Fields, readBody, textIn } from './text-body.ts';
import { TextCall, type TextRequest } from './text-call.ts';

/** Answers beyond it are written over several turns of the event loop. */
const LARGE_OUTPUT_BYTES = 128 * 1024;

/** An API's own part of one of its methods. */
export interface TextApi {
  /** The keys of the body. */
  readonly keys: readonly string[];
  /** The form of the body, for errors. */
  readonly form: string;
  /** Throws ServingError. */
  request(fields: Fields, chosen: ChooseModel): TextRequest;
}

/** The model that the path or the body names, or else the only one that does the task. Throws ServingError. */
export type ChooseModel = (task: TextTask) => ModelSpec;

/** Chooses the model of a request that names none. Throws ServingError. */
export type SoleModel = (tasks: readonly TextTask[], context: RequestContext) => ModelSpec;

/** Reads a body with these keys, at once or in slices, and makes something of it. Throws or rejects with ServingError. */
export function readThen<Made>(
  body: Buffer,
  { keys, form }: Pick<TextApi, 'keys' | 'form'>,
  make: (fields: Fields) => Made,
): Made | Promise<Made> {
  const steps = readBody(body, keys, form);
  return body.length <= LARGE_MESSAGE_BYTES ? make(atOnce(steps)) : inSlices(steps).then(make);
}

/** It is a Predict to records, metrics and the console. `apiOf`: throws ServingError. */
export function textMethod(
  resolver: ModelResolver,
  apiOf: (path: ModelSpec, context: RequestContext) => TextApi,
  sole: SoleModel,
): Method<Buffer, TensorMap, TextCall> {
  return {
    name: 'Predict',
    access: 'predict',
    decode: (body, path, context) => {
      const api = apiOf(path, context);
      return readThen(body, api, (fields) => {
        const named = path.name === '' ? textIn(fields, 'model') : undefined;
        const chosen: ChooseModel = (task) => {
          if (path.name !== '') return path;
          return named === undefined ? sole([task], context) : { name: named };
        };
        return new TextCall(resolver, api.request(fields, chosen), context);
      });
    },
    encode: (outputs, call) => {
      const steps: Steps<Buffer> = call.answer(outputs);
      return areLargerThan(outputs, LARGE_OUTPUT_BYTES) ? inSlices(steps) : atOnce(steps);
    },
  };
}
