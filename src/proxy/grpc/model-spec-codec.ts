/**
 * ModelSpec (tensorflow_serving/apis/model.proto), read and written.
 */
import { Buffer } from 'node:buffer';
import { ServingError } from '../../core/errors.ts';
import type { ResolvedModelSpec } from '../handlers/model-spec.ts';
import { lengthDelimited, varintTag, type WireReader } from './wire-reader.ts';
import { highOf, lengthDelimitedSize, varint64Size, type WireWriter } from './wire-writer.ts';

const NAME = 1;
const VERSION = 2;
const SIGNATURE_NAME = 3;
const VERSION_LABEL = 4;
const INT64_VALUE = 1;

const MAX_NUMBER = BigInt(Number.MAX_SAFE_INTEGER);

/** A handlers/model-spec ModelSpec that is being read. */
export class ModelSpecFields {
  name = '';
  version: bigint | undefined = undefined;
  label: string | undefined = undefined;
  signatureName = '';
}

/**
 * Reads the ModelSpec that `reader` stands before. A message may hold it in several parts: `into` is what the parts
 * before gave, undefined at the first.
 */
export function readModelSpec(reader: WireReader, into: ModelSpecFields | undefined): ModelSpecFields {
  const spec = into ?? new ModelSpecFields();
  const outer = reader.enter();
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
  reader.leave(outer);
  return spec;
}

/** The error for a message whose model_spec is absent. */
export function missingModelSpec(messageName: string): ServingError {
  return new ServingError(
    'invalid_request',
    `Missing ModelSpec: ${messageName} has no model_spec; set model_spec.name to the name of a served model`,
  );
}

/** Bytes that `writeModelSpec` will write: the message without its tag and length. */
export function modelSpecSize(spec: ResolvedModelSpec): number {
  return (
    textSize(NAME, spec.name) +
    lengthDelimitedSize(VERSION, versionSize(spec.version)) +
    textSize(SIGNATURE_NAME, spec.signatureName)
  );
}

export function writeModelSpec(writer: WireWriter, spec: ResolvedModelSpec): void {
  writeText(writer, NAME, spec.name);
  writer.head(VERSION, versionSize(spec.version));
  if (spec.version !== 0n) {
    writer.varint(varintTag(INT64_VALUE));
    writer.varint64(lowOfVersion(spec.version), highOfVersion(spec.version));
  }
  writeText(writer, SIGNATURE_NAME, spec.signatureName);
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

/** Of the Int64Value message. A version 0 is an empty one, and there all the same. */
function versionSize(version: bigint): number {
  return version === 0n ? 0 : 1 + varint64Size(lowOfVersion(version), highOfVersion(version));
}

// Versions are small numbers or timestamps: nearly all are safe integers, and need no BigInt arithmetic.
function lowOfVersion(version: bigint): number {
  if (version >= 0n && version <= MAX_NUMBER) return Number(version) >>> 0;
  return Number(BigInt.asUintN(32, version));
}

function highOfVersion(version: bigint): number {
  if (version >= 0n && version <= MAX_NUMBER) return highOf(Number(version));
  return Number(BigInt.asUintN(64, version) >> 32n);
}

function textSize(field: number, text: string): number {
  return text === '' ? 0 : lengthDelimitedSize(field, Buffer.byteLength(text));
}

function writeText(writer: WireWriter, field: number, text: string): void {
  if (text === '') return;
  const length = Buffer.byteLength(text);
  writer.head(field, length);
  writer.text(text, length);
}
