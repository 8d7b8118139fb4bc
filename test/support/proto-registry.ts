/**
 * Our .proto files for @bufbuild/protobuf: an independent reader and writer to hold our codecs against.
 */
import { Buffer } from 'node:buffer';
import {
  create,
  createFileRegistry,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  type Message,
  toBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { PROTO_DESCRIPTORS } from '../../src/gen/proto-descriptors.ts';

/** A decoded message: fields by their lowerCamelCase names. */
export type Fields = Record<string, unknown>;

const FILES = PROTO_DESCRIPTORS.map(([, base64]) =>
  fromBinary(FileDescriptorProtoSchema, Buffer.from(base64, 'base64')),
);

export const protoRegistry: FileRegistry = createFileRegistry(create(FileDescriptorSetSchema, { file: FILES }));

export function messageType(name: string): DescMessage {
  const type = protoRegistry.getMessage(name);
  if (type === undefined) throw new Error(`proto/ has no message ${name}`);
  return type;
}

/** The message as bytes. */
export function encode(name: string, fields: Fields): Uint8Array {
  const type = messageType(name);
  return toBinary(type, create(type, fields as never));
}

export function decode(name: string, bytes: Uint8Array): Message & Fields {
  return fromBinary(messageType(name), bytes) as Message & Fields;
}
