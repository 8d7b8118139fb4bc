/**
 * The digits example on ONNX Runtime and on TensorFlow.js, for tests with clients that others made: the runtimes alone
 * say which bits must come back for the same pixels, whatever the client and the surface.
 *
 * A client's program reads the pixels from a file of JSON, and prints an Answered a line.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { typedArrayOf } from '../../src/core/dtype.ts';
import type { Tensor, TensorMap } from '../../src/core/tensor.ts';
import { Callers, type Question, SURFACES } from '../zoo/callers.ts';
import { openOnnx } from '../zoo/runtime-alone.ts';
import { openTensorflow } from '../zoo/tensorflow-alone.ts';
import type { Sidecar } from './sidecar.ts';
import { tempDirectory } from './temp-directory.ts';

const MODELS = 'examples/digits/models';
const DIRECTORIES = { digits: `${MODELS}/digits`, digits_tfjs: `${MODELS}/digits_tfjs` } as const;
const PIXELS = 64;

/** Their arguments of `pillion serve`. */
export const DIGIT_MODELS = Object.entries(DIRECTORIES).map(([name, directory]) => `--model=${name}=${directory}`);

/** The protocol's names of the outputs' dtypes. */
const DATATYPES: Readonly<Record<string, string>> = { float32: 'FP32', int32: 'INT32', int64: 'INT64' };

/** A client's answer to all rows. */
export interface Answered {
  readonly model: string;
  /** The client's way of asking, say 'REST, binary'. */
  readonly how: string;
  readonly outputs: readonly { name: string; datatype: string; shape: readonly number[]; hex: string }[];
}

export class DigitAnswers {
  /** Each has PIXELS numbers. */
  readonly rows: readonly (readonly number[])[];
  readonly #questions: ReadonlyMap<string, Question>;

  private constructor(rows: readonly (readonly number[])[], questions: ReadonlyMap<string, Question>) {
    this.rows = rows;
    this.#questions = questions;
  }

  /** Asks the runtimes for the first `count` samples of the example. */
  static async open(count: number): Promise<DigitAnswers> {
    const samples = JSON.parse(readFileSync(`${DIRECTORIES.digits}/1/samples.json`, 'utf8')) as Sample[];
    const rows = samples.slice(0, count).map(({ inputs }) => inputs.pixels);
    const data = new Uint8Array(Float32Array.from(rows.flat()).buffer);
    const inputs = new Map([['pixels', { dtype: 'float32', shape: [count, PIXELS], data } as const]]);
    const runtimes = {
      digits: await openOnnx(`${DIRECTORIES.digits}/1/model.onnx`),
      digits_tfjs: await openTensorflow(`${DIRECTORIES.digits_tfjs}/1`),
    };
    const questions = new Map<string, Question>();
    for (const [name, runtime] of Object.entries(runtimes)) {
      questions.set(name, { inputs, expected: await runtime.run(inputs) });
      await runtime.close();
    }
    return new DigitAnswers(rows, questions);
  }

  get models(): readonly string[] {
    return [...this.#questions.keys()];
  }

  /** A file with the rows in JSON, gone after the test. */
  fileOfRows(t: TestContext): string {
    const file = join(tempDirectory(t), 'rows.json');
    writeFileSync(file, JSON.stringify(this.rows));
    return file;
  }

  /** The runtime's own. */
  of(model: string): TensorMap {
    return this.#questions.get(model)!.expected;
  }

  /** Checks the answers over TensorFlow Serving's two surfaces, and over REST of the Open Inference Protocol. */
  async checkServed(sidecar: Pick<Sidecar, 'grpc' | 'rest'>): Promise<void> {
    const callers = new Callers(sidecar);
    for (const [model, question] of this.#questions) {
      const wanted = textsOf(question.expected);
      for (const surface of SURFACES) {
        const answer = await callers.call(surface, model, question);
        assert.deepEqual(textsOf(answer), wanted, `${model}, TensorFlow Serving's ${surface}`);
      }
      assert.deepEqual(textsOf(await this.#infer(sidecar.rest, model)), wanted, `${model}, /v2`);
    }
    callers.close();
  }

  /** A client's lines. Throws unless each has the runtime's bits, and each model was asked in each of `hows`. */
  checkAnswered(lines: readonly Answered[], hows: readonly string[]): void {
    for (const { model, how, outputs } of lines) {
      const got = outputs.map(({ name, datatype, shape, hex }) => `${name} ${datatype} [${shape}] ${hex}`).sort();
      assert.deepEqual(got, textsOf(this.of(model)), `${model}, ${how}`);
    }
    const asked = lines.map(({ model, how }) => `${model}, ${how}`).sort();
    assert.deepEqual(asked, this.models.flatMap((model) => hows.map((how) => `${model}, ${how}`)).sort());
  }

  async #infer(rest: string, model: string): Promise<TensorMap> {
    const input = { name: 'pixels', datatype: 'FP32', shape: [this.rows.length, PIXELS], data: this.rows };
    const body = JSON.stringify({ inputs: [input] });
    const answer = await fetch(`${rest}/v2/models/${model}/infer`, { method: 'POST', body });
    const { outputs } = (await answer.json()) as { outputs: { name: string; shape: number[]; data: number[] }[] };
    return new Map(outputs.map(({ name, shape, data }) => [name, this.#tensor(model, name, shape, data)]));
  }

  #tensor(model: string, name: string, shape: readonly number[], data: readonly number[]): Tensor {
    const { dtype } = this.of(model).get(name) as Exclude<Tensor, { dtype: 'string' }>;
    const array = new (typedArrayOf(dtype))(data.length);
    for (const [i, value] of data.entries()) array[i] = (dtype === 'int64' ? BigInt(value) : value) as never;
    return { dtype, shape, data: new Uint8Array(array.buffer) };
  }
}

interface Sample {
  readonly inputs: { readonly pixels: readonly number[] };
}

/** The lines of a client's output that are answers; the others are for people. */
export function answeredIn(output: string): readonly Answered[] {
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as Answered);
}

function textsOf(tensors: TensorMap): readonly string[] {
  return [...tensors]
    .map(([name, { dtype, shape, data }]) => {
      return `${name} ${DATATYPES[dtype]} [${shape}] ${Buffer.from(data as Uint8Array).toString('hex')}`;
    })
    .sort();
}
