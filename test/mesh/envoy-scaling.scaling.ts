/**
 * Sidecars behind Envoy, as many as an autoscaler wants that goes by /headroom: traffic grows to what three can do and
 * falls again. A sidecar that is started gets requests when it is ready; one that is too many leaves Envoy's list and gets
 * SIGTERM at the same moment, as in Kubernetes. No request may fail.
 *
 * The model is one of another server, which takes TAKES_MS and no CPU: what a sidecar can do is then known, on any machine.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { afterEach, type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type Message, openInferenceServer } from '../support/open-inference-server.ts';
import { remoteModel } from '../support/remote-models.ts';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';
import { Autoscaler, openLoop } from './autoscaler.ts';
import { startEnvoy } from './envoy.ts';
import { writeEndpoints } from './envoy-config.ts';
import { grpcClient, halfPlusTwo, restAddress, restPredict } from './half-plus-two.ts';

const TAKES_MS = 200;
/** At once, of each sidecar: together with TAKES_MS 40 a second at most. */
const CALLS = 8;
const RULE = { path: '/headroom', valueLocation: 'load', target: 0.5, min: 1, max: 3, stabilizationMs: 10_000 };
const POLL_MS = 1000;

/** Requests a second: what one sidecar has left to spare, and what three have. */
const QUIET = 10;
const BUSY = 57;
/** Seconds. Traffic grows so slowly that a new sidecar is there before the others are full. */
const GROWTH = { from: 5, to: 50, over: 65 };

afterEach(killSidecars);

interface Pod {
  readonly sidecar: Sidecar;
  readonly probes: string;
}

/** half_plus_two as another server. */
async function startModel(t: TestContext): Promise<string> {
  const tensor = (name: string) => ({ name, datatype: 'FP32', shape: [-1] });
  const at = await openInferenceServer(t, {
    metadata: () => ({ name: 'm', versions: ['1'], platform: 'p', inputs: [tensor('x')], outputs: [tensor('y')] }),
    infer: async ({ inputs, raw_input_contents: [raw] }: Message) => {
      await pause(TAKES_MS);
      const x = new Float32Array(new Uint8Array(raw).buffer);
      const y = Buffer.from(x.map((value) => value / 2 + 2).buffer);
      return { model_name: 'm', outputs: [{ ...inputs[0], name: 'y' }], raw_output_contents: [y] };
    },
  });
  return remoteModel(t, `address: ${at}\nmodel: m\nprotocol: v2\nbatching: false\nconcurrency: ${CALLS}\n`);
}

/** A Deployment: its pods, and the list of those that are ready, which Envoy reads. */
class Deployment {
  readonly pods: Pod[] = [];
  readonly ended: Promise<number | string>[] = [];
  readonly #model: string;
  readonly #endpoints: string;

  constructor(model: string, endpoints: string) {
    this.#model = model;
    this.#endpoints = endpoints;
  }

