/** HTTP/1.1: TensorFlow Serving's row form, the Open Inference Protocol as JSON and with binary tensors, an echo. */
import type { BenchModel } from '../models.ts';
import type { Protocol } from './protocol.ts';

const JSON_HEADERS = { 'content-type': 'application/json' };
const BRACE = '}'.charCodeAt(0);
const BINARY_LENGTH = 'Inference-Header-Content-Length';
const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const decode = (answer: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(answer));

/** The row as nested arrays, without the batch axis. */
function nestedRow({ row, rowShape }: BenchModel): unknown {
  let level: unknown[] = Array.from(row);
  for (const size of [...rowShape].reverse()) {
    level = Array.from({ length: level.length / size }, (_, i) => level.slice(i * size, (i + 1) * size));
  }
  return level[0];
}

/** {"instances": [row]} is answered {"predictions": [row]}, or by a bare list of rows. */
export function rowForm(path: (model: BenchModel) => string): Protocol {
  return {
    surface: 'REST',
    path,
    headers: () => JSON_HEADERS,
    request: (model) => encode({ instances: [nestedRow(model)] }),
    read: (answer, { outputs }) => {
      const body = decode(answer) as { predictions?: unknown[] } | unknown[];
      const row = Array.isArray(body) ? body[0] : body.predictions?.[0];
      if (outputs.length === 1) return [[row].flat() as number[]];
      return outputs.map(({ name }) => [(row as Record<string, number | number[]>)[name]].flat() as number[]);
    },
  };
}

/** TensorFlow Serving's own path. */
export const tensorFlowServing = rowForm(({ name }) => `/v1/models/${name}:predict`);

/** One float a row has no axis beside the batch; Triton wants one. */
export interface OpenInferenceOptions {
  readonly needsSecondAxis?: boolean;
}

export function openInferenceShape({ rowShape }: BenchModel, { needsSecondAxis }: OpenInferenceOptions): number[] {
  return needsSecondAxis === true && rowShape.length === 0 ? [1, 1] : [1, ...rowShape];
}

export function openInference(options: OpenInferenceOptions = {}): Protocol {
  return {
    surface: 'REST',
    path: ({ name }) => `/v2/models/${name}/infer`,
    headers: () => JSON_HEADERS,
    request: (model) => {
      const shape = openInferenceShape(model, options);
      return encode({ inputs: [{ name: model.input, datatype: 'FP32', shape, data: Array.from(model.row) }] });
    },
    read: (answer, { outputs }) => {
      const body = decode(answer) as { outputs: { name: string; data: number[] }[] };
      return outputs.map(({ name }) => body.outputs.find((output) => output.name === name)!.data);
    },
  };
}

function binaryHead(model: BenchModel, options: OpenInferenceOptions): Uint8Array {
  const shape = openInferenceShape(model, options);
  const parameters = { binary_data_size: model.row.byteLength };
  return encode({
    inputs: [{ name: model.input, datatype: 'FP32', shape, parameters }],
    outputs: model.outputs.map(({ name }) => ({ name, parameters: { binary_data: true } })),
  });
}

/** The protocol's binary extension: a JSON head, then the tensors' bytes. */
export function openInferenceBinary(options: OpenInferenceOptions = {}): Protocol {
  return {
    surface: 'REST binary',
    path: ({ name }) => `/v2/models/${name}/infer`,
    headers: (model) => ({
      'content-type': 'application/octet-stream',
      [BINARY_LENGTH]: String(binaryHead(model, options).length),
    }),
    request: (model) => {
      const head = binaryHead(model, options);
      const body = new Uint8Array(head.length + model.row.byteLength);
      body.set(head);
      body.set(new Uint8Array(model.row.buffer), head.length);
      return body;
    },
    read: readBinary,
  };
}

/** The head's length is in an HTTP header that is not at hand here: the head ends with the brace that makes it JSON. */
function readBinary(answer: Uint8Array, { outputs }: BenchModel): number[][] {
  for (let end = answer.lastIndexOf(BRACE); end > 0; end = answer.lastIndexOf(BRACE, end - 1)) {
    const head = parseOrUndefined(answer.subarray(0, end + 1));
    if (head === undefined) continue;
    const values = new Map<string, number[]>();
    let offset = end + 1;
    for (const { name, datatype, parameters } of head.outputs) {
      const bytes = answer.slice(offset, offset + parameters.binary_data_size).buffer;
      values.set(name, Array.from(datatype === 'INT64' ? new BigInt64Array(bytes) : new Float32Array(bytes), Number));
      offset += parameters.binary_data_size;
    }
    return outputs.map(({ name }) => values.get(name)!);
  }
  throw new Error(`no JSON head: ${new TextDecoder().decode(answer.subarray(0, 200))}`);
}

interface BinaryHead {
  readonly outputs: { name: string; datatype: string; parameters: { binary_data_size: number } }[];
}

function parseOrUndefined(bytes: Uint8Array): BinaryHead | undefined {
  try {
    return decode(bytes) as BinaryHead;
  } catch {
    return undefined;
  }
}

/** The row form to a server that sends it back: the answer holds the input, not a model's output. */
export const echo: Protocol = {
  ...tensorFlowServing,
  read: (answer, model) => {
    const isSame = new TextDecoder().decode(answer) === new TextDecoder().decode(tensorFlowServing.request(model));
    return isSame ? model.outputs.map(({ values }) => values) : [];
  },
};
