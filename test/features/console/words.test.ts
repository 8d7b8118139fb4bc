/** The sentences of the console: each has a state in which it is shown, and one in which it must not be. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { ModelReport, VersionReport } from '../../../src/admin/models-report.ts';
import type { RequestEntry } from '../../../src/admin/request-entry.ts';
import type { LiveVersion } from '../../../src/features/console/live-report.ts';
import { summarize } from '../../../src/features/console/ui/live-window.ts';
import {
  explain,
  failedLoads,
  KEPT_WORDS,
  missing,
  whyNoBatch,
  worst,
} from '../../../src/features/console/ui/words.ts';
import type { Sentence } from '../../../src/ledger/report.ts';
import { STAGES } from '../../../src/ledger/stage-clock.ts';
import { answered, tick, version } from './live-ticks.ts';

describe('a window in words', () => {
  const batches = {
    ...{ count: 10, rows: 64, padding: 0, sizes: [0, 0, 0, 10], reasons: { full: 9, slot_free: 1 } },
    ...{ mean_run_ms: 2, forecast: 10, as_forecast: 9, points: [] },
  };
  const textOf = (versions: LiveVersion[], sloMs?: number): string =>
    explain(summarize([tick(1, ...versions)]), sloMs)
      .map(({ text, tone }) => `${tone}: ${text}`)
      .join('\n');

  it('says that there was no request', () => {
    assert.match(textOf([]), /^plain: No request in this window/);
  });

  it('says what takes the time, and whether the objective is met', () => {
    const versions = [version({ ...answered(100, 5, 8), batches })];
    const text = textOf(versions, 50);
    assert.match(text, /100 requests per second; 100\u2009% of the valid ones were answered in time/);
    assert.match(text, /goes into running the model\. The objective of 50\u2009ms is met/);
    assert.match(text, /A batch holds 6\.4 rows on average\. 90\u2009% started because they were full/);
    assert.match(textOf(versions, 1), /warn: .*slowest miss the objective of 1\u2009ms/);
  });

  it('warns of overload, lateness and failure, and not of callers’ mistakes', () => {
    const failures = { overloaded: 5, deadline_exceeded: 5, backend_failed: 5, invalid_request: 5 };
    const text = textOf([version({ requests: 100, in_time: 80, failures })]);
    assert.match(text, /warn: 5 per second were refused at once, because they could not meet their deadline/);
    assert.match(text, /warn: 5 per second missed their deadline/);
    assert.match(text, /warn: 5 per second failed:/);
    assert.match(text, /plain: 5 per second were the callers’ mistakes/);
  });

  it('says which bound holds now for each version, and how far its forecasts were off', () => {
    const cores = { bound: 'cores', sentence: 'cores: both cores are busy' } as const;
    const nothing = { bound: 'nothing', sentence: 'nothing: there is room' } as const;
    const forecast = { admitted: 2, late_share: 0.5, forecasts: 0 };
    const one = [version({ ...answered(10, 5, 3), bound: cores, forecast })];
    assert.match(textOf(one), /^warn: The bound now is cores: both cores are busy\.$/m);
    assert.match(textOf(one), /^plain: Forecasts: 50 % of 2 admitted requests with a deadline were late\.$/m);
    const two = textOf([...one, version({ version: '2', bound: nothing })]);
    assert.match(two, /^warn: The bound of m version 1 now is cores: /m);
    assert.match(two, /^plain: The bound of m version 2 now is nothing: there is room\.$/m);
    const stale = explain(summarize([tick(1, ...one), tick(2, version(answered(10, 5, 3)))]));
    assert.ok(!stale.some(({ text }) => text.includes('bound')), 'what an older tick had is not now');
    assert.match(textOf([version({ bound: nothing })]), /^plain: No request in this window.*\nplain: The bound now is/);
  });
});

const STAGE_SENTENCES = [
  'receiving the request',
  'decoding it',
  'checking and admitting it',
  'waiting in the queue for a slot',
  'copying rows into a batch',
  'running the model',
  'splitting the outputs',
  'writing the answer',
];

const REASON_SENTENCES: readonly (readonly [reason: string, words: RegExp])[] = [
  ['full', /started because they were full: the model is busy, and batches have their largest size\./],
  ['enough', /because they were large enough: the model is busy, and rows are no cheaper in larger batches\./],
  ['timeout', /because a longer wait would have missed a deadline, or the batching delay was over\./],
  ['isolation', /were parts of failed batches, run again: some requests hold values that the model rejects\./],
  ['slot_free', /started because a slot was free: no request waits while the machine has room\./],
];

/** A version whose batches are these, with rows that wait. */
function batchesOf(changes: Partial<NonNullable<LiveVersion['batches']>> = {}, rows = 0): Partial<LiveVersion> {
  const batches = {
    ...{ count: 10, rows: 64, padding: 0, sizes: [0, 0, 0, 10], reasons: { slot_free: 10 }, mean_run_ms: 2 },
    ...{ forecast: 0, as_forecast: 0, points: [], ...changes },
  };
  return { batches, queue: { rows, tasks: rows, running_batches: 0 } };
}

