/** The ways in which a server is asked for a prediction. */
import type { Buffer } from 'node:buffer';
import type { ServedTensor } from '../../cli/served-inputs.ts';
import { readInputs } from '../../codec/json/json-inputs.ts';
import { PredictBodyScanner } from '../../codec/json/predict-body.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { DataError } from './data-error.ts';

/** The model that is asked. */
export interface Target {
  /** Empty = the only one that the server has. */
  readonly model: string;
  /** Empty = the server's choice. */
  readonly version: string;
  readonly signature: string;
}

/** An answer. Values are nested lists, numbers (texts where a number of JavaScript would round them), texts, booleans. */
export interface Answer {
  readonly outputs: ReadonlyMap<string, unknown>;
  /** Each output is a list with an element for each row. */
  readonly hasRows: boolean;
  /** The answer in JSON. */
  readonly json: string;
}

export interface Protocol {
  /** The inputs of the signature. Rejects with the server's error. */
  inputs(): Promise<ReadonlyMap<string, ServedTensor>>;
  /** `body`: of the REST API, as request-body.ts makes it. Rejects with the server's error. */
  predict(body: Buffer): Promise<Answer>;
  close(): void;
}

/** The tensors of a body of the REST API. Throws DataError. */
export function tensorsOf(body: Buffer, inputs: ReadonlyMap<string, ServedTensor>): TensorMap {
  const scanner = new PredictBodyScanner();
  try {
    return readInputs(scanner, scanner.scan(body), { inputs });
  } catch (error) {
    throw new DataError((error as Error).message);
  }
}

/** An answer has no more elements than a process can hold as lists. */
const MAX_ELEMENTS = 2 ** 27;

/** The elements of an answered shape. Throws a RangeError for one that no answer has. */
export function countOf(shape: readonly number[]): number {
  // Lists of nothing are lists nevertheless.
  const lists = shape.reduce((product, size) => product * Math.max(1, size), 1);
  if (lists <= MAX_ELEMENTS && shape.every((size) => Number.isInteger(size) && size >= 0))
    return shape.includes(0) ? 0 : lists;
  throw new RangeError(`an output of the shape [${shape.join(',')}] cannot be shown`);
}

/** A flat list of elements and a shape → nested lists. Throws a RangeError if they do not fit. */
export function nested(elements: readonly unknown[], shape: readonly number[]): unknown {
  if (countOf(shape) !== elements.length) throw new RangeError('an output has not as many elements as its shape');
  let next = 0;
  const take = (dim: number): unknown =>
    dim === shape.length ? elements[next++] : Array.from({ length: shape[dim]! }, () => take(dim + 1));
  return take(0);
}

/**
 * JSON as servers of these protocols write it: numbers may be NaN or Infinity, and integers above 2^53, which become
 * texts here.
 */
export function parseAnswer(text: string): unknown {
  const token = /"[^"\\]*(?:\\.[^"\\]*)*"|-?(?:NaN|Infinity)|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
  const isQuoted = /^-?(?:NaN|Infinity|\d{16,})$/;
  return JSON.parse(text.replaceAll(token, (each) => (isQuoted.test(each) ? `"${each}"` : each)));
}

/** Outputs by name: are all of them lists of one length? */
export function answerOf(outputs: ReadonlyMap<string, unknown>, json: string): Answer {
  const lengths = new Set([...outputs.values()].map((value) => (Array.isArray(value) ? value.length : -1)));
  return { outputs, hasRows: lengths.size === 1 && !lengths.has(-1), json };
}
