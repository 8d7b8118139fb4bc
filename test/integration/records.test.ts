/**
 * Warm-up files, golden requests, request logs and `pillion record`, against the real sidecar: what an operator does
 * with them, and what must not happen when a process is killed.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { floats, otherLog, parseRecords, predictLog, readRecords, writeRecords } from '../support/prediction-logs.ts';
import { encode } from '../support/proto-registry.ts';
import { answerOf, frame, openCall, openSession } from '../support/raw-grpc.ts';
import { killSidecars, runPillion, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { MetricsPage } from '../support/surface-sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';

const HALF = 'examples/half_plus_two/models/half_plus_two';
const ANY_PORTS = ['--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1'];

afterEach(killSidecars);

const LOOK_AGAIN_MS = 2;
/** Some 40 s or more. */
const MAX_LOOKS = 20_000;

/** Looks until it holds. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let looks = 0; !(await holds()); looks++) {
    assert.ok(looks < MAX_LOOKS, `what was waited for did not come: ${holds}`);
    await delay(LOOK_AGAIN_MS);
  }
}

/** half_plus_two in a directory of its own. */
function copyModel(t: TestContext) {
  const directory = tempDirectory(t);
  const base = join(directory, 'h');
  cpSync(HALF, base, { recursive: true });
  const extra = (version: number, file: string): string => join(base, String(version), 'assets.extra', file);
  return {
    directory,
    base,
    flag: (keys = '') => `--model=h=${base}${keys}`,
    warmUpFile: (version = 1) => extra(version, 'tf_serving_warmup_requests'),
    goldenFile: (version = 1) => extra(version, 'pillion_golden_requests'),
    copyVersion: (version: number) => cpSync(join(base, '1'), join(base, String(version)), { recursive: true }),
  };
}

async function predict(sidecar: Sidecar, ...instances: number[]): Promise<unknown> {
  const answer = await fetch(`${sidecar.rest}/v1/models/h:predict`, {
    method: 'POST',
    body: JSON.stringify({ instances }),
  });
  return answer.json();
}

const floatsOf = (bytes: Uint8Array): number[] => [...new Float32Array(Uint8Array.from(bytes).buffer)];

/** The inputs that a file's records have. */
function inputsOf(bytes: Uint8Array): number[][] {
  return (parseRecords(bytes) as never as RecordedLog[]).map(({ logType }) =>
    floatsOf(logType.value.request.inputs['x']!.tensorContent),
  );
}

function writeNoRecords(path: string): void {
  mkdirSync(join(path, '..'));
  writeFileSync(path, 'not a TFRecord file');
}

interface StatusJson {
  readonly state: string;
  readonly status: { readonly error_code: string };
}

interface RecordedLog {
  readonly logType: {
    readonly value: { readonly request: { readonly inputs: Record<string, { readonly tensorContent: Uint8Array }> } };
  };
}

