/**
 * Backend `remote`: models that another server runs, over gRPC with TensorFlow Serving's API or the Open Inference
 * Protocol. The artifact is `<version>/remote.yaml` (remote-file.ts).
 *
 * Loading requests the model's signatures, and waits for a server that cannot be reached yet. If it stays unreachable,
 * the load fails with `backend_unavailable`, and is retried. Later changes of the model on its server are not noticed:
 * the signatures are those of the load. How their requests share calls follows the server (remote-axes.ts).
 */
import { join } from 'node:path';
import { systemClock } from '../../core/clock.ts';
import { GrpcStatus, ServingError } from '../../core/errors.ts';
import type { Signature } from '../../core/signature.ts';
import type { Backend, Session } from '../backend.ts';
import { checkParameters } from '../load-options.ts';
import { hasRemoteFile, REMOTE_FILE } from './has-remote-file.ts';
import { openInferenceProtocol } from './open-inference-protocol.ts';
import { RemoteAxes } from './remote-axes.ts';
import { RemoteChannel, type RemoteFault } from './remote-channel.ts';
import { toLoadError } from './remote-errors.ts';
import { type RemoteConfig, readRemoteFile } from './remote-file.ts';
import type { RemoteProtocol } from './remote-protocol.ts';
import { describeRemote, RemoteSession } from './remote-session.ts';
import { tensorflowServingProtocol } from './tensorflow-serving-protocol.ts';

const RETRY_MS = 250;

export const backend: Backend = {
  kind: 'remote',
  mustRunIn: 'inline',

  probe: hasRemoteFile,

  async load(versionDirectory, { parameters, signal, maxMessageBytes, fileRoots }): Promise<Session> {
    const file = join(versionDirectory, REMOTE_FILE);
    checkParameters(file, parameters);
    const config = await readRemoteFile(versionDirectory, fileRoots);
    const protocol = protocolOf(config);
    const channel = new RemoteChannel(config, maxMessageBytes, systemClock);
    try {
      const candidates = await readSignatures({ config, protocol, channel, signal, file });
      const { isBatching } = config;
      const axes = new RemoteAxes({ protocol, channel, clock: systemClock, isBatching, candidates });
      await axes.look();
      return new RemoteSession({ config, channel, protocol, axes, clock: systemClock });
    } catch (error) {
      channel.close();
      throw error;
    }
  },
};

function protocolOf({ model: name, version, label, protocol }: RemoteConfig): RemoteProtocol {
  switch (protocol) {
    case 'tensorflow-serving':
      return tensorflowServingProtocol({ name, version, label });
    case 'v2':
      return openInferenceProtocol({ name, version: version === undefined ? '' : version.toString() });
  }
}

/** A load in progress. */
interface RemoteLoad {
  readonly config: RemoteConfig;
  readonly protocol: RemoteProtocol;
  readonly channel: RemoteChannel;
  readonly signal: AbortSignal;
  /** The path of remote.yaml. */
  readonly file: string;
}

async function readSignatures(load: RemoteLoad): Promise<ReadonlyMap<string, Signature>> {
  const { config, protocol, file } = load;
  const remote = describeRemote(config);
  const answer = await requestMetadata(load).catch((fault: RemoteFault) => {
    throw toLoadError(fault, file, remote);
  });
  const signatures = signaturesOf(answer, protocol, `"${file}": ${remote}`);
  if (signatures.size === 0) {
    throw new ServingError('load_failed', `"${file}": ${remote} has no signature of tensors that can be served`);
  }
  return signatures;
}

/**
 * Retries while the server cannot be reached or still loads the model, and the load is wanted. Rejects with the last
 * RemoteFault.
 */
async function requestMetadata({ config, protocol, channel, signal }: RemoteLoad): Promise<Uint8Array> {
  const { connectTimeoutMs } = config;
  const path = protocol.metadataPath;
  const message = protocol.writeMetadataRequest();
  const deadline = systemClock.nowMs() + connectTimeoutMs;
  for (;;) {
    try {
      return await channel.call({ path, message, deadline, waitsForServer: true });
    } catch (thrown) {
      const fault = thrown as RemoteFault;
      const retryAt = systemClock.nowMs() + Math.min(fault.retryAfterMs ?? RETRY_MS, RETRY_MS);
      if (fault.code !== GrpcStatus.UNAVAILABLE || retryAt >= deadline || signal.aborted) throw fault;
      await new Promise<void>((resolve) => systemClock.setTimer(retryAt, resolve));
    }
  }
}

function signaturesOf(answer: Uint8Array, protocol: RemoteProtocol, what: string): ReadonlyMap<string, Signature> {
  try {
    return protocol.readSignatures(answer);
  } catch (cause) {
    const text = `${what} gave metadata that cannot be read: ${(cause as Error).message}`;
    throw new ServingError('load_failed', text, { cause });
  }
}
