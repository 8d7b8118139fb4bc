/** Runs export-spans.ts, with the environment that a test wants. */
import { execFile } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { TraceContext } from '../../../src/ledger/tracing/trace-context.ts';

export interface Outcome {
  readonly isTracing: boolean;
  readonly first?: TraceContext;
  readonly second?: TraceContext;
  readonly failed?: TraceContext;
  readonly log: string;
}

/** Runs the exporting process to its own end. */
export async function exportSpans(env: Readonly<Record<string, string>>): Promise<Outcome> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const script = fileURLToPath(new URL(`./export-spans.${extension}`, import.meta.url));
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_'));
  const child = { env: { ...Object.fromEntries(inherited), ...env }, timeout: 60_000 };
  return await new Promise((resolve, reject) => {
    execFile(process.execPath, [script], child, (error, stdout, stderr) =>
      error === null
        ? resolve({ ...JSON.parse(stdout), log: stderr })
        : reject(new Error(`${error.message}\n${stderr}`)),
    );
  });
}
