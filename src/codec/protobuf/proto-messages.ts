/**
 * Descriptors of our .proto files by name, for files and messages that configure the server. Decoded when first asked
 * for: most servers have no such file.
 */
import { Buffer } from 'node:buffer';
import { create, createFileRegistry, type DescMessage, type FileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { PROTO_DESCRIPTORS } from '../../gen/proto-descriptors.ts';

// Immutable once made, so it is no state that two apps of one process could share by mistake.
let registry: FileRegistry | undefined;

/** The message of that full name. Throws if proto/ has none: a mistake of ours. */
export function protoMessage(name: string): DescMessage {
  registry ??= createFileRegistry(create(FileDescriptorSetSchema, { file: PROTO_DESCRIPTORS.map(decodeFile) }));
  const message = registry.getMessage(name);
  if (message === undefined) throw new Error(`proto/ has no message ${name}`);
  return message;
}

function decodeFile([, base64]: readonly [string, string]) {
  return fromBinary(FileDescriptorProtoSchema, Buffer.from(base64, 'base64'));
}
