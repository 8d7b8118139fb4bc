/** The version of HTTP in which the tests of a process speak REST: 1.1, unless a test file asks for 2 before all else. */

let version: 1.1 | 2 = 1.1;

export function useHttp2(): void {
  version = 2;
}

export function isHttp2(): boolean {
  return version === 2;
}

/** Skips a test of what HTTP/1.1 alone has. */
export function skipsHttp2(): { readonly skip: boolean } {
  return { skip: isHttp2() };
}