  /** Resolves when so many are ready, and those that are too many were told to end. */
  async scale(wanted: number): Promise<void> {
    const missing = Math.max(0, wanted - this.pods.length);
    this.pods.push(...(await Promise.all(Array.from({ length: missing }, () => this.#start()))));
    const leaving = this.pods.splice(wanted);
    this.#tellEnvoy();
    for (const { sidecar } of leaving) this.ended.push(sidecar.stop());
  }

  get probes(): readonly string[] {
    return this.pods.map(({ probes }) => probes);
  }

  async #start(): Promise<Pod> {
    const sidecar = await startSidecar([
      `--model=half_plus_two=${this.#model}`,
      ...['--probe_port=0', '--drain_delay_ms=1000', '--max_enqueued_batches=1000'],
    ]);
    const { probes } = await sidecar.line(({ event }) => event === 'listening');
    return { sidecar, probes: `http://127.0.0.1:${String(probes).slice(String(probes).lastIndexOf(':') + 1)}` };
  }

  #tellEnvoy(): void {
    const sidecars = this.pods.map(({ sidecar }) => sidecar);
    writeEndpoints(this.#endpoints, { grpc: sidecars.map(({ grpc }) => grpc), rest: sidecars.map(restAddress) });
  }
}

/** Grows, stays until three sidecars have served for a while, then falls and stays until one is left. */
class Traffic {
  #hasFallen = false;
  #isOver = false;

  /** Requests a second; undefined at the end. */
  rateAt(second: number): number | undefined {
    if (this.#isOver) return undefined;
    if (this.#hasFallen) return QUIET;
    const grown = (second - GROWTH.from) / (GROWTH.to - GROWTH.from);
    return QUIET + (BUSY - QUIET) * Math.min(1, Math.max(0, grown));
  }

  /** So many sidecars serve now. */
  see(second: number, pods: number): void {
    if (this.#hasFallen) this.#isOver = pods === RULE.min;
    else this.#hasFallen = pods === RULE.max && second > GROWTH.over;
  }
}

test('one to three sidecars and back by their headroom, and no request fails', async (t) => {
  const endpoints = tempDirectory(t);
  const deployment = new Deployment(await startModel(t), endpoints);
  await deployment.scale(1);
  const first = deployment.pods[0]!.sidecar;
  const hosts = { grpc: [first.grpc], rest: [restAddress(first)] };
  const envoy = await startEnvoy(t, { ...hosts, endpointsIn: endpoints, retries: true });
  const client = grpcClient(envoy.address);
  t.after(() => client.close());

  const pending = new Set<Promise<void>>();
  const failures: string[] = [];
  const latencies: number[] = [];
  const ask = async (value: number): Promise<void> => {
    const start = performance.now();
    try {
      const answer = value % 2 === 0 ? client.predict([value]) : restPredict(envoy.address, [value]);
      assert.deepEqual(await answer, halfPlusTwo([value]));
      latencies.push(performance.now() - start);
    } catch (error) {
      failures.push(String(error));
    }
  };
  let sent = 0;
  const traffic = new Traffic();
  const sending = openLoop(
    (second) => traffic.rateAt(second),
    () => {
      const answer = ask(sent++);
      pending.add(answer);
      void answer.then(() => pending.delete(answer));
    },
  );

  const counts: number[] = [];
  const scaler = new Autoscaler(RULE);
  const start = performance.now();
  const scaling = (async () => {
    for (;;) {
      await pause(POLL_MS);
      const second = (performance.now() - start) / 1000;
      const rate = traffic.rateAt(second);
      if (rate === undefined) return;
      const { values, mean, wanted } = await scaler.look(deployment.probes);
      counts.push(deployment.pods.length);
      t.diagnostic(
        `${second.toFixed(0)} s: ${rate.toFixed(0)} requests/s, ${values.length} sidecars with load ` +
          `${values.join(' ')} (headroom ${values.map((load) => Math.max(0, 1 - load).toFixed(2)).join(' ')}), ` +
          `mean ${mean.toFixed(2)}: ${wanted} wanted`,
      );
      if (wanted !== deployment.pods.length) await deployment.scale(wanted);
      traffic.see(second, deployment.pods.length);
    }
  })();
  await Promise.all([sending, scaling]);
  await Promise.all(pending);

  latencies.sort((a, b) => a - b);
  const quantile = (share: number): string => latencies[Math.floor(share * (latencies.length - 1))]!.toFixed(0);
  t.diagnostic(`${sent} requests, ${failures.length} failed; ${quantile(0.5)} ms median, ${quantile(0.99)} ms p99`);
  assert.equal(failures.length, 0, failures.slice(0, 5).join('\n'));
  assert.equal(Math.max(...counts), RULE.max);
  assert.equal(deployment.pods.length, 1);
  assert.deepEqual(new Set(await Promise.all(deployment.ended)), new Set([0]));
});
