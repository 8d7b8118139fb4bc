/** What is written beside the requests, what is found again, and a disk that takes nothing. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { RequestEntry } from '../../../../src/admin/request-entry.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import { RecorderFile, type RecorderFileOptions } from '../../../../src/features/flight-recorder/file/recorder-file.ts';
import { RingFile } from '../../../../src/features/flight-recorder/file/ring-file.ts';
import { HistoryEndpoint } from '../../../../src/features/flight-recorder/history/history-endpoint.ts';
import type { HistoryReport, Restart } from '../../../../src/features/flight-recorder/history/history-report.ts';
import { TrafficHistory } from '../../../../src/features/flight-recorder/history/traffic-history.ts';
import { RequestsEndpoint } from '../../../../src/features/flight-recorder/requests-endpoint.ts';
import { requestEntry } from '../../../../src/features/flight-recorder/requests-report.ts';
import { StageClock } from '../../../../src/ledger/stage-clock.ts';
import { SteadyWall } from '../../../../src/ledger/steady-wall.ts';
import { bodyOf, startAdmin } from '../../../support/admin-harness.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { batchRecord, requestRecord } from '../../../support/telemetry-records.ts';
import { TestRecorder, tell } from '../test-recorder.ts';

const HOUR_MS = 3600_000;

interface Line {
  readonly level: string;
  readonly text: string;
  readonly cause?: string;
}

type TestFile = Pick<RingFile, 'append' | 'read' | 'close' | 'before'>;

/** A file that tells when it writes nothing. */
function watched(file: TestFile) {
  const writing = new Set<Promise<void>>();
  const append: TestFile['append'] = (ring, records) => {
    const write = file.append(ring, records);
    writing.add(write);
    const remove = () => writing.delete(write);
    write.then(remove, remove);
    return write;
  };
  const settled = async (): Promise<void> => {
    do {
      await Promise.allSettled(writing);
      await new Promise((resolve) => setImmediate(resolve));
    } while (writing.size > 0);
  };
  const { before } = file;
  return { file: { before, append, read: file.read.bind(file), close: file.close.bind(file) }, settled };
}

/** One run of a server, whose clock begins at `startMs` after the first one's. */
async function runOf(t: TestContext, given: TestFile, startMs = 0) {
  const { file, settled } = watched(given);
  const clock = new FakeClock();
  clock.advance(startMs);
  const recorder = new TestRecorder();
  const history = new TrafficHistory({ clock, settle: () => undefined });
  const wall = new SteadyWall(clock);
  const lines: Line[] = [];
  const fault: { error?: Error | undefined } = {};
  const log = (level: string) => (fields: object, text: string) => {
    const line: Line = { level, text };
    // Not a part of what tests compare whole.
    Object.defineProperty(line, 'cause', { value: String((fields as { err?: unknown }).err) });
    lines.push(line);
  };
  const logger = { error: log('error'), info: log('info') };
  const entryOf: RecorderFileOptions['entryOf'] = (one) => {
    if (fault.error !== undefined) throw fault.error;
    return requestEntry(one, { recorder, wall, payloads: undefined });
  };
  const past = new RecorderFile({
    file,
    clock,
    logger,
    hour: recorder.hour!,
    history,
    entryOf,
    settle: () => undefined,
  });
  history.start();
  past.start();
  let sequence = 0;
  const add = (id: string, outcome: 'ok' | 'backend_failed' = 'backend_failed', tookMs = 5): void => {
    const stages = new StageClock(clock.nowMs() - tookMs);
    stages.finish(clock.nowMs());
    const error = outcome === 'ok' ? undefined : new ServingError(outcome, `the runtime threw: "${id}" at -271.828e7`);
    const record = requestRecord({ callerId: id, sequence: ++sequence, stages, outcome, error, batch: batchRecord() });
    recorder.record(record, outcome === 'ok' ? 'slow' : 'failed');
    tell(history, record);
  };
  const ask = await startAdmin(t, [
    ...new RequestsEndpoint({ recorder, clock, past }).paths(),
    ...new HistoryEndpoint({ history, clock, past }).paths(),
  ]);
  const get = async <T>(path: string): Promise<T> => JSON.parse((await bodyOf(await ask(path))).toString()) as T;
  const requests = (query: string) =>
    get<{ readonly requests: readonly RequestEntry[]; readonly restarts?: readonly Restart[] }>(`/requests?${query}`);
  return { clock, past, add, ask, requests, get, lines, settled, fault };
}

function newFile(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-recorder-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'requests');
}

const MIB = 2 ** 20;

