/**
 * A client sends the same request again and again with other numbers in it. A layout is what such requests have in
 * common: all bytes but those of the numbers. A request of a known layout is not parsed (docs/adr/0024).
 *
 *   message   ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓░░░░░░░░░░░░░░░▓▓▓▓▓▓▓░░░░░░░░▓▓     ▓ names, dtypes, shapes, lengths: compared
 *                            tensor_content        float_val      ░ elements, whatever they are: read as views
 *
 * Elements of fixed width stand in the message as they are in memory. Strings, and integers that are varints, do not:
 * requests with them are parsed.
 */
import type { NumericDType } from '../../core/dtype.ts';
import type { Shape } from '../../core/shape.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';

/** A request with more bytes around its elements is parsed each time. */
const MAX_COMMON_BYTES = 512;
/** A server has clients of a few kinds at a time. */
const MAX_LAYOUTS = 4;
/** One in so many requests of no known layout is learned from: a client's requests may all differ. */
const LEARN_EVERY = 8;

/** An input whose elements stand in the message. */
interface Place {
  readonly name: string;
  readonly dtype: NumericDType;
  readonly shape: Shape;
  /** Bytes from the message's start. */
  readonly start: number;
  readonly byteLength: number;
}

/** The bytes between two places, from `start` on. */
interface Common {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** The part of a request that its layout describes. */
interface WithInputs {
  readonly inputs: TensorMap;
}

/** The layouts of the latest requests; the oldest is replaced first. They belong to one reader of requests. */
export class MessageLayouts<Request extends WithInputs> {
  readonly #withInputs: (request: Request, inputs: TensorMap) => Request;
  readonly #known: MessageLayout<Request>[] = [];
  #next = 0;
  #misses = 0;

  /** `withInputs`: the same request with other inputs. */
  constructor(withInputs: (request: Request, inputs: TensorMap) => Request) {
    this.#withInputs = withInputs;
  }

  /** The same as parsing the message would give; undefined if its layout is not known. Its tensors are views of it. */
  read(message: Uint8Array): Request | undefined {
    for (let i = 0; i < this.#known.length; i++) {
      const layout = this.#known[i]!;
      if (layout.fits(message)) return this.#withInputs(layout.request, layout.inputsOf(message));
    }
    return undefined;
  }

  /** @param request the message, parsed. Called for each message of no known layout. */
  learn(message: Uint8Array, request: Request): void {
    if (this.#misses++ % LEARN_EVERY !== 0) return;
    const layout = MessageLayout.of(message, request);
    if (layout === undefined) return;
    this.#known[this.#next] = layout;
    this.#next = (this.#next + 1) % MAX_LAYOUTS;
  }
}

class MessageLayout<Request extends WithInputs> {
  /** One of its requests, without the inputs. */
  readonly request: Request;
  readonly #messageBytes: number;
  readonly #places: readonly Place[];
  readonly #common: readonly Common[];

  private constructor(message: Uint8Array, request: Request, places: readonly Place[]) {
    this.request = { ...request, inputs: new Map() };
    this.#messageBytes = message.byteLength;
    this.#places = places;
    this.#common = commonBytes(message, places);
  }

  /** The layout of a message; undefined if not every input stands in it, or if it is too long. */
  static of<Request extends WithInputs>(message: Uint8Array, request: Request): MessageLayout<Request> | undefined {
    const places: Place[] = [];
    let elementBytes = 0;
    for (const [name, tensor] of request.inputs) {
      if (tensor.dtype === 'string' || tensor.data.buffer !== message.buffer) return undefined;
      const { dtype, shape, data } = tensor;
      places.push({ name, dtype, shape, start: data.byteOffset - message.byteOffset, byteLength: data.byteLength });
      elementBytes += data.byteLength;
    }
    return message.byteLength - elementBytes > MAX_COMMON_BYTES
      ? undefined
      : new MessageLayout(message, request, places);
  }

  fits(message: Uint8Array): boolean {
    if (message.byteLength !== this.#messageBytes) return false;
    for (let i = 0; i < this.#common.length; i++) {
      const { start, bytes } = this.#common[i]!;
      for (let at = bytes.length - 1; at >= 0; at--) if (bytes[at] !== message[start + at]) return false;
    }
    return true;
  }

  /** The inputs of a message that fits. */
  inputsOf({ buffer, byteOffset }: Uint8Array): TensorMap {
    const inputs = new Map<string, Tensor>();
    for (let i = 0; i < this.#places.length; i++) {
      const { name, dtype, shape, start, byteLength } = this.#places[i]!;
      inputs.set(name, { dtype, shape, data: new Uint8Array(buffer, byteOffset + start, byteLength) });
    }
    return inputs;
  }
}

/** The bytes before, between and behind the places. No two places share a byte. */
function commonBytes(message: Uint8Array, places: readonly Place[]): readonly Common[] {
  const common: Common[] = [];
  let start = 0;
  const add = (end: number): void => {
    if (end > start) common.push({ start, bytes: Uint8Array.from(message.subarray(start, end)) });
  };
  for (const place of [...places].sort((a, b) => a.start - b.start)) {
    add(place.start);
    start = place.start + place.byteLength;
  }
  add(message.byteLength);
  return common;
}
