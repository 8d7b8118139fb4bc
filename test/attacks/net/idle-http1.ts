/** Thousands of connections that never send a byte. */
import { type Attack, hold } from './attack.ts';

/** @param count of connections */
export function idleHttp1(count: number): Attack {
  return (target, seconds, signal) => hold(target, seconds, signal, { count });
}
