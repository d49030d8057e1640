import type { LineState } from '../phone/line';
import { Icon } from './Icon';
import { useNow } from './use';

interface Props {
  line: LineState;
  returning: boolean;
  /** The gateway takes no new calls. */
  draining: boolean;
  onTryNow: () => void;
}

/** Says why calls do not reach the agent now, and when that will be tried again. Nothing while all is well. */
export function LineBanner({ line, returning, draining, onTryNow }: Props) {
  // Drawn anew with each state, so that a count-down begins with the time it is.
  return <Banner key={line.name} line={line} returning={returning} draining={draining} onTryNow={onTryNow} />;
}

function Banner({ line, returning, draining, onTryNow }: Props) {
  const now = useNow(250, line.name === 'down');
  const text = banner(line, now, returning, draining);
  if (text === '') return null;
  return (
    <div className="cb-banner" role="status" data-testid="line-banner" data-state={line.name}>
      <Icon name={line.name === 'ready' ? 'call' : 'offline'} />
      <span>{text}</span>
      {(line.name === 'down' || line.name === 'refused') && (
        <button type="button" className="slds-button" data-testid="try-now" onClick={onTryNow}>
          Try now
        </button>
      )}
    </div>
  );
}

export function banner(line: LineState, now: number, returning: boolean, draining: boolean): string {
  switch (line.name) {
    case 'off':
    case 'connecting':
    case 'registering':
      return returning ? 'Getting your call back…' : 'Connecting to the server…';
    case 'down': {
      const seconds = Math.ceil((line.retryAt - now) / 1000);
      return seconds > 0 ? `The server does not answer. Next try in ${seconds} s` : 'The server does not answer. Trying…';
    }
    case 'refused':
      return `${line.trouble.title}. ${line.trouble.advice}`;
    case 'ready':
      if (returning) return 'Getting your call back…';
      return draining ? 'The server is about to restart. Calls go on; new ones can be placed again in a moment' : '';
  }
}
