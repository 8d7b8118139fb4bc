import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { modelsReport } from '../../../src/admin/models-report.ts';
import { statusTable } from '../../../src/cli/status.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { PREDICT_METHOD_NAME, type Signature } from '../../../src/core/signature.ts';
import { Servable } from '../../../src/models/serving/servable.ts';
import { echo, PuppetRunner } from '../../support/puppet-models.ts';

const PLAN = {
  pid: 7,
  budget_cores: 2,
  slots: 1,
  intra_op_threads: 1,
  is_batching_enabled: true,
  max_batch_size: 64,
  batch_timeout_micros: 0,
};

describe('the report of models', () => {
  it('shows a process that models share once, and with each of them whose it is', () => {
    const processGroup = { name: 'small', processes: [{ pid: 4711, residentBytes: 9, models: ['a', 'b'] }] };
    const servables = ['a', 'b'].map((name) => {
      const servable = new Servable(name, 1n, new Map(), new PuppetRunner(echo));
      servable.findings.host = { kind: 'process', reason: 'as configured', processGroup };
      return servable;
    });
    const models = {
      modelNames: ['a', 'b'],
      waitsFor: () => [],
      isUnloadedByOperator: () => false,
      isLoadedByOperator: () => false,
      loadOf: () => undefined,
      servables: () => servables,
      status: () => [{ version: 1n, state: 'AVAILABLE' as const, error: undefined }],
    };
    const report = modelsReport(models, true, PLAN);
    assert.deepEqual(report.process_groups, [
      { name: 'small', processes: [{ pid: 4711, resident_bytes: 9, models: ['a', 'b'] }] },
    ]);
    for (const { versions } of report.models) {
      assert.deepEqual(versions[0]!.host, { kind: 'process', reason: 'as configured', process_group: 'small' });
    }
    const table = statusTable(report);
    assert.match(table, /^a {2,}1 .* process of group small /m);
    assert.match(table, /^group small: process 4711, 1 KiB, with a, b$/m);
  });

  it('shows why a signature is not batched, unless no model of the server is', () => {
    const [mixed, unknown, shared] = [
      { kind: 'none', reason: 'row 2 changes row 1' },
      { kind: 'none', reason: 'nobody can tell', fix: 'declare it' },
      { kind: 'dynamic', reason: 'proved' },
    ] as const;
    const signatures = Object.entries({ mixed, unknown, shared }).map(([name, batchAxis]): [string, Signature] => [
      name,
      { inputs: new Map(), outputs: new Map(), methodName: PREDICT_METHOD_NAME, batchAxis },
    ]);
    const servable = new Servable('m', 1n, new Map(signatures), new PuppetRunner(echo));
    const models = {
      modelNames: ['m'],
      waitsFor: () => [],
      isUnloadedByOperator: () => false,
      isLoadedByOperator: () => false,
      loadOf: () => undefined,
      servables: () => [servable],
      status: () => [{ version: 1n, state: 'AVAILABLE' as const, error: undefined }],
    };
    const notes = (plan: typeof PLAN): readonly string[] =>
      statusTable(modelsReport(models, true, plan))
        .split('\n')
        .filter((line) => line.includes('not batched'));
    assert.deepEqual(notes(PLAN), [
      'm version 1: signature mixed is not batched: row 2 changes row 1',
      'm version 1: signature unknown is not batched: nobody can tell; declare it',
    ]);
    assert.deepEqual(notes({ ...PLAN, is_batching_enabled: false }), []);
  });

  it('shows versions highest first: the memory of a loaded one, the error of a refused one', () => {
    const maps = { dtype: 'float32', shape: [-1, 2], tensorName: 'p', note: 'output "p" is a map' } as const;
    const signature: Signature = {
      inputs: new Map(),
      outputs: new Map([['p', maps]]),
      methodName: PREDICT_METHOD_NAME,
      batchAxis: { kind: 'dynamic' },
    };
    const servable = new Servable('m', 9n, new Map([['s', signature]]), new PuppetRunner(echo));
    const sessions = [
      { threads: 1, sessions: 2 },
      { threads: 2, sessions: 1 },
    ];
    servable.findings.host = { kind: 'process', reason: 'as configured', sessions, restarts: 2, residentBytes: 7 };
    servable.findings.runtime = {
      kind: 'onnx',
      choice: {
        runtime: 'onnx',
        reason: 'it is fastest',
        candidates: [
          { runtime: 'onnx', outcome: 'chosen', times: [{ signature: 's', rows: 1, ms: 2 }] },
          { runtime: 'saved_model', outcome: 'slower', relativeCost: 3, times: [] },
          { runtime: 'tfjs_model', outcome: 'skipped', reason: 'no natives', times: [] },
        ],
      },
    };
    servable.findings.breaker = { state: 'open', reason: 'no route' };
    servable.findings.addWarning('zeros were refused; add a warm-up record');
    servable.findings.addWarning('zeros were refused; add a warm-up record');
    servable.findings.latencySeeds = [{ signatureName: 's', rows: 4, runMs: [3, 1, 2] }];
    // Two more were opened since it loaded.
    servable.findings.memory = { artifactBytes: 10, sessions: 1, residentBytes: 25 };
    const models = {
      modelNames: ['m', 'late'],
      waitsFor: () => ['model "late": its base path does not exist'],
      isUnloadedByOperator: () => false,
      isLoadedByOperator: () => false,
      servables: () => [servable],
      versionReportOf: (of: Servable) => (of === servable ? { tea: { cups: 2 }, cake: undefined } : {}),
      loadOf: (_: string, version: bigint) =>
        version === 10n
          ? { state: 'LOADING' as const, lastFailure: new ServingError('backend_unavailable', 'gone') }
          : undefined,
      status: (name: string) => {
        if (name === 'late') throw new ServingError('model_not_found', 'no version of "late" yet');
        return [
          { version: 10n, state: 'END' as const, error: new ServingError('insufficient_memory', 'too big') },
          { version: 9n, state: 'AVAILABLE' as const, error: undefined },
          { version: 9n, state: 'END' as const, error: undefined },
        ];
      },
    };
    const report = modelsReport(models, false, PLAN);
    assert.match(statusTable(report), /^m version 9: zeros were refused; add a warm-up record$/m);
    assert.match(statusTable(report), /^m version 9: output "p" is a map$/m);
    assert.deepEqual(JSON.parse(JSON.stringify(report)), {
      ready: false,
      plan: PLAN,
      waits_for: ['model "late": its base path does not exist'],
      models: [
        {
          name: 'm',
          versions: [
            {
              version: '10',
              state: 'END',
              error: { kind: 'insufficient_memory', message: 'too big' },
              load: { state: 'LOADING', last_failure: { kind: 'backend_unavailable', message: 'gone' } },
            },
            {
              version: '9',
              state: 'AVAILABLE',
              warnings: ['zeros were refused; add a warm-up record'],
              notes: ['output "p" is a map'],
              host: { kind: 'process', reason: 'as configured', sessions, restarts: 2, resident_bytes: 7 },
              runtime: {
                kind: 'onnx',
                reason: 'it is fastest',
                candidates: [
                  { runtime: 'onnx', outcome: 'chosen', times: [{ signature: 's', rows: 1, ms: 2 }] },
                  { runtime: 'saved_model', outcome: 'slower', relative_cost: 3, times: [] },
                  { runtime: 'tfjs_model', outcome: 'skipped', reason: 'no natives', times: [] },
                ],
              },
              tea: { cups: 2 },
              breaker: { state: 'open', reason: 'no route' },
              signatures: [{ name: 's', batch_axis: 'dynamic' }],
              memory: { artifact_bytes: 10, sessions: 3, resident_bytes: 25, working_bytes: 15 },
              sweep: [{ signature: 's', rows: 4, run_ms: 2 }],
              queue: { rows: 0, tasks: 0, running_batches: 0 },
            },
            { version: '9', state: 'END' },
          ],
        },
        { name: 'late', error: 'no version of "late" yet', versions: [] },
      ],
    });
  });
});
