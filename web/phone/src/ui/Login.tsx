import { type SubmitEvent, useId, useState } from 'react';
import type { Trouble } from '../phone/trouble';
import mark from './cordboard.svg';
import { Notice } from './Notice';

interface Props {
  busy: boolean;
  trouble: Trouble | undefined;
  /** What the login is for, after "Log in to". */
  purpose: string;
  onLogin: (user: string, password: string) => void;
}

export function Login({ busy, trouble, purpose, onLogin }: Props) {
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const id = useId();

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (!busy) onLogin(user.trim(), password);
  };

  return (
    <main className="cb-login">
      <img className="cb-login__mark" src={mark} alt="" width="56" height="56" />
      <h1 className="cb-login__title">Cordboard</h1>
      <p className="cb-login__lead">Log in to {purpose}</p>
      <form onSubmit={submit} data-testid="login-form" aria-busy={busy}>
        {trouble && <Notice trouble={trouble} />}
        <div className="slds-form-element">
          <label className="slds-form-element__label" htmlFor={`${id}-user`}>
            User name
          </label>
          <div className="slds-form-element__control">
            <input
              id={`${id}-user`}
              className="slds-input"
              data-testid="login-user"
              value={user}
              onChange={(e) => setUser(e.target.value)}
              autoComplete="username"
              autoCapitalize="none"
              spellCheck={false}
              required
              // The only thing to do on this page.
              // eslint-disable-next-line jsx-a11y/no-autofocus
              autoFocus
            />
          </div>
        </div>
        <div className="slds-form-element">
          <label className="slds-form-element__label" htmlFor={`${id}-password`}>
            Password
          </label>
          <div className="slds-form-element__control">
            <input
              id={`${id}-password`}
              className="slds-input"
              data-testid="login-password"
              type="password"
              value={password}
              onChange={(e) => setPassword(e.target.value)}
              autoComplete="current-password"
              required
            />
          </div>
        </div>
        <button className="slds-button slds-button_brand cb-wide" data-testid="login-submit" type="submit" disabled={busy}>
          {busy ? 'Logging in…' : 'Log in'}
        </button>
      </form>
    </main>
  );
}
