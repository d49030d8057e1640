/** How long to wait for a better candidate once there is one at all, milliseconds. */
export const patience = 500;

/**
 * Whether a candidate is enough to send the offer or answer: one over UDP. The line reads
 * "candidate:foundation component transport priority address port typ …" (RFC 8839 section 5.1).
 */
export function isUsable(candidate: { candidate: string }): boolean {
  const transport = candidate.candidate.split(' ')[2];
  return transport?.toLowerCase() === 'udp';
}
