/** A line of the log in words: "14:03:22 warning: digits version 2: circuit breaker open: 5 runs failed  (slot 1)". */
import { timeOfDay } from '../../core/clock.ts';
import { errorText, type LogLine } from './log-line.ts';
import type { Line, Span, Style } from './screen.ts';

const LEVELS: Readonly<Record<string, { readonly word: string; readonly style: Style }>> = {
  trace: { word: 'trace', style: 'dim' },
  debug: { word: 'debug', style: 'dim' },
  warn: { word: 'warning', style: 'yellow' },
  error: { word: 'error', style: 'red' },
  fatal: { word: 'error', style: 'red' },
};

/** Fields that the words have, or that say nothing to people. */
const SAID = new Set([
  'level',
  'time',
  'service',
  'version',
  'event',
  'model',
  'msg',
  'err',
  'reason',
  'errors',
  'fix',
]);

export function wordsOf(line: LogLine): Line {
  const level = LEVELS[line.level];
  const subject = subjectOf(line);
  const details = detailsOf(line);
  return [
    { text: `${timeOfDay(line.time)} `, style: 'dim' },
    ...(level === undefined ? [] : [{ text: `${level.word}: `, style: level.style }]),
    { text: `${subject === '' ? '' : `${subject}: `}${messageOf(line)}` },
    ...(details === '' ? [] : [{ text: `  (${details})`, style: 'dim' } satisfies Span]),
  ];
}

/** "digits version 2", "digits", or nothing. A line without a model has this server's version. */
function subjectOf({ model, version = '' }: LogLine): string {
  if (model === undefined) return '';
  return /^\d+$/.test(version) ? `${model} version ${version}` : model;
}

function messageOf(line: LogLine): string {
  const { msg, reason } = line;
  const parts = [msg.trim()];
  if (typeof reason === 'string' && !msg.includes(reason)) parts.push(reason);
  const error = errorText(line);
  if (error !== '' && !msg.includes(error)) parts.push(error);
  return parts.join(': ');
}

/** The rest of the fields, as far as they are short: "slot 1, retry 2". A drain that cut nothing has no counts. */
function detailsOf(line: LogLine): string {
  const isCounted = (value: unknown): boolean => line.event !== 'drained' || value !== 0;
  const rest = Object.entries(line).filter(([name, value]) => !SAID.has(name) && isCounted(value));
  return rest.flatMap(([name, value]) => (isPlain(value) ? [`${name.replaceAll('_', ' ')} ${value}`] : [])).join(', ');
}

function isPlain(value: unknown): value is string | number | boolean {
  return value !== '' && ['string', 'number', 'boolean'].includes(typeof value);
}
