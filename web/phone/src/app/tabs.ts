/** What happens to a tab that wants to be the phone. */
export interface Turn {
  /** It may be: from now on it registers and rings. */
  mine(): void;
  /** Another tab is, or has taken over. */
  elsewhere(): void;
  /** Whether it must not be taken over now: it is on a call. */
  busy(): boolean;
}

export interface Tabs {
  /** Asks the tab that is the phone to step back; one on a call does not. */
  ask(): void;
  leave(): void;
}

/** How long a page that is being reloaded may still hold on, milliseconds. */
const RELOAD_MS = 700;

/**
 * One phone for each agent in a browser: two tabs that register would both ring. The tab that holds the lock is the
 * phone; when it closes, the next one is. Where the browser has no locks (http pages), every tab is a phone, and the
 * gateway decides which of them rings.
 */
export function takeTurns(agent: string, turn: Turn): Tabs {
  // Absent on http pages, whatever the declaration says.
  const locks = navigator.locks as LockManager | undefined;
  if (!locks) {
    turn.mine();
    return { ask: () => undefined, leave: () => undefined };
  }
  const name = `cordboard.phone.${agent}`;
  const channel = new BroadcastChannel(name);
  const waiting = new AbortController();
  let release: (() => void) | undefined;

  const wait = () => {
    const hold = () =>
      new Promise<void>((resolve) => {
        clearTimeout(late);
        release = resolve;
        turn.mine();
      });
    // AbortError: this tab has left.
    locks.request(name, { signal: waiting.signal }, hold).catch(() => undefined);
  };
  const stepBack = () => {
    release?.();
    release = undefined;
  };
  channel.onmessage = () => {
    if (!release || turn.busy()) return;
    turn.elsewhere();
    stepBack();
    wait();
  };
  const late = setTimeout(() => turn.elsewhere(), RELOAD_MS);
  wait();

  return {
    ask: () => channel.postMessage('step back'),
    leave: () => {
      clearTimeout(late);
      waiting.abort();
      stepBack();
      channel.close();
    },
  };
}
