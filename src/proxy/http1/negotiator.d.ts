/** Of negotiator 1.1 what is used here: the types that are published for it are those of 0.6. */
declare module 'negotiator' {
  export class Negotiator {
    constructor(request: { readonly headers: Readonly<Record<string, string>> });

    /** The best of `available`; at the same weight the first of `preferred`. Undefined = none is accepted. */
    encoding(available: readonly string[], options: { readonly preferred: readonly string[] }): string | undefined;
  }
}
