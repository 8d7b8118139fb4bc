/**
 * Disables the runtimes' telemetry, unless the operator enables it. It is imported for this effect, before any runtime.
 *
 * ONNX Runtime's telemetry is on by default: it resolves a vendor's collector, and stores a device id, graph names and
 * error texts in a database below the user's cache. It reads one variable of the process's environment when it creates
 * its first session. A worker thread's `process.env` is a copy that ONNX Runtime does not see, so the main thread must
 * import this file before it starts a thread. A child process inherits the variable.
 *
 * TensorFlow's libraries have no telemetry to disable: docs/why/security.md.
 */
import process from 'node:process';

const VARIABLE = 'ORT_DISABLE_TELEMETRY';

/** The values that enable telemetry. ONNX Runtime would take some others, such as `2`, for "on". */
const ASKS_FOR_TELEMETRY = /^(?:0|false|no|off)$/i;

disableTelemetry(process.env);

/** Sets the variable, unless the operator's value enables telemetry. Exported for its test. */
export function disableTelemetry(environment: Record<string, string | undefined>): void {
  if (!ASKS_FOR_TELEMETRY.test(environment[VARIABLE] ?? '')) environment[VARIABLE] = '1';
}