/** [the sentence, a version in whose state it is shown, one in whose state it is not, the objective]. */
const SENTENCES: readonly (readonly [
  text: RegExp,
  shown: Partial<LiveVersion>,
  hidden: Partial<LiveVersion>,
  sloMs?: number,
])[] = [
  [/\d requests per second; the process uses 0\.5 cores\.$/, batchesOf(), {}],
  [/^plain: Half of the answers take at most/, answered(10, 5, 3), { requests: 9, failures: { draining: 9 } }],
  [/The objective of 50\u2009ms is met\.$/, answered(10, 5, 3), answered(10, 300, 3), 50],
  [/^warn: .* The slowest miss the objective of 50\u2009ms\.$/, answered(10, 300, 3), answered(10, 5, 3), 50],
  ...STAGE_SENTENCES.map((words, i) => {
    const longest = (stage: number) => ({
      ...answered(10, 5, 3),
      stages_ms: STAGES.map((_, at) => (at === stage ? 9 : 1)),
    });
    return [new RegExp(`% of the time goes into ${words}\\.$`), longest(i), longest((i + 1) % STAGES.length)] as const;
  }),
  [/; no time was measured\.$/, { ...answered(10, 5, 3), stages_ms: STAGES.map(() => 0) }, answered(10, 5, 3)],
  [/A batch holds 1 row on average\./, batchesOf({ rows: 10 }), batchesOf({ rows: 20 })],
  ...REASON_SENTENCES.map(([reason, words], i) => {
    const [other] = REASON_SENTENCES[(i + 1) % REASON_SENTENCES.length]!;
    return [words, batchesOf({ reasons: { [reason]: 10 } }), batchesOf({ reasons: { [other]: 10 } })] as const;
  }),
  [/50\u2009% of the rows that run are padding to an allowed size/, batchesOf({ padding: 64 }), batchesOf()],
  [/of the runs took at most 1\.5 times their forecast\.$/, batchesOf({ forecast: 10, as_forecast: 9 }), batchesOf()],
  [
    /of the runs took at most 1\.5 times their forecast: something else takes the cores, or the curve is still being learned\.$/,
    batchesOf({ forecast: 10, as_forecast: 1 }),
    batchesOf({ forecast: 10, as_forecast: 9 }),
  ],
  [/No row waits now\.$/, batchesOf({}, 0), batchesOf({}, 3)],
  [/3 rows wait now\.$/, batchesOf({}, 3), batchesOf({}, 0)],
  [
    /9 per second missed their deadline: allow more time, or send fewer requests at once/,
    { requests: 9, failures: { deadline_exceeded: 9 } },
    { requests: 9, failures: { overloaded: 9 } },
  ],
  [
    /^warn: The bound now is cores: busy\.$/,
    { ...answered(10, 5, 3), bound: { bound: 'cores', sentence: 'cores: busy' } },
    answered(10, 5, 3),
  ],
  [
    /^plain: Forecasts: /,
    { ...answered(10, 5, 3), forecast: { admitted: 2, late_share: 0.5, forecasts: 0 } },
    answered(10, 5, 3),
  ],
  [/No request in this window/, {}, answered(1, 5, 3)],
  [
    /^warn: A run of m version 1 has gone on for 40\u2009s, where 12\u2009ms were expected: its runtime may be stuck\./m,
    { queue: { rows: 3, tasks: 3, running_batches: 1, stalled: { ms: 40_000, expected_ms: 12 } } },
    { queue: { rows: 3, tasks: 3, running_batches: 1 } },
  ],
  [
    /A run of m version 1 has gone on for 60\u2009s: its runtime may be stuck/,
    { ...answered(10, 5, 3), queue: { rows: 0, tasks: 0, running_batches: 1, stalled: { ms: 60_000 } } },
    {
      ...answered(10, 5, 3),
      queue: { rows: 0, tasks: 0, running_batches: 1, stalled: { ms: 60_000, expected_ms: 9 } },
    },
  ],
  [/^warn: .* of the valid ones were answered in time/, { requests: 10, in_time: 5 }, answered(10, 5, 3)],
  [
    /could not meet their deadline or the queue was full/,
    { requests: 9, failures: { overloaded: 9 }, refusals: { predicted_late: 9 } },
    { requests: 9, failures: { overloaded: 9 }, refusals: { caller_budget: 9 } },
  ],
  [
    /could not meet their deadline or the queue was full/,
    { requests: 9, failures: { overloaded: 9 } },
    { requests: 9, failures: { model_not_ready: 5, draining: 4 } },
  ],
  [
    /refused for what their caller may take/,
    { requests: 9, failures: { overloaded: 9 }, refusals: { caller_core_share: 9 } },
    { requests: 9, failures: { overloaded: 9 }, refusals: { queue_full: 9 } },
  ],
  [
    /the memory for requests in flight was full/,
    { requests: 9, failures: { overloaded: 9 }, refusals: { memory: 9 } },
    { requests: 9, failures: { overloaded: 9 }, refusals: { queue_full: 9 } },
  ],
  [
    /asked for a model that is not ready/,
    { requests: 9, failures: { model_not_ready: 9 } },
    { requests: 9, failures: { overloaded: 9 } },
  ],
  [
    /came while the server was about to end/,
    { requests: 9, failures: { draining: 9 } },
    { requests: 9, failures: { overloaded: 9 } },
  ],
  [
    /were the callers’ mistakes/,
    { requests: 9, failures: { invalid_request: 9 } },
    { requests: 9, version: '', failures: { model_not_found: 9 } },
  ],
  [
    /9 per second failed/,
    { requests: 9, failures: { backend_failed: 9 } },
    { requests: 9, failures: { cancelled: 9 } },
  ],
];

