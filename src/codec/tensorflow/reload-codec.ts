/**
 * ReloadConfigRequest and ReloadConfigResponse by @bufbuild/protobuf: a call a day, so nothing here needs to be quick.
 */
import { create, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import { ServingError } from '../../core/errors.ts';
import { protoMessage } from '../protobuf/proto-messages.ts';

/** What a ReloadConfigRequest asks for. */
export interface ReloadRequest {
  /** A ModelServerConfig; undefined = absent. */
  readonly config: Message | undefined;
  /** Counters whose increase over the reload is told. */
  readonly metricNames: readonly string[];
}

/** How much a counter has grown over a reload. */
export interface CounterIncrease {
  readonly name: string;
  readonly increase: number;
}

interface ReloadMessage {
  readonly config?: Message;
  readonly metricNames: readonly string[];
}

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

/** status is there and empty, which is OK. */
export function writeReloadResponse(increases: readonly CounterIncrease[]): Uint8Array {
  const type = protoMessage('tensorflow.serving.ReloadConfigResponse');
  const metric = increases.map(({ name, increase }) => ({
    name,
    valueIncrease: { case: 'int64ValueIncrease', value: BigInt(Math.round(increase)) },
  }));
  return toBinary(type, create(type, { status: {}, metric } as never));
}