describe('a warm-up file', () => {
  it('is replayed before the version is served', async (t) => {
    const model = copyModel(t);
    writeRecords(
      model.warmUpFile(),
      predictLog({ name: 'another', inputs: { x: floats(1, 2) } }),
      predictLog({ inputs: { x: floats(3) } }),
    );
    const sidecar = await startSidecar([model.flag(), '--num_request_iterations_for_warmup=2']);
    const replayed = sidecar.lines.findIndex(({ event }) => event === 'replayed');
    assert.equal(sidecar.lines[replayed]!['records'], 2);
    assert.ok(replayed < sidecar.lines.findIndex((line) => line['state'] === 'AVAILABLE'));
    assert.deepEqual(await predict(sidecar, 1, 2), { predictions: [2.5, 3] });
    assert.equal(await sidecar.stop(), 0);
  });

  it('with a request that fails ends the start, naming it', async (t) => {
    const model = copyModel(t);
    writeRecords(
      model.warmUpFile(),
      predictLog({ inputs: { x: floats(1) } }),
      predictLog({ inputs: { z: floats(1) } }),
    );
    const sidecar = runPillion(['serve', model.flag(), ...ANY_PORTS]);
    assert.equal(await sidecar.exited, 1);
    assert.match(
      sidecar.output(),
      /warm-up requests failed: .*tf_serving_warmup_requests.*record 2 at byte \d+: .*wants the inputs/,
    );
    assert.ok(!sidecar.lines.some((line) => line['state'] === 'AVAILABLE'));
  });

  it('that fails leaves the other models served, and its version has TensorFlow Serving’s code', async (t) => {
    const cases: readonly (readonly [code: string, write: (path: string) => void])[] = [
      ['INVALID_ARGUMENT', (path) => writeRecords(path, predictLog({ inputs: { z: floats(1) } }))],
      ['INVALID_ARGUMENT', (path) => writeRecords(path, Uint8Array.of(0xff, 0xff, 0xff))],
      ['UNIMPLEMENTED', (path) => writeRecords(path, otherLog('predictStreamedLog'))],
      ['DATA_LOSS', writeNoRecords],
    ];
    const bad = cases.map(([, write], i) => {
      const model = copyModel(t);
      write(model.warmUpFile());
      return `--model=bad${i}=${model.base}`;
    });
    const sidecar = await startSidecar([...bad, copyModel(t).flag()]);
    assert.deepEqual(await predict(sidecar, 1), { predictions: [2.5] });
    assert.ok(sidecar.lines.some(({ event, msg }) => event === 'not_loaded' && /model "bad0": version 1/.test(msg!)));
    for (const [i, [code]] of cases.entries()) {
      const answer = await fetch(`${sidecar.rest}/v1/models/bad${i}`);
      const { model_version_status: states } = (await answer.json()) as Record<string, readonly StatusJson[]>;
      assert.deepEqual(
        states!.map(({ state, status }) => [state, status.error_code]),
        [['END', code]],
      );
    }
    assert.equal(await sidecar.stop(), 0);
    const strict = runPillion(['serve', ...bad, copyModel(t).flag(), '--exit_on_load_failure', ...ANY_PORTS]);
    assert.equal(await strict.exited, 1);
  });

  it('is replayed on every thread, and one that fails leaves none of them running', async (t) => {
    const model = copyModel(t);
    const threads = [model.flag(',host=thread'), '--num_batch_threads=3'];
    writeRecords(model.warmUpFile(), predictLog({ inputs: { x: floats(1, 2) } }));
    const sidecar = await startSidecar(threads);
    const page = await (await fetch(`${sidecar.admin}/metrics`)).text();
    assert.match(page, /pillion_batch_size_count\{model="h",version="1",signature="serving_default"\} 3/);
    assert.equal(await sidecar.stop(), 0);
    writeRecords(model.warmUpFile(), predictLog({ inputs: {} }));
    const failing = runPillion(['serve', ...threads, ...ANY_PORTS]);
    assert.equal(await failing.exited, 1);
    assert.match(failing.output(), /record 1 at byte 0: .*wants the inputs/);
  });

  it('of something else, or of a kind that cannot be replayed, ends the start; switched off it is not looked at', async (t) => {
    const model = copyModel(t);
    writeRecords(model.warmUpFile(), otherLog('predictStreamedLog'));
    const unsupported = runPillion(['serve', model.flag(), ...ANY_PORTS]);
    assert.equal(await unsupported.exited, 1);
    assert.match(unsupported.output(), /predict_streamed_log \(field 7 of PredictionLog\)/);
    writeFileSync(model.warmUpFile(), 'not a TFRecord file');
    const corrupt = runPillion(['serve', model.flag(), ...ANY_PORTS]);
    assert.equal(await corrupt.exited, 1);
    assert.match(corrupt.output(), /write it again as a TFRecord file of PredictionLog/);
    const sidecar = await startSidecar([model.flag(), '--enable_model_warmup=false']);
    assert.equal(await sidecar.stop(), 0);
  });
});

describe('golden requests', () => {
  it('keep a version that answers otherwise from being served, and say where it differs', async (t) => {
    const model = copyModel(t);
    writeRecords(model.goldenFile(), predictLog({ inputs: { x: floats(1, 2) }, outputs: { y: floats(2.5, 3.5) } }));
    const wrong = runPillion(['serve', model.flag(), ...ANY_PORTS]);
    assert.equal(await wrong.exited, 1);
    assert.match(
      wrong.output(),
      /golden requests failed: .*record 1 .*output \\?"y\\?" differs at \[1\]: 3, but 3\.5 was recorded/,
    );
    writeRecords(model.goldenFile(), predictLog({ inputs: { x: floats(1, 2) }, outputs: { y: floats(2.5, 3) } }));
    const sidecar = await startSidecar([model.flag()]);
    assert.ok(sidecar.lines.some((line) => line['what'] === 'golden' && line['records'] === 1));
    assert.equal(await sidecar.stop(), 0);
  });
});

