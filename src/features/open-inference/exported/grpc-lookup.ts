/** Methods of the gRPC service that run no model. */
import { messageWithRoom } from '../../../codec/protobuf/wire-writer.ts';
import type { AccessMethod } from '../../../core/access-method.ts';
import { lookupCall } from '../../../proxy/call.ts';
import type { Method } from '../../../proxy/exchange.ts';
import { MESSAGE_HEAD_BYTES } from '../../../proxy/grpc/engine.ts';
import type { RequestContext } from '../../../proxy/request-context.ts';

/** Gives the answer's message. */
export type Answer<Question> = (question: Question, context: RequestContext) => Uint8Array | Promise<Uint8Array>;

interface Lookup<Question> {
  readonly name: string;
  readonly access: AccessMethod | undefined;
  readonly read: (bytes: Uint8Array) => Question;
  /** The model that the caller must be allowed to ask about; absent, undefined: `answer` leaves out what it may not. */
  readonly modelOf?: (question: Question) => string | undefined;
  readonly answer: Answer<Question>;
}

/** The method of a unary call that runs no model. */
export function lookupMethod<Question>({
  name,
  access,
  read,
  modelOf: asked,
  answer,
}: Lookup<Question>): Method<Uint8Array, Uint8Array> {
  return {
    name,
    access,
    decode: (bytes, _path, context) => {
      const question = read(bytes);
      return lookupCall(asked?.(question), () => answer(question, context));
    },
    encode: (message) => messageWithRoom(MESSAGE_HEAD_BYTES, [message]),
  };
}
