import type { Socket } from 'jssip';

/**
 * The browser's WebSocket as JsSIP wants one (https://jssip.net/documentation, Socket interface). JsSIP's own keeps its
 * address for life; ours takes the newest one at each connect, because the address may carry a ticket that expires.
 */
export class SipSocket implements Socket {
  via_transport: string;
  readonly sip_uri: string;
  private ws: WebSocket | undefined;

  // Set by JsSIP's transport before connect.
  onconnect = (): void => undefined;
  ondisconnect = (_error: boolean, _code?: number, _reason?: string): void => undefined;
  ondata = (_data: unknown): void => undefined;

  constructor(private address: URL) {
    this.via_transport = address.protocol === 'wss:' ? 'WSS' : 'WS';
    this.sip_uri = `sip:${address.host};transport=ws`;
  }

  get url(): string {
    return this.address.href;
  }

  /** The address for the next connect. */
  aim(address: URL): void {
    this.address = address;
  }

  connect(): void {
    if (this.isConnected() || this.isConnecting()) return;
    this.disconnect();
    // RFC 7118 section 4: the subprotocol is "sip".
    const ws = new WebSocket(this.address, 'sip');
    ws.binaryType = 'arraybuffer';
    ws.onopen = () => this.onconnect();
    ws.onclose = (e) => this.ondisconnect(!e.wasClean, e.code, e.reason);
    ws.onmessage = (e) => this.ondata(e.data);
    this.ws = ws;
  }

  disconnect(): void {
    const ws = this.ws;
    if (!ws) return;
    ws.onopen = ws.onclose = ws.onmessage = null;
    ws.close();
    this.ws = undefined;
  }

  /** Takes the connection for dead, as after a change of network, when the browser itself would need a minute for it. */
  drop(): void {
    if (!this.ws) return;
    this.disconnect();
    this.ondisconnect(true, 1006, 'dropped');
  }

  send(message: string): boolean {
    if (!this.isConnected()) return false;
    this.ws?.send(message);
    return true;
  }

  isConnected(): boolean {
    return this.ws?.readyState === WebSocket.OPEN;
  }

  isConnecting(): boolean {
    return this.ws?.readyState === WebSocket.CONNECTING;
  }
}

/** The address of the SIP socket: what the API said, relative to the page, with the page's own security. */
export function socketAddress(wsUrl: string, page: string): URL {
  const address = new URL(wsUrl, page);
  if (address.protocol === 'http:') address.protocol = 'ws:';
  if (address.protocol === 'https:') address.protocol = 'wss:';
  return address;
}
