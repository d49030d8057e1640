// The phone's own sounds, made by Web Audio: nothing to load, nothing to miss.

/** One sounding or silent stretch: frequencies in Hz (empty: silence), milliseconds, loudness 0..1. */
interface Beat {
  hz: readonly number[];
  ms: number;
  gain: number;
}

const silence = (ms: number): Beat => ({ hz: [], ms, gain: 0 });

/** Two rising pairs and a rest: heard across a room, borne all day. */
const RING: readonly Beat[] = [
  { hz: [659, 1318], ms: 140, gain: 0.16 },
  { hz: [784, 1568], ms: 140, gain: 0.16 },
  { hz: [988, 1976], ms: 220, gain: 0.18 },
  silence(180),
  { hz: [659, 1318], ms: 140, gain: 0.16 },
  { hz: [784, 1568], ms: 140, gain: 0.16 },
  { hz: [988, 1976], ms: 220, gain: 0.18 },
  silence(1800),
];
/** European ringing tone: 425 Hz, 1 s on, 4 s off (ITU-T E.180, ETSI TR 101 041). */
const RINGBACK: readonly Beat[] = [{ hz: [425], ms: 1000, gain: 0.08 }, silence(4000)];
/** Busy tone: 425 Hz, half a second on and off, for two seconds. */
const BUSY: readonly Beat[] = [0, 1, 2].flatMap(() => [{ hz: [425], ms: 400, gain: 0.08 }, silence(400)]);
const ENDED: readonly Beat[] = [{ hz: [440], ms: 90, gain: 0.08 }, silence(40), { hz: [330], ms: 140, gain: 0.08 }];

/** DTMF rows and columns (ITU-T Q.23), Hz. */
const ROWS = [697, 770, 852, 941] as const;
const COLUMNS = [1209, 1336, 1477, 1633] as const;
const KEYS = ['123A', '456B', '789C', '*0#D'] as const;

/** The two frequencies of a key, or none for what is not a key. */
export function dtmf(key: string): readonly number[] {
  for (const [row, keys] of KEYS.entries()) {
    const column = keys.indexOf(key.toUpperCase());
    const low = ROWS[row];
    const high = COLUMNS[column];
    if (key.length === 1 && low !== undefined && high !== undefined) return [low, high];
  }
  return [];
}

/** Plays the phone's tones. Each repeating tone stops the one before it. */
export class Tones {
  private context: AudioContext | undefined;
  private repeating: ReturnType<typeof setInterval> | undefined;
  private sounding = new Set<OscillatorNode>();

  /** To be called in a click: browsers let a page sound only after one. */
  wake(): void {
    const context = this.audio();
    if (context?.state === 'suspended') void context.resume();
  }

  ring(): void {
    this.repeat(RING);
  }

  ringback(): void {
    this.repeat(RINGBACK);
  }

  busy(): void {
    this.stop();
    this.play(BUSY);
  }

  ended(): void {
    this.stop();
    this.play(ENDED);
  }

  /** What a key sounds like to who presses it. */
  key(key: string): void {
    const hz = dtmf(key);
    if (hz.length > 0) this.play([{ hz, ms: 110, gain: 0.05 }]);
  }

  stop(): void {
    clearInterval(this.repeating);
    this.repeating = undefined;
    for (const oscillator of this.sounding) oscillator.stop();
    this.sounding.clear();
  }

  close(): void {
    this.stop();
    void this.context?.close();
    this.context = undefined;
  }

  private repeat(beats: readonly Beat[]): void {
    this.stop();
    this.play(beats);
    const ms = beats.reduce((sum, beat) => sum + beat.ms, 0);
    this.repeating = setInterval(() => this.play(beats), ms);
  }

  private play(beats: readonly Beat[]): void {
    const context = this.audio();
    // A suspended context would hold all of it back and play it later, at once.
    if (context?.state !== 'running') {
      this.wake();
      return;
    }
    let at = context.currentTime + 0.02;
    for (const beat of beats) {
      for (const hz of beat.hz) this.note(context, hz, at, beat.ms / 1000, beat.gain / beat.hz.length);
      at += beat.ms / 1000;
    }
  }

  /** One note, faded in and out over some milliseconds so that it does not click. */
  private note(context: AudioContext, hz: number, at: number, seconds: number, loudness: number): void {
    const oscillator = context.createOscillator();
    const gain = context.createGain();
    oscillator.frequency.value = hz;
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(loudness, at + 0.012);
    gain.gain.setValueAtTime(loudness, at + seconds - 0.03);
    gain.gain.linearRampToValueAtTime(0, at + seconds);
    oscillator.connect(gain).connect(context.destination);
    oscillator.start(at);
    oscillator.stop(at + seconds + 0.01);
    this.sounding.add(oscillator);
    oscillator.onended = () => this.sounding.delete(oscillator);
  }

  private audio(): AudioContext | undefined {
    if (typeof AudioContext === 'undefined') return undefined;
    this.context ??= new AudioContext();
    return this.context;
  }
}
