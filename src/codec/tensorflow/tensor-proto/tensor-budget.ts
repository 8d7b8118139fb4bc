/**
 * The memory that the tensors of one request may take. It is charged before anything is allocated: a TensorProto of ten
 * bytes can ask for terabytes.
 */
import { bytesPerElement, type DType, type NumericDType } from '../../../core/dtype.ts';
import { ServingError } from '../../../core/errors.ts';
import { quoteName } from '../../../core/list-names.ts';
import { formatShape, type Shape } from '../../../core/shape.ts';
import { VALUE_FIELDS } from './tensor-fields.ts';

/**
 * The charge for one string, beside its bytes: its view here and in the model's worker, its place in messages between
 * them, the runtime's own string. It also keeps the strings of a request so few that their ways through the event loop,
 * at 80 ns for each, do not hold it.
 */
export const STRING_ELEMENT_BYTES = 256;

/**
 * The most bytes of repeated elements in a request: enough for constant inputs, such as a batch of masks, and little
 * beside what a client must send for as much memory otherwise.
 */
const MAX_FILLED_BYTES = 16 * 2 ** 20;

/** The bytes that the decoded tensors of one request may still take. */
export interface TensorBudget {
  readonly limit: number;
  left: number;
  /** The part of these for elements that are not in the message. */
  filledLeft: number;
}

/** The budget of one request whose tensors may take `limit` bytes together. */
export function tensorBudget(limit: number): TensorBudget {
  return { limit, left: limit, filledLeft: MAX_FILLED_BYTES };
}

/**
 * Takes a tensor of `count` elements off the budget. `valueBytes` is undefined if its elements are in a tensor_content,
 * else the most bytes that its *_val field can have. Throws `too_large`.
 */
export function chargeTensor(
  budget: TensorBudget,
  name: string,
  dtype: DType,
  shape: Shape,
  count: number,
  valueBytes: number | undefined,
): void {
  const elementBytes = dtype === 'string' ? STRING_ELEMENT_BYTES : bytesPerElement(dtype);
  const bytes = count * elementBytes;
  if (bytes > budget.left) {
    throw tooLarge(
      name,
      dtype,
      shape,
      `takes ${bytes} bytes, and a request's tensors may take ${budget.limit} together; send fewer rows at once`,
    );
  }
  budget.left -= bytes;
  if (valueBytes === undefined) return;
  // These are surely not in the message: the last value will be repeated.
  const filled = (count - Math.floor(valueBytes / wireBytes(dtype))) * elementBytes;
  if (filled > 0) chargeFilled(budget, name, dtype, shape, filled);
}

/** Takes `filled` bytes of a tensor, which are not in the message, off the budget. Throws `too_large`. */
export function chargeFilled(budget: TensorBudget, name: string, dtype: DType, shape: Shape, filled: number): void {
  budget.filledLeft -= filled;
  if (budget.filledLeft >= 0) return;
  throw tooLarge(
    name,
    dtype,
    shape,
    `has ${filled} bytes more than were sent, and a request may have ${MAX_FILLED_BYTES} filled in; ` +
      'send every element, as tensor_content or in its *_val field',
  );
}

function tooLarge(name: string, dtype: DType, shape: Shape, text: string): ServingError {
  return new ServingError('too_large', `input ${quoteName(name)} as ${dtype} ${formatShape(shape)} ${text}`);
}

/** The fewest bytes of an element in a message. */
function wireBytes(dtype: DType): number {
  const { encoding } = VALUE_FIELDS[dtype];
  if (encoding === 'bytes') return 2;
  return encoding === 'fixed' ? bytesPerElement(dtype as NumericDType) : 1;
}
