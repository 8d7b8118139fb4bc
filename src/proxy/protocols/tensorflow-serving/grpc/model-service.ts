/** tensorflow.serving.ModelService: GetModelStatus. */
import { lengthDelimited, WireReader } from '../../../../codec/protobuf/wire-reader.ts';
import {
  bytesField,
  message,
  messageField,
  messageWithRoom,
  varintField,
} from '../../../../codec/protobuf/wire-writer.ts';
import { missingModelSpec, readModelSpec } from '../../../../codec/tensorflow/model-spec-codec.ts';
import type { ModelSpec } from '../../../../core/model-spec.ts';
import { lookupCall } from '../../../call.ts';
import type { ExchangeContext, Method } from '../../../exchange.ts';
import { type GrpcService, MESSAGE_HEAD_BYTES } from '../../../grpc/engine.ts';
import { unaryMethod } from '../../../grpc/grpc-wire.ts';
import { type ModelInfoHandler, VERSION_STATES, type VersionStatus } from '../../../handlers/model-info.ts';

export const MODEL_SERVICE = 'tensorflow.serving.ModelService';

export function modelService(modelInfo: ModelInfoHandler, shared: ExchangeContext): GrpcService {
  const status: Method<Uint8Array, readonly VersionStatus[]> = {
    name: 'GetModelStatus',
    access: 'status',
    decode: (bytes, _path, context) => {
      const modelSpec = readModelStatusRequest(bytes);
      return lookupCall(modelSpec.name, () => modelInfo.status(modelSpec, context));
    },
    encode: (statuses) => messageWithRoom(MESSAGE_HEAD_BYTES, [writeModelStatusResponse(statuses)]),
  };
  return { name: MODEL_SERVICE, methods: [unaryMethod(MODEL_SERVICE, status, shared)] };
}

/** GetModelStatusRequest: 1 model_spec. */
function readModelStatusRequest(bytes: Uint8Array): ModelSpec {
  const reader = new WireReader(bytes, 'GetModelStatusRequest');
  let modelSpec: ModelSpec | undefined;
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) modelSpec = readModelSpec(reader, modelSpec);
    else reader.skip();
  }
  if (modelSpec === undefined) throw missingModelSpec('GetModelStatusRequest');
  return modelSpec;
}

/**
 * GetModelStatusResponse: 1 model_version_status [{1 version, 2 state, 3 status {1 error_code, 2 error_message}}].
 * status is always written; without a code it means OK. A served model that lacks a part has a message with OK.
 */
function writeModelStatusResponse(statuses: readonly VersionStatus[]): Uint8Array {
  return message(
    ...statuses.map((each) => {
      const { version, state } = each;
      const status = messageField(3, statusProto(each));
      return messageField(1, message(varintField(1, version), varintField(2, VERSION_STATES[state]), status));
    }),
  );
}

function statusProto({ error, leftOut = [] }: VersionStatus): Uint8Array {
  if (error !== undefined) return message(varintField(1, error.row.grpc), bytesField(2, error.message));
  return leftOut.length === 0 ? message() : message(bytesField(2, leftOut.join('\n')));
}
