/** Names for an error's text: quoted, in order, cut where the list would drown the sentence. */

const MAX_NAMES = 20;
const MAX_NAME_LENGTH = 120;

export function listNames(names: Iterable<string>): string {
  const all = [...names];
  if (all.length === 0) return '(none)';
  const shown = all.slice(0, MAX_NAMES).map(quoteName);
  if (all.length > MAX_NAMES) shown.push(`… and ${all.length - MAX_NAMES} more`);
  return shown.join(', ');
}

/** A caller's own name for something, quoted and cut: it may be a megabyte long. */
export function quoteName(name: string): string {
  return JSON.stringify(name.length > MAX_NAME_LENGTH ? `${name.slice(0, MAX_NAME_LENGTH)}…` : name);
}

/** A version's signature, as the subject of an error's text. */
export function describeSignature(model: { name: string; version: bigint; signatureName: string }): string {
  return `model "${model.name}" version ${model.version} signature "${model.signatureName}"`;
}
