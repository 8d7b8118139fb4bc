/** Writing to accepted sockets past their streams, on the Node that runs this; and to everything else as a stream. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { SocketWrites } from '../../src/internals/socket-writes.ts';

/** More than two kernels' buffers hold. */
const TOO_MUCH = 32 * 1024 * 1024;

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
    writes.write(Buffer.alloc(TOO_MUCH, 'a'));
    assert.equal(writes.needsDrain, true);
    assert.equal(writes.waitingBytes, TOO_MUCH);
    writes.write(Buffer.from('b'));
    socket.write('c');
    assert.equal(writes.waitingBytes, TOO_MUCH + 2);
    const read = readAll(client);
    await promise;
    assert.equal(writes.needsDrain, false);
    socket.write('d');
    socket.end();
    const bytes = await read;
    assert.equal(bytes.length, TOO_MUCH + 3);
    assert.equal(bytes.subarray(0, TOO_MUCH).indexOf('b'), -1);
    assert.equal(bytes.subarray(TOO_MUCH).toString(), 'bcd');
  });

  it('ends after all that waits', async () => {
    const [client, socket] = await pair();
    new SocketWrites(socket, () => undefined).write(Buffer.alloc(TOO_MUCH));
    socket.end();
    assert.equal((await readAll(client)).length, TOO_MUCH);
  });

  it('calls nobody after stop', async () => {
    const [client, socket] = await pair();
    const writes = new SocketWrites(socket, () => assert.fail('drained'));
    writes.write(Buffer.alloc(TOO_MUCH));
    writes.write(Buffer.alloc(TOO_MUCH));
    writes.stop();
    socket.end();
    assert.equal((await readAll(client)).length, 2 * TOO_MUCH);
  });

  it('destroys the socket when its client is gone, with something waiting', async () => {
    const [client, socket] = await pair();
    const writes = new SocketWrites(socket, () => assert.fail('drained'));
    socket.on('error', () => undefined);
    writes.write(Buffer.alloc(TOO_MUCH));
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
    const failed = once(socket, 'error');
    socket.end();
    await once(socket, 'finish');
    writes.write(Buffer.from('after the end'));
    const [error] = (await failed) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'EPIPE');
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
