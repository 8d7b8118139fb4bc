/** Adds the paths `generate` and `generate_stream` of every model to the protocol. */
import type { Installation } from '../../kernel/installation.ts';
import { EXTENSIONS, type RestInference } from '../open-inference/exported/extension.ts';
import { GenerateMethod } from './generate-method.ts';

const JSON_TYPE = 'application/json';
const EVENTS = 'text/event-stream';
const SCHEMA = 'Generated';

export function installGenerate({ facts }: Installation): void {
  facts.get(EXTENSIONS)!.push(({ maxMessageBytes }) => ({
    names: [],
    grpc: [],
    rest: [],
    schemas: { [SCHEMA]: { type: 'object' } },
    inferences: [whole(maxMessageBytes), streamed(maxMessageBytes)],
  }));
}

function whole(maxTensorBytes: number): RestInference {
  return {
    ...operation('generate', JSON_TYPE, 'Runs the model: keys of the body are inputs, keys of the answer outputs.'),
    choose: (inference) => ({
      method: new GenerateMethod(inference, { maxTensorBytes, isStreamed: false }),
      form: { contentType: JSON_TYPE, headers: [] },
      keepsBody: false,
    }),
  };
}

function streamed(maxTensorBytes: number): RestInference {
  return {
    ...operation('generate_stream', EVENTS, 'The same as an event stream. Models here give one answer: one event.'),
    choose: (inference) => ({
      method: new GenerateMethod(inference, { maxTensorBytes, isStreamed: true }),
      form: { contentType: EVENTS, headers: ['Cache-Control', 'no-cache'] },
      keepsBody: false,
    }),
  };
}

function operation(end: string, type: string, summary: string): Omit<RestInference, 'choose'> {
  return {
    kind: `v2-${end}`,
    method: 'ModelInfer',
    http: 'POST',
    paths: [`/v2/models/{model}/${end}`, `/v2/models/{model}/versions/{version}/${end}`],
    summary,
    request: { [JSON_TYPE]: SCHEMA },
    answer: { [type]: SCHEMA },
    errors: [404],
    isInference: true,
  };
}
