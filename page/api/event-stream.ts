/** Server-sent events of a stream of text, by the HTML living standard. Pure. */

export interface StreamEvent {
  event: string;
  data: string;
}

export interface EventParser {
  /** @returns the events that are whole by now */
  push(text: string): StreamEvent[];
  /** The id of the last whole event; the empty text before the first. */
  lastId(): string;
  /** The milliseconds that the server wants a reader to wait before it opens the stream again; null: it said nothing. */
  retryMs(): number | null;
}

export function createEventParser(lastId = ''): EventParser {
  let rest = '';
  let event = '';
  let data: string[] = [];
  let id = lastId;
  let idInBlock = lastId;
  let retry: number | null = null;

  const readLine = (line: string): StreamEvent[] => {
    if (line === '') {
      const whole = data.length > 0 ? [{ event: event || 'message', data: data.join('\n') }] : [];
      id = idInBlock;
      event = '';
      data = [];
      return whole;
    }
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') event = value;
    else if (name === 'data') data.push(value);
    else if (name === 'id' && !value.includes('\0')) idInBlock = value;
    else if (name === 'retry' && /^\d+$/.test(value)) retry = Number(value);
    return [];
  };
  return {
    push(text) {
      const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop()!;
      return lines.flatMap(readLine);
    },
    lastId: () => id,
    retryMs: () => retry,
  };
}
