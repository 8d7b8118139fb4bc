/**
 * Large bodies and answers of the Open Inference Protocol over REST: on the codec thread where they take long, with the
 * answers and errors that the event loop would give.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { after, before, test } from 'node:test';
import { CodecThread, LARGE_MESSAGE_BYTES } from '../../../../src/codec-thread/codec-thread.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import { signature, spec } from '../../../support/puppet-models.ts';
import { errorOf, type RawAnswer, type RawConnection, RestHarness } from '../../../support/rest-harness.ts';

const MAX_BODY = 16 << 20;
const COUNT = 60_000;
const LENGTH = 'inference-header-content-length';
const BINARY_OUT = ',"parameters":{"binary_data_output":true}';

const thread = new CodecThread(systemClock);
const onThread = new RestHarness({ maxBodyBytes: MAX_BODY, server: { thread } });
const onLoop = new RestHarness({ maxBodyBytes: MAX_BODY });
const connections: RawConnection[] = [];

before(async () => {
  for (const rest of [onThread, onLoop]) {
    for (const dtype of ['float32', 'int64', 'string'] as const) {
      const one = signature({ x: spec(dtype, undefined) }, { y: spec(dtype, undefined) });
      rest.models.add(dtype, { signatures: { serving_default: one } });
    }
    await rest.listen();
    connections.push(await rest.connect());
  }
});

after(async () => {
  await Promise.all([onThread.close(), onLoop.close()]);
  await thread.close();
});

interface Sent {
  readonly model: string;
  readonly json: string;
  readonly tail?: Buffer;
}

function input(datatype: string, data: string, more = ''): string {
  return `{"id":"r","inputs":[{"name":"x","shape":[${COUNT}],"datatype":"${datatype}",${data}}]${more}}`;
}

const floats = Buffer.from(Float32Array.from({ length: COUNT }, (_, i) => Math.sin(i)).buffer);
const floatText = [...new Float32Array(Uint8Array.from(floats).buffer)].join(',');
const texts = Array.from({ length: COUNT }, (_, i) => `text ${i}`);
const rawTexts = Buffer.concat(
  texts.flatMap((text) => [Buffer.from(Uint32Array.of(text.length).buffer), Buffer.from(text)]),
);

const REQUESTS: Readonly<Record<string, Sent>> = {
  'floats in JSON': { model: 'float32', json: input('FP32', `"data":[${floatText}]`) },
  'floats in JSON, binary out': { model: 'float32', json: input('FP32', `"data":[${floatText}]`, BINARY_OUT) },
  'integers in JSON': {
    model: 'int64',
    json: input('INT64', `"data":[${Array.from({ length: COUNT }, (_, i) => BigInt(i) * 1_000_000_007n).join(',')}]`),
  },
  'strings in JSON': { model: 'string', json: input('BYTES', `"data":${JSON.stringify(texts)}`) },
  'binary floats, JSON out': {
    model: 'float32',
    json: input('FP32', `"parameters":{"binary_data_size":${floats.length}}`),
    tail: floats,
  },
  'binary floats both ways': {
    model: 'float32',
    json: input('FP32', `"parameters":{"binary_data_size":${floats.length}}`, BINARY_OUT),
    tail: floats,
  },
  'binary strings both ways': {
    model: 'string',
    json: input('BYTES', `"parameters":{"binary_data_size":${rawTexts.length}}`, BINARY_OUT),
    tail: rawTexts,
  },
};

const WRONG: Readonly<Record<string, Sent>> = {
  'a fault at the end': { model: 'float32', json: input('FP32', `"data":[${floatText}]`).slice(0, -1) },
  'one element too many': { model: 'float32', json: input('FP32', `"data":[0.5,${floatText}]`) },
  'another datatype': {
    model: 'float32',
    json: input('INT64', `"data":[${'1,'.repeat(COUNT - 1)}${' '.repeat(90_000)}1]`),
  },
  'a string cut off': {
    model: 'string',
    json: input('BYTES', `"parameters":{"binary_data_size":${rawTexts.length - 1}}`),
    tail: rawTexts.subarray(1),
  },
  nobody: { model: 'nobody', json: input('FP32', `"data":[${floatText}]`) },
};

/** The answers on the thread and on the event loop. */
async function both({ model, json, tail }: Sent): Promise<readonly RawAnswer[]> {
  const head = Buffer.from(json);
  const body = tail === undefined ? head : Buffer.concat([head, tail]);
  assert.ok(body.length > LARGE_MESSAGE_BYTES);
  const answers: RawAnswer[] = [];
  for (const connection of connections) {
    connection.post(`/v2/models/${model}/infer`, body, tail === undefined ? [] : [`${LENGTH}: ${head.length}`]);
    answers.push(await connection.answer());
  }
  return answers;
}

for (const [name, sent] of Object.entries(REQUESTS)) {
  test(`${name}: the same on the thread and on the event loop`, async () => {
    const [mine, theirs] = await both(sent);
    assert.equal(mine!.status, 200, mine!.body.toString('utf8', 0, 300));
    assert.equal(mine!.headers.get(LENGTH), theirs!.headers.get(LENGTH));
    assert.equal(mine!.headers.get('content-type'), theirs!.headers.get('content-type'));
    assert.ok(mine!.body.equals(theirs!.body));
    if (sent.json.includes(BINARY_OUT)) {
      const tail = mine!.body.subarray(Number(mine!.headers.get(LENGTH)));
      assert.ok(tail.equals(sent.tail ?? floats));
    }
  });
}

for (const [name, sent] of Object.entries(WRONG)) {
  test(`${name}: refused in the same words`, async () => {
    const [mine, theirs] = await both(sent);
    assert.ok(mine!.status >= 400 && mine!.status < 500, String(mine!.status));
    assert.deepEqual([mine!.status, errorOf(mine!)], [theirs!.status, errorOf(theirs!)]);
  });
}

test('binary numbers do not wait for the thread', async () => {
  const starts: string[] = [];
  let free!: () => void;
  const slow = thread.use({ cancel: { throwIfCancelled: () => undefined } as never }, async () => {
    starts.push('thread');
    await new Promise<void>((resolve) => {
      free = resolve;
    });
    starts.push('thread is free');
  });
  const { model, json, tail } = REQUESTS['binary floats both ways']!;
  const head = Buffer.from(json);
  connections[0]!.post(`/v2/models/${model}/infer`, Buffer.concat([head, tail!]), [`${LENGTH}: ${head.length}`]);
  assert.equal((await connections[0]!.answer()).status, 200);
  starts.push('answered');
  free();
  await slow;
  assert.deepEqual(starts, ['thread', 'answered', 'thread is free']);
});
