interface Props {
  retrying: boolean;
  onLogout: () => void;
}

/** The moment after a reload, and as long as the server does not answer. */
export function Waiting({ retrying, onLogout }: Props) {
  return (
    <main className="cb-login" data-testid="waiting" data-retrying={retrying}>
      <div className="cb-spinner" role="status" aria-label="Connecting" />
      <p className="cb-login__lead">{retrying ? 'The server does not answer. Trying again…' : 'Connecting…'}</p>
      {retrying && (
        <button type="button" className="slds-button" data-testid="logout" onClick={onLogout}>
          Log in as someone else
        </button>
      )}
    </main>
  );
}
