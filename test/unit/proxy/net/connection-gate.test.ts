import assert from 'node:assert/strict';
import { createServer, Socket } from 'node:net';
import { test } from 'node:test';
import {
  ConnectionGate,
  type ConnectionGateOptions,
  type GatedConnection,
} from '../../../../src/proxy/net/connection-gate.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { turn } from '../../../support/turns.ts';

class PeerSocket extends Socket {
  override readonly remoteAddress: string | undefined;

  constructor(address: string | undefined) {
    super();
    this.remoteAddress = address;
  }
}

/** A surface whose connections do what the test says. */
class Surface {
  readonly clock = new FakeClock();
  readonly log: string[] = [];
  readonly gate: ConnectionGate;
  readonly #server = createServer();
  readonly #served = new Map<Socket, string>();
  readonly connections = new Map<string, GatedConnection & { restingSince: Instant; isIdle: boolean }>();

  constructor(options: Partial<ConnectionGateOptions> = {}, arePeersLate = false) {
    this.gate = new ConnectionGate({
      clock: this.clock,
      maxConnections: 3,
      maxPerPeer: 3,
      idleMs: 60_000,
      peerOf: (address) => address,
      onEnded: (reason) => this.log.push(reason),
      onCrowded: ({ refused, ended, open }) => this.log.push(`crowded ${refused} ${ended} ${open}`),
      ...options,
    });
    this.#server.on('connection', (socket) => this.log.push(`serves ${this.#served.get(socket)}`));
    this.gate.guard(this.#server, arePeersLate);
  }

  /** `endsAtOnce`: its client closes as soon as it is told. */
  connect(name: string, address?: string, endsAtOnce = true): Socket {
    const socket = new PeerSocket(address);
    this.#served.set(socket, name);
    const connection = {
      restingSince: this.clock.nowMs() as Instant,
      isIdle: true,
      endIdle: () => {
        this.log.push(`ends ${name}`);
        if (endsAtOnce) socket.destroy();
      },
    };
    this.connections.set(name, connection);
    this.#server.emit('connection', socket);
    this.gate.attach(socket, connection);
    return socket;
  }

  use(name: string): void {
    const connection = this.connections.get(name)!;
    connection.restingSince = this.clock.nowMs();
  }

  busy(name: string): void {
    const connection = this.connections.get(name)!;
    connection.isIdle = false;
    connection.restingSince = undefined;
  }

  take(): string[] {
    return this.log.splice(0);
  }
}

type Instant = number | undefined;

test('at the cap the longest idle connection makes room for the next one', async () => {
  const surface = new Surface();
  for (const name of ['a', 'b', 'c']) {
    surface.connect(name);
    surface.clock.advance(10);
  }
  surface.use('a');
  surface.take();
  surface.connect('d');
  assert.deepEqual(surface.take(), ['oldest_idle', 'ends b', 'serves d']);
  await turn();
  surface.connect('e');
  assert.deepEqual(surface.take(), ['oldest_idle', 'ends c', 'serves e']);
  await turn();
  assert.equal(surface.gate.open, 3);
});

test('of many idle connections they end in the order in which they were used last', async () => {
  const surface = new Surface({ maxConnections: 40 });
  for (let i = 0; i < 40; i++) {
    surface.connect(`${i}`);
    surface.clock.advance(1);
  }
  // The first ones are used again, also between two of the new connections.
  for (let i = 0; i < 5; i++) surface.use(`${i}`);
  surface.take();
  for (let i = 0; i < 36; i++) {
    if (i === 2) surface.use('8');
    surface.clock.advance(1);
    surface.connect(`new ${i}`);
    await turn();
  }
  const ended = surface.take().flatMap((line) => (line.startsWith('ends ') ? [line.slice(5)] : []));
  const expected = [5, 6, 7, ...Array.from({ length: 31 }, (_, i) => i + 9), 0, 1].map(String);
  assert.deepEqual(ended, expected);
});

test('a connection that is not idle is never ended: the new one is refused', async () => {
  const surface = new Surface();
  for (const name of ['a', 'b', 'c']) {
    surface.connect(name);
    surface.busy(name);
  }
  surface.take();
  const refused = surface.connect('d');
  assert.equal(refused.destroyed, true);
  assert.deepEqual(surface.take(), ['refused']);
  assert.equal(surface.gate.open, 3);
  surface.clock.advance(200);
  surface.connections.get('b')!.isIdle = true;
  surface.connections.get('b')!.restingSince = surface.clock.nowMs();
  surface.connect('e');
  assert.deepEqual(surface.take(), ['oldest_idle', 'ends b', 'serves e']);
});

test('a peer at its cap makes room among its own connections, or is refused', async () => {
  const surface = new Surface({ maxConnections: 10, maxPerPeer: 2 });
  surface.connect('other', '10.0.0.2');
  surface.clock.advance(10);
  surface.connect('a', '10.0.0.1');
  surface.connect('b', '10.0.0.1');
  surface.take();
  surface.connect('c', '10.0.0.1');
  assert.deepEqual(surface.take(), ['oldest_idle', 'ends a', 'serves c']);
  surface.busy('b');
  surface.busy('c');
  surface.connect('d', '10.0.0.1');
  assert.deepEqual(surface.take(), ['refused_peer']);
  surface.connect('e', '10.0.0.3');
  assert.deepEqual(surface.take(), ['serves e']);
});

test('connections of this machine have no cap of their own', () => {
  const surface = new Surface({ maxConnections: 10, maxPerPeer: 1 });
  for (let i = 0; i < 10; i++) surface.connect(`${i}`);
  assert.deepEqual(
    surface.take(),
    Array.from({ length: 10 }, (_, i) => `serves ${i}`),
  );
});

test('connections that are told to end and do not are closed when there are too many', async () => {
  const surface = new Surface({ maxConnections: 8 });
  const sockets = Array.from({ length: 11 }, (_, i) => {
    surface.clock.advance(1);
    return surface.connect(`${i}`, undefined, false);
  });
  await turn();
  // Three were ended; an eighth of the cap, one, may take its time.
  assert.deepEqual(
    sockets.map(({ destroyed }) => destroyed),
    [true, true, ...Array.from({ length: 9 }, () => false)],
  );
  assert.equal(surface.gate.open, 9);
});

test('an idle connection is ended after the timeout, one in use is not', async () => {
  const surface = new Surface();
  surface.connect('idle');
  surface.connect('used');
  surface.connect('busy');
  surface.busy('busy');
  surface.take();
  surface.clock.advance(50_000);
  surface.use('used');
  surface.clock.advance(9000);
  assert.deepEqual(surface.take(), []);
  surface.clock.advance(7000);
  assert.deepEqual(surface.take(), ['idle_timeout', 'ends idle']);
  surface.clock.advance(60_000);
  assert.deepEqual(surface.take(), ['idle_timeout', 'ends used']);
  surface.clock.advance(10 * 60_000);
  assert.deepEqual(surface.take(), []);
});

test('bytes that never become a request keep a connection half a minute longer, and no more', () => {
  const surface = new Surface();
  surface.connect('a');
  surface.connections.get('a')!.isIdle = false;
  surface.take();
  surface.clock.advance(85_000);
  assert.deepEqual(surface.take(), []);
  surface.clock.advance(11_000);
  assert.deepEqual(surface.take(), ['idle_timeout', 'ends a']);
});

test('a crowd is told once in a while, with its counts', async () => {
  const surface = new Surface({ maxConnections: 2 });
  for (const name of ['a', 'b', 'c', 'd']) surface.connect(name);
  for (const name of ['c', 'd']) surface.busy(name);
  await turn();
  for (const name of ['e', 'f', 'g']) surface.connect(name);
  surface.take();
  surface.clock.advance(6000);
  assert.deepEqual(surface.take(), ['crowded 3 2 2']);
  surface.clock.advance(60_000);
  assert.deepEqual(surface.take(), []);
});

test('a connection in its TLS handshake counts as idle, and is closed', async () => {
  const surface = new Surface({ maxConnections: 1 });
  const server = createServer();
  surface.gate.guard(server);
  const first = new PeerSocket(undefined);
  server.emit('connection', first);
  server.emit('connection', new PeerSocket(undefined));
  assert.equal(first.destroyed, true);
});

test('no timer is left when the last connection has closed', async () => {
  const surface = new Surface();
  surface.connect('a').destroy();
  await turn();
  surface.clock.advance(10_000);
  assert.equal(surface.clock.armed, 0);
});

test('without descriptors an eighth goes, and new ones take the places of idle ones until there are some again', async () => {
  const closed = () => new Promise((resolve) => setImmediate(resolve));
  const surface = new Surface({ maxConnections: 100, maxPerPeer: 100 });
  for (let i = 0; i < 16; i++) surface.connect(`c${i}`);
  surface.gate.squeeze();
  await closed();
  assert.equal(surface.gate.open, 14);
  surface.connect('probe');
  await closed();
  assert.equal(surface.gate.open, 14);
  assert.ok(surface.log.includes('serves probe'));
  for (const connection of surface.connections.values()) connection.isIdle = false;
  surface.connect('refused');
  assert.equal(surface.log.at(-1), 'refused');
  for (let i = 0; i < 20; i++) surface.gate.relax();
  surface.connect('again');
  assert.equal(surface.gate.open, 15);
});

test('a connection that turns out to be another surface’s leaves here, and needs room there', async () => {
  const [entry, other] = [new Surface(), new Surface({ maxConnections: 1, maxPerPeer: 1 })];
  const first = entry.connect('a', '10.0.0.1');
  assert.equal(entry.gate.pass(first, other.gate), true);
  assert.deepEqual([entry.gate.open, other.gate.open], [0, 1]);
  const busy = { restingSince: undefined, isIdle: false, endIdle: () => undefined };
  other.gate.attach(first, busy);
  const second = entry.connect('b', '10.0.0.1');
  assert.equal(entry.gate.pass(second, other.gate), false);
  assert.deepEqual([second.destroyed, entry.gate.open, other.log], [true, 0, ['refused_peer']]);
  first.destroy();
  await turn();
  assert.equal(other.gate.open, 0);
});

test('where peers are known late, a peer’s cap counts from then on', async () => {
  const surface = new Surface({ maxPerPeer: 1 }, true);
  const sockets = ['a', 'b', 'c'].map((name) => surface.connect(name, '10.0.0.9'));
  assert.deepEqual(surface.take(), ['serves a', 'serves b', 'serves c']);
  for (const name of ['a', 'b', 'c']) surface.busy(name);
  const came = ['10.0.0.1', '10.0.0.2', '10.0.0.1'].map((address, i) => surface.gate.arrive(sockets[i]!, address));
  assert.deepEqual(came, [true, true, false]);
  assert.deepEqual([surface.take(), sockets[2]!.destroyed], [['refused_peer'], true]);
  sockets[0]!.destroy();
  await turn();
  const again = surface.connect('d', '10.0.0.9');
  assert.equal(surface.gate.arrive(again, '10.0.0.1'), true);
});
