/**
 * Cases whose answers follow from the protocol: an identity gives back what it got, in each form and of each datatype,
 * with the request's id, and an accumulator adds up the steps of its sequence.
 */
import { Buffer } from 'node:buffer';
import type { Case, HttpStep, Json, Step, StepAnswer } from './cases.ts';

/** Three elements of a datatype: as JSON, as the bytes that stand for them, and the field of typed contents. */
interface Elements {
  readonly datatype: string;
  readonly values: readonly (string | number | boolean)[];
  readonly bytes: Buffer;
  /** Absent = raw contents alone. */
  readonly field?: string;
}

const NUMBERS: readonly (readonly [
  string,
  (values: readonly number[]) => ArrayBufferView,
  string,
  readonly number[],
])[] = [
  ['INT8', (values) => Int8Array.from(values), 'int_contents', [-128, 1, 127]],
  ['INT16', (values) => Int16Array.from(values), 'int_contents', [-32_768, 1, 32_767]],
  ['INT32', (values) => Int32Array.from(values), 'int_contents', [-(2 ** 31), 1, 2 ** 31 - 1]],
  ['INT64', (values) => BigInt64Array.from(values.map(BigInt)), 'int64_contents', [-(2 ** 40), 1, 2 ** 40]],
  ['UINT8', (values) => Uint8Array.from(values), 'uint_contents', [0, 1, 255]],
  ['UINT16', (values) => Uint16Array.from(values), 'uint_contents', [0, 1, 65_535]],
  ['UINT32', (values) => Uint32Array.from(values), 'uint_contents', [0, 1, 2 ** 32 - 1]],
  ['UINT64', (values) => BigUint64Array.from(values.map(BigInt)), 'uint64_contents', [0, 1, 2 ** 40]],
  ['FP32', (values) => Float32Array.from(values), 'fp32_contents', [-0.5, 0, 2.25]],
  ['FP64', (values) => Float64Array.from(values), 'fp64_contents', [-0.1, 0, 1e300]],
];

const ELEMENTS: readonly Elements[] = [
  ...NUMBERS.map(([datatype, array, field, values]) => {
    const { buffer, byteOffset, byteLength } = array(values);
    return { datatype, values, field, bytes: Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength) };
  }),
  { datatype: 'BOOL', values: [true, false, true], field: 'bool_contents', bytes: Buffer.of(1, 0, 1) },
  { datatype: 'FP16', values: [0.5, 1, 2], bytes: Buffer.from(Uint16Array.of(0x3800, 0x3c00, 0x4000).buffer) },
  { datatype: 'BYTES', values: ['a', 'übung', ''], field: 'bytes_contents', bytes: withLengths('a', 'übung', '') },
];

