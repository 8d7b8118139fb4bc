/** Places where the suite of backend-contract.ts runs a backend's sessions: directly, and in each host. */
import process from 'node:process';
import type { TestContext } from 'node:test';
import type { LoadSettings } from '../../backends/backend.ts';
import type { HostedSession } from '../../backends/host/hosted-session.ts';
import { startInlineHost } from '../../backends/host/inline-host.ts';
import { ProcessGroup } from '../../backends/host/process/process-group.ts';
import { startProcessHost } from '../../backends/host/process/process-host.ts';
import { startThreadHost } from '../../backends/host/thread/thread-host.ts';
import type { WorkerHostOptions } from '../../backends/host/worker-host-options.ts';
import { importBackend } from '../../backends/import-backend.ts';
import { loadOptionsOf } from '../../backends/load-options.ts';
import { loadSession } from '../../backends/load-session.ts';
import { systemClock } from '../../core/clock.ts';
import type { Executor } from '../../core/executor.ts';
import { DEFAULT_SIGNATURE_NAME, type Signature } from '../../core/signature.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';

/** A loaded model, direct or hosted. */
export interface Loaded {
  readonly signatures: ReadonlyMap<string, Signature>;
  run(inputs: TensorMap, outputs: readonly string[], signatureName?: string): Promise<TensorMap>;
  close(): Promise<void>;
}

/** Opens the model of a directory. The caller closes it. */
export type Open = (directory: string, settings?: Partial<LoadSettings>) => Promise<Loaded>;

export interface Placement {
  readonly name: string;
  readonly open: Open;
  /**
   * Loads for the leak check: a thread's life takes longer than a session's. Absent where another placement's check has
   * all that this one's would: what a session leaves behind is left behind inline, too.
   */
  readonly leakCycles?: number;
}

const SETTINGS: LoadSettings = { intraOpThreads: 1, executionProvider: 'cpu' };

/** Placements on the event loop and in threads. */
export function quickPlacements(module: string): readonly Placement[] {
  return [
    direct(module),
    { ...hosted('inline', module, startInlineHost), leakCycles: 200 },
    { ...hosted('in threads', module, startThreadHost), leakCycles: 25 },
    hosted('in threads, by message', module, (options) => startThreadHost({ ...options, slabBytes: 0 })),
  ];
}

/** A process for each model takes most of the time. */
export function processPlacements(module: string): readonly Placement[] {
  return [
    { ...hosted('in processes', module, startProcessHost), leakCycles: 25 },
    hosted('in a shared process', module, (options) =>
      startProcessHost({ ...options, processGroup: new ProcessGroup('g') }),
    ),
  ];
}

/**
 * `open`, with each model closed after the test, however the test ends: workers would keep its process alive. A backend
 * that never answers fails its test.
 */
export function closedAfter(t: TestContext, open: Open): Open {
  return async (directory, settings) => {
    const { signatures, run, close } = await open(directory, settings);
    const loaded: Loaded = {
      signatures,
      run: (...call) => inTime('run', run(...call)),
      close: () => inTime('close', close()),
    };
    t.after(() => loaded.close());
    return loaded;
  };
}

/** The time that the first call has to end. */
const LONG_PATIENCE_MS = 20_000;
/** The time that calls have once one has not ended. */
const SHORT_PATIENCE_MS = 1000;
let patienceMs = LONG_PATIENCE_MS;

/** Ends the process after the suite: a worker whose call never ends would keep the process of the tests alive. */
export function endAfterLateCalls(): void {
  if (patienceMs === SHORT_PATIENCE_MS) setTimeout(() => process.exit(), SHORT_PATIENCE_MS).unref();
}

/** Rejects when the time is over. Keeps the process alive until then: node would end it when nothing else does. */
async function inTime<T>(what: string, promise: Promise<T>): Promise<T> {
  const ms = patienceMs;
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      patienceMs = SHORT_PATIENCE_MS;
      reject(new Error(`${what}() has not ended after ${ms / 1000} s`));
    }, ms);
  });
  return Promise.race([promise, tooLate]).finally(() => clearTimeout(timer));
}

function direct(module: string): Placement {
  const open: Open = async (directory, settings) => {
    const backend = await importBackend(module);
    const session = await loadSession(backend, directory, loadOptionsOf({ ...SETTINGS, ...settings }));
    return {
      signatures: session.signatures,
      run: (inputs, outputs, signatureName = DEFAULT_SIGNATURE_NAME) =>
        session.run(signatureName, inputs, outputs, { deadline: Infinity }),
      close: () => session.close(),
    };
  };
  return { name: 'direct', open };
}

function hosted(
  name: string,
  backendModule: string,
  start: (options: WorkerHostOptions) => Promise<HostedSession>,
): Placement {
  const open: Open = async (versionDirectory, settings) => {
    const loadOptions = { ...SETTINGS, ...settings };
    const host = await start({
      model: 'm',
      versionDirectory,
      backendModule,
      loadOptions,
      slots: 2,
      clock: systemClock,
    });
    let runs = 0;
    return {
      signatures: host.signatures,
      run: async (tensors, outputs, signatureName = DEFAULT_SIGNATURE_NAME) => {
        // The host's own memory is used for every other run, as the scheduler does it.
        const inputs = runs++ % 2 === 0 ? tensors : inLentMemory(tensors, host.executor);
        const size = [...inputs.values()][0]?.shape[0] ?? 1;
        return (await host.executor.run({ signatureName, inputs, outputs, size, deadline: Infinity })).outputs;
      },
      close: () => host.close(),
    };
  };
  return { name, open };
}

function inLentMemory(tensors: TensorMap, executor: Executor): TensorMap {
  const lent = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) {
    if (tensor.dtype === 'string') {
      lent.set(name, tensor);
      continue;
    }
    const data = new Uint8Array(executor.allocate(tensor.data.byteLength), 0, tensor.data.byteLength);
    data.set(tensor.data);
    lent.set(name, { ...tensor, data });
  }
  return lent;
}
