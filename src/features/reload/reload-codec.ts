/**
 * ReloadConfigRequest and ReloadConfigResponse by @bufbuild/protobuf: they are rare, so speed does not matter.
 */
import { create, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import { protoMessage } from '../../codec/protobuf/proto-messages.ts';
import { ServingError } from '../../core/errors.ts';

export interface ReloadRequest {
  /** A ModelServerConfig; undefined = absent. */
  readonly config: Message | undefined;
  /** The counters whose increase during the reload is answered. */
  readonly metricNames: readonly string[];
}

/** The increase of a counter during a reload. */
export interface CounterIncrease {
  readonly name: string;
  readonly increase: number;
}

interface ReloadMessage {
  readonly config?: Message;
  readonly metricNames: readonly string[];
}

/** Throws `invalid_request`. */
export function readReloadRequest(bytes: Uint8Array): ReloadRequest {
  let message: ReloadMessage;
  try {
    const type = protoMessage('tensorflow.serving.ReloadConfigRequest');
    message = fromBinary(type, bytes) as unknown as ReloadMessage;
  } catch (cause) {
    throw new ServingError('invalid_request', `the message is no ReloadConfigRequest: ${(cause as Error).message}`, {
      cause,
    });
  }
  return { config: message.config, metricNames: message.metricNames };
}

/** The status is present and empty, which means OK. */
export function writeReloadResponse(increases: readonly CounterIncrease[]): Uint8Array {
  const type = protoMessage('tensorflow.serving.ReloadConfigResponse');
  const metric = increases.map(({ name, increase }) => ({
    name,
    valueIncrease: { case: 'int64ValueIncrease', value: BigInt(Math.round(increase)) },
  }));
  return toBinary(type, create(type, { status: {}, metric } as never));
}
