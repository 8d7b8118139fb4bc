/** tensorflow.serving.PredictionService: Predict and GetModelMetadata. */
import { messageWithRoom } from '../../../../codec/protobuf/wire-writer.ts';
import {
  BATCH_AXES,
  COLUMNS,
  type ModelMetadataRequest,
  NOTES,
  readModelMetadataRequest,
  SIGNATURE_DEF,
  writeModelMetadataResponse,
} from '../../../../codec/tensorflow/model-metadata-codec.ts';
import { PredictPeek } from '../../../../codec/tensorflow/predict-peek.ts';
import type { CodecThread } from '../../../../codec-thread/codec-thread.ts';
import { toldColumns } from '../../../../core/columns/told-columns.ts';
import { ServingError } from '../../../../core/errors.ts';
import { listNames } from '../../../../core/list-names.ts';
import type { ModelMetadata } from '../../../../core/model-metadata.ts';
import type { ModelSpec } from '../../../../core/model-spec.ts';
import type { TensorMap } from '../../../../core/tensor.ts';
import { lookupCall, type Permit } from '../../../call.ts';
import type { ExchangeContext, Method } from '../../../exchange.ts';
import { type GrpcService, MESSAGE_HEAD_BYTES } from '../../../grpc/engine.ts';
import { unaryMethod } from '../../../grpc/grpc-wire.ts';
import type { ModelInfoHandler } from '../../../handlers/model-info.ts';
import type { ModelResolver } from '../../../handlers/model-resolver.ts';
import { PredictCall } from '../../../handlers/predict.ts';
import type { RequestContext } from '../../../request-context.ts';
import { ProtobufCodec } from '../protobuf-codec.ts';

export const PREDICTION_SERVICE = 'tensorflow.serving.PredictionService';

export interface PredictionServiceOptions {
  readonly resolver: ModelResolver;
  readonly modelInfo: ModelInfoHandler;
  /** Answer with tensor_content instead of the typed *_val fields. */
  readonly serializationAsTensorContent: boolean;
  /** Limit of all tensors of one request together, decoded, in bytes. */
  readonly maxTensorBytes: number;
  /** Reads and writes large messages. Default: they are read and written on the event loop. */
  readonly thread?: CodecThread | undefined;
}

export function predictionService(options: PredictionServiceOptions, shared: ExchangeContext): GrpcService {
  const { resolver, modelInfo, thread } = options;
  const codec = new ProtobufCodec({ ...options, thread, room: MESSAGE_HEAD_BYTES });
  const methods: readonly Method<Uint8Array>[] = [
    new GrpcPredict(resolver, codec),
    {
      name: 'GetModelMetadata',
      access: 'metadata',
      decode: (message, _path, context) => {
        const { modelSpec, fields } = readMetadataRequest(message);
        return lookupCall(modelSpec.name, () => {
          const { notes = [], ...metadata } = modelInfo.metadata(modelSpec, context);
          const tellsBatchAxes = fields.includes(BATCH_AXES);
          const columns = fields.includes(COLUMNS) ? toldColumns(metadata.signatures) : undefined;
          return { ...metadata, ...(fields.includes(NOTES) && { notes }), columns, tellsBatchAxes };
        });
      },
      encode: (metadata) => messageWithRoom(MESSAGE_HEAD_BYTES, [writeModelMetadataResponse(metadata)]),
    } satisfies Method<Uint8Array, ModelMetadata>,
  ];
  return { name: PREDICTION_SERVICE, methods: methods.map((each) => unaryMethod(PREDICTION_SERVICE, each, shared)) };
}

class GrpcPredict implements Method<Uint8Array, TensorMap, PredictCall> {
  readonly name = 'Predict';
  readonly access = 'predict';
  readonly #resolver: ModelResolver;
  readonly #codec: ProtobufCodec;
  readonly #peek = new PredictPeek();

  constructor(resolver: ModelResolver, codec: ProtobufCodec) {
    this.#resolver = resolver;
    this.#codec = codec;
  }

  decode(message: Uint8Array, _path: ModelSpec, context: RequestContext): PredictCall | Promise<PredictCall> {
    const request = this.#codec.predict(message, context);
    if (!(request instanceof Promise)) return new PredictCall(this.#resolver, request, context);
    return request.then((read) => new PredictCall(this.#resolver, read, context));
  }

  refusal(message: Uint8Array, _path: ModelSpec, context: RequestContext, permit: Permit): ServingError | undefined {
    const spec = this.#peek.read(message);
    const refusal = spec && this.#resolver.refusalOf(spec, context);
    if (refusal !== undefined) permit.permit(spec!.name);
    return refusal;
  }

  encode(outputs: TensorMap, { served, context }: PredictCall): Uint8Array | Promise<Uint8Array> {
    return this.#codec.answer(served, outputs, context);
  }
}

/** Our own fields are sent to who asks for them: others may take every entry of the answer for signatures. */
const METADATA_FIELDS: readonly string[] = [SIGNATURE_DEF, NOTES, COLUMNS, BATCH_AXES];

function readMetadataRequest(message: Uint8Array): ModelMetadataRequest {
  const request = readModelMetadataRequest(message);
  const { fields } = request;
  const unknown = fields.filter((field) => !METADATA_FIELDS.includes(field));
  if (fields.length > 0 && unknown.length === 0) return request;
  const sent = fields.length === 0 ? 'is empty' : `has ${listNames(unknown)}`;
  throw new ServingError(
    'invalid_request',
    `metadata_field ${sent}; send "${SIGNATURE_DEF}", and "${NOTES}", "${COLUMNS}" or "${BATCH_AXES}" if wanted`,
  );
}
