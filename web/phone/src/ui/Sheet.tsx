import { type ReactNode, useEffect, useRef } from 'react';
import { Icon } from './Icon';

interface Props {
  title: string;
  testid: string;
  onClose: () => void;
  children: ReactNode;
}

/** A panel that drops from the header. Escape closes it, and the focus goes back to where it came from. */
export function Sheet({ title, testid, onClose, children }: Props) {
  const panel = useRef<HTMLElement>(null);

  useEffect(() => {
    const before = document.activeElement;
    const find = (selector: string) => panel.current?.querySelector<HTMLElement>(selector);
    (find('[aria-checked="true"]') ?? find('select') ?? find('button'))?.focus();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);

  useEffect(() => {
    const escape = (event: KeyboardEvent) => {
      if (event.key === 'Escape') onClose();
    };
    addEventListener('keydown', escape);
    return () => removeEventListener('keydown', escape);
  }, [onClose]);

  return (
    <section ref={panel} className="cb-sheet" aria-label={title} data-testid={testid}>
      <div className="cb-sheet__head">
        <h2>{title}</h2>
        <button type="button" className="slds-button cb-plain" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      {children}
    </section>
  );
}
