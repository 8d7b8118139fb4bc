/**
 * The codec thread's jobs for large messages: the codecs of the event loop, with the same results and errors.
 * Arguments and results are what a message between threads can hold.
 */
import { Buffer } from 'node:buffer';
import { type ExamplesBody, ExamplesBodyReader } from '../codec/json/json-examples.ts';
import { type InputSpecs, type PredictFormat, readInputs } from '../codec/json/json-inputs.ts';
import { OutputsPrinter } from '../codec/json/json-outputs.ts';
import { type PredictBody, PredictBodyScanner } from '../codec/json/predict-body.ts';
import { readGroups } from '../codec/json/row-groups.ts';
import type { InferRequest } from '../codec/open-inference/infer-request.ts';
import { readInferRequest } from '../codec/open-inference/infer-request-reader.ts';
import { type InferAnswer, InferPrinter, wholeAnswer } from '../codec/open-inference/rest/infer-answer-writer.ts';
import { type InferBody, InferBodyReader } from '../codec/open-inference/rest/infer-body-reader.ts';
import { parseExamples } from '../codec/tensorflow/example/parse-examples.ts';
import {
  type ExamplesRequest,
  type MultiInferenceRequest,
  readExamplesRequest,
  readMultiInferenceRequest,
} from '../codec/tensorflow/example-input-reader.ts';
import { type PredictRequest, readPredictRequest } from '../codec/tensorflow/predict-reader.ts';
import { writePredictResponse } from '../codec/tensorflow/predict-writer.ts';
import type { FeatureSpec } from '../core/feature-spec.ts';
import { atOnce } from '../core/in-slices.ts';
import type { ModelSpec, ResolvedModelSpec } from '../core/model-spec.ts';
import { notTextAt } from '../core/text.ts';
import {
  type Carried,
  type CarriedStrings,
  type CarriedTensors,
  carriedInputs,
  packStrings,
  unpacked,
  unpackStrings,
} from './carried-tensors.ts';

export interface CarriedPredict extends Omit<PredictRequest, 'inputs'> {
  readonly inputs: CarriedTensors;
}

export interface CarriedInfer extends Omit<InferRequest, 'inputs'> {
  readonly inputs: CarriedTensors;
}

/** An infer answer over REST. */
export interface WholeAnswer {
  readonly bytes: Uint8Array;
  /** The bytes of the JSON; undefined if nothing is behind it. */
  readonly jsonBytes: number | undefined;
}

export interface CarriedInferBody extends Omit<InferBody, 'inputs'> {
  readonly inputs: CarriedTensors;
}

/** A RowGroup. */
export interface CarriedGroup {
  readonly rows: readonly number[];
  readonly inputs: CarriedTensors;
}

/** The contents of a predict body without the values. */
export interface PredictOutline {
  readonly signatureName: string | undefined;
  readonly instances: true | undefined;
  readonly inputs: true | undefined;
}

export class CodecJobs {
  readonly #scanner = new PredictBodyScanner();
  readonly #printer = new OutputsPrinter();
  readonly #inferReader = new InferBodyReader();
  readonly #inferPrinter = new InferPrinter();
  #scanned: PredictBody | undefined;

  /** Keeps the body for `readInputs`. */
  scanPredict(body: Uint8Array, ignoresUnknown = false): PredictOutline {
    this.#scanner.ignoresUnknown = ignoresUnknown;
    const scanned = this.#scanner.scan(bufferOf(body));
    this.#scanned = scanned;
    const { signatureName, instances, inputs } = scanned;
    return { signatureName, instances: instances && true, inputs: inputs && true };
  }

  /** The tensors of the body that was scanned last. */
  readInputs(specs: InputSpecs): CarriedTensors {
    const scanned = this.#scanned!;
    this.#scanned = undefined;
    try {
      return carriedInputs(readInputs(this.#scanner, scanned, specs));
    } finally {
      this.#scanner.release();
    }
  }

  /** The same in groups of rows that have the same shapes. */
  readGroups(specs: InputSpecs): readonly CarriedGroup[] {
    const scanned = this.#scanned!;
    this.#scanned = undefined;
    try {
      const groups = readGroups(this.#scanner, scanned, specs);
      return groups.map(({ rows, inputs }) => ({ rows, inputs: carriedInputs(inputs) }));
    } finally {
      this.#scanner.release();
    }
  }

  readInferBody(body: Uint8Array, jsonBytes: number | undefined, maxTensorBytes: number): CarriedInferBody {
    const read = this.#inferReader.read(bufferOf(body), jsonBytes, maxTensorBytes);
    return { ...read, inputs: carriedInputs(read.inputs) };
  }

  /** `isBinary`: by the outputs' names. */
  printInferAnswer(
    head: Omit<InferAnswer, 'outputs'>,
    outputs: CarriedTensors,
    isBinary: ReadonlyMap<string, boolean>,
  ): WholeAnswer {
    const named = [...atOnce(unpacked(outputs))];
    const printed = this.#inferPrinter.print({
      ...head,
      outputs: named.map(([name, tensor]) => ({ name, tensor, isBinary: isBinary.get(name) === true })),
    });
    return { bytes: wholeAnswer(printed), jsonBytes: printed.tailBytes === 0 ? undefined : printed.json.length };
  }

  readExamplesBody(body: Uint8Array, verb: string, maxBytes: number): Carried<ExamplesBody> {
    return withPacked(new ExamplesBodyReader(maxBytes).read(bufferOf(body), verb));
  }

  readPredict(message: Uint8Array, maxTensorBytes: number, absent: ModelSpec | undefined): CarriedPredict {
    const request = readPredictRequest(message, maxTensorBytes, undefined, absent);
    return { ...request, inputs: carriedInputs(request.inputs) };
  }

  readInfer(message: Uint8Array, maxTensorBytes: number): CarriedInfer {
    const request = readInferRequest(message, maxTensorBytes);
    return { ...request, inputs: carriedInputs(request.inputs) };
  }

  readExamples(
    message: Uint8Array,
    what: string,
    maxBytes: number,
    absent: ModelSpec | undefined,
  ): Carried<ExamplesRequest> {
    return withPacked(readExamplesRequest(message, what, maxBytes, absent));
  }

  readMultiInference(message: Uint8Array, maxBytes: number): Carried<MultiInferenceRequest> {
    return withPacked(readMultiInferenceRequest(message, maxBytes));
  }

  parseExamples(
    specs: readonly FeatureSpec[],
    examples: CarriedStrings,
    signatureName: string,
    maxBytes: number,
  ): CarriedTensors {
    const tensors = parseExamples(specs, atOnce(unpackStrings(examples)), { signatureName, maxBytes });
    return carriedInputs(tensors);
  }

  printOutputs(outputs: CarriedTensors, format: PredictFormat, sentRows: number): Uint8Array {
    return this.#printer.print(atOnce(unpacked(outputs)), format, sentRows);
  }

  writePredict(outputs: CarriedTensors, spec: ResolvedModelSpec, asContent: boolean, room: number): Uint8Array {
    return writePredictResponse(spec, atOnce(unpacked(outputs)), asContent, room);
  }
}

/** The names of the jobs. */
export type JobName = keyof CodecJobs;

function withPacked<Message extends { readonly examples: readonly Uint8Array[] }>(message: Message): Carried<Message> {
  const { examples } = message;
  return { ...message, examples: atOnce(packStrings(examples)), notTextAt: notTextAt(examples) };
}

export function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
