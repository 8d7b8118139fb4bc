/** Reading accepted sockets into one buffer, on the Node that runs this; and everything else by 'data' events. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { canShareBuffer, SocketReads } from '../../src/internals/socket-reads.ts';

/** What was read, copied in time; and whose memory it stood in. */
class Reader {
  readonly memories = new Set<ArrayBufferLike>();
  readonly reads: SocketReads;
  #text = '';
  #onText: (() => void) | undefined;

  constructor(socket: Socket | PassThrough) {
    this.reads = new SocketReads(socket, (bytes) => {
      this.memories.add(bytes.buffer);
      this.#text += bytes.toString('latin1');
      this.#onText?.();
    });
  }

  get text(): string {
    return this.#text;
  }

  async until(text: string): Promise<void> {
    while (this.#text !== text) {
      assert.ok(text.startsWith(this.#text), `read ${JSON.stringify(this.#text)}`);
      await new Promise<void>((resolve) => {
        this.#onText = resolve;
      });
    }
  }
}

describe('SocketReads', () => {
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

  /** A connection's two ends: the client's, and the one that was accepted. */
  async function pair(): Promise<[Socket, Socket]> {
    const accepted = once(server, 'connection');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [socket] = (await accepted) as [Socket];
    open.push(client, socket);
    return [client, socket];
  }

  it('reads all connections into one buffer', async () => {
    const [a, acceptedA] = await pair();
    const [b, acceptedB] = await pair();
    const [readA, readB] = [new Reader(acceptedA), new Reader(acceptedB)];
    a.write('one');
    await readA.until('one');
    b.write('two');
    await readB.until('two');
    a.write(', more');
    await readA.until('one, more');
    assert.deepEqual(readA.memories, readB.memories);
    assert.equal(readA.memories.size, 1);
  });

  it('reads what another reader has put back first, and all else into the one buffer', async () => {
    const [client, socket] = await pair();
    client.write('ahead');
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    socket.pause();
    socket.unshift(chunk);
    const reader = new Reader(socket);
    await reader.until('ahead');
    client.write(', one');
    await reader.until('ahead, one');
    client.write(', two');
    await reader.until('ahead, one, two');
    if (canShareBuffer) assert.equal(reader.memories.size, 2);
  });

  it('leaves what was put back to the next owner if it is stopped before it has read', async () => {
    const [client, socket] = await pair();
    client.write('ahead');
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    socket.pause();
    socket.unshift(chunk);
    const reader = new Reader(socket);
    reader.reads.stop();
    const [left] = (await once(socket.resume(), 'data')) as [Buffer];
    assert.equal(left.toString(), 'ahead');
    assert.equal(reader.text, '');
  });

  it('hands on what comes after stop as the data of the stream, in memory of its own', async () => {
    const [client, socket] = await pair();
    const reader = new Reader(socket);
    client.write('first');
    await reader.until('first');
    reader.reads.stop();
    client.write('second');
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    assert.equal(chunk.toString(), 'second');
    assert.ok(!reader.memories.has(chunk.buffer));
    client.write('third');
    socket.pause();
    socket.resume();
    const [next] = (await once(socket, 'data')) as [Buffer];
    assert.equal(next.toString(), 'third');
    assert.equal(reader.text, 'first');
  });

  it('is stopped from within a read, with the rest put back', async () => {
    const [client, socket] = await pair();
    let seen = '';
    const reads = new SocketReads(socket, (bytes) => {
      reads.stop();
      socket.pause();
      socket.unshift(Buffer.from(bytes));
      socket.on('data', (chunk: Buffer) => {
        seen += chunk.toString();
        if (seen === 'all of it, and more') socket.end();
      });
      socket.resume();
    });
    client.write('all of it');
    client.write(', and more');
    client.resume();
    await once(client, 'end');
    assert.equal(seen, 'all of it, and more');
  });

  it('reads nothing while paused, and loses nothing', async () => {
    const [client, socket] = await pair();
    const reader = new Reader(socket);
    client.write('x');
    await reader.until('x');
    socket.pause();
    client.write('y'.repeat(10_000));
    // A round trip on another connection: by then the bytes lie in the kernel.
    const [other, accepted] = await pair();
    other.write('?');
    await new Reader(accepted).until('?');
    assert.equal(reader.text, 'x');
    socket.resume();
    await reader.until(`x${'y'.repeat(10_000)}`);
  });

  it("tells the client's end, after its last bytes", async () => {
    const [client, socket] = await pair();
    const reader = new Reader(socket);
    const ended = once(socket, 'end');
    client.end('last words');
    await ended;
    assert.equal(reader.text, 'last words');
    await once(socket, 'close');
  });

  it('reads any other stream by its data events', async () => {
    const stream = new PassThrough();
    const reader = new Reader(stream);
    stream.write('through');
    await reader.until('through');
    reader.reads.stop();
    assert.equal(stream.listenerCount('data'), 0);
  });
});
