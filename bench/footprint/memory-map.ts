/**
 * Divides a process's memory by its mappings (Linux's smaps). MiB of resident memory; `own` is what no other process
 * shares: it comes back if the process ends.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

export interface MemoryPart {
  resident: number;
  own: number;
}

export type MemoryMap = ReadonlyMap<string, MemoryPart>;

interface Mapping extends MemoryPart {
  readonly from: bigint;
  readonly to: bigint;
  readonly access: string;
  readonly file: string;
}

const HEAD = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)$/;
const FIELD = /^(Rss|Private_Clean|Private_Dirty):\s+(\d+) kB$/;
/** glibc's arenas of threads begin at a multiple of it. */
const ARENA_BYTES = 64n << 20n;
/** Threads of Node and of the runtime have stacks of 4 or 8 MiB. */
const STACK_BYTES = 4n << 20n;

/** The names of the parts, and what of a mapping says that it belongs there; the first that holds counts. */
const PARTS: readonly (readonly [name: string, (mapping: Mapping, before: Mapping | undefined) => boolean])[] = [
  ['program', ({ file }) => file.startsWith('/') && !/\.(so|node)\b/.test(file)],
  ['libonnxruntime', ({ file }) => basename(file).startsWith('libonnxruntime')],
  ['other libraries', ({ file }) => file.startsWith('/')],
  ['malloc, first arena', ({ file }) => file === '[heap]'],
  ['stacks', (mapping, before) => mapping.file === '[stack]' || isStack(mapping, before)],
  [
    'malloc, arenas of threads',
    ({ file, from, access }) => file === '' && access === 'rw-p' && from % ARENA_BYTES === 0n,
  ],
  ['compiled code', ({ file, access }) => file === '' && access.includes('x')],
  ['V8 heap, large blocks', () => true],
];

/** The memory of all these processes together. */
export function memoryMap(pids: readonly number[]): MemoryMap {
  const parts = new Map<string, MemoryPart>(PARTS.map(([name]) => [name, { resident: 0, own: 0 }]));
  for (const pid of pids) {
    const mappings = parseSmaps(readFileSync(`/proc/${pid}/smaps`, 'latin1'));
    for (const [index, mapping] of mappings.entries()) {
      const [name] = PARTS.find(([, holds]) => holds(mapping, mappings[index - 1]))!;
      const part = parts.get(name)!;
      part.resident += mapping.resident;
      part.own += mapping.own;
    }
  }
  return parts;
}

/** The sum of all parts. */
export function totalOf(map: MemoryMap): MemoryPart {
  const total = { resident: 0, own: 0 };
  for (const { resident, own } of map.values()) {
    total.resident += resident;
    total.own += own;
  }
  return total;
}

function parseSmaps(text: string): readonly Mapping[] {
  const mappings: Mapping[] = [];
  for (const line of text.split('\n')) {
    const head = HEAD.exec(line);
    if (head !== null) {
      const [, from, to, access, file] = head;
      mappings.push({
        from: BigInt(`0x${from}`),
        to: BigInt(`0x${to}`),
        access: access!,
        file: file!,
        resident: 0,
        own: 0,
      });
      continue;
    }
    const [, name, kib] = FIELD.exec(line) ?? [];
    if (name === 'Rss') mappings.at(-1)!.resident += Number(kib) / 1024;
    else if (name !== undefined) mappings.at(-1)!.own += Number(kib) / 1024;
  }
  return mappings;
}

/** A block of a stack's size behind a guard page. */
function isStack({ file, access, from, to }: Mapping, before: Mapping | undefined): boolean {
  const size = to - from;
  const isGuarded = before?.to === from && before.access === '---p' && before.to - before.from <= 65_536n;
  return file === '' && access === 'rw-p' && isGuarded && size >= STACK_BYTES && size <= 2n * STACK_BYTES;
}
