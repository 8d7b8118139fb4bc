/** The memory that REST requests hold: charged, refused, given up, and free afterwards. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { MemoryBudget } from '../../src/proxy/memory-budget.ts';
import { isHttp2, skipsHttp2 } from '../support/http-version.ts';
import { errorOf, type RawConnection, RestHarness, type RestOptions } from '../support/rest-harness.ts';
import { until } from '../support/turns.ts';
import { zstdBomb } from '../support/zstd-bodies.ts';

const MIB = 2 ** 20;
const MAX_BYTES = 16 * MIB;
const PATH = '/v1/models/m:predict';
const BODY = '{"instances":[1,2]}';

interface Setting {
  readonly rest: RestHarness;
  readonly memory: MemoryBudget;
  readonly inputs: { requestBytes: number };
}

/** A header of the bodies that are begun: with one, node:http reads them, and without, the plain lane does. */
let header: readonly string[] = [];

/** Twice, so that either reads the bodies. */
async function withRest(use: (setting: Setting) => Promise<void>, options: RestOptions = {}): Promise<void> {
  for (header of isHttp2() ? [[]] : [[], ['keep-alive: timeout=5']]) await withServer(use, options);
}

/** A server with 10 MiB for all requests. */
async function withServer(use: (setting: Setting) => Promise<void>, options: RestOptions): Promise<void> {
  const inputs = { requestBytes: 0 };
  const memory = new MemoryBudget({ maxMessageBytes: MAX_BYTES, budgetBytes: 10 * MIB, inputs });
  const rest = new RestHarness({ memory, maxBodyBytes: MAX_BYTES, ...options });
  rest.models.add('m');
  await rest.listen();
  try {
    await use({ rest, memory, inputs });
  } finally {
    await rest.close();
  }
}

async function isAnswered(rest: RestHarness, bytes = 100): Promise<void> {
  const connection = await rest.connect();
  connection.post(PATH, BODY + ' '.repeat(bytes - BODY.length));
  const answer = await connection.answer();
  assert.equal(answer.status, 200, answer.body.toString());
  connection.destroy();
}

function begin(connection: RawConnection, length: number, sent: number): void {
  connection.begin(PATH, Buffer.alloc(sent, ' '), [...header, `content-length: ${length}`]);
}

test('a body that outgrows the memory is refused, and leaves nothing', async () => {
  await withRest(async ({ rest, memory }) => {
    const connection = await rest.connect();
    begin(connection, 15 * MIB, 14 * MIB);
    const answer = await connection.answer();
    assert.deepEqual([answer.status, answer.headers.get('retry-after')], [429, '1']);
    assert.match(errorOf(answer), /short of memory and takes no body of 15\.0 MiB now/);
    await rest.recorded(1);
    assert.equal(memory.bodyBytes, 0);
    await isAnswered(rest, 4 * MIB);
    assert.equal(memory.bodyBytes, 0);
  });
});

test('who sends little is answered while others hold all that they can', async () => {
  await withRest(async ({ rest, memory }) => {
    const held = await Promise.all(Array.from({ length: 6 }, () => rest.connect()));
    for (const connection of held) begin(connection, 15 * MIB, 3 * MIB);
    const first = await Promise.race(held.map((connection) => connection.answer()));
    assert.equal(first.status, 429);
    for (const bytes of [100, 70_000, 500_000]) await isAnswered(rest, bytes);
    for (const connection of held) connection.destroy();
    await until(() => memory.bodyBytes === 0);
  });
});

test('a body that does not get on is ended and free', async () => {
  await withRest(
    async ({ rest, memory }) => {
      const connection = await rest.connect();
      begin(connection, 15 * MIB, MIB);
      await until(() => memory.bodyBytes === MIB);
      for (let second = 0; second < 61; second++) rest.clock.advance(1000);
      const answer = await connection.answer();
      assert.deepEqual([answer.status, answer.headers.get('connection')], [408, isHttp2() ? undefined : 'close']);
      assert.match(errorOf(answer), /the body came too slowly: 0 bytes in 30 s/);
      await rest.recorded(1);
      assert.deepEqual([memory.bodyBytes, rest.records.at(-1)?.outcome], [0, 'body_timeout']);
    },
    { maxTimeoutMs: 600_000, server: { bodyTimeoutS: 30 } },
  );
});

