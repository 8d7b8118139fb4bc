/** docs/why/life-of-a-request.md lists the files of one warm Predict; the list must be what they go through. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const COVERAGE = fileURLToPath(new URL('../../bench/path/path-coverage.js', import.meta.url));

interface Files {
  readonly grpc: readonly string[];
  readonly rest: readonly string[];
}

/** The files that the page lists, below "- gRPC:", "- REST:" and "- both:". */
function listedFiles(): Files {
  const page = readFileSync(`${ROOT}docs/why/life-of-a-request.md`, 'utf8');
  const section = /^## The files of one warm Predict$(.*?)^## /ms.exec(page)?.[1] ?? '';
  const files: Record<string, string[]> = { gRPC: [], REST: [], both: [] };
  for (const [, surface, text] of section.matchAll(/^- (gRPC|REST|both):((?:.*\n(?: {2}.*\n)*))/gm)) {
    for (const [, file] of text!.matchAll(/`([^`]+)`/g)) files[surface!]!.push(file!);
  }
  const all = Object.values(files).flat();
  assert.equal(new Set(all).size, all.length, 'each file stands once');
  return { grpc: [...files['gRPC']!, ...files['both']!].sort(), rest: [...files['REST']!, ...files['both']!].sort() };
}

describe('the life of a request', () => {
  it('lists the files that a warm Predict goes through, over gRPC and over REST', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [COVERAGE, '--json'], { cwd: ROOT });
    const { grpc, rest } = JSON.parse(stdout) as Files;
    const listed = listedFiles();
    assert.deepEqual(listed.grpc, grpc, 'gRPC: run `npm run bench -- path --list`');
    assert.deepEqual(listed.rest, rest, 'REST: run `npm run bench -- path --list`');
  });
});
