/**
 * The system shared memory extension, for every form: regions that clients register, and tensors in them. Off unless
 * the server's options allow it.
 *
 * Whoever may use it may read and write every file of this server's user in /dev/shm. So it is for callers of this
 * machine alone, who come over loopback or a Unix socket; a caller elsewhere could not share memory anyway. With an
 * authorization file they need `shared_memory`, for the methods and for requests with tensors in regions.
 *
 * https://github.com/triton-inference-server/server, docs/protocol/extension_shared_memory.md
 */
import { type InferRequest, isInSharedMemory, type RequestedOutput } from '../../codec/open-inference/infer-request.ts';
import { ALL_MODELS } from '../../core/access-method.ts';
import { ServingError, toServingError } from '../../core/errors.ts';
import type { AuditLog } from '../../ledger/log/audit-log.ts';
import { ACCOUNTED_FROM_BYTES } from '../../proxy/memory-budget.ts';
import type { RequestContext } from '../../proxy/request-context.ts';
import type { RequestLifecycle } from '../../proxy/request-lifecycle.ts';
import type { RegionDescription } from './region.ts';
import type { RegionStore } from './region-store.ts';
import { SharedTensors } from './shared-tensors.ts';

export interface SharedMemoryParts {
  /** Undefined = the extension is off. */
  readonly regions: RegionStore | undefined;
  readonly lifecycle: RequestLifecycle;
  /** Limit of all inputs of a request that are in regions, in bytes. */
  readonly maxTensorBytes: number;
  /** The server listens on one: a peer without an address came over it. */
  readonly hasUnixSocket: boolean;
  /** A proxy in front names the addresses of TCP peers, so that none is known to be on this machine. Default false. */
  readonly hasProxyAddresses?: boolean;
  readonly audit?: AuditLog | undefined;
}

const NO_INPUTS: NonNullable<InferRequest['sharedInputs']> = [];

export class SharedMemory {
  readonly #parts: SharedMemoryParts;

  constructor(parts: SharedMemoryParts) {
    this.#parts = parts;
  }

  get isOn(): boolean {
    return this.#parts.regions !== undefined;
  }

  /** May this caller use it at all? Throws ServingError (unsupported, permission_denied). */
  check(context: RequestContext): void {
    this.#regionsFor(context);
  }

  /** All regions, or the named one. Throws ServingError. */
  status(name: string, context: RequestContext): readonly RegionDescription[] {
    return this.#regionsFor(context).list(name);
  }

  /** Rejects with ServingError. */
  register(wanted: RegionDescription, context: RequestContext): Promise<void> {
    return this.#audited(wanted.name, context, () => this.#regionsFor(context).register(wanted));
  }

  /** The named region, which need not be there, or all. Rejects with ServingError. */
  unregister(name: string, context: RequestContext): Promise<void> {
    return this.#audited(name || ALL_MODELS, context, () => {
      const regions = this.#regionsFor(context);
      if (name === '') regions.unregisterAll();
      else regions.unregister(name);
    });
  }

  /** Undefined if no tensor is in shared memory. They are released at the request's end. Throws ServingError. */
  tensorsOf({ sharedInputs = NO_INPUTS, outputs }: InferRequest, context: RequestContext): SharedTensors | undefined {
    if (sharedInputs.length === 0 && !outputs.some(isShared)) return undefined;
    const sharedOutputs = outputs.filter(isShared);
    const regions = this.#regionsFor(context);
    const tensors = new SharedTensors(context, this.#parts.lifecycle.memory.messages);
    try {
      tensors.place(regions, sharedInputs, sharedOutputs);
      this.#charge(tensors.inputBytes, context);
    } catch (error) {
      tensors.release(false);
      throw error;
    }
    this.#parts.lifecycle.lend(context, tensors);
    return tensors;
  }

  /** Closes the regions at the server's end. */
  close(): void {
    this.#parts.regions?.close();
  }

  #regionsFor({ peer, client, principal, surface }: RequestContext): RegionStore {
    const { regions } = this.#parts;
    if (regions === undefined) throw isOff();
    // Whoever asks through a proxy is somewhere else, though the proxy may be here.
    if (client !== undefined || !isLocal(peer, this.#parts)) {
      const way = this.#parts.hasProxyAddresses === true ? 'a Unix socket' : 'loopback or a Unix socket';
      const text = `shared memory is for callers on the same machine, over ${way}`;
      throw new ServingError('permission_denied', `${text}; send and receive tensors in the message`);
    }
    if (principal?.may('shared_memory', surface, ALL_MODELS) === false) {
      const text = 'no rule of this server allows this caller shared_memory here';
      throw new ServingError('permission_denied', `${text}; whoever runs the server can add one`);
    }
    return regions;
  }

  #charge(bytes: number, context: RequestContext): void {
    const { maxTensorBytes, lifecycle } = this.#parts;
    if (bytes > maxTensorBytes) {
      const text = `the inputs in shared memory have ${bytes} bytes, and a request's tensors may take ${maxTensorBytes}`;
      throw new ServingError('too_large', `${text} together; send fewer rows at once`);
    }
    if (bytes < ACCOUNTED_FROM_BYTES) return;
    const refusal = lifecycle.memory.hold(context, context.heldBytes + bytes);
    if (refusal !== undefined) throw refusal;
    lifecycle.memory.arrived(context);
  }

  async #audited(region: string, context: RequestContext, work: () => void | Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      const error = toServingError(thrown);
      // Refusals are noted where they are answered.
      if (error.kind !== 'permission_denied') this.#note(region, context, error);
      throw error;
    }
    this.#note(region, context);
  }

  #note(region: string, context: RequestContext, error?: ServingError): void {
    const { surface, method, caller: by, peer, id: requestId, trace } = context;
    const outcome = error === undefined ? 'done' : 'failed';
    const who = { surface, method, by, peer, requestId, traceId: trace?.traceId };
    this.#parts.audit?.write({ ...who, outcome, region, reason: error?.kind });
  }
}

function isShared({ parameters }: RequestedOutput): boolean {
  return parameters.size > 0 && isInSharedMemory(parameters);
}

/** Its peer as in RequestArrival: an address, perhaps with a port, or `unix`. */
function isLocal(peer: string, { hasUnixSocket, hasProxyAddresses = false }: SharedMemoryParts): boolean {
  if (peer === 'unix') return hasUnixSocket;
  if (hasProxyAddresses) return false;
  return /^\[?(::ffff:)?127\.\d+\.\d+\.\d+(\]?:\d+)?$/i.test(peer) || /^(::1|\[::1\]:\d+)$/.test(peer);
}

function isOff(): ServingError {
  return new ServingError(
    'unsupported',
    'this server has no shared memory for clients (whoever runs it can allow that with --allow_client_shm); send and ' +
      'receive tensors in the message',
  );
}
