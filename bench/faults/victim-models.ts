/** Models that faults are injected into. */
import { cpSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { siblingModule } from '../../src/backends/host/sibling-module.ts';
import { FAKE_FILE, type FakeModel } from '../../test/support/fake-backend.ts';
import { WHEN } from '../../test/support/fake-model.ts';
import { NEIGHBOUR_BASE } from './fault-server.ts';

export { WHEN };
export const VICTIM = 'victim';

/** y = x / 2 + 2, with the effects of test/support/fake-backend.ts. */
const MODEL: FakeModel = {
  signatures: {
    serving_default: {
      inputs: { x: { dtype: 'float32', shape: [-1] } },
      outputs: { y: { copyOf: 'x', scale: 0.5, offset: 2 } },
      batchAxis: { kind: 'dynamic' },
    },
  },
  faults: Object.entries(WHEN).map(([effect, whenFirstIs]) => ({ effect, whenFirstIs }) as never),
};

/** `--model` of a fake victim in the directory; `keys` such as ",host=thread". */
export function fakeVictim(directory: string, keys: string): string {
  addFakeVersion(directory, 1);
  const backend = siblingModule(import.meta.url, '../../test/support/fake-backend').href;
  return `--model=${VICTIM}=${join(directory, VICTIM)},backend=${backend}${keys}`;
}

/** Appears at once, by renaming. */
export function addFakeVersion(directory: string, version: number): void {
  addVersion(directory, version, (path) => writeFileSync(join(path, FAKE_FILE), JSON.stringify(MODEL)));
}

/** `--model` of an ONNX victim in the directory. */
export function onnxVictim(directory: string): string {
  addVersion(directory, 1, (path) => cpSync(join(NEIGHBOUR_BASE, '1'), path, { recursive: true }));
  return `--model=${VICTIM}=${join(directory, VICTIM)}`;
}

export function addVersion(directory: string, version: number, write: (path: string) => void): void {
  const draft = join(directory, `draft-${version}`);
  mkdirSync(draft, { recursive: true });
  write(draft);
  mkdirSync(join(directory, VICTIM), { recursive: true });
  renameSync(draft, join(directory, VICTIM, String(version)));
}
