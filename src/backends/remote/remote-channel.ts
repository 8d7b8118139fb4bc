/**
 * Unary calls to another server over @grpc/grpc-js: bytes out, bytes in. A call ends with its answer, or with RemoteFault.
 *
 * Sent again, once and within the budget, is what the server cannot have begun: a call for which there was no connection,
 * and one that it refused with a time to come back. Never past the deadline.
 */
import type { Buffer } from 'node:buffer';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import type { Clock, Instant } from '../../core/clock.ts';
import { GrpcStatus } from '../../core/errors.ts';
import type { RemoteConfig, RemoteTls } from './remote-file.ts';
import { RetryBudget } from './retry-budget.ts';

/** A call that failed: the status, and what the server said of trying again. */
export class RemoteFault extends Error {
  readonly code: number;
  /** As the server gave it, in ms. */
  readonly retryAfterMs: number | undefined;

  constructor(code: number, message: string, retryAfterMs: number | undefined) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface RemoteCall {
  readonly path: string;
  readonly message: Uint8Array;
  /** Its end, at the latest. Not Infinity. */
  readonly deadline: Instant;
  readonly headers?: Readonly<Record<string, string>>;
  /** Wait until the server is there, as long as the deadline allows, instead of failing at once. */
  readonly waitsForServer?: boolean;
  /** Given a function that ends the call early, and undefined when it has ended. */
  readonly onCancellable?: (cancel: (() => void) | undefined) => void;
  /** It is sent again now, because of that. */
  readonly onRetry?: (reason: RetryReason) => void;
}

/** There had been no connection, or the server refused it with a time to come back. */
export type RetryReason = 'not_connected' | 'pushback';

const RETRY_PUSHBACK = 'grpc-retry-pushback-ms';
/** How long a retry waits for a connection that was not there: servers restart, addresses move. */
const RECONNECT_MS = 500;
/** grpc-js' words for a call that found no connection, and so never left. */
const NEVER_SENT = /^(No connection established|Name resolution failed)/;

/**
 * How soon a connection with a call on it is pinged, at the earliest. Twice within a call at most: servers of gRPC's own C++
 * library close a connection that pings more often than they answer.
 */
const LEAST_KEEPALIVE_MS = 20_000;

const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  /** A server that has come back is found soon, by default only after up to two minutes. */
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 5000,
  'grpc.keepalive_timeout_ms': 10_000,
  /** The subchannels of two versions are their own: closing one must not disturb the other. */
  'grpc.use_local_subchannel_pool': 1,
} as const;

export class RemoteChannel {
  readonly #newClient: () => Client;
  readonly #clock: Clock;
  #client: Client;
  readonly #budget = new RetryBudget();

  constructor({ address, tls, timeoutMs }: RemoteConfig, clock: Clock) {
    const options = {
      ...CHANNEL_OPTIONS,
      'grpc.keepalive_time_ms': Math.max(LEAST_KEEPALIVE_MS, timeoutMs / 2),
      ...(tls?.serverName === undefined ? {} : serverName(tls.serverName)),
    };
    this.#newClient = () => new Client(address, credentialsOf(tls), options);
    this.#client = this.#newClient();
    this.#clock = clock;
  }

  /**
   * Goes on with another connection: the server has not answered on this one, and may have vanished without a word, which TCP
   * notices after a quarter of an hour. Calls under way end on the old one.
   */
  renew(): void {
    this.#client.close();
    this.#client = this.#newClient();
  }

  /** The answer's message. Rejects with RemoteFault. */
  async call(call: RemoteCall): Promise<Buffer> {
    this.#budget.earn();
    try {
      return await this.#once(call);
    } catch (thrown) {
      const reason = await this.#mayTryAgain(call, thrown as RemoteFault);
      if (reason === undefined) throw thrown;
      call.onRetry?.(reason);
      return await this.#once(call);
    }
  }

  close(): void {
    this.#client.close();
  }

  /** Waits for the moment to send it again, and says why; undefined: it is not to be. */
  async #mayTryAgain(call: RemoteCall, { code, message, retryAfterMs }: RemoteFault): Promise<RetryReason | undefined> {
    if (code !== GrpcStatus.UNAVAILABLE || call.waitsForServer === true) return undefined;
    const now = this.#clock.nowMs();
    if (NEVER_SENT.test(message)) {
      const until = Math.min(call.deadline, now + RECONNECT_MS);
      const isConnected = until > now && this.#budget.spend() && (await this.#connected(until));
      return isConnected ? 'not_connected' : undefined;
    }
    if (retryAfterMs === undefined || now + retryAfterMs >= call.deadline || !this.#budget.spend()) return undefined;
    await this.#pause(retryAfterMs);
    return 'pushback';
  }

  /** Resolves with true as soon as there is a connection, or at `until` with false. */
  #connected(until: Instant): Promise<boolean> {
    return new Promise((resolve) => {
      this.#client.waitForReady(this.#wallOf(until), (error) => resolve(error === undefined));
    });
  }

  #once({ path, message, deadline, headers = {}, waitsForServer = false, onCancellable }: RemoteCall): Promise<Buffer> {
    const metadata = new Metadata({ waitForReady: waitsForServer });
    for (const name in headers) metadata.set(name, headers[name]!);
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        path,
        (bytes: Uint8Array) => bytes as Buffer,
        (bytes: Buffer) => bytes,
        message,
        metadata,
        { deadline: this.#wallOf(deadline) },
        (error, answer) => {
          onCancellable?.(undefined);
          if (error === null) resolve(answer!);
          else reject(faultOf(error));
        },
      );
      onCancellable?.(() => call.cancel());
    });
  }

  /** As grpc-js has deadlines: ms since 1970. */
  #wallOf(instant: Instant): number {
    return this.#clock.wallMs() + (instant - this.#clock.nowMs());
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.setTimer(this.#clock.nowMs() + ms, resolve);
    });
  }
}

function faultOf({ code, details, metadata }: ServiceError): RemoteFault {
  const pushback = Number(metadata.get(RETRY_PUSHBACK)[0] ?? Number.NaN);
  return new RemoteFault(code, details, pushback >= 0 ? pushback : undefined);
}

function credentialsOf(tls: RemoteTls | undefined) {
  if (tls === undefined) return credentials.createInsecure();
  return credentials.createSsl(tls.ca ?? null, tls.key ?? null, tls.cert ?? null);
}

function serverName(name: string): Record<string, string> {
  return { 'grpc.ssl_target_name_override': name, 'grpc.default_authority': name };
}
