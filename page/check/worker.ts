/** The Web Worker of the page. */
export {};
