// Drives the real phone in a real Chromium. Used by the end-to-end tests here and by those of the gateway:
//
//   const browser = await openBrowser({ toneHz: 440 });
//   const anna = await PhonePage.open(browser, 'http://127.0.0.1:8080/phone/');
//   await anna.login('anna', 'demo-anna');
//   await anna.registered();
//   await anna.rings();  await anna.answer();
//   console.log(await anna.state(), await anna.heard());
//
// Every wait ends with an error that says what the page showed.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { chromium } from 'playwright-core';

export const widths = {
  panel: { width: 400, height: 700 },
  desktop: { width: 1280, height: 800 },
  phone: { width: 375, height: 812 },
};

/**
 * Starts Chromium with a microphone that hears a steady tone.
 * toneHz: its frequency; 0 for Chromium's own beeps. microphone: false for a machine without one that is allowed.
 */
export async function openBrowser({ executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium', toneHz = 0, headless = true, microphone = true, args = [] } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'phone-e2e-'));
  const browser = await chromium.launch({ executablePath, headless, args: flagsFor(folder, { toneHz, microphone, args }) });
  browser.on('disconnected', () => rmSync(folder, { recursive: true, force: true }));
  return browser;
}

/** A Chromium with a profile that outlives it, so that it can be killed and started anew. */
export class Profile {
  constructor(toneHz = 0) {
    this.toneHz = toneHz;
    this.folder = mkdtempSync(join(tmpdir(), 'phone-profile-'));
  }

  /** Starts Chromium and opens the phone in it. */
  async open(url, { executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium' } = {}) {
    this.context = await chromium.launchPersistentContext(join(this.folder, 'profile'), {
      executablePath,
      headless: true,
      viewport: widths.panel,
      permissions: ['microphone'],
      args: flagsFor(this.folder, { toneHz: this.toneHz, microphone: true, args: [] }),
    });
    return PhonePage.openIn(this.context, url);
  }

  /** Whether a key of local storage is on the disk: Chromium writes it some seconds late. */
  kept(key) {
    const folder = join(this.folder, 'profile', 'Default', 'Local Storage', 'leveldb');
    return readdirSync(folder).some((name) => name.endsWith('.log') && readFileSync(join(folder, name), 'latin1').includes(key));
  }

  /** Kills Chromium, as a crash does: no page is told. */
  async crash() {
    const gone = new Promise((resolve) => this.context.on('close', resolve));
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const line = commandLine(pid);
      // The processes that draw pages carry --type and go with the first one.
      if (line.includes(`--user-data-dir=${join(this.folder, 'profile')}`) && !line.some((a) => a.startsWith('--type='))) process.kill(Number(pid), 'SIGKILL');
    }
    await gone;
  }

  async close() {
    await this.context?.close().catch(() => undefined);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

function commandLine(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // it has ended meanwhile
  }
}

function flagsFor(folder, { toneHz, microphone, args }) {
  const flags = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--autoplay-policy=no-user-gesture-required',
    '--disable-features=WebRtcHideLocalIpsWithMdns',
    ...args,
  ];
  if (microphone) flags.push('--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream');
  if (microphone && toneHz > 0) {
    const file = join(folder, 'tone.wav');
    writeFileSync(file, wav(toneHz));
    flags.push(`--use-file-for-fake-audio-capture=${file}`);
  }
  return flags;
}

/** Ten seconds of a tone at a quarter of full scale, 48 kHz mono 16 bit; Chromium repeats it. */
function wav(hz) {
  const rate = 48_000;
  // A whole number of periods, so that the repeat does not click.
  const samples = Math.round((Math.round(10 * hz) / hz) * rate);
  const out = Buffer.alloc(44 + samples * 2);
  out.write('RIFF', 0);
  out.writeUInt32LE(36 + samples * 2, 4);
  out.write('WAVEfmt ', 8);
  out.writeUInt32LE(16, 16);
  out.writeUInt16LE(1, 20);
  out.writeUInt16LE(1, 22);
  out.writeUInt32LE(rate, 24);
  out.writeUInt32LE(rate * 2, 28);
  out.writeUInt16LE(2, 32);
  out.writeUInt16LE(16, 34);
  out.write('data', 36);
  out.writeUInt32LE(samples * 2, 40);
  for (let i = 0; i < samples; i++) out.writeInt16LE(Math.round(8192 * Math.sin((2 * Math.PI * hz * i) / rate)), 44 + i * 2);
  return out;
}

/** Keeps hold of the page's peer connections and sockets, which the phone itself hides. Runs in the page. */
function watchConnections() {
  const Socket = window.WebSocket;
  window.cordboardSockets = [];
  window.WebSocket = class extends Socket {
    constructor(...args) {
      super(...args);
      window.cordboardSockets.push(this);
    }
  };
  const Original = window.RTCPeerConnection;
  window.cordboardConnections = [];
  window.RTCPeerConnection = class extends Original {
    constructor(...args) {
      super(...args);
      window.cordboardConnections.push(this);
    }
  };
}

export class PhonePage {
  constructor(page, url) {
    this.page = page;
    this.url = url;
    this.errors = [];
    page.on('pageerror', (error) => this.errors.push(String(error)));
  }

  /** Opens the phone in a profile of its own. denyMicrophone: the person said no. */
  static async open(browser, url, { viewport = widths.panel, denyMicrophone = false } = {}) {
    return this.openIn(await browser.newContext({ viewport, ignoreHTTPSErrors: true, permissions: denyMicrophone ? [] : ['microphone'] }), url);
  }

  static async openIn(context, url) {
    await context.addInitScript(watchConnections);
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    const phone = new PhonePage(page, url);
    await page.goto(url);
    return phone;
  }

  at(testid) {
    return this.page.locator(`[data-testid="${testid}"]`);
  }

  async login(user, password) {
    await this.at('login-user').fill(user);
    await this.at('login-password').fill(password);
    await this.at('login-submit').click();
  }

  /** Waits until calls can reach the phone. */
  registered(ms) {
    return this.waitFor('[data-testid="line-state"][data-state="ready"]', 'to be registered', ms);
  }

  lineState(state, ms) {
    return this.waitFor(`[data-testid="line-state"][data-state="${state}"]`, `the line to be ${state}`, ms);
  }

  /** Waits for a phase of the call: ringing, answering, calling, alerting, talking, over. */
  phase(phase, ms) {
    return this.waitFor(`[data-testid="call"][data-phase="${phase}"]`, `the call to be ${phase}`, ms);
  }

  rings(ms) {
    return this.phase('ringing', ms);
  }

  async answer(ms) {
    await this.at('answer').click();
    await this.phase('talking', ms);
  }

  async dial(number) {
    await this.at('dial-input').fill(number);
    await this.at('dial-call').click();
  }

  decline() {
    return this.at('decline').click();
  }

  async hangUp() {
    await this.at('end').click();
    await this.phase('over');
  }

  async hold() {
    await this.at('hold').click();
    await this.waitFor('[data-testid="call"][data-hold="held"]', 'the call to be held');
  }

  async resume() {
    await this.at('hold').click();
    await this.waitFor('[data-testid="call"][data-hold="no"]', 'the call to be resumed');
  }

  mute() {
    return this.at('mute').click();
  }

  /** Sends digits with the keypad of the call. */
  async digits(tones) {
    if (!(await this.at('digits-sent').isVisible())) await this.at('keypad-toggle').click();
    for (const tone of tones) await this.at(`key-${tone === '*' ? 'star' : tone === '#' ? 'hash' : tone}`).click();
  }

  reload() {
    return this.page.reload();
  }

  /** Loses the SIP socket, as a proxy that restarts does; the page and its sound go on. */
  cutSocket() {
    return this.page.evaluate(() => window.cordboardSockets.at(-1)?.close());
  }

  /** What the page shows, as plain values; absent things are "". */
  state() {
    return this.page.evaluate(() => {
      const at = (testid) => document.querySelector(`[data-testid="${testid}"]`);
      const text = (testid) => at(testid)?.textContent ?? '';
      const data = (testid, name) => at(testid)?.dataset[name] ?? '';
      return {
        line: data('line-state', 'state'),
        availability: data('availability', 'type'),
        phase: data('call', 'phase'),
        direction: data('call', 'direction'),
        callId: data('call', 'id'),
        hold: data('call', 'hold'),
        muted: data('call', 'muted') === 'true',
        name: text('call-name'),
        number: text('call-number'),
        queue: text('call-queue'),
        timer: text('call-timer'),
        match: text('call-match'),
        matchCount: data('call-match', 'count'),
        links: [...document.querySelectorAll('[data-testid="call-match-link"]')].map((a) => a.href),
        digits: text('digits-sent'),
        trouble: data('trouble', 'kind'),
        troubleText: text('trouble'),
        banner: text('line-banner'),
        title: document.title,
        focus: document.activeElement?.dataset.testid ?? '',
      };
    });
  }

  /**
   * Listens for so many milliseconds to what the agent hears: the strongest frequency in Hz, its level (RMS, dBFS), and
   * how many 20 ms stretches were silent.
   */
  heard(ms = 1_000) {
    return this.page.evaluate(async (length) => {
      const connection = window.cordboardConnections.at(-1);
      const track = connection?.getReceivers().find((r) => r.track.kind === 'audio')?.track;
      if (!track) return { hz: 0, db: -Infinity, silent: 0, frames: 0 };
      const context = new AudioContext({ sampleRate: 48_000 });
      const analyser = context.createAnalyser();
      analyser.fftSize = 32_768;
      analyser.smoothingTimeConstant = 0;
      context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
      const short = context.createAnalyser();
      short.fftSize = 1_024;
      context.createMediaStreamSource(new MediaStream([track])).connect(short);
      const samples = new Float32Array(short.fftSize);
      const level = (s) => 10 * Math.log10(s.reduce((sum, x) => sum + x * x, 0) / s.length + 1e-12);
      let silent = 0;
      let frames = 0;
      const end = performance.now() + length;
      while (performance.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        short.getFloatTimeDomainData(samples);
        frames++;
        if (level(samples) < -55) silent++;
      }
      const spectrum = new Float32Array(analyser.frequencyBinCount);
      analyser.getFloatFrequencyData(spectrum);
      const wave = new Float32Array(analyser.fftSize);
      analyser.getFloatTimeDomainData(wave);
      const bin = spectrum.indexOf(Math.max(...spectrum));
      const db = level(wave);
      await context.close();
      return { hz: (bin * 48_000) / analyser.fftSize, db, silent, frames };
    }, ms);
  }

  /** Codec, packets, loss and jitter of both directions, from the browser's own statistics. */
  statistics() {
    return this.page.evaluate(async () => {
      const connection = window.cordboardConnections.at(-1);
      if (!connection) return null;
      const reports = [...(await connection.getStats()).values()];
      const of = (type) => reports.find((r) => r.type === type && r.kind === 'audio');
      const codec = (report) => reports.find((r) => r.id === report?.codecId)?.mimeType ?? '';
      const received = of('inbound-rtp');
      const sent = of('outbound-rtp');
      return {
        ice: connection.iceConnectionState,
        received: { codec: codec(received), packets: received?.packetsReceived ?? 0, lost: received?.packetsLost ?? 0, jitter: received?.jitter ?? 0, concealed: received?.concealedSamples ?? 0 },
        sent: { codec: codec(sent), packets: sent?.packetsSent ?? 0 },
      };
    });
  }

  /** Takes a picture of the page; the folder is made when missing. */
  async picture(file) {
    mkdirSync(dirname(file), { recursive: true });
    await this.page.screenshot({ path: file });
  }

  async close() {
    await this.page.context().close();
  }

  async waitFor(selector, what, ms = 10_000) {
    try {
      await this.page.waitForSelector(selector, { timeout: ms });
    } catch {
      const shown = await this.state().catch(() => 'nothing');
      throw new Error(`waited ${ms} ms for ${what}; the page shows ${JSON.stringify(shown)}; its errors: ${this.errors.join(' | ')}`);
    }
  }
}
