import type { Availability, CallDetails, CallRecord, Calls, Colleague, Login, Me, SipCredentials } from './types';

/** The gateway answered, and the answer is no. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    /** Seconds to wait before the next try, from Retry-After; 0 when the gateway did not say. */
    readonly retryAfter = 0,
  ) {
    super(`${status} ${title}${detail === '' ? '' : `: ${detail}`}`);
    this.name = 'Refused';
  }
}

/** The gateway did not answer at all. */
export class Unreachable extends Error {
  constructor(cause: unknown) {
    super('the gateway does not answer', { cause });
    this.name = 'Unreachable';
  }
}

const TIMEOUT_MS = 10_000;

/** The gateway's HTTP API. Every method throws Refused, Unreachable, or AbortError, and nothing else. */
export class Api {
  /** The bearer token of the session; empty before login. */
  token = '';

  constructor(private readonly base: string) {}

  login(user: string, password: string): Promise<Login> {
    return this.json<Login>('POST', '/login', { user, password });
  }

  async logout(): Promise<void> {
    await this.send('POST', '/logout');
  }

  me(): Promise<Me> {
    return this.json<Me>('GET', '/me');
  }

  setAvailability(availability: Pick<Availability, 'type' | 'until'>): Promise<unknown> {
    return this.send('PUT', '/me/availability', availability);
  }

  sipCredentials(): Promise<SipCredentials> {
    return this.json<SipCredentials>('POST', '/me/sip-credentials');
  }

  async calls(limit: number): Promise<CallRecord[]> {
    const { calls } = await this.json<Calls>('GET', `/me/calls?limit=${limit}`);
    return calls;
  }

  call(id: string): Promise<CallDetails> {
    return this.json<CallDetails>('GET', `/calls/${encodeURIComponent(id)}`);
  }

  colleagues(): Promise<Colleague[]> {
    return this.json<Colleague[]>('GET', '/agents');
  }

  /** Opens the stream of the agent's events. The caller reads and aborts it. */
  async events(signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const response = await this.fetch('GET', '/me/events', undefined, signal, 'text/event-stream');
    if (!response.body) throw new Unreachable('an answer without a body');
    return response.body;
  }

  private async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.send(method, path, body);
    try {
      return (await response.json()) as T;
    } catch (cause) {
      throw new Unreachable(cause);
    }
  }

  private send(method: string, path: string, body?: unknown): Promise<Response> {
    return this.fetch(method, path, body, AbortSignal.timeout(TIMEOUT_MS), 'application/json');
  }

  private async fetch(method: string, path: string, body: unknown, signal: AbortSignal, accept: string): Promise<Response> {
    const headers: Record<string, string> = { Accept: accept };
    if (this.token !== '') headers['Authorization'] = `Bearer ${this.token}`;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    let response: Response;
    try {
      response = await fetch(this.base + path, {
        method,
        headers,
        signal,
        // No cookies, ever: inside Salesforce they would be a third party's.
        credentials: 'omit',
        cache: 'no-store',
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (cause) {
      if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
      throw new Unreachable(cause);
    }
    if (response.ok) return response;
    throw await refusal(response);
  }
}

/** Reads a problem report (RFC 9457); whatever else came, the status is enough. */
async function refusal(response: Response): Promise<Refused> {
  const problem = (await response.json().catch(() => ({}))) as { title?: unknown; detail?: unknown };
  const text = (value: unknown, otherwise: string) => (typeof value === 'string' ? value : otherwise);
  const retryAfter = Number.parseInt(response.headers.get('Retry-After') ?? '', 10);
  return new Refused(
    response.status,
    text(problem.title, response.statusText),
    text(problem.detail, ''),
    Number.isFinite(retryAfter) ? retryAfter : 0,
  );
}
