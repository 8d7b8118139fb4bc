/**
 * The tensors of one request that are in shared memory, where their parameters say:
 *
 *   shared_memory_region       the name of a registered region
 *   shared_memory_byte_size    of the tensor's elements; of an output the room that there is for them
 *   shared_memory_offset       of the elements within the region; default 0
 *
 * Elements are as in raw contents (raw-tensor.ts). Inputs are read once, before the request is queued, so what a client
 * does to a region afterwards changes no answer. Outputs are written when all of them are known to fit; a request that
 * is cancelled, or has passed its deadline, writes no more.
 */
import {
  duplicateInput,
  type Parameters,
  type RequestedOutput,
  type SharedInput,
} from '../../codec/open-inference/infer-request.ts';
import { LENGTH_BYTES, rawTensorSteps } from '../../codec/open-inference/raw-tensor.ts';
import { binaryBytes } from '../../codec/open-inference/rest/binary-tensors.ts';
import { invalidRequest, ServingError } from '../../core/errors.ts';
import { atOnce, inSlices, type Steps } from '../../core/in-slices.ts';
import { quoteName } from '../../core/list-names.ts';
import { areLargerThan, byteLengthOf, type Tensor, type TensorMap } from '../../core/tensor.ts';
import type { MessageMemory } from '../../proxy/message-memory.ts';
import type { Loan, RequestContext } from '../../proxy/request-context.ts';
import { type Region, writeSlices } from './region.ts';
import type { RegionStore } from './region-store.ts';

/** A part of a region. */
interface Place {
  readonly region: Region;
  readonly at: number;
  readonly byteSize: number;
}

interface PlacedInput {
  readonly input: SharedInput;
  readonly place: Place;
}

/** Bytes that are copied at once, which takes 0.1 ms. */
const AT_ONCE_BYTES = 2 ** 20;
/** Strings are cut and joined one by one. */
const AT_ONCE_STRING_BYTES = 128 * 1024;
/** The strings that one step joins. */
const STEP_STRINGS = 1024;
const NO_BYTES = new Uint8Array(0);

export class SharedTensors implements Loan {
  readonly #context: RequestContext;
  readonly #inputs: PlacedInput[] = [];
  readonly #outputs = new Map<string, Place>();
  readonly #borrowed: Region[] = [];
  readonly #memory: MessageMemory;
  /** Memory that holds inputs. */
  readonly #taken: Uint8Array[] = [];
  #isReleased = false;

  /** @param memory holds the inputs */
  constructor(context: RequestContext, memory: MessageMemory) {
    this.#context = context;
    this.#memory = memory;
  }

  /** Borrows the regions of these tensors, until `release`. Throws `invalid_request`, `region_not_found`. */
  place(regions: RegionStore, inputs: readonly SharedInput[], outputs: readonly RequestedOutput[]): void {
    for (const input of inputs) {
      this.#inputs.push({ input, place: this.#placeOf(regions, `input ${quoteName(input.name)}`, input.parameters) });
    }
    for (const { name, parameters } of outputs) {
      const what = `output ${quoteName(name)}`;
      if (parameters.has('classification')) {
        throw invalidRequest(`${what} has "classification", beside a shared memory region; send one of the two`);
      }
      this.#outputs.set(name, this.#placeOf(regions, what, parameters));
    }
  }

  get hasOutputs(): boolean {
    return this.#outputs.size > 0;
  }

  /** Bytes of the inputs. */
  get inputBytes(): number {
    return this.#inputs.reduce((sum, { place }) => sum + place.byteSize, 0);
  }

  /** The inputs of the request, beside those that were sent. Throws or rejects with `invalid_request`. */
  read(sent: TensorMap): TensorMap | Promise<TensorMap> {
    const strings = this.#inputs.filter(({ input }) => input.dtype === 'string');
    const stringBytes = strings.reduce((sum, { place }) => sum + place.byteSize, 0);
    const steps = this.#whileBorrowed(this.#read(sent));
    const isSmall = this.inputBytes <= AT_ONCE_BYTES && stringBytes <= AT_ONCE_STRING_BYTES;
    return isSmall ? atOnce(steps) : inSlices(steps);
  }

  /** The outputs; those that were written into regions have no data. Throws or rejects with ServingError. */
  write(outputs: TensorMap): TensorMap | Promise<TensorMap> {
    const steps = this.#whileBorrowed(this.#write(outputs));
    return areLargerThan(outputs, AT_ONCE_BYTES) ? inSlices(steps) : atOnce(steps);
  }

