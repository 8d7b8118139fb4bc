/** The remote backend against servers of the test's own: TensorFlow Serving's API on each of our engines. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Session } from '../../../../src/backends/backend.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import { type ErrorKind, ServingError } from '../../../../src/core/errors.ts';
import type { BatchOrigin } from '../../../../src/core/executor.ts';
import { Priority } from '../../../../src/core/priority.ts';
import { numericTensor, type TensorMap } from '../../../../src/core/tensor.ts';
import type { CallerTrace } from '../../../../src/ledger/request-record.ts';
import type { RequestContext } from '../../../../src/proxy/request-context.ts';
import { eachEngine } from '../../../support/grpc-engines.ts';
import { type GrpcHarness, withGrpc } from '../../../support/grpc-harness.ts';
import {
  affine,
  type Behaviour,
  echo,
  FLOAT_SIGNATURE,
  never,
  type PuppetDirectory,
  type PuppetRunner,
  signature,
  spec,
} from '../../../support/puppet-models.ts';
import { openRemote } from '../../../support/remote-models.ts';
import { selfSigned } from '../../../support/self-signed.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const X = new Map([['x', numericTensor('float32', [2], Float32Array.of(1, 2))]]);
const soon = (ms: number): number => systemClock.nowMs() + ms;
const yaml = ({ address }: GrpcHarness, more = ''): string => `address: ${address}\nmodel: m\n${more}`;

/** The first element of the input that a server of the test waits with. */
const PATIENT = 7;

function floatsIn(tensors: TensorMap, name: string): number[] {
  const { data } = tensors.get(name)!;
  return [...new Float32Array(Uint8Array.from(data as Uint8Array).buffer)];
}

function originThatNotes(note: BatchOrigin['note']): BatchOrigin {
  return { traceHeaders: undefined, priority: Priority.default, onAbandoned: undefined, note };
}

/** Runs model "m" once. */
async function runOnce(session: Session, deadline = Infinity, origin?: BatchOrigin): Promise<number[]> {
  return floatsIn(await session.run('serving_default', X, ['y'], { deadline, origin }), 'y');
}

eachEngine('a session has the signatures that the server tells, and gives its answers', async (t) => {
  const text = signature({ s: spec('string', [-1]) }, { t: spec('string', [-1]) });
  const scalar = signature({ x: spec('float32', []) }, { y: spec('float32', []) });
  await withGrpc(
    (models) =>
      models.add('m', {
        signatures: { serving_default: FLOAT_SIGNATURE, text, scalar },
        behave: (request) => (request.signatureName === 'text' ? echo(request) : affine(2, 1)(request)),
      }),
    async (server) => {
      const session = await openRemote(t, yaml(server));
      assert.deepEqual([...session.signatures.keys()], ['scalar', 'serving_default', 'text']);
      const { inputs, outputs, batchAxis } = session.signatures.get('text')!;
      assert.deepEqual([inputs.get('s')!.dtype, inputs.get('s')!.shape], ['string', [-1]]);
      assert.deepEqual([...outputs.keys(), batchAxis.kind], ['t', 'dynamic']);
      // Any rank and a scalar have no dim 0 to share.
      assert.equal(session.signatures.get('serving_default')!.batchAxis.kind, 'none');
      assert.deepEqual(session.signatures.get('scalar')!.inputs.get('x')!.shape, []);
      assert.deepEqual(await runOnce(session), [3, 5]);
      const s = { dtype: 'string', shape: [2], data: [Uint8Array.of(0xff, 0), new Uint8Array(0)] } as const;
      const strings = await session.run('text', new Map([['s', s]]), ['t'], { deadline: Infinity });
      assert.deepEqual(
        (strings.get('t')!.data as Uint8Array[]).map((each) => [...each]),
        [[0xff, 0], []],
      );
      await session.close();
      await assert.rejects(runOnce(session), { kind: 'backend_failed', message: /unloaded/ });
    },
  );
});

eachEngine('a signature is not batched where remote.yaml says so', async (t) => {
  const batched = signature({ x: spec('float32', [-1]) }, { y: spec('float32', [-1]) });
  await withGrpc(
    (models) => models.add('m', { signatures: { serving_default: batched } }),
    async (server) => {
      for (const [line, kind] of [
        ['', 'dynamic'],
        ['batching: false', 'none'],
      ] as const) {
        const session = await openRemote(t, yaml(server, line));
        assert.equal(session.signatures.get('serving_default')!.batchAxis.kind, kind);
        await session.close();
      }
    },
  );
});