function saidOf(changes: Partial<LiveVersion>, sloMs?: number): string {
  return explain(summarize([tick(1, version(changes))]), sloMs)
    .map(({ text, tone }) => `${tone}: ${text}`)
    .join('\n');
}

describe('a sentence', () => {
  for (const [text, shown, hidden, sloMs] of SENTENCES) {
    it(`is shown where it is so: ${text.source}`, () => {
      const lines = new RegExp(text.source, 'm');
      assert.match(saidOf(shown, sloMs), lines);
      assert.doesNotMatch(saidOf(hidden, sloMs), lines);
    });
  }
});

/** The texts of a module that are three words or more, without what is put into them. */
function fragmentsOf(file: string): readonly string[] {
  const code = readFileSync(file, 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|^import .*$/gm, '');
  const place = /\$\{(?:[^{}`]|`[^`]*`)*\}/;
  const string = new RegExp(`'((?:[^'\\\\\\n]|\\\\.)*)'|\`((?:[^\`\\\\$]|\\\\.|${place.source})*)\``, 'g');
  const texts = [...code.matchAll(string)].map(([, a, b]) => a ?? b ?? '');
  const fragments = texts.flatMap((text) => text.split(place)).map((text) => text.trim());
  return fragments.filter((text) => text.split(' ').length >= 3);
}

describe('every text of words.ts', () => {
  const failure = { kind: 'load_failed', message: 'x' };
  const failedOf = (versions: readonly Partial<VersionReport>[]): string =>
    failedLoads([{ name: 'm', versions: versions as VersionReport[] }])
      .map(({ text }) => text)
      .join('\n');
  const requestOf = (changes: Partial<RequestEntry>): string => whyNoBatch({ stages: [], ...changes } as RequestEntry);
  const ran = [{ name: 'execute', start_ms: 0, duration_ms: 1 }] as RequestEntry['stages'];
  const retried = failedOf([{ version: '1', state: 'START', load: { state: 'START', last_failure: failure } }]);
  const ended = failedOf([{ version: '1', state: 'END', error: failure }]);
  const manyOf = (count: number): string =>
    worst(
      Array.from({ length: count }, (): Sentence => ({ text: 'w', tone: 'warn' })),
      2,
    )
      .map(({ text }) => text)
      .join('\n');
  const kept = Object.values(KEPT_WORDS);
  /** What is said in a state, and in another one. */
  const pairs: readonly (readonly [shown: string, hidden: string])[] = [
    ...SENTENCES.map(([, shown, hidden, sloMs]) => [saidOf(shown, sloMs), saidOf(hidden, sloMs)] as const),
    ...[[retried, ended] as const, [ended, ''] as const, [manyOf(5), manyOf(2)] as const],
    ...[{ steps: [] }, { cache: 'hit' as const }, { stages: ran }, {}].map(
      (state, i, all) => [requestOf(state), requestOf(all[(i + 1) % all.length]!)] as const,
    ),
    ...kept.map((text, i) => [text, kept[(i + 1) % kept.length]!] as const),
  ];

  for (const fragment of fragmentsOf('src/features/console/ui/words.ts')) {
    it(`has a state in which it is shown, and one in which it is not: ${fragment}`, () => {
      assert.ok(pairs.some(([shown, hidden]) => shown.includes(fragment) && !hidden.includes(fragment)));
    });
  }
});

describe('failed loads in words', () => {
  const failure = { kind: 'load_failed', message: 'model.onnx is no ONNX file.' };
  const model = (...versions: Partial<VersionReport>[]): ModelReport => ({
    name: 'broken',
    versions: versions.map((each) => ({ version: '1', state: 'START', ...each })),
  });
  const said = (...versions: Partial<VersionReport>[]): readonly Sentence[] => failedLoads([model(...versions)]);

  it('say what callers get, and why', () => {
    assert.deepEqual(said({ load: { state: 'START', last_failure: failure } }), [
      {
        text: 'broken: its load failed and is tried again; without a fallback callers get 503. model.onnx is no ONNX file.',
        tone: 'warn',
      },
    ]);
    assert.deepEqual(said({ state: 'END', error: failure }), [
      {
        text: 'broken: its load failed; without a fallback callers get 404. model.onnx is no ONNX file.',
        tone: 'warn',
      },
    ]);
  });

  it('are not told of a model that loads for the first time, has ended, or answers with another version', () => {
    assert.deepEqual(said({ load: { state: 'LOADING' } }), []);
    assert.deepEqual(said({ state: 'END' }), []);
    assert.deepEqual(said({ version: '2', state: 'END', error: failure }, { state: 'AVAILABLE' }), []);
  });
});

describe('what is missing', () => {
  const failure = { kind: 'load_failed', message: 'model.onnx is no ONNX file.' };
  const broken: ModelReport = {
    name: 'broken',
    versions: [{ version: '1', state: 'START', load: { state: 'START', last_failure: failure } }],
  };
  const lines = [
    'model "broken": version 1 failed: model.onnx is no ONNX file.',
    'the application is not well: refused',
  ];

  it('is said by the lines alone until the server is ready', () => {
    assert.deepEqual(missing({ ready: false, waits_for: lines, models: [broken] }), { lines, failures: [] });
  });

  it('is said once when it is ready: failed loads as sentences, the rest as lines', () => {
    const said = missing({ ready: true, waits_for: lines, models: [broken] });
    assert.deepEqual(said.lines, [lines[1]]);
    assert.match(said.failures.map(({ text }) => text).join(), /^broken: its load failed and is tried again/);
  });

  it('keeps the lines of a model that has not failed, also of one whose name is longer', () => {
    const late: ModelReport = { name: 'broken2', versions: [] };
    const waits = ['model "broken2": no version yet'];
    assert.deepEqual(missing({ ready: true, waits_for: waits, models: [broken, late] }).lines, waits);
  });

  it('has the sentence of a model that nothing waits for, as it came later', () => {
    assert.equal(missing({ ready: false, waits_for: [lines[1]!], models: [broken] }).failures.length, 1);
    assert.deepEqual(missing({ ready: true, waits_for: [], models: [] }), { lines: [], failures: [] });
  });
});

describe('the worst sentences', () => {
  const plain = (text: string): Sentence => ({ text, tone: 'plain' });
  const warn = (text: string): Sentence => ({ text, tone: 'warn' });

  it('are the warnings first, and as many as there may be', () => {
    const found = worst([plain('a'), warn('b'), plain('c'), warn('d'), plain('e')], 4);
    assert.deepEqual(found, [warn('b'), warn('d'), plain('a'), plain('c')]);
  });

  it('count the warnings that are left out', () => {
    const found = worst([...'abcdefg'].map(warn), 5);
    assert.deepEqual(
      found.map(({ text }) => text),
      ['a', 'b', 'c', 'd', '3 more warnings are on the pages of the models below.'],
    );
  });
});

describe('a request without a batch', () => {
  const request = (changes: Partial<RequestEntry>): string => whyNoBatch({ stages: [], ...changes } as RequestEntry);
  const stage = (name: string) => ({ name, start_ms: 0, duration_ms: 99.6 });

  it('is said to have run where it has', () => {
    assert.equal(request({ stages: [stage('admit'), stage('execute')] }), 'It ran, but its batch is not remembered.');
    assert.match(request({ stages: [stage('admit')] }), /answered or refused before/);
    assert.match(request({ stages: [stage('admit')], cache: 'hit' }), /kept answer/);
    assert.match(request({ stages: [stage('execute')], steps: [] }), /its steps were/);
  });
});
