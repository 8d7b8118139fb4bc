/** Methods of RFC 9110 and PATCH; any other is OpenTelemetry's `_OTHER`. */
const METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
]);

export const OTHER_HTTP_METHOD = '_OTHER';

/** A method as a label, and as an attribute of spans. */
export function methodClass(method: string): string {
  return METHODS.has(method) ? method : OTHER_HTTP_METHOD;
}
