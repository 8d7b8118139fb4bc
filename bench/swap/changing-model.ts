/**
 * A model whose newest version changes: each is a copy of the same file, put in place by one rename, and the one before
 * is taken away when the new one answers.
 */
import { copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** How long the server may take to serve what was published. */
const PATIENCE_MS = 60_000;

interface VersionStatus {
  readonly version: string;
  readonly state: string;
}

export class ChangingModel {
  readonly basePath: string;
  readonly #file: string;
  #version = 0;

  constructor(basePath: string, file: string) {
    this.basePath = basePath;
    this.#file = file;
  }

  /** Its name: what is served when `isServed` is true. */
  publish(): string {
    this.#version += 1;
    const incoming = join(this.basePath, `.incoming-${this.#version}`);
    mkdirSync(incoming, { recursive: true });
    copyFileSync(this.#file, join(incoming, 'model.onnx'));
    renameSync(incoming, join(this.basePath, String(this.#version)));
    return String(this.#version);
  }

  /**
   * Publishes the next version, waits until it alone is available at `statusUrl`, removes the one before. Returns ms.
   */
  async swap(statusUrl: string): Promise<number> {
    const startedAt = performance.now();
    const version = this.publish();
    while (!isAlone(await statusOf(statusUrl), version)) {
      if (performance.now() - startedAt > PATIENCE_MS) throw new Error(`version ${version} is not served in time`);
      await pause();
    }
    rmSync(join(this.basePath, String(this.#version - 1)), { recursive: true, force: true });
    return performance.now() - startedAt;
  }
}

async function statusOf(url: string): Promise<readonly VersionStatus[]> {
  const reply = (await (await fetch(url)).json()) as { model_version_status?: VersionStatus[] };
  return reply.model_version_status ?? [];
}

function isAlone(statuses: readonly VersionStatus[], version: string): boolean {
  const up = statuses.filter(({ state }) => state !== 'END');
  return up.length === 1 && up[0]!.version === version && up[0]!.state === 'AVAILABLE';
}

/** Seldom enough that asking is no load of its own. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}
