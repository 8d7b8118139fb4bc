/**
 * Any JSON value → elements of one dtype, element by element, with an error text for each problem. It reads values that
 * are no number grid (strings, booleans, base64, NaN, long integers, rows of objects), and explains a faulty grid.
 *
 * The first element at each level gives the shape. All others must have it, in this value and in every further value
 * that is read into the same reader (the rows of one input). The syntax has been checked before. The walk is iterative,
 * so nested lists take no call stack.
 */
import { invalidRequest, ServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import type { Shape } from '../../core/shape.ts';
import type { TensorSpec } from '../../core/signature.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ElementBuffer } from './element-buffer.ts';
import { CLOSE_ARRAY, OPEN_ARRAY } from './json-chars.ts';
import type { JsonCursor } from './json-cursor.ts';
import { ElementReader } from './json-element.ts';
import { MAX_RANK } from './json-grid.ts';

export interface ElementForm {
  /** The name of the dtype in error texts. */
  readonly dtypeName?: string;
  /** Narrow integers wrap. Default true. */
  readonly wraps?: boolean;
}

/** The reason in the attributes of an error: lists of one level differ in length. */
export const UNEQUAL = 'unequal_lists';

const SEND_OBJECTS = 'send numbers, or rows as objects by the names of the features, where a category is its text';

type ElementSpec = Pick<TensorSpec, 'dtype' | 'takesMissing' | 'columns'>;

export class TensorReader {
  /** The number of values read so far. */
  values = 0;
  readonly #cursor: JsonCursor;
  readonly #elements: ElementBuffer;
  readonly #element: ElementReader;
  readonly #wants: string;
  readonly #hasColumns: boolean;
  /** The depth of the elements; -1 until the first was read. */
  #rank = -1;
  /** The length of the lists at each level; -1 until one was read. */
  readonly #dims: number[] = [];
  /** The number of elements before the one that is being read, for each open list. */
  readonly #seen: number[] = [];
  #path = '';

  /** `form`: what differs in another protocol than TensorFlow Serving's. */
  constructor(cursor: JsonCursor, name: string, spec: ElementSpec, form: ElementForm = {}) {
    const { dtypeName = spec.dtype, wraps = true } = form;
    this.#cursor = cursor;
    this.#elements = new ElementBuffer(spec.dtype);
    this.#element = new ElementReader(cursor, this.#elements, wraps, spec.takesMissing);
    this.#wants = `input ${quoteName(name)} wants ${dtypeName}`;
    this.#hasColumns = spec.columns !== undefined;
  }

  /** Reads the value at the cursor and moves past it. `path` is its place in the body, for error texts. */
  read(path: string): void {
    this.#path = path;
    this.#seen.length = 0;
    const cursor = this.#cursor;
    for (;;) {
      if (cursor.skipSpace() === OPEN_ARRAY) {
        this.#openList();
        if (cursor.skipSpace() !== CLOSE_ARRAY) continue;
        // The elements of an empty list would be at the next level.
        if (this.#rank === -1) this.#rank = this.#seen.length;
      } else {
        this.#readElement();
        this.#countElement();
      }
      if (!this.#hasNext()) break;
    }
    this.values++;
  }

  /**
   * All values as one tensor of shape [...prefix, ...shape of each value]. `prefix` has as many values as were read.
   */
  tensor(prefix: Shape): Tensor {
    return this.#elements.tensor([...prefix, ...this.#dims.slice(0, this.#rank)]);
  }

  #openList(): void {
    const level = this.#seen.length;
    if (level === this.#rank) throw this.#fail('a list', 'others have single values there; nest all alike');
    if (level === MAX_RANK) throw this.#fail('a list', `a tensor has ${MAX_RANK} dimensions at most; nest less deeply`);
    if (this.#dims.length === level) this.#dims.push(-1);
    this.#seen.push(0);
    this.#cursor.at++;
  }

  #readElement(): void {
    const level = this.#seen.length;
    if (this.#rank === -1) this.#rank = level;
    if (level !== this.#rank) throw this.#fail('a single value', 'others have lists there; nest all alike');
    const problem = this.#element.read();
    if (problem === undefined) return;
    const fix = this.#hasColumns && problem.is === 'a string' ? SEND_OBJECTS : problem.fix;
    throw this.#fail(problem.is, `${this.#wants}; ${fix}`);
  }

  /** Moves past closing brackets to the next element; false at the end of the value. */
  #hasNext(): boolean {
    while (this.#seen.length > 0) {
      if (this.#cursor.hasNext(CLOSE_ARRAY)) return true;
      this.#closeList(this.#seen.pop()!);
      this.#countElement();
    }
    return false;
  }

  #closeList(length: number): void {
    const level = this.#seen.length;
    const want = this.#dims[level]!;
    if (want === -1) this.#dims[level] = length;
    else if (want !== length) {
      const but = `the first list there has ${want}; make all of one level equally long`;
      throw this.#fail(`a list of ${length}`, but, { reason: UNEQUAL });
    }
  }

  #countElement(): void {
    const level = this.#seen.length - 1;
    if (level >= 0) this.#seen[level]!++;
  }

  #fail(is: string, but: string, attributes?: { readonly reason: string }): ServingError {
    const where = this.#path + this.#seen.map((index) => `[${index}]`).join('');
    const text = `${where} is ${is}, but ${but}`;
    return attributes === undefined ? invalidRequest(text) : new ServingError('invalid_request', text, { attributes });
  }
}
