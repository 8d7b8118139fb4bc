/**
 * Descriptors of our .proto files by name, for files and messages that configure the server. They are decoded at the
 * first use: most servers have no such file.
 */
import { Buffer } from 'node:buffer';
import { create, createFileRegistry, type DescMessage, type FileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { PROTO_DESCRIPTORS } from '../../gen/proto-descriptors.ts';

// It never changes once made, so two apps of one process may share it.
let registry: FileRegistry | undefined;

/** The message of that full name. Throws a plain Error if proto/ has none. */
export function protoMessage(name: string): DescMessage {
  registry ??= createFileRegistry(create(FileDescriptorSetSchema, { file: PROTO_DESCRIPTORS.map(decodeFile) }));
  const message = registry.getMessage(name);
  if (message === undefined) throw new Error(`proto/ has no message ${name}`);
  return message;
}

function decodeFile([, base64]: readonly [string, string]) {
  return fromBinary(FileDescriptorProtoSchema, Buffer.from(base64, 'base64'));
}
