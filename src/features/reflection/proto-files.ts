/**
 * The descriptors of our .proto files, by file name and by the full names of what they define. Only reflection needs
 * them, which most servers are never asked for, so they are decoded at its first request.
 */
import { Buffer } from 'node:buffer';
import { fromBinary } from '@bufbuild/protobuf';
import { type DescriptorProto, type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { PROTO_DESCRIPTORS } from '../../gen/proto-descriptors.ts';

interface ProtoFile {
  /** Serialized FileDescriptorProto. */
  readonly bytes: Uint8Array;
  readonly imports: readonly string[];
}

export class ProtoFiles {
  readonly #files = new Map<string, ProtoFile>();
  /** Full name of each message, field, oneof, enum, enum value, service and method → its file's name. */
  readonly #fileOfSymbol = new Map<string, string>();
  readonly #messages = new Set<string>();

  constructor() {
    for (const [name, base64] of PROTO_DESCRIPTORS) {
      const bytes = Buffer.from(base64, 'base64');
      const file = fromBinary(FileDescriptorProtoSchema, bytes);
      this.#files.set(name, { bytes, imports: file.dependency });
      for (const symbol of symbolsOf(file)) this.#fileOfSymbol.set(symbol, name);
      for (const [message] of messagesOf(file.package, file.messageType)) this.#messages.add(message);
    }
  }

  /** The file, followed by its direct and indirect imports. Undefined if there is no such file. */
  withImports(name: string): readonly Uint8Array[] | undefined {
    if (!this.#files.has(name)) return undefined;
    const names = new Set([name]);
    // The iteration of a Set includes what is added during it.
    for (const next of names) for (const imported of this.#files.get(next)!.imports) names.add(imported);
    return [...names].map((each) => this.#files.get(each)!.bytes);
  }

  /** The name of the file that defines a symbol ("tensorflow.TensorProto", without a dot in front). */
  fileOf(symbol: string): string | undefined {
    return this.#fileOfSymbol.get(symbol);
  }

  isMessage(symbol: string): boolean {
    return this.#messages.has(symbol);
  }
}

function* symbolsOf(file: FileDescriptorProto): Generator<string> {
  const scope = file.package;
  for (const [name, message] of messagesOf(scope, file.messageType)) {
    yield name;
    for (const { name: field } of message.field) yield `${name}.${field}`;
    for (const { name: oneof } of message.oneofDecl) yield `${name}.${oneof}`;
    yield* enumSymbols(name, message.enumType);
  }
  yield* enumSymbols(scope, file.enumType);
  for (const service of file.service) {
    yield `${scope}.${service.name}`;
    for (const { name: method } of service.method) yield `${scope}.${service.name}.${method}`;
  }
}

/** Every message with its full name, nested ones too. */
function* messagesOf(scope: string, messages: readonly DescriptorProto[]): Generator<[string, DescriptorProto]> {
  for (const message of messages) {
    const name = `${scope}.${message.name}`;
    yield [name, message];
    yield* messagesOf(name, message.nestedType);
  }
}

/** Enum values are named beside their enum, not inside it. */
function* enumSymbols(scope: string, enums: FileDescriptorProto['enumType']): Generator<string> {
  for (const { name, value } of enums) {
    yield `${scope}.${name}`;
    for (const { name: constant } of value) yield `${scope}.${constant}`;
  }
}
