/**
 * Remembers the undeclared shapes that a version was sent: those that ended its process are refused from then on.
 *
 * The number of rows does not matter, where a signature takes any: [1,784] stands for [8,784] too. But where rows of a
 * shape have been answered before, the number must have been the reason, and only that number is refused.
 *
 * Bounded: callers choose shapes. When MAX_ENDING of them have ended the process, only shapes that were answered before
 * are run.
 */
import { invalidRequest, type ServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import { formatShape } from '../../core/shape.ts';
import type { Signatures } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';

/** The bound is small because each shape costs a start of the process. */
export const MAX_ENDING = 16;
/** The bound is above the number of shapes that clients of one model send. */
const MAX_ANSWERED = 256;

/** A request's or a batch's inputs. */
export interface Shaped {
  readonly signatureName: string;
  readonly inputs: TensorMap;
}

export class EndingShapes {
  readonly #signatures: Signatures;
  readonly #ending = new Set<string>();
  readonly #answered = new Set<string>();

  constructor(signatures: Signatures) {
    this.#signatures = signatures;
  }

  /** Why a request of undeclared shapes is refused; undefined = it may run. */
  refusalOf(shaped: Shaped): ServingError | undefined {
    if (this.#ending.size === 0) return undefined;
    const ofAnyRows = this.#key(shaped, true);
    if (this.#ending.has(ofAnyRows) || this.#ending.has(this.#key(shaped, false))) {
      return invalidRequest(`a run of ${describe(shaped)} has ended the model's process, so it is refused from now on`);
    }
    if (this.#ending.size < MAX_ENDING || this.#answered.has(ofAnyRows)) return undefined;
    return invalidRequest(
      `runs of ${MAX_ENDING} other shapes have ended the model's process, so undeclared ones are refused from now on`,
    );
  }

  onAnswered(shaped: Shaped): void {
    if (this.#answered.size < MAX_ANSWERED) this.#answered.add(this.#key(shaped, true));
  }

  /** A run of these shapes alone has ended its process. Returns the error for its caller. */
  onEnded(shaped: Shaped, { message }: ServingError): ServingError {
    const ofAnyRows = this.#key(shaped, true);
    if (this.#ending.size < MAX_ENDING) {
      this.#ending.add(this.#answered.has(ofAnyRows) ? this.#key(shaped, false) : ofAnyRows);
    }
    return invalidRequest(`${describe(shaped)} is refused from now on: ${message}`);
  }

  #key({ signatureName, inputs }: Shaped, isOfAnyRows: boolean): string {
    const specs = this.#signatures.get(signatureName)?.inputs;
    let key = signatureName;
    for (const [name, { shape }] of inputs) {
      const declared = specs?.get(name)?.shape;
      const hasRows = isOfAnyRows && shape.length > 0 && (declared === undefined || declared[0] === -1);
      key += `\0${hasRows ? ['?', ...shape.slice(1)] : shape}`;
    }
    return key;
  }
}

function describe({ inputs }: Shaped): string {
  return [...inputs].map(([name, { shape }]) => `${quoteName(name)} ${formatShape(shape)}`).join(', ');
}
