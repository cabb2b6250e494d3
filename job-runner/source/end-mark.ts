const END_MARK = 0x1a;

/**
 * Leaves out the characters 0x1A at the end of a text, by which DOS programs mark the end: they are no record, and no part
 * of the last one. Anywhere else 0x1A is a character of the text.
 */
export async function* withoutEndMark(text: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  let held = 0;
  for await (const piece of text) {
    let end = piece.length;
    while (end > 0 && piece[end - 1] === END_MARK) end -= 1;
    if (end > 0) {
      if (held > 0) yield Buffer.alloc(held, END_MARK);
      held = 0;
      yield piece.subarray(0, end);
    }
    held += piece.length - end;
  }
}
