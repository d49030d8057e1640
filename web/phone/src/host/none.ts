import type { HostAdapter, RecordLink } from './host';

/** The phone alone in a browser tab: records open in a tab of their own; `/phone/?dial=+358…` fills in a number. */
export const none: HostAdapter = {
  name: 'none',

  popRecord(record: RecordLink) {
    if (record.url !== '') open(record.url, '_blank', 'noopener');
  },

  show() {
    focus();
  },

  onDial(dial) {
    const number = new URL(location.href).searchParams.get('dial');
    if (number !== null) {
      // Not again at each reload.
      history.replaceState(null, '', location.pathname);
      dial(number);
    }
    return () => undefined;
  },
};
