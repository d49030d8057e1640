// Icons of the Lightning Design System, unchanged, only those in use (assets/icons of the package, CC BY-ND 4.0).
import arrowBack from '@salesforce-ux/design-system/assets/icons/utility/undo.svg?raw';
import back from '@salesforce-ux/design-system/assets/icons/utility/back.svg?raw';
import backspace from '@salesforce-ux/design-system/assets/icons/utility/left.svg?raw';
import call from '@salesforce-ux/design-system/assets/icons/utility/call.svg?raw';
import check from '@salesforce-ux/design-system/assets/icons/utility/check.svg?raw';
import chevrondown from '@salesforce-ux/design-system/assets/icons/utility/chevrondown.svg?raw';
import close from '@salesforce-ux/design-system/assets/icons/utility/close.svg?raw';
import endCall from '@salesforce-ux/design-system/assets/icons/utility/end_call.svg?raw';
import error from '@salesforce-ux/design-system/assets/icons/utility/error.svg?raw';
import groups from '@salesforce-ux/design-system/assets/icons/utility/groups.svg?raw';
import incoming from '@salesforce-ux/design-system/assets/icons/utility/incoming_call.svg?raw';
import info from '@salesforce-ux/design-system/assets/icons/utility/info.svg?raw';
import keypad from '@salesforce-ux/design-system/assets/icons/utility/keypad.svg?raw';
import logout from '@salesforce-ux/design-system/assets/icons/utility/logout.svg?raw';
import missed from '@salesforce-ux/design-system/assets/icons/utility/missed_call.svg?raw';
import muted from '@salesforce-ux/design-system/assets/icons/utility/muted.svg?raw';
import newWindow from '@salesforce-ux/design-system/assets/icons/utility/new_window.svg?raw';
import offline from '@salesforce-ux/design-system/assets/icons/utility/offline.svg?raw';
import outbound from '@salesforce-ux/design-system/assets/icons/utility/outbound_call.svg?raw';
import pause from '@salesforce-ux/design-system/assets/icons/utility/pause.svg?raw';
import play from '@salesforce-ux/design-system/assets/icons/utility/play.svg?raw';
import settings from '@salesforce-ux/design-system/assets/icons/utility/settings.svg?raw';
import unmuted from '@salesforce-ux/design-system/assets/icons/utility/unmuted.svg?raw';
import user from '@salesforce-ux/design-system/assets/icons/utility/user.svg?raw';
import volume from '@salesforce-ux/design-system/assets/icons/utility/volume_high.svg?raw';
import warning from '@salesforce-ux/design-system/assets/icons/utility/warning.svg?raw';

const icons = {
  arrowBack,
  back,
  backspace,
  call,
  check,
  chevrondown,
  close,
  endCall,
  error,
  groups,
  incoming,
  info,
  keypad,
  logout,
  missed,
  muted,
  newWindow,
  offline,
  outbound,
  pause,
  play,
  settings,
  unmuted,
  user,
  volume,
  warning,
} as const;

export type IconName = keyof typeof icons;

/** An icon in the colour of the text around it. It says nothing to a screen reader: the text beside it does. */
export function Icon({ name, className = '' }: { name: IconName; className?: string }) {
  const svg = icons[name];
  const box = /viewBox="([^"]*)"/.exec(svg)?.[1] ?? '0 0 520 520';
  const inside = svg.replace(/^[^]*?<svg[^>]*>/, '').replace(/<\/svg>\s*$/, '');
  return (
    <svg className={`cb-icon ${className}`} viewBox={box} aria-hidden="true" focusable="false" dangerouslySetInnerHTML={{ __html: inside }} />
  );
}
