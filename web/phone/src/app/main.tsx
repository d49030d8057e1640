import '../ui/slds.scss';
import '../ui/phone.css';
import '../ui/details.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { none } from '../host/none';
import { Address } from './address';
import { App } from './App';
import { Preferences } from './preferences';
import { Session } from './session';

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');

const address = new Address();
const preferences = new Preferences(localStorage);
// Outside React: a component that is drawn anew may not end a call.
const session = new Session('/api/v1', sessionStorage, preferences, address, localStorage);

createRoot(root).render(
  <StrictMode>
    <App session={session} address={address} preferences={preferences} host={none} />
  </StrictMode>,
);
