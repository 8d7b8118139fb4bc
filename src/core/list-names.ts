/** Names in error texts: quoted, and cut so that a text stays readable. */

const MAX_NAMES = 20;
const MAX_NAME_LENGTH = 120;

/** '"a", "b", … and 3 more'. */
export function listNames(names: Iterable<string>): string {
  const all = [...names];
  if (all.length === 0) return '(none)';
  const shown = all.slice(0, MAX_NAMES).map(quoteName);
  if (all.length > MAX_NAMES) shown.push(`… and ${all.length - MAX_NAMES} more`);
  return shown.join(', ');
}

/** A name that a caller sent, quoted and cut: it may be a megabyte long. */
export function quoteName(name: string): string {
  return JSON.stringify(cutName(name));
}

/** The same without quotes, for texts that have others. */
export function cutName(name: string): string {
  return name.length > MAX_NAME_LENGTH ? `${name.slice(0, MAX_NAME_LENGTH)}…` : name;
}

/** A version's signature, as the subject of an error's text. */
export function describeSignature(model: { name: string; version: bigint; signatureName: string }): string {
  return `model "${model.name}" version ${model.version} signature "${model.signatureName}"`;
}
