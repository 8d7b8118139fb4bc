/** Requests for the application leave nothing behind that a collection of young objects does not find (docs/adr/0011). */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, it } from 'node:test';
import { DIGITS, killSidecars, startSidecar, type Wrap } from '../../../support/sidecar.ts';

after(killSidecars);

const CONNECTIONS = 16;
const REQUESTS = 20_000;
/** A few come with what the server sets up. With the requests in a Set there were five. */
const MOST_COLLECTIONS = 2;

const tracingCollections: Wrap = ([program, ...words]) => [program!, '--trace-gc', ...words];

it('20,000 requests make the server collect its whole heap no more than twice', async () => {
  const app = createServer((request, response) => response.end(request.url)).listen(0, '127.0.0.1');
  await once(app, 'listening');
  const { port } = app.address() as AddressInfo;
  const args = [...DIGITS, `--app=http://127.0.0.1:${port}`];
  const sidecar = await startSidecar(args, {}, tracingCollections);
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const ask = async (): Promise<void> => {
    const [answer] = await once(get(`${sidecar.rest}/items`, { agent }), 'response');
    assert.equal(answer.statusCode, 200);
    await once(answer.resume(), 'end');
  };
  const askInTurn = async (requests: number): Promise<void> => {
    for (let i = 0; i < requests; i++) await ask();
  };
  const askAll = (requests: number) =>
    Promise.all(Array.from({ length: CONNECTIONS }, () => askInTurn(requests / CONNECTIONS)));
  await askAll(REQUESTS / 10);
  const collections = (): number => sidecar.output().match(/Mark-Compact/g)?.length ?? 0;
  const before = collections();
  await askAll(REQUESTS);
  const count = collections() - before;
  assert.ok(count <= MOST_COLLECTIONS, `${count} collections of the whole heap`);
  agent.destroy();
  app.close();
  assert.equal(await sidecar.stop(), 0);
});
