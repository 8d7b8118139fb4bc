/** `x-pillion-priority`, an HTTP header and gRPC metadata: which requests go first when there is not time for all. */
import { ServingError } from '../core/errors.ts';
import { quoteName } from '../core/list-names.ts';
import { PRIORITY_HEADER, PRIORITY_NAMES, type PriorityClass, parsePriority } from '../core/priority.ts';

/** The class; undefined without the header; an error if its value is unknown. */
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
