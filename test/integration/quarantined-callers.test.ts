/**
 * Callers that do wrong beside callers that do not, on one sidecar: whatever a bad caller sends, at whatever rate, each
 * request of the others is answered, and no circuit breaker opens. The counts decide, not the times.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { credentials, Metadata, status as Status } from '@grpc/grpc-js';
import { type Answer, clientClass, PREDICTION } from '../support/grpc-harness.ts';
import { writeOffendedModels } from '../support/offended-models.ts';
import { RawConnection } from '../support/rest-harness.ts';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';

const GOOD_CALLERS = 4;
const GOOD_REQUESTS = 40;
const MAX_MESSAGE_BYTES = 100_000;

interface Input {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: object;
}

const ids = (shape: readonly number[], fill: number): Input => {
  const count = shape.reduce((product, dim) => product * dim, 1);
  return { dtype: 'DT_INT64', shape, values: { int64_val: new Array<number>(count).fill(fill) } };
};
const floats = (shape: readonly number[], fill: number): Input => {
  const count = shape.reduce((product, dim) => product * dim, 1);
  return { dtype: 'DT_FLOAT', shape, values: { float_val: new Array<number>(count).fill(fill) } };
};

function requestOf(model: string, inputs: Readonly<Record<string, Input>>): object {
  const tensors = Object.entries(inputs).map(([name, { dtype, shape, values }]) => {
    const dim = shape.map((size) => ({ size, name: '' }));
    return [name, { dtype, tensor_shape: { dim }, ...values }];
  });
  return { model_spec: { name: model }, inputs: Object.fromEntries(tensors) };
}

const GOOD: Readonly<Record<string, object>> = {
  tokens: requestOf('tokens', { ids: ids([1, 8], 7) }),
  image: requestOf('image', { x: floats([1, 1, 64, 64], 0.5) }),
  voice: requestOf('voice', { audio: floats([1, 8], 0.5), sr: ids([], 16_000) }),
};

interface CallOptions {
  readonly deadlineMs?: number;
  readonly cancelMs?: number;
}

/** A caller with a connection of its own. */
class Caller {
  readonly #client: Answer;
  readonly #metadata = new Metadata();

  constructor(address: string, name: string) {
    const Client = clientClass(PREDICTION);
    this.#client = new Client(address, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_send_message_length': -1,
    });
    this.#metadata.set('x-caller', name);
  }

  /** The code of the answer. */
  predict(request: object, { deadlineMs, cancelMs }: CallOptions = {}): Promise<{ code: number; text: string }> {
    const options = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
    return new Promise((resolve) => {
      const call = this.#client.Predict(request, this.#metadata, options, (error: Answer | null) =>
        resolve({ code: error?.code ?? Status.OK, text: error?.details ?? '' }),
      );
      if (cancelMs !== undefined) setTimeout(() => call.cancel(), cancelMs);
    });
  }

  close(): void {
    this.#client.close();
  }
}

/** Sends wrong things until it is stopped; counts what came back. */
class BadCaller {
  readonly codes = new Map<number, number>();
  text = '';
  readonly #caller: Caller;
  readonly #request: object;
  readonly #options: CallOptions;
  readonly #loops: Promise<void>[];
  #isStopped = false;

  constructor(caller: Caller, request: object, options: CallOptions = {}) {
    this.#caller = caller;
    this.#request = request;
    this.#options = options;
    this.#loops = Array.from({ length: 2 }, () => this.#loop());
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#loops);
    this.#caller.close();
  }

  async #loop(): Promise<void> {
    while (!this.#isStopped) {
      const { code, text } = await this.#caller.predict(this.#request, this.#options);
      this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
      if (code === Status.INVALID_ARGUMENT) this.text = text;
    }
  }
}

interface Kind {
  readonly name: string;
  readonly model: string;
  readonly request: object;
  readonly options?: CallOptions;
  /** Codes that the bad caller must see, and those that it may. */
  readonly must: readonly number[];
  readonly may?: readonly number[];
  readonly text?: RegExp;
}