  /** The request has ended. Reading and writing ends before its next step. */
  release(isAnswered: boolean): void {
    this.#isReleased = true;
    for (const region of this.#borrowed.splice(0)) region.release();
    if (isAnswered) for (const bytes of this.#taken.splice(0)) this.#memory.give(bytes);
  }

  #placeOf(regions: RegionStore, what: string, parameters: Parameters): Place {
    const name = parameters.get('shared_memory_region');
    if (typeof name !== 'string')
      throw invalidRequest(`parameter "shared_memory_region" of ${what} is no text; send one`);
    const byteSize = wholeNumber(what, 'shared_memory_byte_size', parameters.get('shared_memory_byte_size'));
    const at = wholeNumber(what, 'shared_memory_offset', parameters.get('shared_memory_offset') ?? 0);
    const region = regions.find(name);
    if (at + byteSize > region.byteSize) throw outside(what, region, at, byteSize);
    this.#borrowed.push(region.borrow());
    return { region, at, byteSize };
  }

  /** The request may end between two steps, and its regions be unregistered. */
  *#whileBorrowed<T>(steps: Steps<T>): Steps<T> {
    const regions = this.#borrowed.map((region) => region.borrow());
    try {
      for (;;) {
        this.#requireOpen();
        const step = steps.next();
        if (step.done === true) return step.value;
        yield;
      }
    } finally {
      for (const region of regions) region.release();
    }
  }

  #requireOpen(): void {
    this.#context.cancel.throwIfCancelled();
    if (this.#isReleased) throw new ServingError('cancelled', 'the request has ended');
  }

  *#read(sent: TensorMap): Steps<TensorMap> {
    const inputs = new Map(sent);
    for (const { input, place } of this.#inputs) {
      if (inputs.has(input.name)) throw duplicateInput(input.name);
      const bytes = this.#memory.take(place.byteSize);
      this.#taken.push(bytes);
      yield* place.region.read(bytes, place.at);
      inputs.set(input.name, yield* rawTensorSteps(input, bytes));
    }
    return inputs;
  }

  *#write(outputs: TensorMap): Steps<TensorMap> {
    for (const [name, { byteSize }] of this.#outputs) {
      const bytes = rawBytes(outputs.get(name)!);
      if (bytes > byteSize) throw doesNotFit(name, byteSize, bytes);
    }
    const answer = new Map(outputs);
    for (const [name, place] of this.#outputs) {
      const tensor = outputs.get(name)!;
      yield* writeTensor(place, tensor);
      answer.set(name, withoutData(tensor));
    }
    return answer;
  }
}

function* writeTensor({ region, at }: Place, tensor: Tensor): Steps<void> {
  if (tensor.dtype !== 'string') {
    yield* writeSlices(region, tensor.data, at);
    return;
  }
  let end = at;
  for (let from = 0; from < tensor.data.length; from += STEP_STRINGS) {
    const data = tensor.data.slice(from, from + STEP_STRINGS);
    const bytes = binaryBytes({ dtype: 'string', shape: [data.length], data });
    yield* writeSlices(region, bytes, end);
    end += bytes.byteLength;
  }
}

function withoutData({ dtype, shape }: Tensor): Tensor {
  return dtype === 'string' ? { dtype, shape, data: [] } : { dtype, shape, data: NO_BYTES };
}

function rawBytes(tensor: Tensor): number {
  return byteLengthOf(tensor) + (tensor.dtype === 'string' ? LENGTH_BYTES * tensor.data.length : 0);
}

/** gRPC's are bigint. */
function wholeNumber(what: string, name: string, value: unknown): number {
  const number = typeof value === 'number' || typeof value === 'bigint' ? Number(value) : Number.NaN;
  if (number >= 0 && Number.isInteger(number)) return number;
  const sent = value === undefined ? 'missing' : 'no whole number of 0 or more';
  throw invalidRequest(`parameter "${name}" of ${what} is ${sent}; send the number of bytes`);
}

function outside(what: string, region: Region, at: number, byteSize: number): ServingError {
  return invalidRequest(
    `invalid offset + byte size for shared memory region: ${quoteName(region.name)} has ${region.byteSize} bytes, and ` +
      `${what} is ${byteSize} bytes at ${at}; send a place within the region`,
  );
}

/** The words are Triton's. */
function doesNotFit(name: string, room: number, bytes: number): ServingError {
  return invalidRequest(
    `shared memory size specified with the request for output ${quoteName(name)} (${room} bytes) should be at least ` +
      `${bytes} bytes to hold the results`,
  );
}
