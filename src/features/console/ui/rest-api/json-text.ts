/** JSON for people: a list or an object of plain values is one line, others have a line for each. Pure. */
export function jsonText(value: unknown, indent = ''): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const isList = Array.isArray(value);
  const entries = Object.entries(value);
  if (entries.every(([, each]) => typeof each !== 'object' || each === null)) return JSON.stringify(value);
  const inner = `${indent} `;
  const lines = entries.map(([key, each]) => {
    const text = jsonText(each, inner);
    return inner + (isList ? text : `${JSON.stringify(key)}: ${text}`);
  });
  const [first, last] = isList ? '[]' : '{}';
  return `${first}\n${lines.join(',\n')}\n${indent}${last}`;
}
