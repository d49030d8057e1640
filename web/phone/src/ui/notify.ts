// How a call makes itself seen when another tab or program is in front.

/** Browsers refuse notifications of a framed page; and some have none. */
export function canNotify(): boolean {
  return 'Notification' in window && window === window.top;
}

export function notifyAllowed(): boolean {
  return canNotify() && Notification.permission === 'granted';
}

/** Announces a call until the returned function is called: the title blinks and, if allowed, a notification stands. */
export function announce(text: string, detail: string): () => void {
  const title = document.title;
  let on = false;
  const blink = () => {
    on = !on;
    document.title = on ? text : '\u25CF Incoming call';
  };
  blink();
  const timer = setInterval(blink, 1000);
  const note = document.hidden && notifyAllowed() ? notification(text, detail) : undefined;
  return () => {
    clearInterval(timer);
    document.title = title;
    note?.close();
  };
}

function notification(text: string, detail: string): Notification | undefined {
  try {
    const note = new Notification(text, { body: detail, tag: 'cordboard-call', requireInteraction: true });
    note.onclick = () => {
      focus();
      note.close();
    };
    return note;
  } catch {
    // Chrome on Android has the name but wants a service worker.
    return undefined;
  }
}
