/** The part of WebAssembly's API that the job runner uses. TypeScript has its types only with those of a browser. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports: Record<string, Record<string, (...values: number[]) => number>>);
    readonly exports: Record<string, unknown>;
  }
  class Memory {
    readonly buffer: ArrayBuffer;
    /** @param pages how many pages of 64 KiB the memory gets in addition; views of the old `buffer` become empty */
    grow(pages: number): number;
  }
  class Global {
    value: number;
  }
  /** A trap, for instance `unreachable()`. */
  class RuntimeError extends Error {}
}
