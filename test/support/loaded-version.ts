/** A version that is loaded and not served yet, for tests of what is done with it before. */
import type { TestContext } from 'node:test';
import type { ModelConfig } from '../../src/config/model-config.ts';
import type { Batch } from '../../src/core/executor.ts';
import type { Signature } from '../../src/core/signature.ts';
import type { LoadedVersion } from '../../src/models/loading/load-steps.ts';
import { Servable } from '../../src/models/serving/servable.ts';
import { echo, FLOAT_SIGNATURE, PuppetRunner } from './puppet-models.ts';
import { tempDirectory } from './temp-directory.ts';

interface LoadedVersionSpec {
  readonly slots?: number;
  readonly isElsewhere?: boolean;
  /** The signatures whose runs fail. */
  readonly refuses?: readonly string[];
  readonly signatures?: ReadonlyMap<string, Signature>;
}

/** Version 1 of the model "m", in an empty directory. */
export function loadedVersion(t: TestContext, spec: LoadedVersionSpec = {}): LoadedVersion {
  const signatures = spec.signatures ?? new Map([['serving_default', FLOAT_SIGNATURE]]);
  return {
    model: { name: 'm' } as ModelConfig,
    servable: new Servable('m', 1n, signatures, new PuppetRunner(echo)),
    versionDirectory: tempDirectory(t),
    executor: {
      slots: spec.slots ?? 1,
      isElsewhere: spec.isElsewhere ?? false,
      allocate: (size: number) => new ArrayBuffer(size),
      release: () => undefined,
      run: async ({ signatureName }: Batch) => {
        if (spec.refuses?.includes(signatureName)) throw new Error('not\n for me');
        return { outputs: new Map(), runStart: 1, runEnd: 3 };
      },
    },
    signatures,
    scheduler: { maxBatchSize: 2, batchTimeoutMicros: 0, maxEnqueuedBatches: 1, allowedBatchSizes: [] },
  };
}
