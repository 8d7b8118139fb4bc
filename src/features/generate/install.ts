/** Adds the paths `generate` and `generate_stream` of every model to the protocol. */
import type { Installation } from '../../kernel/installation.ts';
import type { AnswerForm } from '../../proxy/answer-form.ts';
import { JSON_TYPE } from '../../proxy/http1/answer-head.ts';
import { EXTENSIONS, type RestInference } from '../open-inference/exported/extension.ts';
import { GenerateMethod, type GenerateOptions } from './generate-method.ts';

const WHOLE: AnswerForm = { contentType: JSON_TYPE, headers: [] };
const EVENTS: AnswerForm = { contentType: 'text/event-stream', headers: ['Cache-Control', 'no-cache'] };
const SCHEMA = 'Generated';

export function installGenerate({ facts }: Installation): void {
  facts.get(EXTENSIONS)!.push(({ maxMessageBytes: maxTensorBytes }) => ({
    names: [],
    grpc: [],
    rest: [],
    schemas: { [SCHEMA]: { type: 'object' } },
    inferences: [
      operation('generate', WHOLE, { maxTensorBytes, isStreamed: false }),
      operation('generate_stream', EVENTS, { maxTensorBytes, isStreamed: true }),
    ],
  }));
}

function operation(end: string, form: AnswerForm, options: GenerateOptions): RestInference {
  return {
    kind: `v2-${end}`,
    method: 'ModelInfer',
    http: 'POST',
    paths: [`/v2/models/{model}/${end}`, `/v2/models/{model}/versions/{version}/${end}`],
    summary: options.isStreamed
      ? 'The same as an event stream. Models here give one answer: one event.'
      : 'Runs the model: keys of the body are inputs, keys of the answer outputs.',
    request: { [JSON_TYPE]: SCHEMA },
    answer: { [form.contentType]: SCHEMA },
    errors: [404],
    isInference: true,
    choose: (inference) => ({ method: new GenerateMethod(inference, options), form, keepsBody: false }),
  };
}