const BAD_VALUES = { must: [Status.INVALID_ARGUMENT], may: [Status.RESOURCE_EXHAUSTED] };
const TOKEN = ids([1, 8], 40_000);
const KINDS: readonly Kind[] = [
  {
    ...{ name: 'an index out of range', model: 'tokens', request: requestOf('tokens', { ids: TOKEN }) },
    ...{ ...BAD_VALUES, text: /Gather.*idx=40000 must be within/ },
  },
  {
    ...{ name: 'a text that is too long', model: 'tokens', request: requestOf('tokens', { ids: ids([1, 600], 7) }) },
    ...{ ...BAD_VALUES, text: /\b512\b/ },
  },
  {
    ...{ name: 'an image side of 65', model: 'image', request: requestOf('image', { x: floats([1, 1, 65, 65], 0) }) },
    ...{ ...BAD_VALUES, text: /SpaceToDepth/ },
  },
  {
    name: 'a sample rate of 44100',
    model: 'voice',
    request: requestOf('voice', { audio: floats([1, 8], 0.5), sr: ids([], 44_100) }),
    ...{ ...BAD_VALUES, text: /Gather.*idx=44100 must be within/ },
  },
  {
    ...{ name: 'NaN and infinity', model: 'image', must: [Status.OK] },
    request: requestOf('image', { x: floats([1, 1, 64, 64], Number.NaN) }),
  },
  {
    ...{ name: 'a wrong dtype', model: 'tokens', must: [Status.INVALID_ARGUMENT] },
    request: requestOf('tokens', { ids: floats([1, 8], 1) }),
  },
  {
    ...{ name: 'a wrong shape', model: 'tokens', must: [Status.INVALID_ARGUMENT] },
    request: requestOf('tokens', { ids: ids([8], 1) }),
  },
  {
    ...{ name: 'a huge request', model: 'tokens', must: [Status.RESOURCE_EXHAUSTED] },
    request: requestOf('tokens', { ids: ids([1, MAX_MESSAGE_BYTES / 2], 40_000) }),
  },
  {
    ...{ name: 'cancelled requests', model: 'tokens', options: { cancelMs: 1 } },
    ...{ must: [], may: [Status.CANCELLED, Status.INVALID_ARGUMENT, Status.RESOURCE_EXHAUSTED] },
    request: requestOf('tokens', { ids: TOKEN }),
  },
  {
    ...{ name: 'deadlines of 1 ms', model: 'tokens', options: { deadlineMs: 1 }, must: [Status.DEADLINE_EXCEEDED] },
    may: [Status.INVALID_ARGUMENT, Status.RESOURCE_EXHAUSTED],
    request: requestOf('tokens', { ids: TOKEN }),
  },
];

describe('Beside a caller that sends', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-'));
  let sidecar: Sidecar;
  let serial = 0;

  before(async () => {
    sidecar = await startSidecar([
      ...writeOffendedModels(directory),
      ...['--caller_header=x-caller', '--max_batch_size=8', `--max_message_bytes=${MAX_MESSAGE_BYTES}`],
    ]);
    // Whether the runtime or a request is at fault can be told once a request has been answered.
    const first = new Caller(sidecar.grpc, 'first');
    for (const request of Object.values(GOOD)) assert.equal((await first.predict(request)).code, Status.OK);
    first.close();
  });
  after(async () => {
    assert.equal(await sidecar.stop(), 0);
    killSidecars();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Good callers in closed loops; returns the failures among their requests. */
  async function lossOf(model: string): Promise<readonly string[]> {
    const request = GOOD[model]!;
    const losses: string[] = [];
    const run = async (): Promise<void> => {
      const caller = new Caller(sidecar.grpc, `good-${serial++}`);
      for (let i = 0; i < GOOD_REQUESTS; i++) {
        const { code, text } = await caller.predict(request);
        if (code !== Status.OK) losses.push(`${Status[code]}: ${text}`);
      }
      caller.close();
    };
    await Promise.all(Array.from({ length: GOOD_CALLERS }, run));
    return losses;
  }

  async function assertClosed(model: string): Promise<void> {
    const { models } = (await (await fetch(`${sidecar.admin}/models`)).json()) as Answer;
    const { versions } = models.find(({ name }: Answer) => name === model);
    assert.equal(versions[0].breaker.state, 'closed', JSON.stringify(versions[0]));
  }

  for (const { name, model, request, options, must, may = [], text } of KINDS) {
    it(`${name}, others lose nothing`, async () => {
      const bad = new BadCaller(new Caller(sidecar.grpc, `bad-${serial++}`), request, options);
      const losses = await lossOf(model);
      await bad.stop();
      assert.deepEqual(losses, []);
      const codes = [...bad.codes.keys()];
      for (const code of must) assert.ok(bad.codes.has(code), `${Status[code]} is not among ${codes}`);
      for (const code of codes) assert.ok(must.includes(code) || may.includes(code), Status[code]);
      if (text !== undefined) assert.match(bad.text, text);
      await assertClosed(model);
    });
  }

  it('slow bodies, others lose nothing', async () => {
    const address = sidecar.rest.replace('http://', '');
    const slow = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const connection = new RawConnection(address);
        await connection.opened();
        connection.send('POST /v1/models/tokens:predict HTTP/1.1\r\nhost: t\r\ncontent-length: 1000\r\n\r\n{');
        return connection;
      }),
    );
    const drip = setInterval(() => {
      for (const connection of slow) connection.send(' ');
    }, 5);
    const losses = await lossOf('tokens');
    clearInterval(drip);
    for (const connection of slow) connection.destroy();
    assert.deepEqual(losses, []);
    await assertClosed('tokens');
  });

  it('only bad values, with nobody beside it, hears so each time, over HTTP as well', async () => {
    for (let i = 0; i < 20; i++) {
      const body = JSON.stringify({ instances: [new Array(8).fill(40_000)] });
      const headers = { 'x-caller': 'alone' };
      const answer = await fetch(`${sidecar.rest}/v1/models/tokens:predict`, { method: 'POST', body, headers });
      const { error } = (await answer.json()) as { error: string };
      assert.equal(answer.status, 400);
      assert.match(error, /idx=40000 must be within/);
    }
    await assertClosed('tokens');
  });
});
