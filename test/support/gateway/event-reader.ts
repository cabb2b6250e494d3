/** Reads server-sent events as they come. */

export interface ServerEvent {
  id: string | null;
  event: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into events of every form.
  data: any;
}

export class EventReader {
  readonly status: number;
  readonly headers: Headers;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #decoder = new TextDecoder();
  #text = '';
  /** How many comments have come, as heartbeats are. */
  comments = 0;

  constructor(response: Response) {
    this.status = response.status;
    this.headers = response.headers;
    this.#reader = response.body?.getReader();
  }

  /** @returns the next event; null when the stream has ended. */
  async next(): Promise<ServerEvent | null> {
    for (;;) {
      const end = this.#text.indexOf('\n\n');
      if (end === -1) {
        const { done, value } = (await this.#reader?.read()) ?? { done: true, value: undefined };
        if (done) return null;
        this.#text += this.#decoder.decode(value, { stream: true });
        continue;
      }
      const lines = this.#text.slice(0, end).split('\n');
      this.#text = this.#text.slice(end + 2);
      const field = (name: string) =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? null;
      const event = field('event');
      if (lines.some((line) => line.startsWith(':'))) this.comments += 1;
      if (event !== null) return { id: field('id'), event, data: JSON.parse(field('data') ?? 'null') };
    }
  }

  /** @returns all events up to and with the first one of this kind. */
  async until(event: string): Promise<ServerEvent[]> {
    const events: ServerEvent[] = [];
    for (;;) {
      const next = await this.next();
      if (next === null) throw new Error(`the stream has ended without ${event}: ${JSON.stringify(events)}`);
      events.push(next);
      if (next.event === event) return events;
    }
  }

  close(): void {
    this.#reader?.cancel().catch(() => undefined);
  }
}
