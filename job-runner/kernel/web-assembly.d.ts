/** What the kernel needs of the WebAssembly API, whose types TypeScript only has together with those of a browser. */
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
    /** By so many pages; what was taken of it before is gone. */
    grow(pages: number): number;
  }
  class Global {
    value: number;
  }
}
