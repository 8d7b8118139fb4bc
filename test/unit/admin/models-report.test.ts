import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { modelsReport } from '../../../src/admin/models-report.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { Servable } from '../../../src/models/servable.ts';
import { echo, PuppetRunner } from '../../support/puppet-models.ts';

describe('the report of models', () => {
  it('shows versions highest first: the memory of a loaded one, the error of a refused one', () => {
    const servable = new Servable('m', 9n, new Map(), new PuppetRunner(echo));
    servable.memory = { artifactBytes: 10, sessions: 2, residentBytes: 25 };
    const models = {
      modelNames: ['m'],
      servables: () => [servable],
      status: () => [
        { version: 9n, state: 'AVAILABLE' as const, error: undefined },
        { version: 10n, state: 'END' as const, error: new ServingError('insufficient_memory', 'too big') },
      ],
    };
    assert.deepEqual(JSON.parse(JSON.stringify(modelsReport(models, false, ['m']))), {
      ready: false,
      waits_for: ['m'],
      models: [
        {
          name: 'm',
          versions: [
            { version: '10', state: 'END', error: { kind: 'insufficient_memory', message: 'too big' } },
            {
              version: '9',
              state: 'AVAILABLE',
              memory: { artifact_bytes: 10, sessions: 2, resident_bytes: 25, working_bytes: 5 },
              queue: { rows: 0, tasks: 0, running_batches: 0 },
            },
          ],
        },
      ],
    });
  });
});
