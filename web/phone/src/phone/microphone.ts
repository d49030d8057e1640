/** What the agent speaks into. Opened for a call, closed after it, so that no browser shows a hot microphone in between. */
export class Microphone {
  private stream: MediaStream | undefined;
  /** Counts openings: a microphone that opens after its call has gone is closed again. */
  private opening = 0;

  constructor(
    /** The chosen device's id; empty: what the system prefers. */
    private device: string,
  ) {}

  /** Opens it. Throws what getUserMedia throws, or an error named InsecurePage or AbortError. */
  async open(): Promise<MediaStream> {
    const turn = ++this.opening;
    const stream = await ask(this.device);
    if (turn !== this.opening) {
      stop(stream);
      throw named('AbortError', 'the microphone is not wanted any more');
    }
    this.release();
    this.stream = stream;
    return stream;
  }

  close(): void {
    this.opening++;
    this.release();
  }

  /** Chooses another device; when one is open, opens the new one and returns its track. */
  async choose(device: string): Promise<MediaStreamTrack | undefined> {
    this.device = device;
    if (!this.stream) return undefined;
    const stream = await this.open();
    return stream.getAudioTracks()[0];
  }

  get chosen(): string {
    return this.device;
  }

  private release(): void {
    if (this.stream) stop(this.stream);
    this.stream = undefined;
  }
}

/** Asks the browser for a device; when the chosen one is gone, for any. */
async function ask(device: string): Promise<MediaStream> {
  // Absent on http pages (https://w3c.github.io/mediacapture-main, secure contexts), whatever the declaration says.
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (!devices) throw named('InsecurePage', 'this page may not use the microphone');
  const sound = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  if (device === '') return devices.getUserMedia({ audio: sound });
  try {
    return await devices.getUserMedia({ audio: { ...sound, deviceId: { exact: device } } });
  } catch (error) {
    if (error instanceof DOMException && (error.name === 'OverconstrainedError' || error.name === 'NotFoundError'))
      return devices.getUserMedia({ audio: sound });
    throw error;
  }
}

function stop(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

function named(name: string, message: string): Error {
  const error = new Error(message);
  error.name = name;
  return error;
}

export interface Device {
  id: string;
  label: string;
}

export interface Devices {
  microphones: Device[];
  speakers: Device[];
}

/** The devices there are. Browsers tell their names only once the microphone has been allowed. */
export async function listDevices(): Promise<Devices> {
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (!devices) return { microphones: [], speakers: [] };
  const all = await devices.enumerateDevices();
  const of = (kind: MediaDeviceKind, word: string) =>
    all
      .filter((d) => d.kind === kind && d.deviceId !== '' && d.deviceId !== 'default' && d.deviceId !== 'communications')
      .map((d, i) => ({ id: d.deviceId, label: d.label !== '' ? d.label : `${word} ${i + 1}` }));
  return { microphones: of('audioinput', 'Microphone'), speakers: of('audiooutput', 'Speaker') };
}

/** Measures a microphone until stopped: calls back some 20 times a second with a level from 0 to 1. */
export async function measure(device: string, level: (level: number) => void): Promise<() => void> {
  const stream = await ask(device);
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    level(loudness(samples));
  }, 50);
  return () => {
    clearInterval(timer);
    stop(stream);
    void context.close();
  };
}

/** Root mean square as 0..1 over the 60 dB in which speech lies. */
export function loudness(samples: Float32Array): number {
  let sum = 0;
  for (const s of samples) sum += s * s;
  const db = 10 * Math.log10(sum / Math.max(1, samples.length) + 1e-12);
  return Math.min(1, Math.max(0, (db + 60) / 60));
}
