/** Writing to accepted sockets past their streams, on the Node that runs this; and to everything else as a stream. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { SocketWrites } from '../../src/internals/socket-writes.ts';

/** Short enough to go past the stream. */
const SHORT_BYTES = 32_768;
/** More of them than two kernels' buffers hold. */
const MANY = 2048;

/** Writes short buffers until the kernel takes one no more; returns how many bytes. */
function fill(writes: SocketWrites): number {
  for (let i = 1; i < MANY; i++) {
    writes.write(Buffer.alloc(SHORT_BYTES, 'a'));
    if (writes.needsDrain) return i * SHORT_BYTES;
  }
  assert.fail('the kernel takes everything');
}

describe('SocketWrites', () => {
  const server = createServer();
  const open: Socket[] = [];

  beforeEach(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  afterEach(async () => {
    for (const socket of open.splice(0)) socket.destroy();
    server.close();
    await once(server, 'close');
  });

  /** A connection's two ends: the client's, which reads nothing yet, and the one that was accepted. */
  async function pair(): Promise<[Socket, Socket]> {
    const accepted = once(server, 'connection');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [socket] = (await accepted) as [Socket];
    open.push(client, socket);
    return [client, socket];
  }

  async function readAll(client: Socket): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of client) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }

  it('leaves nothing to the stream of what the kernel takes at once', async () => {
    const [client, socket] = await pair();
    let drained = 0;
    const writes = new SocketWrites(socket, () => {
      drained += 1;
    });
    for (const word of ['one', ', two', ', three']) {
      writes.write(Buffer.from(word));
      assert.equal(writes.waitingBytes, 0);
      assert.equal(writes.needsDrain, false);
    }
    socket.end();
    assert.equal((await readAll(client)).toString(), 'one, two, three');
    assert.equal(drained, 0);
    assert.equal(socket.bytesWritten, 'one, two, three'.length);
  });

  it('keeps the order when the kernel takes only a part, and tells when it has taken all', async () => {
    const [client, socket] = await pair();
    const { promise, resolve } = resolvable();
    const writes = new SocketWrites(socket, resolve);
    const written = fill(writes);
    const waiting = writes.waitingBytes;
    assert.ok(waiting > 0 && waiting <= SHORT_BYTES, `${waiting} bytes wait`);
    assert.equal(socket.writableLength, 0);
    writes.write(Buffer.from('b'));
    socket.write('c');
    assert.ok(writes.waitingBytes >= waiting + 2);
    const read = readAll(client);
    await promise;
    assert.equal(writes.needsDrain, false);
    socket.write('d');
    socket.end();
    const bytes = await read;
    assert.equal(bytes.length, written + 3);
    assert.equal(bytes.subarray(0, written).indexOf('b'), -1);
    assert.equal(bytes.subarray(written).toString(), 'bcd');
  });

  it('writes past the stream again after one has waited', async () => {
    const [client, socket] = await pair();
    const { promise, resolve } = resolvable();
    const writes = new SocketWrites(socket, resolve);
    const written = fill(writes);
    const read = readAll(client);
    await promise;
    writes.write(Buffer.from('b'));
    assert.equal(writes.waitingBytes, 0);
    socket.end();
    const bytes = await read;
    assert.equal(bytes.length, written + 1);
    assert.equal(bytes.at(-1), 'b'.charCodeAt(0));
  });

  it('does not tell of room before the stream has any', async () => {
    const [client, socket] = await pair();
    const room: boolean[] = [];
    const { promise, resolve } = resolvable();
    socket.on('drain', resolve);
    const writes = new SocketWrites(socket, () => room.push(!writes.needsDrain));
    const written = fill(writes);
    const long = MANY * SHORT_BYTES;
    writes.write(Buffer.alloc(long));
    const read = readAll(client);
    await promise;
    socket.end();
    assert.equal((await read).length, written + long);
    assert.deepEqual(room, [true]);
  });

  it('gives long buffers to the stream', async () => {
    const [client, socket] = await pair();
    const writes = new SocketWrites(socket, () => undefined);
    const length = MANY * SHORT_BYTES;
    writes.write(Buffer.alloc(length));
    assert.equal(socket.writableLength, length);
    assert.equal(writes.waitingBytes, length);
    socket.end();
    assert.equal((await readAll(client)).length, length);
  });

  it('ends after all that waits', async () => {
    const [client, socket] = await pair();
    const written = fill(new SocketWrites(socket, () => undefined));
    socket.end();
    assert.equal((await readAll(client)).length, written);
  });

  it('calls nobody after stop', async () => {
    const [client, socket] = await pair();
    const writes = new SocketWrites(socket, () => assert.fail('drained'));
    const written = fill(writes);
    writes.write(Buffer.alloc(SHORT_BYTES));
    writes.stop();
    socket.end();
    assert.equal((await readAll(client)).length, written + SHORT_BYTES);
  });

  it('destroys the socket when its client is gone, with something waiting', async () => {
    const [client, socket] = await pair();
    const writes = new SocketWrites(socket, () => assert.fail('drained'));
    socket.on('error', () => undefined);
    fill(writes);
    const { promise, resolve } = resolvable();
    socket.on('close', resolve);
    client.resetAndDestroy();
    await promise;
    assert.equal(writes.waitingBytes, 0);
    writes.write(Buffer.from('too late'));
  });

  it('destroys the socket when a write fails at once', async () => {
    const [, socket] = await pair();
    const writes = new SocketWrites(socket, () => assert.fail('drained'));
    const closed = once(socket, 'close');
    socket.end();
    await once(socket, 'finish');
    writes.write(Buffer.from('after the end'));
    await closed;
    assert.equal(socket.destroyed, true);
  });

  it('writes to any other stream as a stream', async () => {
    const stream = new PassThrough({ highWaterMark: 4 });
    const { promise, resolve } = resolvable();
    const writes = new SocketWrites(stream, resolve);
    writes.write(Buffer.from('through'));
    assert.equal(writes.needsDrain, true);
    assert.equal(stream.read()?.toString(), 'through');
    await promise;
    assert.equal(writes.needsDrain, false);
    writes.stop();
    assert.equal(stream.listenerCount('drain'), 0);
  });
});

function resolvable(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((r) => {
    resolve = r;
  });
  return { promise, resolve };
}
