/**
 * The connections of one surface: how many there may be, in all and from one peer, and for how long one may be idle.
 *
 *   accepted ─▶ is there room? ── yes ─────────────────────────────────────────▶ served
 *                    └ no ─▶ is one idle? ── yes ─▶ the longest idle is ended ─▶ served
 *                                 └ no ─▶ refused: closed at once, counted
 *
 * Idle means: no request or stream is open, no bytes of a next one are under way, and all answers have left. A peer at
 * its cap makes room among its own connections. Loopback and Unix sockets have no cap of their own: they are the pod's,
 * whose application may open many.
 *
 * A connection that is ended has a moment in which its client reads why, and has its descriptor until then. There are
 * `ENDING_SHARE` of the cap such connections at most; when there are more the first of them are closed.
 */
import type { Server, Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import type { Clock, Instant, TimerHandle } from '../../core/clock.ts';

/** A connection as its surface knows it. */
export interface GatedConnection {
  /** The instant since which no request and no stream is open; undefined while one is. */
  readonly restingSince: Instant | undefined;
  /** It rests, no bytes of a next request are under way, and all answers have left. */
  readonly isIdle: boolean;
  /** Ends it as its protocol has it. */
  endIdle(): void;
}

/** Why a connection was refused or ended. */
export const GATE_REASONS = ['refused', 'refused_peer', 'oldest_idle', 'idle_timeout'] as const;
export type GateReason = (typeof GATE_REASONS)[number];

/** The connections that were refused or ended between two ticks, and those that are open. */
export interface CrowdedReport {
  readonly refused: number;
  /** Idle connections that were ended to make room. */
  readonly ended: number;
  readonly open: number;
}

export interface ConnectionGateOptions {
  readonly clock: Clock;
  readonly maxConnections: number;
  readonly maxPerPeer: number;
  /** How long a connection may be idle. */
  readonly idleMs: number;
  /** The peer at an address, as in proxy/caller.ts; undefined for this machine. */
  readonly peerOf: (address: string | undefined) => string | undefined;
  /** Called for each connection that is refused or ended. */
  readonly onEnded?: (reason: GateReason) => void;
  /** Called at most once every TICK_MS, after connections were refused or ended for want of room. */
  readonly onCrowded?: (report: CrowdedReport) => void;
}

/** Idle connections are found a few seconds late. */
const TICK_MS = 5000;
/** A head may take this long beyond the idle timeout; the protocols' own limits are tighter, where a head has begun. */
const HEAD_MS = 30_000;
/** The pause after a search that found none idle. Each search looks at every connection. */
const SEARCH_PAUSE_MS = 100;
/** The most connections that are ending, as a share of the cap. */
export const ENDING_SHARE = 1 / 8;
/** The share of the connections that go when descriptors have run out. */
const SQUEEZED_SHARE = 1 / 8;
/** The least that the cap becomes: health checks must get in. */
const LEAST_MAX = 8;

/** A connection that was let in. */
class Seat implements GatedConnection {
  /** Undefined for this machine's own, and until `arrive`. */
  peer: Crowd | undefined;
  readonly raw: Socket;
  readonly #admittedAt: Instant;
  /** Undefined while TLS shakes hands. */
  connection: GatedConnection | undefined;

  constructor(raw: Socket, peer: Crowd | undefined, now: Instant) {
    this.raw = raw;
    this.peer = peer;
    this.#admittedAt = now;
  }

  get restingSince(): Instant | undefined {
    return this.connection === undefined ? this.#admittedAt : this.connection.restingSince;
  }

  get isIdle(): boolean {
    return this.connection?.isIdle ?? true;
  }

  endIdle(): void {
    if (this.connection === undefined) this.destroy();
    else this.connection.endIdle();
  }

  destroy(): void {
    this.raw.destroy();
  }
}

/** Connections that share a cap. */
class Crowd {
  readonly name: string;
  readonly seats = new Set<Seat>();
  /** The seats that have been idle for longest, the longest at the end, as far as the last search kept them. */
  #oldest: (readonly [seat: Seat, since: Instant])[] = [];
  #searchFrom: Instant = 0;

  constructor(name: string) {
    this.name = name;
  }

  /**
   * The one that has been idle for longest. A search costs a look at every seat, and finds an eighth of them at once:
   * they stay the longest idle, because whoever is used in between is idle for less time than all of them.
   */
  oldestIdle(now: Instant): Seat | undefined {
    for (let next = this.#oldest.pop(); next !== undefined; next = this.#oldest.pop()) {
      const [seat, since] = next;
      if (this.seats.has(seat) && seat.isIdle && seat.restingSince === since) return seat;
    }
    if (now < this.#searchFrom) return undefined;
    const idle: [Seat, Instant][] = [];
    for (const seat of this.seats)
      if (seat.isIdle && seat.restingSince !== undefined) idle.push([seat, seat.restingSince]);
    if (idle.length === 0) this.#searchFrom = now + SEARCH_PAUSE_MS;
    idle.sort(([, a], [, b]) => a - b);
    this.#oldest = idle.slice(0, Math.ceil(idle.length / 8)).reverse();
    return this.#oldest.pop()?.[0];
  }
}

export class ConnectionGate {
  readonly #options: ConnectionGateOptions;
  readonly #all = new Crowd('');
  readonly #peers = new Map<string, Crowd>();
  readonly #bySocket = new WeakMap<Socket, Seat>();
  /** The seats of TLS servers, whose surface knows another socket than the one that was accepted. */
  readonly #byAddress = new Map<string, Seat>();
  /** Ended and not yet closed, in this order. */
  readonly #ending = new Set<Seat>();
  /** The cap: `maxConnections`, or less while the process has no descriptors left. */
  #max: number;
  #timer: TimerHandle | undefined;
  #refused = 0;
  #ended = 0;

  constructor(options: ConnectionGateOptions) {
    this.#options = options;
    this.#max = options.maxConnections;
  }

  get idleMs(): number {
    return this.#options.idleMs;
  }

  /** Connections that have a descriptor. */
  get open(): number {
    return this.#all.seats.size + this.#ending.size;
  }

  /**
   * Stands before the server's own listeners of 'connection', all of which must be there already. `arePeersLate`: a
   * connection's peer is known when `arrive` is called, not by its socket.
   */
  guard(server: Server, arePeersLate = false): void {
    const own = server.listeners('connection') as ((this: Server, socket: Socket) => void)[];
    const hasTls = server instanceof TlsServer;
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      const name = arePeersLate ? undefined : this.#options.peerOf(socket.remoteAddress);
      if (this.#admit(socket, hasTls, name)) for (const listener of own) listener.call(server, socket);
    });
  }

  /**
   * The process has no descriptors left: an eighth of the connections must go, and new ones take the places of idle ones
   * until `relax` has been called often enough.
   */
  squeeze(): void {
    const now = this.#options.clock.nowMs();
    this.#max = Math.max(LEAST_MAX, Math.floor(this.#all.seats.size * (1 - SQUEEZED_SHARE)));
    while (this.#all.seats.size > this.#max) if (!this.#endOldest(this.#all, now)) return;
  }

  /** There are descriptors again. */
  relax(): void {
    this.#max = Math.min(this.#options.maxConnections, Math.ceil(this.#max * (1 + SQUEEZED_SHARE)));
  }

  /** The surface has a connection; after its TLS handshake, if there is one. */
  attach(socket: Socket, connection: GatedConnection): void {
    const seat = this.#seatOf(socket);
    if (seat !== undefined) seat.connection = connection;
  }

  /** Says whom an admitted connection comes from. False: that peer has too many, and it was refused. */
  arrive(socket: Socket, address: string | undefined): boolean {
    const { clock, maxPerPeer, peerOf } = this.#options;
    const name = peerOf(address);
    const seat = this.#seatOf(socket);
    if (name === undefined || seat === undefined) return true;
    const peer = this.#crowdOf(name);
    if (!this.#hasRoom(peer, maxPerPeer, clock.nowMs())) {
      this.#leave(seat);
      return this.#refuse(socket, 'refused_peer');
    }
    seat.peer = peer;
    this.#sitWith(peer, seat);
    return true;
  }

  /** A connection turns out to be another surface's, and leaves here. False: there is no room there; it was refused. */
  pass(socket: Socket, other: ConnectionGate): boolean {
    const seat = this.#seatOf(socket);
    if (seat === undefined) return true;
    this.#leave(seat);
    return other.#admit(seat.raw, seat.raw !== socket, seat.peer?.name);
  }

  #seatOf(socket: Socket): Seat | undefined {
    return this.#bySocket.get(socket) ?? this.#byAddress.get(addressOf(socket));
  }

  #crowdOf(name: string): Crowd {
    return this.#peers.get(name) ?? new Crowd(name);
  }

  #sitWith(peer: Crowd, seat: Seat): void {
    this.#peers.set(peer.name, peer);
    peer.seats.add(seat);
  }

  #admit(socket: Socket, hasTls: boolean, name: string | undefined): boolean {
    const { clock, maxPerPeer } = this.#options;
    const now = clock.nowMs();
    const peer = name === undefined ? undefined : this.#crowdOf(name);
    if (peer !== undefined && !this.#hasRoom(peer, maxPerPeer, now)) return this.#refuse(socket, 'refused_peer');
    if (!this.#hasRoom(this.#all, this.#max, now)) return this.#refuse(socket, 'refused');
    this.#seat(socket, new Seat(socket, peer, now), hasTls);
    return true;
  }

  #seat(socket: Socket, seat: Seat, hasTls: boolean): void {
    const address = hasTls ? addressOf(socket) : undefined;
    const { peer } = seat;
    this.#all.seats.add(seat);
    if (peer !== undefined) this.#sitWith(peer, seat);
    if (address === undefined) this.#bySocket.set(socket, seat);
    else this.#byAddress.set(address, seat);
    socket.once('close', () => {
      this.#leave(seat);
      this.#ending.delete(seat);
      if (address !== undefined && this.#byAddress.get(address) === seat) this.#byAddress.delete(address);
    });
    this.#timer ??= this.#nextTick();
  }

  /** Ends an idle connection if that is needed. */
  #hasRoom(crowd: Crowd, max: number, now: Instant): boolean {
    return crowd.seats.size < max || this.#endOldest(crowd, now);
  }

  /** Returns false if none is idle. */
  #endOldest(crowd: Crowd, now: Instant): boolean {
    const oldest = crowd.oldestIdle(now);
    if (oldest === undefined) return false;
    this.#ended += 1;
    this.#end(oldest, 'oldest_idle');
    return true;
  }

  #refuse(socket: Socket, reason: GateReason): false {
    this.#refused += 1;
    socket.on('error', () => undefined);
    socket.destroy();
    this.#options.onEnded?.(reason);
    this.#timer ??= this.#nextTick();
    return false;
  }

  #end(seat: Seat, reason: GateReason): void {
    this.#leave(seat);
    this.#ending.add(seat);
    this.#options.onEnded?.(reason);
    seat.endIdle();
    if (this.#ending.size <= Math.ceil(this.#max * ENDING_SHARE)) return;
    const [first] = this.#ending;
    this.#ending.delete(first!);
    first!.destroy();
  }

  #leave(seat: Seat): void {
    this.#all.seats.delete(seat);
    seat.peer?.seats.delete(seat);
    if (seat.peer?.seats.size === 0 && this.#peers.get(seat.peer.name) === seat.peer)
      this.#peers.delete(seat.peer.name);
  }

  #nextTick(): TimerHandle {
    const { clock } = this.#options;
    return clock.setTimer(clock.nowMs() + TICK_MS, () => this.#tick());
  }

  #tick(): void {
    const { clock, idleMs, onCrowded } = this.#options;
    const now = clock.nowMs();
    for (const seat of this.#all.seats) {
      const restedMs = now - (seat.restingSince ?? now);
      if (restedMs > (seat.isIdle ? idleMs : idleMs + HEAD_MS)) this.#end(seat, 'idle_timeout');
    }
    if (this.#refused + this.#ended > 0) onCrowded?.({ refused: this.#refused, ended: this.#ended, open: this.open });
    this.#refused = 0;
    this.#ended = 0;
    this.#timer = this.open > 0 ? this.#nextTick() : undefined;
  }
}

/** Both sockets of a TLS connection have it. */
function addressOf({ remoteAddress, remotePort, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localPort}`;
}
