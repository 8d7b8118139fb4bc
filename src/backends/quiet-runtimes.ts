/**
 * Runtimes tell nobody of what they run, unless the operator asks them to: imported for its effect, before any of them.
 *
 * ONNX Runtime's telemetry is on by default: it names a vendor's collector to the resolver, and keeps a device id, names of
 * graphs and texts of errors in a database below the user's cache. It reads one variable when its first session is made,
 * from the environment of the process. A worker thread's `process.env` is a copy that ONNX Runtime never sees, so the
 * main thread has to import this before it starts one. A child process inherits it.
 *
 * TensorFlow's libraries have nothing of the kind to switch off: docs/security.md.
 */
import process from 'node:process';

const VARIABLE = 'ORT_DISABLE_TELEMETRY';

/** In all other words an operator means "off"; some of them, such as `2`, ONNX Runtime would take for "on". */
const ASKS_FOR_TELEMETRY = /^(?:0|false|no|off)$/i;

quietRuntimes(process.env);

/** Sets the variable, but where the operator's own value asks for telemetry. Exported for its test. */
export function quietRuntimes(environment: Record<string, string | undefined>): void {
  if (!ASKS_FOR_TELEMETRY.test(environment[VARIABLE] ?? '')) environment[VARIABLE] = '1';
}
