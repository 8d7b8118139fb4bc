/**
 * ModelSpec (tensorflow_serving/apis/model.proto), read and written.
 */
import { ServingError } from '../../core/errors.ts';
import type { ModelSpec, ResolvedModelSpec } from '../../core/model-spec.ts';
import { lengthDelimited, varintTag, type WireReader } from '../protobuf/wire-reader.ts';
import { bytesField, message, messageField, varintField } from '../protobuf/wire-writer.ts';

const NAME = 1;
const VERSION = 2;
const SIGNATURE_NAME = 3;
const VERSION_LABEL = 4;
const INT64_VALUE = 1;

/** A ModelSpec that is being read. */
class ModelSpecFields implements ModelSpec {
  name = '';
  version: bigint | undefined = undefined;
  label: string | undefined = undefined;
  signatureName = '';
}

/**
 * Reads the ModelSpec that `reader` stands before. A message may hold it in several parts: `into` is what the parts
 * before gave, undefined at the first.
 */
export function readModelSpec(reader: WireReader, into: ModelSpec | undefined): ModelSpec {
  const spec = Object.assign(new ModelSpecFields(), into);
  const outer = reader.enter();
  readFields(reader, spec);
  reader.leave(outer);
  return spec;
}

function readFields(reader: WireReader, spec: ModelSpecFields): void {
  while (reader.next()) {
    switch (reader.tag) {
      case lengthDelimited(NAME):
        spec.name = reader.string();
        break;
      case lengthDelimited(VERSION):
        spec.version = readInt64Value(reader, spec.version ?? 0n);
        spec.label = undefined;
        break;
      case lengthDelimited(SIGNATURE_NAME):
        spec.signatureName = reader.string();
        break;
      case lengthDelimited(VERSION_LABEL):
        spec.label = reader.string();
        spec.version = undefined;
        break;
      default:
        reader.skip();
    }
  }
}

/** The error for a message whose model_spec is absent. */
export function missingModelSpec(messageName: string): ServingError {
  return new ServingError(
    'invalid_request',
    `Missing ModelSpec: ${messageName} has no model_spec; set model_spec.name to the name of a served model`,
  );
}

/** The encoded specs by the spec, which is one object for all requests of a version's signature. */
const encoded = new WeakMap<ResolvedModelSpec, Uint8Array>();

/** The message, without a tag and length of its own. */
export function encodeModelSpec(spec: ResolvedModelSpec): Uint8Array {
  const known = encoded.get(spec);
  if (known !== undefined) return known;
  const bytes = writeModelSpec(spec);
  encoded.set(spec, bytes);
  return bytes;
}

function writeModelSpec({ name, version, signatureName }: ResolvedModelSpec): Uint8Array {
  return message(
    bytesField(NAME, name),
    messageField(VERSION, varintField(INT64_VALUE, version)),
    bytesField(SIGNATURE_NAME, signatureName),
  );
}

/** A spec as a request has it: `signatureName` and one of version and label, or neither. */
export function encodeRequestedSpec({ name, version, label, signatureName }: ModelSpec): Uint8Array {
  const versionChoice =
    version === undefined ? bytesField(VERSION, '') : messageField(VERSION, varintField(INT64_VALUE, version));
  return message(
    bytesField(NAME, name),
    versionChoice,
    label === undefined ? bytesField(VERSION_LABEL, '') : messageField(VERSION_LABEL, label),
    bytesField(SIGNATURE_NAME, signatureName ?? ''),
  );
}

function readInt64Value(reader: WireReader, before: bigint): bigint {
  let value = before;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.tag === varintTag(INT64_VALUE)) value = reader.int64();
    else reader.skip();
  }
  reader.leave(outer);
  return value;
}
