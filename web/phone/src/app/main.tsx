import '../ui/slds.scss';
import '../ui/phone.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { none } from '../host/none';
import { App } from './App';
import { Preferences } from './preferences';
import { Session } from './session';

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');

const preferences = new Preferences(localStorage);
// Outside React: a component that is drawn anew may not end a call.
const session = new Session('/api/v1', sessionStorage, preferences);

createRoot(root).render(
  <StrictMode>
    <App session={session} preferences={preferences} host={none} />
  </StrictMode>,
);
