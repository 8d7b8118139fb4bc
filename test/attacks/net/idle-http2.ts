/** Thousands of HTTP/2 connections that are set up and never used. */
import { Buffer } from 'node:buffer';
import { PREFACE, settings, settingsAck } from '../../support/http2-frames.ts';
import { type Attack, hold } from './attack.ts';

/** @param count of connections */
export function idleHttp2(count: number): Attack {
  const greeting = Buffer.concat([PREFACE, settings(), settingsAck()]);
  return (target, seconds, signal) => hold(target, seconds, signal, { count, greeting });
}