/** BYTES as they stand behind JSON, and in raw contents. */
function withLengths(...texts: readonly string[]): Buffer {
  return Buffer.concat(
    texts.flatMap((text) => {
      const bytes = Buffer.from(text);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );
}

export function ruledCases(): readonly Case[] {
  const identities = ELEMENTS.flatMap((elements) =>
    ['id', 'idn'].flatMap((kind) =>
      [
        [1, 3],
        [3, 1],
      ].flatMap((shape) => identityCases(kind, elements, shape)),
    ),
  );
  return [...identities, ...sequenceCases(), ...generateCases()];
}

function identityCases(kind: string, elements: Elements, shape: readonly number[]): readonly Case[] {
  const model = `${kind}_${elements.datatype.toLowerCase()}`;
  return ['', 'r-1'].flatMap((id) => [
    ...httpCases({ model, elements, shape, id }),
    ...grpcCases({ model, elements, shape, id }),
  ]);
}

interface Asked {
  readonly model: string;
  readonly elements: Elements;
  readonly shape: readonly number[];
  /** Empty = none. */
  readonly id: string;
}

function nameOf({ model, shape, id }: Asked, form: string): string {
  return `rule/${model} ${shape.join('x')} ${form}${id === '' ? '' : ' with id'}`;
}

/** JSON or binary data, on either side; the output is named or not. */
function httpCases(asked: Asked): readonly Case[] {
  return [false, true].flatMap((isSentBinary) =>
    [false, true].flatMap((isAnswerBinary) =>
      [false, true].map((isNamed) => httpCase(asked, { isSentBinary, isAnswerBinary, isNamed })),
    ),
  );
}

interface Form {
  readonly isSentBinary: boolean;
  readonly isAnswerBinary: boolean;
  readonly isNamed: boolean;
}

function httpCase(asked: Asked, form: Form): Case {
  const { model, elements, shape, id } = asked;
  const { isSentBinary, isAnswerBinary, isNamed } = form;
  const { datatype, values, bytes } = elements;
  const content = isSentBinary ? { parameters: { binary_data_size: bytes.length } } : { data: values };
  const request = {
    ...(id !== '' && { id }),
    ...(isAnswerBinary && !isNamed && { parameters: { binary_data_output: true } }),
    inputs: [{ name: 'INPUT0', shape, datatype, ...content }],
    ...(isNamed && { outputs: [{ name: 'OUTPUT0', parameters: { binary_data: isAnswerBinary } }] }),
  };
  const name = `${isSentBinary ? 'binary' : 'JSON'} to ${isAnswerBinary ? 'binary' : 'JSON'}${isNamed ? ', named' : ''}`;
  const step = inferStep(model, JSON.stringify(request), isSentBinary ? bytes : undefined);
  return { id: nameOf(asked, name), steps: [step], triton: [httpAnswer(asked, form)] };
}

function httpAnswer({ model, elements, shape, id }: Asked, { isSentBinary, isAnswerBinary }: Form): StepAnswer {
  const { datatype, values, bytes } = elements;
  if (datatype === 'FP16' && !(isSentBinary && isAnswerBinary))
    return { status: 400, headers: {}, json: { error: '' } };
  const content = isAnswerBinary ? { parameters: { binary_data_size: bytes.length } } : { data: values };
  return {
    status: 200,
    headers: isAnswerBinary ? { 'inference-header-content-length': '' } : {},
    json: {
      ...(id !== '' && { id }),
      model_name: model,
      model_version: '1',
      outputs: [{ name: 'OUTPUT0', datatype, shape, ...content }],
    } as Json,
    ...(isAnswerBinary && { tail: bytes.toString('base64') }),
  };
}

/** Raw and typed contents, in a call and on a stream. */
function grpcCases(asked: Asked): readonly Case[] {
  const { model, elements, shape, id } = asked;
  const { datatype, values, bytes, field } = elements;
  const input = { name: 'INPUT0', datatype, shape: shape.map(String) };
  const raw = { inputs: [input], raw_input_contents: [bytes.toString('base64')] };
  const texts = datatype === 'BYTES' ? values.map((text) => Buffer.from(String(text)).toString('base64')) : values;
  const wide = datatype.endsWith('INT64') ? texts.map(String) : texts;
  const forms = { raw, ...(field !== undefined && { typed: { inputs: [{ ...input, contents: { [field]: wide } }] } }) };
  const message = {
    model_name: model,
    model_version: '1',
    ...(id !== '' && { id }),
    outputs: [{ name: 'OUTPUT0', datatype, shape: shape.map(String) }],
    raw_output_contents: [bytes.toString('base64')],
  };
  const last = { ...message, parameters: { triton_final_response: { bool_param: true } } };
  return Object.entries(forms).flatMap(([form, content]) => {
    const request = { model_name: model, id, ...content } as Json;
    const unary = { rpc: 'ModelInfer', request };
    const streamed = { rpc: 'ModelStreamInfer', requests: [request] };
    return [
      { id: nameOf(asked, form), steps: [unary], triton: [{ code: 'OK', message: message as Json }] },
      {
        id: nameOf(asked, `${form} streamed`),
        steps: [streamed],
        triton: [{ code: 'OK', stream: [{ infer_response: last }] }],
      },
    ];
  });
}

function inferStep(model: string, json: string, tail?: Buffer): HttpStep {
  const step = { method: 'POST', path: `/v2/models/${model}/infer`, headers: {} };
  if (tail === undefined) return { ...step, body: json };
  const length = { 'Inference-Header-Content-Length': String(Buffer.byteLength(json)) };
  return { ...step, headers: length, body_b64: Buffer.concat([Buffer.from(json), tail]).toString('base64') };
}

/** The steps of a sequence add up; ids are numbers, large numbers and texts. */
function sequenceCases(): readonly Case[] {
  return ['seq_state', 'seq_oldest'].flatMap((model) =>
    ['9007199254740993', '42001', '"call-7"'].map((id) => {
      const step = (value: number, flags: string): Step => {
        const input = { name: 'INPUT', shape: [1, 1], datatype: 'FP32', data: [value] };
        return inferStep(model, `{"parameters":{"sequence_id":${id}${flags}},"inputs":[${JSON.stringify(input)}]}`);
      };
      const answer = (sum: number): StepAnswer => ({
        status: 200,
        headers: {},
        json: {
          model_name: model,
          model_version: '1',
          outputs: [{ name: 'OUTPUT', datatype: 'FP32', shape: [1, 1], data: [sum] }],
        },
      });
      const steps = [step(1, ',"sequence_start":true'), step(2, ''), step(4, ',"sequence_end":true')];
      return { id: `rule/${model} adds up ${id}`, steps, triton: [answer(1), answer(3), answer(7)] };
    }),
  );
}

/** One element is a value, and several are a list. */
function generateCases(): readonly Case[] {
  return ELEMENTS.filter(({ field }) => field !== undefined).flatMap(({ datatype, values }) =>
    [1, 3].map((count) => {
      const value = count === 1 ? values[1]! : values;
      const model = `id_${datatype.toLowerCase()}`;
      const body = JSON.stringify({ INPUT0: value, id: 'g' });
      const step = { method: 'POST', path: `/v2/models/${model}/generate`, headers: {}, body };
      const json = { id: 'g', model_name: model, model_version: '1', OUTPUT0: value } as Json;
      return { id: `rule/${model} generate ${count}`, steps: [step], triton: [{ status: 200, headers: {}, json }] };
    }),
  );
}
