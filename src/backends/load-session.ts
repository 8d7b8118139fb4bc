/**
 * Opens an artifact by its backend, and checks what the session says about itself. Hosts and the scheduler rely on it;
 * a plug-in in JavaScript has no compiler that would have found a list where a Map belongs.
 */
import { DTYPES } from '../core/dtype.ts';
import { ServingError } from '../core/errors.ts';
import type { Backend, LoadOptions, Session } from './backend.ts';

type Unchecked = Readonly<Record<string, unknown>>;

const AXIS_KINDS: readonly unknown[] = ['dynamic', 'fixed', 'none'];
const KNOWN_DTYPES: readonly unknown[] = DTYPES;

/** Rejects with what the backend rejects with, and with `load_failed` for a session that has not what it must have. */
export async function loadSession(backend: Backend, versionDirectory: string, options: LoadOptions): Promise<Session> {
  const session = await backend.load(versionDirectory, options);
  const wrong = faultOf(session);
  if (wrong === undefined) return session;
  throw new ServingError(
    'load_failed',
    `"${versionDirectory}": backend "${backend.kind}" has a bug: ${wrong}; see docs/how-to/add-a-backend.md`,
  );
}

/** The fault of a session, as a clause; undefined = none. */
function faultOf(session: unknown): string | undefined {
  if (!isObject(session)) return 'load() resolves with no session';
  if (typeof session['run'] !== 'function' || typeof session['close'] !== 'function') {
    return 'its session has no run() and close()';
  }
  const { signatures } = session;
  if (!(signatures instanceof Map)) return 'the signatures of its session are no Map';
  for (const [name, signature] of signatures) {
    const wrong = faultOfSignature(signature);
    if (wrong !== undefined) return `signature "${name}" ${wrong}`;
  }
  return undefined;
}

function faultOfSignature(signature: unknown): string | undefined {
  if (!isObject(signature)) return 'is no object';
  const { inputs, outputs, methodName, batchAxis } = signature;
  if (typeof methodName !== 'string') return 'has no methodName; use "tensorflow/serving/predict"';
  if (!isObject(batchAxis) || !AXIS_KINDS.includes(batchAxis['kind'])) {
    return 'has no batchAxis of the kind dynamic, fixed or none';
  }
  if (batchAxis['kind'] === 'fixed' && !isCount(batchAxis['size'], 1)) return 'has a fixed batchAxis without its size';
  for (const [what, specs] of Object.entries({ inputs, outputs })) {
    if (!(specs instanceof Map)) return `has ${what} that are no Map`;
    for (const [name, spec] of specs) {
      const wrong = faultOfSpec(spec);
      if (wrong !== undefined) return `says of "${name}" in its ${what} ${wrong}`;
    }
  }
  return undefined;
}

function faultOfSpec(spec: unknown): string | undefined {
  if (!isObject(spec)) return 'nothing';
  const { dtype, shape, tensorName } = spec;
  if (!KNOWN_DTYPES.includes(dtype)) return `the dtype ${JSON.stringify(dtype)}; known are ${DTYPES.join(', ')}`;
  if (typeof tensorName !== 'string') return 'no tensorName; use its name if the runtime has no other';
  if (shape === undefined || (Array.isArray(shape) && shape.every((dim) => isCount(dim, -1)))) return undefined;
  return `the shape ${JSON.stringify(shape)}; it is a list of numbers, -1 for any size`;
}

function isObject(value: unknown): value is Unchecked {
  return typeof value === 'object' && value !== null;
}

function isCount(value: unknown, min: number): boolean {
  return Number.isInteger(value) && (value as number) >= min;
}
