/**
 * The ceiling: onnxruntime-node called again and again with the same batch, without a server. One loop a thread, each
 * with a session of its own, as slots of a server have.
 *
 *   node runtime-loop.js MODEL.onnx BATCH THREADS SECONDS
 *
 * Prints {"rows": …, "seconds": …, "cpuSeconds": …, "p50Ms": …, "p99Ms": …, "rss": …} of what ran after a short
 * warm-up.
 */
import process from 'node:process';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from '../../src/internals/ort-library.ts';

const WARM_UP_MS = 300;

interface LoopOrder {
  readonly file: string;
  readonly batch: number;
  readonly seconds: number;
}

interface LoopResult {
  readonly micros: number[];
  readonly cpuMicros: number;
}

async function loop({ file, batch, seconds }: LoopOrder): Promise<LoopResult> {
  const session = await InferenceSession.create(file, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionProviders: ['cpu'],
  });
  const metadata = session.inputMetadata[0]!;
  const shape = [batch, ...(metadata.isTensor ? (metadata.shape.slice(1) as number[]) : [])];
  const length = shape.reduce((product, size) => product * size, 1);
  const values = Float32Array.from({ length }, (_, i) => Math.sin(i + 1));
  const runFor = async (ms: number): Promise<number[]> => {
    const micros: number[] = [];
    const endsAt = performance.now() + ms;
    for (let now = performance.now(); now < endsAt; ) {
      await session.run({ [metadata.name]: new Tensor('float32', values, shape) });
      const after = performance.now();
      micros.push((after - now) * 1000);
      now = after;
    }
    return micros;
  };
  await runFor(WARM_UP_MS);
  const before = process.cpuUsage();
  const micros = await runFor(seconds * 1000);
  const { user, system } = process.cpuUsage(before);
  return { micros, cpuMicros: user + system };
}

async function main(): Promise<void> {
  const [file, batch, threads, seconds] = process.argv.slice(2);
  const order: LoopOrder = { file: file!, batch: Number(batch), seconds: Number(seconds) };
  const started = Array.from({ length: Number(threads) }, () => {
    const worker = new Worker(new URL(import.meta.url), { workerData: order });
    return new Promise<LoopResult>((resolve, reject) => worker.once('message', resolve).once('error', reject));
  });
  const results = await Promise.all(started);
  const micros = results.flatMap((result) => result.micros).sort((a, b) => a - b);
  const at = (share: number): number => micros[Math.min(micros.length - 1, Math.floor(share * micros.length))]! / 1000;
  console.log(
    JSON.stringify({
      rows: micros.length * order.batch,
      seconds: order.seconds,
      // The figure is that of the whole process: each loop saw all of it.
      cpuSeconds: Math.max(...results.map((result) => result.cpuMicros)) / 1e6,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      rss: process.memoryUsage.rss(),
    }),
  );
}

if (isMainThread) await main();
else parentPort!.postMessage(await loop(workerData as LoopOrder));
