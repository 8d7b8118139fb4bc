/**
 * GET and POST /logging: the level of the log, which POST ?level=LEVEL sets until the process ends or another one is
 * set. Envoy's names of levels count too. There is one logger: a level of a part of the server cannot be set.
 */

import type { Refusal } from '../../admin/access-guard.ts';
import { type AdminPath, type Asked, sendText } from '../../admin/admin-path.ts';
import { LOG_LEVELS, type LogLevel } from '../../ledger/log/log.ts';

/** Envoy's names of levels that differ from ours. */
const ENVOY_LEVELS: ReadonlyMap<string, LogLevel> = new Map([
  ['trace', 'debug'],
  ['warning', 'warn'],
  ['critical', 'fatal'],
  ['off', 'silent'],
]);

/** The log, of which the level can be changed. */
export interface LevelledLog {
  readonly level: string;
  setLevel(level: LogLevel): void;
}

export function logPaths(log: LevelledLog): readonly AdminPath[] {
  const show = ({ response }: Asked): void => sendText(response, showLevel(log));
  return [
    { method: 'GET', path: '/logging', says: 'the level of the log', answer: show },
    {
      method: 'POST',
      path: '/logging',
      says: 'sets it: ?level=debug',
      audited: ({ query }) => ({ method: `logging ${logLevelOf(query.get('level') ?? '') ?? ''}`.trimEnd() }),
      answer: (asked) => changeLevel(log, asked.query) ?? show(asked),
    },
  ];
}

/** Undefined: there is no such level. */
function logLevelOf(text: string): LogLevel | undefined {
  return LOG_LEVELS.find((level) => level === text) ?? ENVOY_LEVELS.get(text);
}

/** The level as Envoy words it. */
function showLevel({ level }: LevelledLog): string {
  return `active loggers:\n  pillion: ${level}\n`;
}

/** Sets the level that the query names; undefined = done. */
function changeLevel(log: LevelledLog, query: URLSearchParams): Refusal | undefined {
  const given = [...query.keys()].filter((name) => name !== 'level');
  const level = query.get('level');
  if (level === null || given.length > 0) {
    return { status: 400, text: 'there is one logger here: send ?level=LEVEL and nothing else' };
  }
  const found = logLevelOf(level);
  if (found === undefined) return { status: 400, text: `level is ${LOG_LEVELS.join(', ')}` };
  log.setLevel(found);
  return undefined;
}