describe('the file of a flight recorder', () => {
  it('tells two requests of one id in two runs apart', async (t) => {
    const path = newFile(t);
    const file = await RingFile.open(path, MIB);
    const first = await runOf(t, file);
    await first.settled();
    first.add('1');
    first.clock.advance(1000);
    await first.settled();
    await file.close();

    const second = await runOf(t, await RingFile.open(path, MIB), HOUR_MS);
    await second.settled();
    second.add('1', 'ok', 70);
    const outcomeOf = async (query: string) => (await second.get<RequestEntry>(`/requests/1${query}`)).outcome;
    assert.equal(await outcomeOf(''), 'ok');
    assert.equal(await outcomeOf('?until=1s'), 'backend_failed');
    assert.equal((await second.ask('/requests/1?until=soon')).statusCode, 400);
    await second.past.close();
  });

  it('is read for a few at a time, and refuses more', async (t) => {
    const file = await RingFile.open(newFile(t), MIB);
    const { past, settled } = await runOf(t, file, HOUR_MS);
    await settled();
    const query = { order: 'newest', limit: 1 } as const;
    const readings = Array.from({ length: 8 }, () => past.requests(query));
    assert.throws(() => past.traffic({}), { kind: 'overloaded' });
    await Promise.all(readings);
    await past.requests(query);
    await past.close();
  });

  it('leaves out records that somebody else wrote', async (t) => {
    const file = await RingFile.open(newFile(t), MIB);
    const { requests, past, settled, add, clock } = await runOf(t, file);
    await settled();
    for (const kind of ['start', 'request', 'traffic'] as const) {
      for (const text of ['{', 'null', '{}', '[]', '"a"']) {
        await file.append(kind === 'traffic' ? 'traffic' : 'requests', [{ kind, wallMs: clock.wallMs(), text }]);
      }
    }
    add('a');
    clock.advance(1000);
    await settled();
    const found = await requests('since=2h');
    assert.deepEqual(
      found.requests.map(({ id }) => id),
      ['a'],
    );
    await past.close();
  });

  it('is written beside the requests, and read back after a run that was killed', async (t) => {
    const path = newFile(t);
    const file = await RingFile.open(path, MIB);
    const first = await runOf(t, file);
    await first.settled();
    first.add('a');
    first.clock.advance(10);
    first.add('b', 'ok', 70);
    first.clock.advance(1000);
    await first.settled();
    first.clock.advance(40_000);
    await first.settled();
    first.add('never written');
    await file.close();

    const again = await RingFile.open(path, MIB);
    const second = await runOf(t, again, HOUR_MS);
    await second.settled();
    second.add('c');
    second.clock.advance(1000);
    await second.settled();
    const { requests, restarts } = await second.requests('since=2h');
    assert.deepEqual(
      requests.map(({ id }) => id),
      ['c', 'b', 'a'],
    );
    assert.deepEqual(
      requests.map(({ outcome, kept }) => `${outcome} ${kept}`),
      ['backend_failed failed', 'ok slow', 'backend_failed failed'],
    );
    assert.equal(requests[2]!.error?.message, 'the runtime threw: "…" at -#e#');
    const [restart] = restarts!;
    assert.equal(restarts!.length, 1);
    assert.equal(restart!.reason, 'unknown');
    assert.ok(restart!.started_at_ms - restart!.ended_at_ms > HOUR_MS - 60_000);
    const slowest = await second.requests('since=2h&order=slowest&limit=1');
    assert.deepEqual(
      slowest.requests.map(({ id }) => id),
      ['b'],
    );
    assert.deepEqual(
      (await second.requests('id=a')).requests.map(({ id }) => id),
      ['a'],
    );
    assert.equal((await second.get<RequestEntry>('/requests/a')).error?.kind, 'backend_failed');
    assert.deepEqual(
      (await second.requests('since=30s')).requests.map(({ id }) => id),
      ['c'],
    );
    const report = await second.get<HistoryReport>('/history?since=2h&steps=180');
    const counts = report.ticks.flatMap(({ versions }) => versions.map((each) => each.requests));
    assert.deepEqual(counts, [2, 1]);
    assert.deepEqual(report.restarts, restarts);
    await second.past.close();

    const third = await runOf(t, await RingFile.open(path, MIB), 2 * HOUR_MS);
    await third.settled();
    const after = await third.requests('since=3h');
    assert.deepEqual(
      after.restarts!.map(({ reason }) => reason),
      ['unknown', 'drained'],
    );
    assert.deepEqual(
      after.requests.map(({ id }) => id),
      ['c', 'b', 'a'],
    );
    await third.past.close();
  });

  it('holds no payload, and cuts long lists', async (t) => {
    const path = newFile(t);
    const file = await RingFile.open(path, MIB);
    const { clock, past, add } = await runOf(t, file);
    for (let i = 0; i < 100; i++) add(`x${i}`.padEnd(500, 'y'));
    clock.advance(1000);
    await past.close();
    const text = readFileSync(path, 'latin1');
    assert.ok(text.includes('"id":"x0'));
    assert.equal(/payload":true|"inputs"|"instances"/.test(text), false);
  });

  it('loses records where the disk is full, says so once, and never fails a request', async (t) => {
    let isFull = false;
    const appended: number[] = [];
    const file: TestFile = {
      before: undefined,
      append: async (_, records) => {
        if (isFull) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
        appended.push(records.length);
      },
      read: async function* () {},
      close: async () => undefined,
    };
    const { clock, past, add, lines, settled } = await runOf(t, file);
    await settled();
    isFull = true;
    for (let i = 0; i < 5; i++) {
      add(`lost ${i}`);
      clock.advance(1000);
      await settled();
    }
    assert.equal(past.lost, 5);
    assert.deepEqual(lines, [{ level: 'error', text: 'the file of requests takes no records: they are lost' }]);
    isFull = false;
    add('kept');
    clock.advance(1000);
    await settled();
    assert.equal(past.lost, 5);
    assert.equal(lines[1]!.text, 'the file of requests takes records again');
    await past.close();
    assert.equal(lines.length, 2);
  });

  for (const code of ['ENOSPC', 'EIO', 'EDQUOT', 'EROFS']) {
    it(`says once that a disk fails with ${code}, from the first record on`, async (t) => {
      const file: TestFile = {
        before: undefined,
        append: async () => {
          throw Object.assign(new Error(`${code}: write`), { code });
        },
        read: async function* () {},
        close: async () => {
          throw Object.assign(new Error(`${code}: fdatasync`), { code });
        },
      };
      const { clock, past, add, lines, settled } = await runOf(t, file);
      await settled();
      for (let i = 0; i < 3; i++) {
        add(`lost ${i}`);
        clock.advance(31_000);
        await settled();
      }
      await past.close();
      assert.deepEqual(lines, [{ level: 'error', text: 'the file of requests takes no records: they are lost' }]);
    });
  }

  it('tells once of a fault of its own, and goes on', async (t) => {
    const file = await RingFile.open(newFile(t), MIB);
    const { clock, past, add, lines, settled, fault } = await runOf(t, file);
    await settled();
    fault.error = new Error('an entry that cannot be made');
    for (let i = 0; i < 3; i++) {
      add(`lost ${i}`);
      clock.advance(1000);
      await settled();
    }
    assert.deepEqual(lines, [{ level: 'error', text: 'the file of requests takes no records: they are lost' }]);
    fault.error = undefined;
    add('kept');
    clock.advance(1000);
    await settled();
    assert.deepEqual(
      (await past.requests({ limit: 9, order: 'newest' })).requests.map(({ entry }) => entry.id),
      ['kept'],
    );
    await past.close();
  });

  it('says that the file was removed while the server runs', async (t) => {
    const path = newFile(t);
    const { clock, past, add, lines, settled } = await runOf(t, await RingFile.open(path, MIB));
    await settled();
    rmSync(path);
    for (let i = 0; i < 3; i++) {
      add(`lost ${i}`);
      clock.advance(1000);
      await settled();
    }
    assert.equal(lines.length, 1);
    assert.match(lines[0]!.cause ?? '', /was removed; restart the server, which makes it anew/);
    await past.close();
    assert.equal(lines.length, 1);
  });

  it('keeps at most some of each minute of a flood', async (t) => {
    const file = await RingFile.open(newFile(t), MIB);
    const { clock, past, add, requests, settled } = await runOf(t, file);
    await settled();
    for (let i = 0; i < 3000; i++) add(`f${i}`);
    clock.advance(1000);
    await settled();
    const inFile = await past.requests({ limit: 1000, order: 'newest' });
    assert.equal(inFile.requests.length, 30);
    assert.equal((await requests('since=1h&limit=1000')).requests.length, 762);
    await past.close();
  });

  it('does not hold a drain where the disk hangs', async (t) => {
    const file: TestFile = {
      before: undefined,
      append: () => new Promise(() => undefined),
      read: async function* () {},
      close: async () => undefined,
    };
    const { clock, past } = await runOf(t, file);
    const closed = past.close();
    clock.advance(2000);
    await closed;
  });
});
