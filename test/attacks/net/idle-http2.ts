/** Thousands of HTTP/2 connections that are set up and never used. */
import { greeting as hello } from '../../support/http2-frames.ts';
import { type Attack, hold } from './attack.ts';

/** @param count of connections */
export function idleHttp2(count: number): Attack {
  const greeting = hello();
  return (target, seconds, signal) => hold(target, seconds, signal, { count, greeting });
}