describe('pillion record', () => {
  const recordArgs = (sidecar: Sidecar, out: string, ...more: string[]) => [
    'record',
    '--model=h',
    `--admin=${sidecar.admin.slice('http://'.length)}`,
    `--out=${out}`,
    ...more,
  ];

  /** Starts recording; resolves when requests are being recorded. */
  async function startRecording(...args: Parameters<typeof recordArgs>) {
    const recorder = runPillion(recordArgs(...args));
    await until(() => recorder.output().includes('Ctrl-C'));
    return recorder;
  }

  it('writes files that warm up and prove the next version', async (t) => {
    const model = copyModel(t);
    const sidecar = await startSidecar([model.flag()]);
    model.copyVersion(2);
    mkdirSync(join(model.base, '2', 'assets.extra'));
    const warmUp = await startRecording(sidecar, model.warmUpFile(2), '--count=2');
    const golden = await startRecording(sidecar, model.goldenFile(2), '--count=1', '--golden');
    await predict(sidecar, 1, 2);
    await predict(sidecar, 5);
    assert.equal(await warmUp.exited, 0, warmUp.output());
    assert.equal(await golden.exited, 0, golden.output());
    assert.match(warmUp.output(), /2 requests, .* \(all of them\)\n.*assets\.extra\/tf_serving_warmup_requests/);
    assert.deepEqual(inputsOf(readFileSync(model.warmUpFile(2))), [[1, 2], [5]]);
    assert.deepEqual(readdirSync(join(model.base, '2', 'assets.extra')).length, 2, 'nothing else is left');
    const next = await startSidecar([model.flag()]);
    // Its files are new: version 1 may be served until they have come to rest.
    await next.line((line) => line['version'] === '2' && line['state'] === 'AVAILABLE');
    const replayed = next.lines.filter(({ event }) => event === 'replayed');
    assert.deepEqual(
      replayed.map((line) => [line['version'], line['what'], line['records']]),
      [
        ['2', 'warm-up', 2],
        ['2', 'golden', 1],
      ],
    );
    await Promise.all([sidecar.stop(), next.stop()]);
  });

  it('keeps what there is when it is stopped, or when the sidecar ends', async (t) => {
    const model = copyModel(t);
    const sidecar = await startSidecar([model.flag()]);
    const [stopped, ended] = [join(model.directory, 'stopped'), join(model.directory, 'ended')];
    const first = await startRecording(sidecar, stopped);
    const second = await startRecording(sidecar, ended);
    await predict(sidecar, 7);
    const hasTwo = async () =>
      /recorded_requests_total\{[^}]*written"\} 2/.test(await (await fetch(`${sidecar.admin}/metrics`)).text());
    await until(hasTwo);
    const partial = readdirSync(model.directory).find((name) => name.startsWith('.stopped'))!;
    await until(() => statSync(join(model.directory, partial)).size > 0);
    first.process.kill('SIGINT');
    assert.equal(await first.exited, 0, first.output());
    assert.equal(await sidecar.stop(), 0);
    assert.equal(await second.exited, 0, second.output());
    assert.match(second.output(), /the sidecar is shutting down/);
    for (const file of [stopped, ended]) assert.deepEqual(inputsOf(readFileSync(file)), [[7]]);
  });

  it('writes no file where there is nothing to write, and over none unless told to', async (t) => {
    const model = copyModel(t);
    const sidecar = await startSidecar([model.flag()]);
    const out = join(model.directory, 'out');
    const nothing = runPillion(recordArgs(sidecar, out, '--duration=1'));
    assert.equal(await nothing.exited, 1);
    assert.match(nothing.output(), /no request was recorded \(--duration=1 is over\); no file was written/);
    assert.deepEqual(readdirSync(model.directory), ['h']);
    writeFileSync(out, 'mine');
    const there = runPillion(recordArgs(sidecar, out));
    assert.equal(await there.exited, 1);
    assert.match(there.output(), /exists already; choose another --out, or overwrite it with --force/);
    const forced = await startRecording(sidecar, out, '--count=1', '--force');
    await predict(sidecar, 3);
    assert.equal(await forced.exited, 0);
    assert.deepEqual(inputsOf(readFileSync(out)), [[3]]);
    const late = join(model.directory, 'late');
    const taken = await startRecording(sidecar, late, '--count=1', '--force');
    mkdirSync(late);
    await predict(sidecar, 4);
    assert.equal(await taken.exited, 1);
    const [, kept] = /the records are complete, in (\S+)$/m.exec(taken.output())!;
    assert.deepEqual(inputsOf(readFileSync(kept!)), [[4]]);
    for (const [path, what] of plantedPaths(model.directory)) {
      const refused = runPillion(recordArgs(sidecar, path, '--force'));
      assert.equal(await refused.exited, 1);
      assert.match(refused.output(), new RegExp(`is ${what}, and a plain file is wanted`));
      const profiled = runPillion(['profile', `--admin=${sidecar.admin.slice(7)}`, '--seconds=1', `--out=${path}`]);
      assert.equal(await profiled.exited, 1);
      assert.match(profiled.output(), new RegExp(`is ${what}, and a plain file is wanted`));
    }
    assert.equal(readFileSync(out, 'utf8').length > 0, true);
    assert.equal(await sidecar.stop(), 0);
  });

  it('says what is wrong: the command line, the address, the model, the directory', async (t) => {
    const model = copyModel(t);
    const line = runPillion(['record', '--count=0', '--admin=nowhere']);
    assert.equal(await line.exited, 64);
    assert.match(line.output(), /--count=0: wants a whole number from 1 to 1000/);
    const bare = runPillion(['record', '--admin=nowhere']);
    assert.equal(await bare.exited, 64);
    assert.match(
      bare.output(),
      /give --model=NAME\n.*give --out=FILE\n.*--admin=nowhere wants HOST:PORT\n.*record --help/,
    );
    const out = join(model.directory, 'out');
    const nobody = runPillion(['record', '--model=h', '--admin=127.0.0.1:1', `--out=${out}`]);
    assert.equal(await nobody.exited, 1);
    assert.match(nobody.output(), /no sidecar at 127\.0\.0\.1:1: .*ECONNREFUSED.*start `pillion serve`/);
    const sidecar = await startSidecar([model.flag()]);
    const unknown = runPillion(recordArgs(sidecar, out, '--model=zz'));
    assert.equal(await unknown.exited, 1);
    assert.match(unknown.output(), /no model "zz" is served here; served: h/);
    const nowhere = runPillion(recordArgs(sidecar, join(model.directory, 'no', 'out')));
    assert.equal(await nowhere.exited, 1);
    assert.match(nowhere.output(), /ENOENT/);
    assert.deepEqual(readdirSync(model.directory), ['h']);
    const help = runPillion(['record', '--help']);
    assert.equal(await help.exited, 0);
    assert.match(help.output(), /--golden/);
    assert.equal(await sidecar.stop(), 0);
  });
});

