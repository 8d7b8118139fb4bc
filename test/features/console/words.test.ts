/** The sentences of the console: each has a state in which it is shown, and one in which it must not be. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ModelReport, VersionReport } from '../../../src/admin/models-report.ts';
import type { RequestEntry } from '../../../src/admin/request-entry.ts';
import type { LiveVersion } from '../../../src/features/console/live-report.ts';
import { summarize } from '../../../src/features/console/ui/live-window.ts';
import { explain, failedLoads, missing, whyNoBatch, worst } from '../../../src/features/console/ui/words.ts';
import type { Sentence } from '../../../src/ledger/report.ts';
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

/** [the sentence, a version in whose state it is shown, one in whose state it is not]. */
const SENTENCES: readonly (readonly [text: RegExp, shown: Partial<LiveVersion>, hidden: Partial<LiveVersion>])[] = [
  [/No request in this window/, {}, answered(1, 5, 3)],
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

describe('a sentence', () => {
  for (const [text, shown, hidden] of SENTENCES) {
    it(`is shown where it is so: ${text.source}`, () => {
      const said = (changes: Partial<LiveVersion>): string =>
        explain(summarize([tick(1, version(changes))]))
          .map(({ text, tone }) => `${tone}: ${text}`)
          .join('\n');
      const lines = new RegExp(text.source, 'm');
      assert.match(said(shown), lines);
      assert.doesNotMatch(said(hidden), lines);
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
