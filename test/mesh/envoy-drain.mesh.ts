/**
 * A rolling restart as a mesh sees it: of two sidecars behind Envoy one is told to end, under load. Nobody may notice.
 *
 * Envoy retries what is safe to retry, as meshes do by default. It must: until its next health check it still opens
 * connections to a port that is closed, and an HTTP/1.1 request may cross with the end of its idle connection.
 */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { killSidecars } from '../support/sidecar.ts';
import { startEnvoy } from './envoy.ts';
import { grpcClient, halfPlusTwo, restAddress, restPredict, startHalfPlusTwo } from './half-plus-two.ts';

/** Callers at once, each with its next request as soon as it has an answer. */
const CALLERS = 16;
/** Answers before the sidecar is told to end, and after it has ended. */
const ANSWERS = 1000;

afterEach(killSidecars);

/** Calls without pause until told to stop; counts answers, and keeps what was not the right one. */
class Load {
  answers = 0;
  readonly failures: string[] = [];
  #isStopping = false;
  readonly #callers: Promise<void>[];
  #reached: { readonly answers: number; readonly resolve: () => void } | undefined;

  constructor(call: (value: number) => Promise<number[]>) {
    this.#callers = Array.from({ length: CALLERS }, (_, i) => this.#run(call, i));
  }

  async #run(call: (value: number) => Promise<number[]>, value: number): Promise<void> {
    while (!this.#isStopping) {
      try {
        assert.deepEqual(await call(value), halfPlusTwo([value]));
      } catch (error) {
        this.failures.push(String(error));
      }
      this.answers += 1;
      if (this.answers >= (this.#reached?.answers ?? Infinity)) this.#reached!.resolve();
    }
  }

  /** Resolves when so many more have been answered. */
  more(answers: number): Promise<void> {
    return new Promise((resolve) => {
      this.#reached = { answers: this.answers + answers, resolve };
    });
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#callers);
  }
}

test('one of two sidecars ends under load, and no request fails', async (t) => {
  const leaving = await startHalfPlusTwo();
  const staying = await startHalfPlusTwo();
  const envoy = await startEnvoy(t, {
    grpc: [leaving.grpc, staying.grpc],
    rest: [restAddress(leaving), restAddress(staying)],
    retries: true,
  });
  const client = grpcClient(envoy.address);
  t.after(() => client.close());
  const loads = [
    new Load((value) => client.predict([value])),
    new Load((value) => restPredict(envoy.address, [value])),
  ];
  const more = (): Promise<unknown> => Promise.all(loads.map((load) => load.more(ANSWERS)));
  await more();
  assert.equal(await leaving.stop(), 0);
  await more();
  await Promise.all(loads.map((load) => load.stop()));
  assert.deepEqual(
    loads.map(({ failures }) => failures),
    [[], []],
  );
});
