/**
 * Unary calls to another server over @grpc/grpc-js, with messages as bytes. A call ends with its answer, or with
 * RemoteFault. An answer over the limit is one: grpc-js ends the call when its length is read or, where the answer is
 * compressed, as soon as so much of it has been inflated.
 *
 * A call that the server cannot have begun is retried once, within the budget and the deadline: a call without a
 * connection, and a call that the server rejected with a retry delay.
 */
import type { Buffer } from 'node:buffer';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import type { Clock, Instant } from '../../core/clock.ts';
import { TokenBucket } from '../../core/collections/token-bucket.ts';
import { GrpcStatus } from '../../core/errors.ts';
import type { RemoteConfig, RemoteTls } from './remote-file.ts';

/** A failed call: its gRPC status and the server's retry delay. */
export class RemoteFault extends Error {
  readonly code: number;
  /** The server's answer was over the limit of this channel. */
  readonly isOverLimit: boolean;
  /** The server's grpc-retry-pushback-ms. */
  readonly retryAfterMs: number | undefined;

  constructor(code: number, message: string, retryAfterMs: number | undefined, isOverLimit = false) {
    super(message);
    this.code = code;
    this.isOverLimit = isOverLimit;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface RemoteCall {
  readonly path: string;
  readonly message: Uint8Array;
  /** The deadline of the call, which must not be Infinity. */
  readonly deadline: Instant;
  readonly headers?: Readonly<Record<string, string>>;
  /** Waits for a connection until the deadline, instead of failing at once. */
  readonly waitsForServer?: boolean;
  /** Called with a function that cancels the call, and with undefined when the call has ended. */
  readonly onCancellable?: (cancel: (() => void) | undefined) => void;
  /** Called before a retry. */
  readonly onRetry?: (reason: RetryReason) => void;
}

/** There was no connection, or the server rejected the call with a retry delay. */
type RetryReason = 'not_connected' | 'pushback';

const RETRY_PUSHBACK = 'grpc-retry-pushback-ms';
/** How long a retry waits for a connection: servers restart, addresses change. */
const RECONNECT_MS = 500;
/** The texts of grpc-js for a call that had no connection, so that nothing was sent. */
const NEVER_SENT = /^(No connection established|Name resolution failed)/;

/**
 * The shortest interval of pings on a connection with calls. There are at most two pings in a call: servers of gRPC's
 * C++ library close a connection that pings more often than they answer.
 */
const MIN_KEEPALIVE_MS = 20_000;

/**
 * Retries are limited to one for every ten calls, so that a failing server gets at most a tenth more work, as by gRPC's
 * retry throttling. A call earns tokens, and a retry takes one.
 */
const TOKENS_PER_CALL = 0.1;
/** Largest burst of retries. */
const MAX_TOKENS = 10;

const CHANNEL_OPTIONS = {
  'grpc.max_send_message_length': -1,
  /** Reconnects soon to a server that is back; the default takes up to two minutes. */
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 5000,
  'grpc.keepalive_timeout_ms': 10_000,
  /** Versions share no subchannels: closing one version must not affect another. */
  'grpc.use_local_subchannel_pool': 1,
} as const;

export class RemoteChannel {
  readonly #newClient: () => Client;
  readonly #clock: Clock;
  /** Matches grpc-js's texts for an answer over the limit, as it came or inflated. */
  readonly #overLimit: RegExp;
  #client: Client;
  readonly #retries = new TokenBucket(MAX_TOKENS);

  /** @param maxAnswerBytes the limit of one answer, as sent and inflated */
  constructor({ address, tls, timeoutMs }: RemoteConfig, maxAnswerBytes: number, clock: Clock) {
    const options = {
      ...CHANNEL_OPTIONS,
      'grpc.max_receive_message_length': maxAnswerBytes,
      'grpc.keepalive_time_ms': Math.max(MIN_KEEPALIVE_MS, timeoutMs / 2),
      ...(tls?.serverName === undefined ? {} : serverName(tls.serverName)),
    };
    this.#newClient = () => new Client(address, credentialsOf(tls), options);
    this.#client = this.#newClient();
    this.#clock = clock;
    this.#overLimit = new RegExp(
      `^Received message .*larger than (max \\(\\d+ vs ${maxAnswerBytes}\\)|${maxAnswerBytes}$)`,
    );
  }

  /**
   * Opens a new connection for later calls: the server has not answered on this one and may be gone, which TCP may take
   * a quarter of an hour to notice. Calls in progress end on the old connection.
   */
  renew(): void {
    this.#client.close();
    this.#client = this.#newClient();
  }

  /** Resolves with the answer's message. Rejects with RemoteFault. */
  async call(call: RemoteCall): Promise<Buffer> {
    this.#retries.earn(TOKENS_PER_CALL);
    try {
      return await this.#once(call);
    } catch (thrown) {
      const reason = await this.#waitForRetry(call, thrown as RemoteFault);
      if (reason === undefined) throw thrown;
      call.onRetry?.(reason);
      return await this.#once(call);
    }
  }

  close(): void {
    this.#client.close();
  }

  /** Waits until the call may be retried and resolves with the reason; undefined: it must not be retried. */
  async #waitForRetry(
    call: RemoteCall,
    { code, message, retryAfterMs }: RemoteFault,
  ): Promise<RetryReason | undefined> {
    if (code !== GrpcStatus.UNAVAILABLE || call.waitsForServer === true) return undefined;
    const now = this.#clock.nowMs();
    if (NEVER_SENT.test(message)) {
      const until = Math.min(call.deadline, now + RECONNECT_MS);
      const isConnected = until > now && this.#retries.take() && (await this.#connected(until));
      return isConnected ? 'not_connected' : undefined;
    }
    if (retryAfterMs === undefined || now + retryAfterMs >= call.deadline || !this.#retries.take()) return undefined;
    await new Promise<void>((resolve) => this.#clock.setTimer(now + retryAfterMs, resolve));
    return 'pushback';
  }

  /** Resolves with true when there is a connection, or with false at `until`. */
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
          else reject(this.#faultOf(error));
        },
      );
      onCancellable?.(() => call.cancel());
    });
  }

  #faultOf({ code, details, metadata }: ServiceError): RemoteFault {
    const pushback = Number(metadata.get(RETRY_PUSHBACK)[0] ?? Number.NaN);
    const isOverLimit = code === GrpcStatus.RESOURCE_EXHAUSTED && this.#overLimit.test(details);
    return new RemoteFault(code, details, pushback >= 0 ? pushback : undefined, isOverLimit);
  }

  /** A deadline of grpc-js: milliseconds since 1970. */
  #wallOf(instant: Instant): number {
    return this.#clock.wallMs() + (instant - this.#clock.nowMs());
  }
}

function credentialsOf(tls: RemoteTls | undefined) {
  if (tls === undefined) return credentials.createInsecure();
  return credentials.createSsl(tls.ca ?? null, tls.key ?? null, tls.cert ?? null);
}

function serverName(name: string): Record<string, string> {
  return { 'grpc.ssl_target_name_override': name, 'grpc.default_authority': name };
}
