/** A model in a directory of its own, whose requests are recorded, and the records in a file. */
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parseRecords } from './prediction-logs.ts';
import type { Sidecar } from './sidecar.ts';
import { tempDirectory } from './temp-directory.ts';

const HALF = 'examples/half_plus_two/models/half_plus_two';

const LOOK_AGAIN_MS = 2;
/** Some 40 s or more. */
const MAX_LOOKS = 20_000;

/** Looks until it holds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let looks = 0; !(await holds()); looks++) {
    assert.ok(looks < MAX_LOOKS, `what was waited for did not come: ${holds}`);
    await delay(LOOK_AGAIN_MS);
  }
}

/** half_plus_two in a directory of its own. */
export function copyModel(t: TestContext) {
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

export async function predict(sidecar: Sidecar, ...instances: number[]): Promise<unknown> {
  const answer = await fetch(`${sidecar.rest}/v1/models/h:predict`, {
    method: 'POST',
    body: JSON.stringify({ instances }),
  });
  return answer.json();
}

const floatsOf = (bytes: Uint8Array): number[] => [...new Float32Array(Uint8Array.from(bytes).buffer)];

/** The inputs that a file's records have. */
export function inputsOf(bytes: Uint8Array): number[][] {
  return (parseRecords(bytes) as never as RecordedLog[]).map(({ logType }) =>
    floatsOf(logType.value.request.inputs['x']!.tensorContent),
  );
}

interface RecordedLog {
  readonly logType: {
    readonly value: { readonly request: { readonly inputs: Record<string, { readonly tensorContent: Uint8Array }> } };
  };
}
