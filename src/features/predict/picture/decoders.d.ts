/** The parts that are used of the packages that decode pictures; one has no types of its own. */

declare module 'pngjs' {
  export const PNG: {
    readonly sync: {
      /** RGBA, 8 bits each, in rows. Throws an Error for what is no PNG. */
      read(file: Uint8Array): { readonly width: number; readonly height: number; readonly data: Uint8Array };
    };
  };
}

declare module 'jpeg-js' {
  interface DecodeOptions {
    readonly useTArray: true;
    readonly formatAsRGBA: true;
    /** Half a picture is one. */
    readonly tolerantDecoding: boolean;
    readonly maxResolutionInMP: number;
    readonly maxMemoryUsageInMB: number;
  }
  /** RGBA, 8 bits each, in rows. Throws an Error for what is no JPEG, or too large. */
  export function decode(
    file: Uint8Array,
    options: DecodeOptions,
  ): { readonly width: number; readonly height: number; readonly data: Uint8Array };
}
