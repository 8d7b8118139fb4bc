/** Sizes and times of a model's label files, to see that one has changed. */
import { type Stats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RepositoryModel } from './model-of-config.ts';
import { TRITON } from './triton-model.ts';

/** Like withLabelStamp, but blocks: for the start. */
export function withLabelStampNow(found: RepositoryModel): RepositoryModel {
  const stamps = pathsOf(found).map((path) => {
    try {
      return stampOf(statSync(path));
    } catch {
      return NONE;
    }
  });
  return stamped(found, stamps);
}

/** The same without blocking. Never rejects. */
export async function withLabelStamp(found: RepositoryModel): Promise<RepositoryModel> {
  const stamps: string[] = [];
  for (const path of pathsOf(found)) stamps.push(await stat(path).then(stampOf, () => NONE));
  return stamped(found, stamps);
}

const NONE = 'none';

function pathsOf({ model }: RepositoryModel): readonly string[] {
  const triton = TRITON.of(model);
  const names = triton?.config.output.map(({ labelFilename }) => labelFilename).filter((name) => name !== '');
  return (names ?? []).map((name) => join(triton!.directory, name));
}

function stampOf({ size, mtimeMs, ctimeMs }: Stats): string {
  return `${size} ${mtimeMs} ${ctimeMs}`;
}

function stamped({ model, warnings }: RepositoryModel, stamps: readonly string[]): RepositoryModel {
  const triton = TRITON.of(model);
  if (triton === undefined || stamps.length === 0) return { model, warnings };
  const featureKeys = new Map([...model.featureKeys!, [TRITON, { ...triton, labelStamp: stamps.join(', ') }]]);
  return { model: { ...model, featureKeys }, warnings };
}
