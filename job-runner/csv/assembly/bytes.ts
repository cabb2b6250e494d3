/** Characters by their byte. */

export const LF: i32 = 0x0a;
export const CR: i32 = 0x0d;
export const QUOTE: i32 = 0x22;
export const DASH: i32 = 0x2d;
export const DOT: i32 = 0x2e;
export const ZERO: i32 = 0x30;
export const AT: i32 = 0x40;
