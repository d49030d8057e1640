import { type Api, Refused } from './client';
import { EventParser, type ServerEvent } from './sse';

/** First and longest pause before the stream is opened again, milliseconds. */
const PAUSE_MS = { first: 500, longest: 5_000 };
/** A stream that is silent for this long is taken for dead: after a change of network nobody tells us. Milliseconds. */
const SILENCE_MS = 60_000;

export interface Follower {
  event(event: ServerEvent): void;
  /** The stream is open: what happened while it was not has to be asked for. */
  opened(): void;
  /** The session is over; the stream will not be opened again. */
  unauthorized(): void;
}

/** Follows the agent's events until the signal aborts, through every interruption. Resolves then; never throws. */
export async function follow(api: Api, signal: AbortSignal, follower: Follower): Promise<void> {
  let pause = PAUSE_MS.first;
  while (!signal.aborted) {
    const attempt = new AbortController();
    const giveUp = () => attempt.abort();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      const stream = await api.events(attempt.signal);
      pause = PAUSE_MS.first;
      follower.opened();
      await drain(stream, attempt, follower);
    } catch (error) {
      if (error instanceof Refused && error.status === 401) {
        follower.unauthorized();
        return;
      }
    } finally {
      signal.removeEventListener('abort', giveUp);
      attempt.abort();
    }
    await sleep(pause, signal);
    pause = Math.min(pause * 2, PAUSE_MS.longest);
  }
}

async function drain(stream: ReadableStream<Uint8Array>, attempt: AbortController, follower: Follower): Promise<void> {
  const parser = new EventParser();
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  for (;;) {
    const silence = setTimeout(() => attempt.abort(), SILENCE_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(silence));
    if (done) return;
    for (const event of parser.push(decoder.decode(value, { stream: true }))) follower.event(event);
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    function done() {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
