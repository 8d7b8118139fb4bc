/**
 * A directory of files as Kubernetes mounts a secret, and changes it: all files at once, by one rename of a link.
 *
 *   tls.crt ─▶ ..data/tls.crt      ..data ─▶ ..1, later ..2
 */
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { tempDirectory } from './temp-directory.ts';

export class MountedSecret {
  readonly directory: string;
  #revision = 0;

  constructor(t: TestContext, files: Readonly<Record<string, string>>) {
    this.directory = tempDirectory(t);
    this.change(files);
    for (const name of Object.keys(files)) symlinkSync(`..data/${name}`, this.path(name));
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Replaces all files. */
  change(files: Readonly<Record<string, string>>): void {
    const before = this.path(`..${this.#revision}`);
    this.#revision += 1;
    const next = `..${this.#revision}`;
    mkdirSync(this.path(next));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.path(next), name), text);
    symlinkSync(next, this.path('..data_tmp'));
    renameSync(this.path('..data_tmp'), this.path('..data'));
    rmSync(before, { recursive: true, force: true });
  }
}
