/**
 * Descriptors of our .proto files by name, for files and messages that configure the server. A file is decoded, with
 * those that it imports, when a message of it is first asked for: most servers need none, and all take 50 ms and 3 MiB.
 */
import { Buffer } from 'node:buffer';
import { create, createFileRegistry, type DescMessage, fromBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { PROTO_DESCRIPTORS } from '../../gen/proto-descriptors.ts';

// They never change once made, so two apps of one process may share them.
const messages = new Map<string, DescMessage>();
const files = new Map<string, FileDescriptorProto>();

/** The message of that full name; not one within another. Throws a plain Error if proto/ has none. */
export function protoMessage(name: string): DescMessage {
  const known = messages.get(name);
  if (known !== undefined) return known;
  const file = fileOf(name);
  if (file === undefined) throw new Error(`proto/ has no message ${name}`);
  const message = createFileRegistry(create(FileDescriptorSetSchema, { file: withImports(file) })).getMessage(name)!;
  messages.set(name, message);
  return message;
}

function fileOf(name: string): string | undefined {
  const end = name.lastIndexOf('.');
  const [ownPackage, own] = [name.slice(0, end), name.slice(end + 1)];
  return PROTO_DESCRIPTORS.find(([file, base64]) => {
    if (!Buffer.from(base64, 'base64').includes(own)) return false;
    const decoded = decodeFile(file, base64);
    return decoded.package === ownPackage && decoded.messageType.some((type) => type.name === own);
  })?.[0];
}

/** The file after those that it imports, which stand before it in the list. */
function withImports(file: string): FileDescriptorProto[] {
  const wanted = new Set([file]);
  const found: FileDescriptorProto[] = [];
  for (const [name, base64] of PROTO_DESCRIPTORS.toReversed()) {
    if (!wanted.has(name)) continue;
    const decoded = decodeFile(name, base64);
    for (const each of decoded.dependency) wanted.add(each);
    found.unshift(decoded);
  }
  return found;
}

function decodeFile(name: string, base64: string): FileDescriptorProto {
  const decoded = files.get(name) ?? fromBinary(FileDescriptorProtoSchema, Buffer.from(base64, 'base64'));
  files.set(name, decoded);
  return decoded;
}