eachEngine('deadline, trace context, priority and the chosen version go along', async (t) => {
  const traces: CallerTrace[] = [];
  let chosen: PuppetRunner | undefined;
  const setUp = (models: PuppetDirectory): void => {
    models.add('m', { version: 1n });
    chosen = models.add('m', { version: 2n, labels: ['canary'], behave: affine(2, 0) });
    models.add('m', { version: 3n });
  };
  const startTrace = (caller: CallerTrace | undefined): undefined => {
    if (caller !== undefined) traces.push(caller);
  };
  const use = async (server: GrpcHarness): Promise<void> => {
    const session = await openRemote(t, yaml(server, 'label: canary'));
    const origin: BatchOrigin = {
      traceHeaders: { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: 'v=1' },
      priority: Priority.critical,
      onAbandoned: undefined,
      note: () => assert.fail('it is sent once'),
    };
    assert.deepEqual(await runOnce(session, soon(40_000), origin), [2, 4]);
    // The first was for the metadata.
    const record = await server.record(2);
    const budgetMs = record.deadline - record.stages.startedAt;
    assert.ok(budgetMs > 10_000 && budgetMs <= 40_001, `${budgetMs}`);
    assert.deepEqual(traces, [{ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), isSampled: true, traceState: 'v=1' }]);
    assert.equal((chosen!.requests[0]!.context as RequestContext).priority, Priority.critical);
    assert.equal(origin.onAbandoned, undefined);
    await session.close();
  };
  await withGrpc(setUp, use, { telemetry: { startTrace } });
});

eachEngine('a run that nobody wants any more is ended at the server', async (t) => {
  await withGrpc(
    (models) => models.add('m', { behave: never }),
    async (server) => {
      const session = await openRemote(t, yaml(server));
      const origin = originThatNotes(() => undefined);
      const run = runOnce(session, Infinity, origin);
      origin.onAbandoned!();
      await assert.rejects(run, { kind: 'cancelled' });
      await session.close();
    },
  );
});

eachEngine('what the server refuses is whose fault it was there', async (t) => {
  const cases: readonly [ErrorKind, ErrorKind][] = [
    ['invalid_request', 'invalid_request'],
    ['overloaded', 'overloaded'],
    ['too_large', 'too_large'],
    ['backend_failed', 'backend_failed'],
    ['worker_lost', 'backend_unavailable'],
    ['model_not_found', 'backend_failed'],
    ['deadline_exceeded', 'deadline_exceeded'],
  ];
  let error = new ServingError('internal', 'unset');
  const behave: Behaviour = () => {
    throw error;
  };
  let runner: PuppetRunner | undefined;
  const setUp = (models: PuppetDirectory): void => {
    runner = models.add('m', { behave });
  };
  await withGrpc(setUp, async (server) => {
    const session = await openRemote(t, yaml(server));
    for (const [there, here] of cases) {
      error = new ServingError(there, there === 'too_large' ? 'it is larger than the limit' : `because ${there}`);
      const thrown = (await runOnce(session, soon(30_000)).catch((each: unknown) => each)) as ServingError;
      assert.equal(thrown.kind, here, there);
      assert.ok(thrown.message.startsWith(`"m" at ${server.address}: ${error.message}`), thrown.message);
    }
    // None of them was sent again: the server may have begun them.
    assert.equal(runner!.requests.length, cases.length);
    error = new ServingError('overloaded', 'full', { retryAfterMs: 40 });
    await assert.rejects(runOnce(session), { kind: 'overloaded', retryAfterMs: 40 });
    await session.close();
  });
});

eachEngine('a call that is refused with a time to come back is sent once more', async (t) => {
  let refusals = 1;
  const behave: Behaviour = (request) => {
    refusals -= 1;
    if (refusals >= 0) throw new ServingError('model_not_ready', 'still loading', { retryAfterMs: 10 });
    return affine(1, 0)(request);
  };
  let runner: PuppetRunner | undefined;
  const setUp = (models: PuppetDirectory): void => {
    runner = models.add('m', { behave });
  };
  await withGrpc(setUp, async (server) => {
    const session = await openRemote(t, yaml(server));
    const noted: unknown[] = [];
    const origin = originThatNotes((...event) => noted.push(event));
    assert.deepEqual(await runOnce(session, Infinity, origin), [1, 2]);
    assert.equal(runner!.requests.length, 2);
    const facts = { 'inference.reason': 'pushback', 'inference.remote.address': server.address };
    assert.deepEqual(noted, [['retry', facts]]);
    refusals = 2;
    await assert.rejects(runOnce(session), { kind: 'backend_unavailable' });
    assert.equal(runner!.requests.length, 4);
    // The time to come back lies after the deadline.
    refusals = 1;
    await assert.rejects(runOnce(session, soon(9)), /still loading|[Dd]eadline/);
    await session.close();
  });
});

