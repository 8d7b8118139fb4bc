/**
 * The tensor_content of a DT_STRING: every length as a varint, then every string's bytes.
 */
import { ServingError } from '../../../core/errors.ts';
import { quoteName } from '../../../core/list-names.ts';
import type { WireReader } from '../../protobuf/wire-reader.ts';

/** `count` strings, as views, out of the bytes from `start` to `end`, which they must fill exactly. */
export function readStringContent(
  reader: WireReader,
  start: number,
  end: number,
  count: number,
  name: string,
): Uint8Array[] {
  reader.position = start;
  reader.end = end;
  const ends = new Float64Array(count);
  let total = 0;
  for (let i = 0; i < count; i++) {
    total += reader.varint() + reader.high * 2 ** 32;
    ends[i] = total;
  }
  const first = reader.position;
  if (first + total !== end) {
    throw new ServingError(
      'invalid_request',
      `input ${quoteName(name)} has ${end - first} bytes of strings in its tensor_content, but their lengths add up to ${total}; send all lengths as varints, then all bytes`,
    );
  }
  const data: Uint8Array[] = [];
  for (let i = 0; i < count; i++) data.push(reader.view(first + (i === 0 ? 0 : ends[i - 1]!), first + ends[i]!));
  return data;
}
