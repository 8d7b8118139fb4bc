/** The part of negotiator 1.1 that is used here: the published types are those of 0.6. */
declare module 'negotiator' {
  export class Negotiator {
    constructor(request: { readonly headers: Readonly<Record<string, string>> });

    /** The best of `available`; at the same weight the first of `preferred`. Undefined if none is accepted. */
    encoding(available: readonly string[], options: { readonly preferred: readonly string[] }): string | undefined;
  }
}