eachEngine('a server that does not answer is away; a request that cannot wait is late', async (t) => {
  await withGrpc(
    (models) => models.add('m', { behave: never }),
    async (server) => {
      const session = await openRemote(t, yaml(server, 'timeout_ms: 60'));
      const message = /did not answer within 60 ms \(timeout_ms of its remote.yaml\)/;
      await assert.rejects(runOnce(session), { kind: 'backend_unavailable', message });
      await assert.rejects(runOnce(session, soon(20)), { kind: 'deadline_exceeded' });
      await session.close();
    },
  );
});

eachEngine('a call that is not answered ends no other', async (t) => {
  let answer: (() => void) | undefined;
  const behave: Behaviour = (request) => {
    if (floatsIn(request.inputs, 'x')[0] !== PATIENT) return never(request);
    return new Promise((resolve) => {
      answer = () => resolve(affine(1, 0)(request) as TensorMap);
    });
  };
  await withGrpc(
    (models) => models.add('m', { behave }),
    async (server) => {
      const session = await openRemote(t, yaml(server, 'timeout_ms: 4000'));
      const unanswered = assert.rejects(runOnce(session), { kind: 'backend_unavailable' });
      await assert.rejects(runOnce(session, soon(2000)), { kind: 'deadline_exceeded' });
      const x = numericTensor('float32', [1], Float32Array.of(PATIENT));
      const patient = session.run('serving_default', new Map([['x', x]]), ['y'], { deadline: Infinity });
      // The connection is made anew then, and this call was begun on the old one.
      await unanswered;
      answer!();
      assert.deepEqual(floatsIn(await patient, 'y'), [PATIENT]);
      await session.close();
    },
  );
});

eachEngine('loading waits for a server that still loads the model', async (t) => {
  const setUp = (models: PuppetDirectory): void => {
    models.add('m', { state: 'LOADING' });
  };
  await withGrpc(setUp, async (server) => {
    const opening = openRemote(t, yaml(server, 'version: 1'));
    await server.record(1);
    server.models.add('m', { behave: affine(1, 0) });
    const session = await opening;
    assert.deepEqual(await runOnce(session), [1, 2]);
    await session.close();
  });
});

eachEngine('loading tells a server that is away from a model that is not there', async (t) => {
  let address = '';
  await withGrpc(
    (models) => models.add('other'),
    async (server) => {
      address = server.address;
      await assert.rejects(openRemote(t, yaml(server)), { kind: 'load_failed', message: /there is no model "m"/ });
    },
  );
  const away = openRemote(t, `address: ${address}\nmodel: m\nconnect_timeout_ms: 50`);
  await assert.rejects(away, { kind: 'backend_unavailable', message: /^"\S+remote.yaml": "m" at/ });
});

eachEngine('the server may be behind TLS, and want to know who asks', async (t) => {
  const [server, client] = [selfSigned(), selfSigned('client')];
  const config = { serverKey: server.key, serverCert: server.cert, customCa: client.cert, verifyClient: true };
  const tls = { config, onHandshakeFailed: () => undefined };
  const use = async (harness: GrpcHarness): Promise<void> => {
    const directory = tempDirectory(t);
    const write = (name: string, text: string): string => {
      writeFileSync(join(directory, name), text);
      return join(directory, name);
    };
    const ca = write('ca.pem', server.cert);
    const shown = `cert: ${write('c.pem', client.cert)}, key: ${write('k.pem', client.key)}`;
    const more = (keys: string): string => `connect_timeout_ms: 20000\ntls: {ca: ${ca}, server_name: localhost${keys}}`;
    const session = await openRemote(t, yaml(harness, more(`, ${shown}`)));
    assert.deepEqual(await runOnce(session), [1, 2]);
    await session.close();
    const stranger = openRemote(t, yaml(harness, more('').replace('20000', '300')));
    await assert.rejects(stranger, { kind: 'backend_unavailable' });
  };
  await withGrpc((models) => models.add('m'), use, { tls });
});
