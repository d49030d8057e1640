import type { ReactNode } from 'react';
import type { Trouble } from '../phone/trouble';
import { Icon } from './Icon';

interface Props {
  trouble: Trouble;
  onDismiss?: () => void;
  children?: ReactNode;
}

/** What went wrong and what to do about it; read out at once by a screen reader. */
export function Notice({ trouble, onDismiss, children }: Props) {
  return (
    <div className="cb-notice" role="alert" data-testid="trouble" data-kind={trouble.kind}>
      <Icon name="warning" />
      <div className="cb-notice__text">
        <strong>{trouble.title}</strong>
        <span>{trouble.advice}</span>
        {children}
      </div>
      {onDismiss && (
        <button type="button" className="slds-button cb-plain" aria-label="Close this message" data-testid="trouble-dismiss" onClick={onDismiss}>
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}
