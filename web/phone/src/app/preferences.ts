import type { Preferences as Values } from '../phone/phone';
import { Store } from '../phone/store';

const KEY = 'cordboard.preferences';

/** What the agent likes, kept in this browser: her headset, the number she shows. Nothing here is a secret. */
export class Preferences extends Store<Values> {
  constructor(private readonly shelf: Storage) {
    super(load(shelf));
  }

  change(part: Partial<Values>): void {
    const values = { ...this.get(), ...part };
    this.set(values);
    try {
      this.shelf.setItem(KEY, JSON.stringify(values));
    } catch {
      // Full or forbidden storage: they last as long as the page.
    }
  }
}

function load(shelf: Storage): Values {
  try {
    const known = JSON.parse(shelf.getItem(KEY) ?? '{}') as Partial<Record<keyof Values, unknown>>;
    const text = (value: unknown) => (typeof value === 'string' ? value : '');
    return { microphone: text(known.microphone), speaker: text(known.speaker), show: text(known.show) };
  } catch {
    return { microphone: '', speaker: '', show: '' };
  }
}
