// Server-sent events as they come over a fetch stream, which unlike EventSource can carry a bearer token.
// Format: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

export interface ServerEvent {
  /** The event's name; "message" when the server gave none. */
  name: string;
  data: string;
  id: string;
}

/** Longest line and longest event kept, in characters: a server gone mad may not fill the memory of the page. */
const LIMIT = 1 << 20;

/** Cuts a stream of text into events. Feed it with what arrives, however it is cut. */
export class EventParser {
  private rest = '';
  private data: string[] = [];
  private size = 0;
  private name = '';
  private id = '';
  private begun = false;
  /** The last chunk ended with CR: an LF at the start of the next one belongs to it. */
  private afterCR = false;

  push(chunk: string): ServerEvent[] {
    if (!this.begun && chunk !== '') {
      this.begun = true;
      if (chunk.startsWith('\uFEFF')) chunk = chunk.slice(1);
    }
    if (this.afterCR && chunk.startsWith('\n')) chunk = chunk.slice(1);
    if (chunk !== '') this.afterCR = chunk.endsWith('\r');

    const lines = (this.rest + chunk).split(/\r\n|\n|\r/);
    this.rest = lines.pop() ?? '';
    if (this.rest.length > LIMIT) throw new RangeError('a line of the event stream is longer than 1 MB');

    const events: ServerEvent[] = [];
    for (const line of lines) {
      const event = this.line(line);
      if (event) events.push(event);
    }
    return events;
  }

  private line(line: string): ServerEvent | undefined {
    if (line === '') return this.dispatch();
    if (line.startsWith(':')) return undefined;

    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    switch (field) {
      case 'data':
        this.size += value.length;
        if (this.size > LIMIT) throw new RangeError('an event is longer than 1 MB');
        this.data.push(value);
        break;
      case 'event':
        this.name = value;
        break;
      case 'id':
        if (!value.includes('\0')) this.id = value;
        break;
    }
    return undefined;
  }

  private dispatch(): ServerEvent | undefined {
    const event = { name: this.name === '' ? 'message' : this.name, data: this.data.join('\n'), id: this.id };
    const empty = this.data.length === 0;
    this.name = '';
    this.data = [];
    this.size = 0;
    return empty ? undefined : event;
  }
}
