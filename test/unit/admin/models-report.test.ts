import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { modelsReport } from '../../../src/admin/models-report.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { Servable } from '../../../src/models/servable.ts';
import { echo, PuppetRunner } from '../../support/puppet-models.ts';

describe('the report of models', () => {
  it('shows versions highest first: the memory of a loaded one, the error of a refused one', () => {
    const servable = new Servable('m', 9n, new Map(), new PuppetRunner(echo));
    servable.host = { kind: 'process', reason: 'as configured', restarts: 2, residentBytes: 7 };
    servable.breaker = { state: 'open', reason: 'no route' };
    servable.latencySeeds = [{ signatureName: 's', rows: 4, runMs: [3, 1, 2] }];
    servable.memory = { artifactBytes: 10, sessions: 2, residentBytes: 25 };
    const models = {
      modelNames: ['m', 'late'],
      waitsFor: () => ['model "late": its base path does not exist'],
      servables: () => [servable],
      status: (name: string) => {
        if (name === 'late') throw new ServingError('model_not_found', 'no version of "late" yet');
        return [
          { version: 10n, state: 'END' as const, error: new ServingError('insufficient_memory', 'too big') },
          { version: 9n, state: 'AVAILABLE' as const, error: undefined },
          { version: 9n, state: 'END' as const, error: undefined },
        ];
      },
    };
    assert.deepEqual(JSON.parse(JSON.stringify(modelsReport(models, false))), {
      ready: false,
      waits_for: ['model "late": its base path does not exist'],
      models: [
        {
          name: 'm',
          versions: [
            { version: '10', state: 'END', error: { kind: 'insufficient_memory', message: 'too big' } },
            {
              version: '9',
              state: 'AVAILABLE',
              host: { kind: 'process', reason: 'as configured', restarts: 2, resident_bytes: 7 },
              breaker: { state: 'open', reason: 'no route' },
              memory: { artifact_bytes: 10, sessions: 2, resident_bytes: 25, working_bytes: 5 },
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
