/** Every attack by name, for measurements: what it is, which surface it is for, and what it attacks. */

import { largeBodies } from './large/large-bodies.ts';
import type { Attack as MemoryAttack } from './memory/attack.ts';
import {
  brotliBomb,
  denseGzip,
  grpcGzip,
  gzipBomb,
  gzipInGzip,
  gzipThrice,
  zstdBombs,
} from './memory/compression-bombs.ts';
import { heldMessages, trickledBodies } from './memory/held-bodies.ts';
import { pipelinedPages, zeroWindows } from './memory/unread-answers.ts';
import { type Attack as NetAttack, targetOf } from './net/attack.ts';
import { ATTACKS as NET_ATTACKS } from './net/attacks.ts';
import type { Attack as RowsAttack } from './rows/attack.ts';
import { manyRows } from './rows/many-rows.ts';
import { unreadAnswers, zeroWindowStreams } from './rows/unread-answers.ts';

/** "host:port" of each surface. */
export interface Target {
  readonly grpc: string;
  readonly rest: string;
}

export type Counts = Readonly<Record<string, number>>;

/** Attacks for so many seconds, or until the signal. Never rejects. */
export type Attack = (target: Target, seconds: number, signal: AbortSignal) => Promise<Counts>;

export type Surface = 'grpc' | 'rest';

export interface AttackEntry {
  readonly name: string;
  /** Attacked; the neighbour is there, too. */
  readonly surface: Surface;
  /** The neighbour's model, which the attack asks for if it asks for one that is not its own. */
  readonly model: 'digits' | 'half';
  readonly attack: Attack;
}

/** One large body of each kind that reading or writing takes longest. */
const LARGE: readonly (readonly [Surface, string])[] = [
  ['rest', 'json: rows of floats'],
  ['rest', 'json: named inputs'],
  ['rest', 'json: tiny named inputs'],
  ['rest', 'json: strings'],
  ['rest', 'json: floats, echoed'],
  ['grpc', 'grpc: tensor_content'],
  ['grpc', 'grpc: unpacked floats'],
  ['grpc', 'grpc: strings'],
  ['grpc', 'grpc: elements that were not sent'],
  ['grpc', 'grpc: examples'],
];

export const ATTACKS: readonly AttackEntry[] = [
  ...Object.entries(NET_ATTACKS).map(([name, { surface, attack }]) => onNet(name, surface, attack)),
  ...[
    memory('gzip-bomb', 'rest', gzipBomb),
    memory('gzip-in-gzip', 'rest', gzipInGzip),
    memory('gzip-thrice', 'rest', gzipThrice),
    memory('brotli-bomb', 'rest', brotliBomb),
    memory('zstd-bomb', 'rest', zstdBombs),
    memory('dense-gzip', 'rest', denseGzip),
    memory('grpc-gzip-bomb', 'grpc', grpcGzip),
    memory('held-messages', 'grpc', heldMessages),
    memory('trickled-bodies', 'rest', trickledBodies),
    memory('zero-windows', 'grpc', zeroWindows),
    memory('pipelined-pages', 'rest', pipelinedPages),
  ],
  ...[
    rows('60k-rows', 'grpc', manyRows(60_000)),
    rows('600k-rows', 'grpc', manyRows(600_000)),
    rows('zero-window-rows', 'grpc', zeroWindowStreams(60_000)),
    rows('unread-answers', 'grpc', unreadAnswers(60_000)),
  ],
  ...LARGE.map(([surface, name]) => large(surface, name)),
];

function onNet(name: string, surface: Surface, attack: NetAttack): AttackEntry {
  return {
    ...{ name, surface, model: 'digits' },
    attack: (target, seconds, signal) => attack(targetOf(target[surface]), seconds, signal),
  };
}

function memory(name: string, surface: Surface, attack: MemoryAttack): AttackEntry {
  return {
    ...{ name, surface, model: 'digits' },
    attack: ({ grpc, rest }, seconds, signal) => attack({ grpc, rest: `http://${rest}` }, seconds, signal),
  };
}

function rows(name: string, surface: Surface, attack: RowsAttack): AttackEntry {
  return {
    ...{ name, surface, model: 'half' },
    attack: ({ grpc, rest }, seconds, signal) =>
      attack({ grpc, rest: `http://${rest}`, model: 'half', rowShape: [] }, seconds, signal),
  };
}

function large(surface: Surface, name: string): AttackEntry {
  const attack = largeBodies()[name];
  if (attack === undefined) throw new Error(`there is no large body "${name}"`);
  return { name, surface, model: 'digits', attack };
}
