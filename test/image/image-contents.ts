/** What an image consists of: the sizes of its layers as a registry has them, its files, its configuration. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { podman } from './containers.ts';

export interface Layer {
  readonly by: string;
  readonly bytes: number;
}

/** Each layer that has files, with the instruction that made it and its compressed size. */
export async function compressedLayers(image: string): Promise<readonly Layer[]> {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-image-'));
  try {
    await podman('push', '--quiet', '--format=oci', '--compress', image, `dir:${directory}`);
    const manifest = JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8'));
    const config = JSON.parse(readFileSync(join(directory, manifest.config.digest.replace('sha256:', '')), 'utf8'));
    const made = config.history.filter((step: { empty_layer?: boolean }) => step.empty_layer !== true);
    return manifest.layers.map(({ digest }: { digest: string }, index: number) => ({
      by: instructionOf(made[index].created_by),
      bytes: statSync(join(directory, digest.replace('sha256:', ''))).size,
    }));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function instructionOf(createdBy: string): string {
  return createdBy.replace(/^.*#\(nop\) /, '').replace(/(file|dir|multi):[0-9a-f]+ in /, '');
}

export interface FileOf {
  /** Without the slash in front. */
  readonly path: string;
  readonly mode: number;
  readonly isFile: boolean;
}

/** Calls `use` with the directory at which the image's files can be read; they are those that the image would start with. */
export async function withFiles<T>(image: string, use: (directory: string) => T): Promise<T> {
  const directory = (await podman('image', 'mount', image)).trim();
  try {
    return use(directory);
  } finally {
    await podman('image', 'umount', image);
  }
}

/** Links are not followed. */
export function filesBelow(directory: string, at = ''): readonly FileOf[] {
  return readdirSync(join(directory, at), { withFileTypes: true }).flatMap((entry) => {
    const path = join(at, entry.name);
    if (entry.isDirectory()) {
      const { mode } = statSync(join(directory, path));
      return [{ path, mode, isFile: false }, ...filesBelow(directory, path)];
    }
    return entry.isFile() ? [{ path, mode: statSync(join(directory, path)).mode, isFile: true }] : [];
  });
}
