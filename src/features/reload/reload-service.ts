/** The method of tensorflow.serving.ModelService that changes which models are served. */
import { messageWithRoom } from '../../codec/protobuf/wire-writer.ts';
import { ALL_MODELS } from '../../core/access-method.ts';
import { lookupCall } from '../../proxy/call.ts';
import type { ExchangeContext, Method } from '../../proxy/exchange.ts';
import { type GrpcMethod, type GrpcService, MESSAGE_HEAD_BYTES } from '../../proxy/grpc/engine.ts';
import { unaryMethod, unbuiltMethod } from '../../proxy/grpc/grpc-wire.ts';
import { MODEL_SERVICE } from '../../proxy/protocols/tensorflow-serving/grpc/model-service.ts';
import { type CounterIncrease, readReloadRequest, writeReloadResponse } from './reload-codec.ts';
import type { ReloadHandler } from './reload-handler.ts';

/** `reload`: undefined if clients may not change which models are served. */
export function reloadService(reload: ReloadHandler | undefined, shared: ExchangeContext): GrpcService {
  return { name: MODEL_SERVICE, methods: [reloadMethod(reload, shared)] };
}

function reloadMethod(reload: ReloadHandler | undefined, shared: ExchangeContext): GrpcMethod {
  const name = 'HandleReloadConfigRequest';
  if (reload === undefined) {
    return unbuiltMethod(MODEL_SERVICE, name, shared, 'to allow it start the server with --enable_reload_rpc');
  }
  const method: Method<Uint8Array, readonly CounterIncrease[]> = {
    name,
    access: 'reload',
    decode: (bytes, _path, context) => {
      const request = readReloadRequest(bytes);
      return lookupCall(ALL_MODELS, () => reload.reload(request, context));
    },
    encode: (increases) => messageWithRoom(MESSAGE_HEAD_BYTES, [writeReloadResponse(increases)]),
  };
  return unaryMethod(MODEL_SERVICE, method, shared);
}
