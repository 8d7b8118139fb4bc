/** How a request of the protocol names a model: by a name, and a version as text. */
import { invalidRequest, ServingError } from '../../../core/errors.ts';
import type { ModelSpec } from '../../../core/model-spec.ts';

const MAX_VERSION = 2n ** 63n - 1n;

/**
 * `version`: a number; a label of the model, as the protocol allows any text; or empty: the server chooses, as for a
 * request of TensorFlow Serving without a version. Throws `model_not_found`, `invalid_request`.
 */
export function modelSpecOf(name: string, version: string): ModelSpec {
  if (name === '') {
    const words = "Request for unknown model: '' is not found";
    throw new ServingError('model_not_found', `${words}; the name is empty: send that of a served model`);
  }
  if (version === '') return { name };
  if (!/^\d+$/.test(version)) return { name, label: version };
  const number = version.length <= MAX_VERSION.toString().length ? BigInt(version) : MAX_VERSION + 1n;
  if (number <= MAX_VERSION) return { name, version: number };
  throw invalidRequest(`version ${version.slice(0, 40)} is too large; versions end at ${MAX_VERSION}`);
}

/** The model that a caller must be allowed to ask about. */
export function modelOf({ name }: { readonly name: string }): string | undefined {
  // Statistics without a name are of all models, and leave out what the caller may not know.
  return name === '' ? undefined : name;
}

/** The version in a path as text: a number or a label; empty if the path names none. */
export function versionText({ version, label }: ModelSpec): string {
  return version?.toString() ?? label ?? '';
}
