/**
 * The media types under which protobuf is sent over HTTP. None is registered, so all that are in use are taken, and the
 * answer has the one of its request. Any other Content-Type is left aside, as TensorFlow Serving does: the body is JSON.
 */

const TYPES: readonly string[] = ['application/x-protobuf', 'application/protobuf', 'application/vnd.google.protobuf'];

/** Pure. Parameters (`; proto=…`) are left aside. */
export function protobufTypeOf(contentType: string | undefined): string | undefined {
  if (contentType === undefined) return undefined;
  const end = contentType.indexOf(';');
  const type = (end === -1 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
  return TYPES.includes(type) ? type : undefined;
}
