/**
 * grpc.reflection.v1 and v1alpha ServerReflection: tells tools like grpcurl which services and messages there are.
 *
 * Both packages have the same messages (proto/grpc/reflection/), so one reader and one writer serve both. Each question
 * on the stream gets one answer; an unknown name gets an error_response, and the stream goes on. The descriptors are
 * those that buf makes of proto/, with map entries and imports.
 */
import { lengthDelimited, WireReader } from '../../codec/protobuf/wire-reader.ts';
import { bytesField, message, messageField, varintField } from '../../codec/protobuf/wire-writer.ts';
import { GrpcStatus, ServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import type { CallReader, CallStatus, GrpcCall, GrpcService } from '../../proxy/grpc/engine.ts';
import { OK, statusOf } from '../../proxy/grpc/grpc-errors.ts';
import { ProtoFiles } from './proto-files.ts';

/** The newer package first. */
export const REFLECTION_SERVICES = [
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
] as const;

// ServerReflectionRequest: 1 host, and one of
const FILE_BY_FILENAME = 3;
const FILE_CONTAINING_SYMBOL = 4;
const FILE_CONTAINING_EXTENSION = 5;
const ALL_EXTENSION_NUMBERS_OF_TYPE = 6;
const LIST_SERVICES = 7;

// ServerReflectionResponse: 1 valid_host, 2 original_request, and one of
const FILE_DESCRIPTOR_RESPONSE = 4;
const ALL_EXTENSION_NUMBERS_RESPONSE = 5;
const LIST_SERVICES_RESPONSE = 6;
const ERROR_RESPONSE = 7;

export class Reflection {
  readonly #services: () => readonly string[];
  readonly #open = new Set<GrpcCall>();
  #files: ProtoFiles | undefined;

  /** `services`: all of them, these two included. */
  constructor(services: () => readonly GrpcService[]) {
    this.#services = () => [...new Set(services().map(({ name }) => name))];
  }

  get services(): readonly GrpcService[] {
    return REFLECTION_SERVICES.map((name) => ({
      name,
      methods: [
        {
          path: `/${name}/ServerReflectionInfo`,
          isClientStream: true,
          enforcesDeadline: false,
          start: (call) => this.#start(call),
        },
      ],
      endStreams: () => this.#endStreams(),
    }));
  }

  /** An idle tool must not hold up a drain. */
  #endStreams(): void {
    for (const call of this.#open) this.#end(call, OK);
  }

  #end(call: GrpcCall, status: CallStatus): void {
    this.#open.delete(call);
    call.end(status);
  }

  #start(call: GrpcCall): CallReader {
    this.#open.add(call);
    return {
      onMessage: (bytes) => {
        try {
          call.send(this.#answer(bytes));
        } catch (error) {
          if (!(error instanceof ServingError)) throw error;
          this.#end(call, statusOf(error));
        }
      },
      onEnd: () => this.#end(call, OK),
      onAbort: () => this.#open.delete(call),
    };
  }

  #answer(request: Uint8Array): Uint8Array {
    const { host, question, text } = readQuestion(request);
    return message(bytesField(1, host), messageField(2, request), this.#response(question, text));
  }

  #response(question: number, text: string): Uint8Array {
    this.#files ??= new ProtoFiles();
    switch (question) {
      case FILE_BY_FILENAME:
        return fileResponse(this.#files.withImports(text), `no file ${quoteName(text)}`);
      case FILE_CONTAINING_SYMBOL: {
        const file = this.#files.fileOf(text);
        return fileResponse(file === undefined ? undefined : this.#files.withImports(file), `no ${quoteName(text)}`);
      }
      case FILE_CONTAINING_EXTENSION:
        return errorResponse(GrpcStatus.NOT_FOUND, 'no message here has extensions');
      case ALL_EXTENSION_NUMBERS_OF_TYPE:
        if (!this.#files.isMessage(text)) return errorResponse(GrpcStatus.NOT_FOUND, `no message ${quoteName(text)}`);
        return messageField(ALL_EXTENSION_NUMBERS_RESPONSE, bytesField(1, text));
      case LIST_SERVICES: {
        const services = this.#services().map((name) => messageField(1, bytesField(1, name)));
        return messageField(LIST_SERVICES_RESPONSE, message(...services));
      }
      default:
        return errorResponse(GrpcStatus.INVALID_ARGUMENT, 'the request asks nothing; set one field of message_request');
    }
  }
}

interface Question {
  readonly host: string;
  /** The field of message_request that is set, the last one on the wire; 0 if none is. */
  readonly question: number;
  readonly text: string;
}

function readQuestion(bytes: Uint8Array): Question {
  const reader = new WireReader(bytes, 'ServerReflectionRequest');
  let host = '';
  let question = 0;
  let text = '';
  while (reader.next()) {
    const { field } = reader;
    if (reader.tag === lengthDelimited(1)) host = reader.string();
    else if (field >= FILE_BY_FILENAME && field <= LIST_SERVICES && reader.tag === lengthDelimited(field)) {
      question = field;
      text = reader.string();
    } else reader.skip();
  }
  return { host, question, text };
}

/** FileDescriptorResponse: 1 file_descriptor_proto. */
function fileResponse(files: readonly Uint8Array[] | undefined, problem: string): Uint8Array {
  if (files === undefined) return errorResponse(GrpcStatus.NOT_FOUND, `this server has ${problem}`);
  return messageField(FILE_DESCRIPTOR_RESPONSE, message(...files.map((file) => messageField(1, file))));
}

/** ErrorResponse: 1 error_code, 2 error_message. */
function errorResponse(code: number, text: string): Uint8Array {
  return messageField(ERROR_RESPONSE, message(varintField(1, code), bytesField(2, text)));
}
