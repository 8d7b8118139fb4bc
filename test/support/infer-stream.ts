/** ModelStreamInfer from its client's side, and a model whose answers a test holds back. */
import { Buffer } from 'node:buffer';
import type { TensorMap } from '../../src/core/tensor.ts';
import { type Answer, type GrpcHarness, INFERENCE } from './grpc-harness.ts';
import { echo } from './puppet-models.ts';

export const floats = (...values: number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);

/** A ModelInferRequest for model "m" with the float input "x". */
export const request = (id: string, values: readonly number[] = [1], fields: object = {}): object => ({
  ...{ model_name: 'm', id, inputs: [{ name: 'x', datatype: 'FP32', shape: [values.length] }] },
  ...{ raw_input_contents: [floats(...values)], ...fields },
});

interface StreamStatus {
  readonly code: number;
  readonly details: string;
}

/** A client's side of one stream. */
export class Stream {
  readonly answers: Answer[] = [];
  readonly status: Promise<StreamStatus>;
  readonly call: Answer;
  readonly #harness: GrpcHarness;

  constructor(harness: GrpcHarness, options: object = {}) {
    this.#harness = harness;
    this.call = harness.client(INFERENCE).ModelStreamInfer(options);
    this.call.on('data', (answer: Answer) => this.answers.push(answer));
    this.call.on('error', () => undefined);
    this.status = new Promise((resolve) => this.call.on('status', resolve));
  }

  send(...requests: readonly object[]): void {
    for (const each of requests) this.call.write(each);
  }

  async answered(count: number): Promise<readonly Answer[]> {
    await this.#harness.until(() => this.answers.length >= count);
    return this.answers;
  }

  /** Ids of the answers, in the order in which they came. */
  get ids(): readonly string[] {
    return this.answers.map(({ infer_response }) => infer_response.id);
  }
}

/** A model whose requests wait until the test answers them, by the first value of their input. */
export class Held {
  readonly #waiting = new Map<number, () => void>();

  readonly behave = (asked: Parameters<typeof echo>[0]): Promise<TensorMap> =>
    new Promise((resolve) => {
      const x = asked.inputs.get('x')!.data as Uint8Array;
      const key = new DataView(x.buffer, x.byteOffset).getFloat32(0, true);
      this.#waiting.set(key, () => resolve(echo(asked) as TensorMap));
    });

  get count(): number {
    return this.#waiting.size;
  }

  answer(key: number): void {
    this.#waiting.get(key)!();
    this.#waiting.delete(key);
  }
}
