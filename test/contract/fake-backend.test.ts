import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { backendContract } from '../../src/api/contract/backend-contract.ts';
import type { TestModel } from '../../src/api/contract/backend-under-test.ts';
import { siblingModule } from '../../src/backends/host/sibling-module.ts';
import { DTYPES } from '../../src/core/dtype.ts';
import type { BatchAxis } from '../../src/core/signature.ts';
import { FAKE_FILE, type FakeModel } from '../support/fake-backend.ts';

backendContract({
  // As a plug-in: a module that is not in src/.
  kind: siblingModule(import.meta.url, '../support/fake-backend').href,
  dtypes: DTYPES,
  hasByteStrings: true,
  refusesShapes: true,
  missingProvider: 'cuda',
  writeModel: (directory, model) => writeFileSync(join(directory, FAKE_FILE), JSON.stringify(copyModel(model))),
  writeCorruptModel: (directory) => {
    writeFileSync(join(directory, FAKE_FILE), '{"signatures": {');
    return FAKE_FILE;
  },
});

function copyModel({ dtype, dims, outputs }: TestModel): FakeModel {
  return {
    signatures: {
      serving_default: {
        inputs: { x: { dtype, shape: dims.map((dim) => (dim === 'N' ? -1 : dim)) } },
        outputs: Object.fromEntries(outputs.map((name) => [name, { copyOf: 'x' }])),
        batchAxis: axisOf(dims),
      },
    },
  };
}

function axisOf(dims: TestModel['dims']): BatchAxis {
  const [first] = dims;
  if (first === undefined) return { kind: 'none' };
  return first === 'N' ? { kind: 'dynamic' } : { kind: 'fixed', size: first };
}