test('bombs end at the ratio, and bodies that grow at the memory', async () => {
  await withRest(async ({ rest, memory }) => {
    const connection = await rest.connect();
    const blanks = Buffer.alloc(15 * MIB, ' ');
    for (const [body, coding] of [
      [gzipSync(blanks), 'gzip'],
      [gzipSync(gzipSync(blanks)), 'gzip, gzip'],
      [gzipSync(gzipSync(gzipSync(blanks))), 'gzip, gzip, gzip'],
      [brotliCompressSync(blanks, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }), 'br'],
      [zstdBomb(15 * MIB), 'zstd'],
      [gzipSync(zstdBomb(15 * MIB)), 'zstd, gzip'],
    ] as const) {
      connection.post(PATH, body, [`content-encoding: ${coding}`]);
      const answer = await connection.answer();
      assert.equal(answer.status, 413, coding);
      assert.match(errorOf(answer), /grows to more than 4 MiB and 200 times what was sent/, coding);
      assert.equal(memory.bodyBytes, 0);
    }
    const noise = Buffer.alloc(15 * MIB, Buffer.from(Array.from({ length: 70_000 }, () => Math.random() * 256)));
    connection.post(PATH, gzipSync(noise), ['content-encoding: gzip']);
    const answer = await connection.answer();
    assert.equal(answer.status, 429);
    assert.equal(memory.bodyBytes, 0);
  });
});

test('a client that leaves amid its body, or while it is inflated, leaves nothing', async () => {
  await withRest(async ({ rest, memory }) => {
    const connection = await rest.connect();
    begin(connection, 15 * MIB, 2 * MIB);
    await until(() => memory.bodyBytes === 2 * MIB);
    connection.destroy();
    await until(() => memory.bodyBytes === 0);
    const noise = Buffer.alloc(6 * MIB, Buffer.from(Array.from({ length: 70_000 }, () => Math.random() * 256)));
    const inflating = await rest.connect();
    const body = gzipSync(noise);
    inflating.post(PATH, body, ['content-encoding: gzip']);
    await until(() => memory.bodyBytes > body.length);
    inflating.destroy();
    await rest.recorded(2);
    await until(() => memory.bodyBytes === 0);
  });
});

test('out of memory, everything is refused but the status of models', async () => {
  await withRest(async ({ rest, inputs }) => {
    inputs.requestBytes = 9.6 * MIB;
    const connection = await rest.connect();
    connection.post(PATH, BODY);
    const refused = await connection.answer();
    assert.deepEqual([refused.status, refused.headers.get('retry-after')], [429, '1']);
    assert.match(errorOf(refused), /out of memory for requests: requests hold 9\.6 of 10\.0 MiB/);
    connection.get('/v1/models/m');
    assert.equal((await connection.answer()).status, 200);
    inputs.requestBytes = 0;
    await isAnswered(rest);
  });
});

test('answers that a client does not take are counted, bounded, and free when it leaves', skipsHttp2(), async () => {
  const text = 'x 1\n'.repeat(2 ** 18);
  await withRest(
    async ({ rest, memory }) => {
      memory.unsent.limit = 5 * MIB;
      const connections = [];
      // Each is not read from while it takes none of its answers.
      for (let i = 0; i < 30; i++) {
        const connection = await rest.connect();
        connection.socket.pause();
        connection.send('GET /monitoring/prometheus/metrics HTTP/1.1\r\nhost: test\r\n\r\n'.repeat(100));
        connections.push(connection);
      }
      let most = 0;
      await until(() => {
        most = Math.max(most, memory.unsent.bytes);
        return most > 5 * MIB;
      });
      await isAnswered(rest);
      most = Math.max(most, memory.unsent.bytes);
      // Past twice the limit connections are closed, and one answer may have gone over it.
      assert.ok(most <= 10 * MIB + 2 * text.length, `${most}`);
      for (const connection of connections) connection.destroy();
      await until(() => memory.unsent.bytes === 0);
    },
    { metrics: async () => ({ contentType: 'text/plain', text }) },
  );
});
