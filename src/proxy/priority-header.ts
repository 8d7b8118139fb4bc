/**
 * `x-pillion-priority`: which requests matter more when there is not time for all. As an HTTP header and as gRPC metadata,
 * read once for each head that clients repeat.
 */
import { ServingError } from '../core/errors.ts';
import { quoteName } from '../core/list-names.ts';
import { PRIORITY_HEADER, PRIORITY_NAMES, type PriorityClass, parsePriority } from '../core/priority.ts';

/** The class, undefined if the header is not there, or what is wrong with it. */
export function readPriority(text: string | undefined): PriorityClass | undefined | ServingError {
  if (text === undefined) return undefined;
  return (
    parsePriority(text) ??
    new ServingError(
      'invalid_request',
      `${PRIORITY_HEADER} is ${quoteName(text)}; send one of ${PRIORITY_NAMES.join(', ')}, or leave it out`,
    )
  );
}
