/**
 * tensorflow.serving.ModelService: GetModelStatus, and HandleReloadConfigRequest where the server allows it.
 */

import type { ModelSpec } from '../../core/model-spec.ts';
import { missingModelSpec, readModelSpec } from '../../core/model-spec-codec.ts';
import { lengthDelimited, WireReader } from '../../core/wire-reader.ts';
import { bytesField, message, messageField, messageWithRoom, varintField } from '../../core/wire-writer.ts';
import { STAGE_ENCODE } from '../../telemetry/stage-clock.ts';
import { type ModelInfoHandler, VERSION_STATES, type VersionStatus } from '../handlers/model-info.ts';
import type { ReloadHandler } from '../handlers/reload.ts';
import type { RequestContext } from '../request-context.ts';
import { type GrpcEngine, type GrpcMethod, MESSAGE_HEAD_BYTES } from './engine.ts';
import { readReloadRequest, writeReloadResponse } from './reload-codec.ts';
import { type UnarySurroundings, unaryMethod, unbuiltMethod } from './unary-exchange.ts';

export const MODEL_SERVICE = 'tensorflow.serving.ModelService';

export class ModelService {
  readonly #modelInfo: ModelInfoHandler;
  readonly #reload: ReloadHandler | undefined;

  constructor(modelInfo: ModelInfoHandler, reload: ReloadHandler | undefined) {
    this.#modelInfo = modelInfo;
    this.#reload = reload;
  }

  register(engine: GrpcEngine, surroundings: UnarySurroundings): void {
    engine.register(
      unaryMethod(MODEL_SERVICE, 'GetModelStatus', surroundings, (bytes, context) => this.#status(bytes, context)),
    );
    engine.register(this.#reloadMethod(surroundings));
  }

  #reloadMethod(surroundings: UnarySurroundings): GrpcMethod {
    const name = 'HandleReloadConfigRequest';
    const reload = this.#reload;
    if (reload === undefined) {
      return unbuiltMethod(MODEL_SERVICE, name, surroundings, 'to allow it start the server with --enable_reload_rpc');
    }
    return unaryMethod(MODEL_SERVICE, name, surroundings, async (bytes) => {
      const increases = await reload.reload(readReloadRequest(bytes));
      return messageWithRoom(MESSAGE_HEAD_BYTES, [writeReloadResponse(increases)]);
    });
  }

  #status(bytes: Uint8Array, context: RequestContext): Uint8Array {
    const statuses = this.#modelInfo.status(readModelStatusRequest(bytes), context);
    context.stages.enter(STAGE_ENCODE, context.now());
    return messageWithRoom(MESSAGE_HEAD_BYTES, [writeModelStatusResponse(statuses)]);
  }
}

/** GetModelStatusRequest: 1 model_spec. */
export function readModelStatusRequest(bytes: Uint8Array): ModelSpec {
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
 * status is always there: empty = OK.
 */
export function writeModelStatusResponse(statuses: readonly VersionStatus[]): Uint8Array {
  return message(
    ...statuses.map(({ version, state, error }) =>
      messageField(
        1,
        message(
          varintField(1, version),
          varintField(2, VERSION_STATES[state]),
          messageField(
            3,
            error === undefined ? message() : message(varintField(1, error.row.grpc), bytesField(2, error.message)),
          ),
        ),
      ),
    ),
  );
}
