/** All attacks by name, and the surface that each is for. */
import type { Attack } from './attack.ts';
import { continuationFlood } from './continuation-flood.ts';
import { emptyData } from './empty-data.ts';
import { idleHttp1 } from './idle-http1.ts';
import { idleHttp2 } from './idle-http2.ts';
import { madeYouReset } from './made-you-reset.ts';
import { pingFlood } from './ping-flood.ts';
import { priorityFlood } from './priority-flood.ts';
import { rapidReset } from './rapid-reset.ts';
import { settingsEntries } from './settings-entries.ts';
import { settingsFlood } from './settings-flood.ts';
import { slowBlankLines } from './slow-blank-lines.ts';
import { slowFrames } from './slow-frames.ts';
import { slowHeads } from './slow-heads.ts';
import { slowPrefaces } from './slow-prefaces.ts';
import { zeroWindow } from './zero-window.ts';

export interface NamedAttack {
  readonly surface: 'grpc' | 'rest';
  readonly attack: Attack;
}

/** Connections of those that hold them. */
const CROWD = 11_000;
const SLOW_CROWD = 1000;

export const ATTACKS: Readonly<Record<string, NamedAttack>> = {
  'idle-http1': { surface: 'rest', attack: idleHttp1(CROWD) },
  'idle-http2': { surface: 'grpc', attack: idleHttp2(CROWD) },
  'slow-heads': { surface: 'rest', attack: slowHeads(SLOW_CROWD) },
  'slow-blank-lines': { surface: 'rest', attack: slowBlankLines(SLOW_CROWD) },
  'slow-prefaces': { surface: 'grpc', attack: slowPrefaces(SLOW_CROWD) },
  'slow-frames': { surface: 'grpc', attack: slowFrames(SLOW_CROWD) },
  'rapid-reset': { surface: 'grpc', attack: rapidReset },
  'made-you-reset': { surface: 'grpc', attack: madeYouReset },
  'settings-entries': { surface: 'grpc', attack: settingsEntries },
  'settings-flood': { surface: 'grpc', attack: settingsFlood },
  'ping-flood': { surface: 'grpc', attack: pingFlood },
  'priority-flood': { surface: 'grpc', attack: priorityFlood },
  'empty-data': { surface: 'grpc', attack: emptyData },
  'continuation-flood': { surface: 'grpc', attack: continuationFlood },
  'zero-window': { surface: 'grpc', attack: zeroWindow },
};
