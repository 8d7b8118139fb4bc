/** The table of errors in the code → the table of docs/reference/errors.md. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { withParts } from './page-parts.mjs';

/**
 * The page with the codes of each error between its marks.
 * @param {string} code the directory of the compiled src/
 */
export async function withErrors(page, code) {
  const { ERROR_TABLE, GrpcStatus } = await import(pathToFileURL(join(code, 'core/errors.js')).href);
  const names = Object.fromEntries(Object.entries(GrpcStatus).map(([name, status]) => [status, name]));
  const rows = Object.entries(ERROR_TABLE).map(
    ([id, { grpc, http, retryable }]) => `| [${id}](#${id}) | ${names[grpc]} | ${http} | ${retryable ? 'yes' : 'no'} |`,
  );
  const codes = ['| id | gRPC | REST | may be sent again |', '|---|---|---|---|', ...rows].join('\n');
  return withParts(page, 'errors', { codes });
}
