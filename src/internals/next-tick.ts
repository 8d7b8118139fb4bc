import { AsyncResource } from 'node:async_hooks';

/**
 * Keeps `process.nextTick` fast for as long as the process runs. Returns false, and does nothing, on a Node that this is
 * not known of.
 *
 * Node makes an object for each call whose first two keys are symbols of its own, set one by one. V8 remembers how, by the
 * object's hidden classes, which it forgets in a collection of the whole heap at which no such object is alive. It finds
 * other ones then, gives up on these keys, and sets them by a call of its runtime for good: 300 ns a call of nextTick in
 * place of 80 (Node 20.20), a tenth of the CPU of a request for the application. One such object for ever keeps the classes.
 *
 * Call it before the first collection of the whole heap.
 */
export function keepNextTickFast(): boolean {
  const resource = new AsyncResource('pillion');
  const symbols = Object.getOwnPropertySymbols(resource);
  const [asyncId, triggerAsyncId] = ['async_id_symbol', 'trigger_async_id_symbol'].map((name) =>
    symbols.find(({ description }) => description === name),
  );
  if (asyncId === undefined || triggerAsyncId === undefined) return false;
  const ids = resource as unknown as Readonly<Record<symbol, number>>;
  // The object has the same keys in the same order as in node's lib/internal/process/task_queues.js.
  kept = {
    [asyncId]: ids[asyncId],
    [triggerAsyncId]: ids[triggerAsyncId],
    callback: keepNextTickFast,
    args: undefined,
  };
  return true;
}

/** Nobody reads it. */
export let kept: object | undefined;
