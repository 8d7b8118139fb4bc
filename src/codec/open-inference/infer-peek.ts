/**
 * Reads of a ModelInferRequest only which model it asks, for a request that may be refused unread. Its tensors are
 * stepped over.
 */
import { lengthDelimited, WireReader } from '../protobuf/wire-reader.ts';
import { shortText } from './short-text.ts';

/** More fields are not stepped over: the request is read. */
const MAX_FIELDS = 100;

export interface AskedModel {
  readonly name: string;
  readonly version: string;
}

/** Undefined of a request with parameters, which may decide about it; and of one that cannot be read. */
export function peekAtInfer(message: Uint8Array): AskedModel | undefined {
  const reader = new WireReader(message, 'ModelInferRequest');
  let name = '';
  let version = '';
  try {
    for (let fields = 0; reader.next(); fields++) {
      if (fields === MAX_FIELDS || reader.tag === lengthDelimited(4)) return undefined;
      if (reader.tag === lengthDelimited(1)) name = shortText(reader, 'model_name');
      else if (reader.tag === lengthDelimited(2)) version = shortText(reader, 'model_version');
      else reader.skip();
    }
  } catch {
    return undefined;
  }
  return { name, version };
}
