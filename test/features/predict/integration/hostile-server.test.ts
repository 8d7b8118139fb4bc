/** Commands that ask a server, where something hostile answers: a clear error in plain letters, soon. */
import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { nested } from '../../../../src/features/predict/protocol.ts';
import { runPillion } from '../../../support/sidecar.ts';

const BODY = '{"inputs": [1]}';
const FOREIGN = /^pillion: 127\.0\.0\.1:\d+ answers, but not as a model server of this protocol does$/;

async function serverOf(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The text of a command that fails. */
async function failure(...args: readonly string[]): Promise<string> {
  const child = runPillion(args);
  assert.equal(await child.exited, 1, child.output());
  return child.output();
}

describe('an answer that is none of a model server', () => {
  for (const answer of ['\x1b]0;x\x07<html>', 'null', '{}', '[]']) {
    it(JSON.stringify(answer), async (t) => {
      const server = `--server=${await serverOf(t, (_, response) => response.end(answer))}`;
      for (const args of [
        ['predict', 'm', BODY],
        ['predict', '[1]'],
        ['predict', 'm', BODY, '--protocol=v2'],
        ['client', 'm'],
      ]) {
        assert.match(await failure(...args, server), FOREIGN, args.join(' '));
      }
      assert.match(await failure('models', server.replace('--server', '--admin')), /something else answers there/);
    });
  }
});

it('what would command a terminal is shown in names and reasons', async (t) => {
  const name = 'a\x1b[31m\x9b31m\u202eb';
  const why = { versions: [{ version: '1', state: 'END', error: { kind: 'load_failed', message: name } }] };
  const server = await serverOf(t, ({ url }, response) => {
    response.end(JSON.stringify({ models: url === '/models' ? [{ name, ...why }] : [{ name }, { name: 'other' }] }));
  });
  assert.match(
    await failure('predict', '[1]', `--server=${server}`),
    /which model\? the server has a\\x1b\[31m\\x9b31m\\u\{202e\}b, other/,
  );
  const table = await failure('models', `--admin=${server}`);
  assert.ok(table.includes('load_failed: a\\x1b[31m\\x9b31m\\u{202e}b'), table);
});

it('a shape that its elements do not fill makes no lists', async (t) => {
  for (const shape of [[50_000, 50_000], [1_000_000_000, 0], [-1], [0.5]]) {
    assert.throws(() => nested([1], shape), RangeError, shape.join());
    assert.throws(() => nested([], [1, ...shape]), RangeError, shape.join());
  }
  assert.deepEqual(nested([], [2, 0]), [[], []]);
  const server = await serverOf(t, ({ method }, response) => {
    const y = { name: 'y', datatype: 'FP32', shape: [50_000, 50_000], data: [1] };
    const x = { name: 'x', datatype: 'FP32', shape: [-1] };
    response.end(JSON.stringify(method === 'POST' ? { outputs: [y] } : { inputs: [x] }));
  });
  assert.match(await failure('predict', 'm', BODY, '--protocol=v2', `--server=${server}`), FOREIGN);
});

it('a redirect takes no token elsewhere', async (t) => {
  let count = 0;
  const other = await serverOf(t, (_, response) => {
    count += 1;
    response.end('{}');
  });
  const server = await serverOf(t, (_, response) => response.writeHead(307, { location: `http://${other}/` }).end());
  assert.match(await failure('predict', 'm', BODY, `--server=${server}`), /^pillion: 307: /);
  assert.equal(count, 0);
});

it('a deadline of nothing, or of more than a timer takes, is a mistake', async () => {
  for (const deadline of ['0', '0.0s', '99999999999s']) {
    for (const args of [
      ['predict', 'm', BODY],
      ['bench', 'http://127.0.0.1:1/'],
    ]) {
      const child = runPillion([...args, `--deadline=${deadline}`]);
      assert.equal(await child.exited, 64, child.output());
    }
  }
});
