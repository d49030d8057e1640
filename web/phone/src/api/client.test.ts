import { afterEach, describe, expect, it, vi } from 'vitest';
import { Api, Refused, Unreachable } from './client';
import { follow } from './events';

afterEach(() => {
  vi.unstubAllGlobals();
});

function answer(...responses: (Response | Error)[]) {
  const fetched = vi.fn<typeof fetch>(() => {
    const next = responses.shift() ?? new Error('no more answers');
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
  });
  vi.stubGlobal('fetch', fetched);
  return fetched;
}

describe('the API', () => {
  it('is asked with the bearer token and without cookies', async () => {
    const fetched = answer(Response.json({ calls: [] }));
    const api = new Api('/api/v1');
    api.token = 'secret';
    expect(await api.calls(50)).toEqual([]);
    const [url, init] = fetched.mock.lastCall ?? [];
    expect(url).toBe('/api/v1/me/calls?limit=50');
    expect(init).toMatchObject({ credentials: 'omit', headers: { Authorization: 'Bearer secret' } });
  });

  it('tells a refusal with the reason the gateway gave', async () => {
    answer(Response.json({ title: 'Too Many Requests', detail: 'wait' }, { status: 429, headers: { 'Retry-After': '30' } }));
    await expect(new Api('').login('a', 'b')).rejects.toMatchObject({ status: 429, title: 'Too Many Requests', detail: 'wait', retryAfter: 30 });
  });

  it('tells a refusal also where a proxy answered with a page of its own', async () => {
    answer(new Response('<html>', { status: 502 }));
    await expect(new Api('').me()).rejects.toBeInstanceOf(Refused);
  });

  it('tells a server that does not answer, or not in JSON, from one that says no', async () => {
    answer(new TypeError('Failed to fetch'), new Response('<html>'));
    const api = new Api('');
    await expect(api.me()).rejects.toBeInstanceOf(Unreachable);
    await expect(api.me()).rejects.toBeInstanceOf(Unreachable);
  });
});

describe('the events', () => {
  it('are followed through interruptions until the session is over', async () => {
    const stream = (text: string) => new Response(text, { headers: { 'Content-Type': 'text/event-stream' } });
    answer(stream('event: a\ndata: 1\n\n'), new TypeError('Failed to fetch'), stream('event: b\ndata: 2\n\n'), new Response('', { status: 401 }));
    const heard: string[] = [];
    let over = false;
    vi.useFakeTimers();
    const following = follow(new Api(''), new AbortController().signal, {
      event: ({ name, data }) => heard.push(`${name} ${data}`),
      opened: () => heard.push('opened'),
      unauthorized: () => (over = true),
    });
    await vi.advanceTimersByTimeAsync(20_000);
    await following;
    vi.useRealTimers();
    expect(heard).toEqual(['opened', 'a 1', 'opened', 'b 2']);
    expect(over).toBe(true);
  });

  it('stop at once when nobody listens any more', async () => {
    answer(new TypeError('Failed to fetch'));
    const abort = new AbortController();
    const following = follow(new Api(''), abort.signal, { event: vi.fn(), opened: vi.fn(), unauthorized: vi.fn() });
    abort.abort();
    await following;
  });
});
