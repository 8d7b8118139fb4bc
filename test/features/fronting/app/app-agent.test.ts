/** Connections to the application over HTTP/1.1: which one a request gets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it, type TestContext } from 'node:test';
import { AppAgent } from '../../../../src/proxy/fronting/app/app-agent.ts';
import { turn } from '../../../support/turns.ts';

/** A server that answers when the test says so, and an agent for it. */
async function setUp(t: TestContext) {
  const waiting: ServerResponse[] = [];
  const server = createServer((_request, response) => waiting.push(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  let made = 0;
  const agent = new AppAgent({}, () => {
    made += 1;
  });
  t.after(() => {
    agent.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const send = () => request({ host: '127.0.0.1', port, agent }).end();
  const arrived = async (count: number): Promise<void> => {
    while (waiting.length < count) await turn();
  };
  /** Two at once, the older first: their answers. */
  const sendTwo = async () => {
    const first = once(send(), 'response');
    await arrived(1);
    const second = once(send(), 'response');
    await arrived(2);
    return [first, second] as const;
  };
  /** Answers the oldest, waits until its connection is one that waits, and says by its port which that is. */
  const answer = async (response: Promise<readonly unknown[]>): Promise<number> => {
    const before = free(agent);
    waiting.shift()!.end('good');
    const [answered] = (await response) as [IncomingMessage];
    const port = answered.socket.localPort!;
    answered.resume();
    while (free(agent) === before) await turn();
    return port;
  };
  return { agent, made: () => made, send, sendTwo, arrived, answer };
}

const count = (sockets: NodeJS.ReadOnlyDict<unknown[]>): number => Object.values(sockets).flat().length;
const free = (agent: AppAgent): number => count(agent.freeSockets);

it('a request gets the connection that waited least, else a new one', async (t) => {
  const { agent, made, send, sendTwo, arrived, answer } = await setUp(t);
  const [first, second] = await sendTwo();
  assert.deepEqual([made(), free(agent), count(agent.sockets)], [2, 0, 2]);
  await answer(first);
  const latest = await answer(second);
  assert.deepEqual([free(agent), count(agent.sockets)], [2, 0]);
  const third = send();
  const response = once(third, 'response');
  await arrived(1);
  assert.deepEqual([third.reusedSocket, made(), free(agent), count(agent.sockets)], [true, 2, 1, 1]);
  assert.equal(await answer(response), latest);
  assert.deepEqual([free(agent), count(agent.sockets)], [2, 0]);
});

it('one that is closed is passed over', async (t) => {
  const { agent, made, send, sendTwo, arrived, answer } = await setUp(t);
  const [first, second] = await sendTwo();
  await answer(first);
  await answer(second);
  const [older, newer] = Object.values(agent.freeSockets)[0]!;
  newer!.destroy();
  const next = send();
  const response = once(next, 'response');
  await arrived(1);
  assert.deepEqual([next.reusedSocket, next.socket === older, made()], [true, true, 2]);
  await answer(response);
  while (free(agent) !== 1) await turn();
  older!.destroy();
  const last = once(send(), 'response');
  await arrived(1);
  assert.equal(made(), 3);
  await answer(last);
});