/** What may have taken the name of a file: its path, and what an error calls it. */
function plantedPaths(directory: string): readonly (readonly [path: string, what: string])[] {
  const [link, fifo] = [join(directory, 'link'), join(directory, 'fifo')];
  symlinkSync(join(directory, 'out'), link);
  execFileSync('mkfifo', [fifo]);
  return [
    [link, 'a link'],
    [fifo, 'a FIFO, socket or device'],
    [join(directory, 'h'), 'a directory'],
  ];
}

describe('a request log', () => {
  const wholeFiles = (directory: string) =>
    readdirSync(directory)
      .filter((name) => name.endsWith('.tfrecord'))
      .sort();

  it('has the requests of the model in whole files after the end', async (t) => {
    const model = copyModel(t);
    const logs = join(model.directory, 'logs');
    const sidecar = await startSidecar([
      model.flag(`,log=${join(logs, 'h')},log_rate=1`),
      '--request_log_file_bytes=400',
    ]);
    for (let i = 0; i < 5; i++) await predict(sidecar, i);
    assert.equal(await sidecar.stop(), 0);
    const files = wholeFiles(logs);
    assert.deepEqual(readdirSync(logs).sort(), files, 'nothing is left under way');
    assert.ok(files.length >= 2, `${files}`);
    const inputs = files.flatMap((name) => inputsOf(readFileSync(join(logs, name))));
    assert.deepEqual(inputs.sort(), [[0], [1], [2], [3], [4]]);
  });

  it('has what each gRPC request said, though their memory is used again while they are written', async (t) => {
    const model = copyModel(t);
    const logs = join(model.directory, 'logs');
    const sidecar = await startSidecar([
      model.flag(`,log=${join(logs, 'h')},log_rate=1`),
      '--max_enqueued_batches=1000',
    ]);
    const session = openSession(sidecar.grpc);
    t.after(() => session.destroy());
    const ask = async (value: number): Promise<void> => {
      const content = new Uint8Array(new Float32Array(3000).fill(value).buffer);
      const x = { dtype: 1, tensorShape: { dim: [{ size: 3000n }] }, tensorContent: content };
      const stream = openCall(session, '/tensorflow.serving.PredictionService/Predict');
      const answer = answerOf(stream);
      stream.end(frame(encode('tensorflow.serving.PredictRequest', { modelSpec: { name: 'h' }, inputs: { x } })));
      assert.equal((await answer).grpcStatus, 0);
    };
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 8 }, (_, i) => ask(round * 8 + i)));
    }
    assert.equal(await sidecar.stop(), 0);
    const inputs = wholeFiles(logs).flatMap((name) => inputsOf(readFileSync(join(logs, name))));
    assert.ok(inputs.every((values) => values.length === 3000 && values.every((value) => value === values[0])));
    const sent = inputs.map(([value]) => value!).sort((a, b) => a - b);
    assert.deepEqual(
      sent,
      Array.from({ length: 80 }, (_, i) => i),
    );
  });

  it('that cannot be written fails no request', async (t) => {
    const model = copyModel(t);
    writeFileSync(join(model.directory, 'file'), '');
    const sidecar = await startSidecar([model.flag(`,log=${join(model.directory, 'file', 'h')},log_rate=1`)]);
    for (let i = 0; i < 20; i++) assert.deepEqual(await predict(sidecar, 2), { predictions: [3] });
    // The disk says so when it likes.
    const hasFailed = async () =>
      /pillion_request_log_total\{model="h",outcome="failed"\} \d+/.test(
        await (await fetch(`${sidecar.admin}/metrics`)).text(),
      );
    await until(hasFailed);
    assert.equal(await sidecar.stop(), 0);
    assert.equal(sidecar.lines.filter(({ msg }) => msg?.includes('cannot be written')).length, 1);
  });

  const writtenSoFar = async ({ admin }: Sidecar): Promise<number> => {
    const page = new MetricsPage(await (await fetch(`${admin}/metrics`)).text());
    return page.value('pillion_request_log_total', { model: 'h', outcome: 'written' });
  };

  it('of a process that is killed while it rotates is whole after the next start, and nothing half is read as whole', async (t) => {
    const model = copyModel(t);
    const logs = join(model.directory, 'logs');
    const args = [model.flag(`,log=${join(logs, 'h')},log_rate=1`), '--request_log_file_bytes=1000'];
    let answered = 0;
    let written = 0;
    for (let round = 0; round < 3; round++) {
      const sidecar = await startSidecar(args);
      const ask = async (): Promise<void> => {
        for (;;) {
          await predict(sidecar, 1, 2);
          answered += 1;
        }
      };
      const before = existsSync(logs) ? wholeFiles(logs).length : 0;
      const asking = Promise.allSettled([ask(), ask(), ask()]);
      await until(() => existsSync(logs) && wholeFiles(logs).length >= before + 10);
      written += await writtenSoFar(sidecar);
      sidecar.process.kill('SIGKILL');
      await asking;
      // What has its name is whole, at any time.
      for (const name of wholeFiles(logs)) assert.ok(readRecords(join(logs, name)).length > 0);
    }
    const last = await startSidecar(args);
    assert.equal(await last.stop(), 0);
    assert.deepEqual(readdirSync(logs).sort(), wholeFiles(logs));
    const records = wholeFiles(logs).flatMap((name) => readRecords(join(logs, name)));
    // All that the server counted as written is there; what still waited for the disk is not.
    assert.ok(
      records.length >= written && records.length <= answered + 9,
      `${written}, ${records.length}, ${answered}`,
    );
  });
});
