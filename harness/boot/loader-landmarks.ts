/** What the loader says on its way to the hand-off, and what it means where it ends there. */
import { LOADER_LINES, LOADER_PROMPT } from '../grub/console.ts';
import type { Landmark } from '../serial/landmark.ts';
import type { BootEnd } from './boot-end.ts';

export const LOADER_LANDMARKS: readonly Landmark[] = [
  { name: 'loader started', phase: 'firmware', pattern: LOADER_LINES.started, entersPhase: 'loader' },
  // GRUB that finds no configuration gives up before it can say that it started.
  { name: 'early loader prompt', phase: 'firmware', pattern: LOADER_PROMPT },
  { name: 'ready', phase: 'loader', pattern: LOADER_LINES.ready },
  { name: 'no payload', phase: 'loader', pattern: LOADER_LINES.noPayload },
  { name: 'survey end', phase: 'loader', pattern: LOADER_LINES.surveyEnd },
  { name: 'refused', phase: 'loader', pattern: LOADER_LINES.refused },
  { name: 'loaded', phase: 'loader', pattern: LOADER_LINES.loaded, entersPhase: 'subject' },
  { name: 'boot failed', phase: 'subject', pattern: LOADER_LINES.bootFailed },
  { name: 'loader prompt', phase: 'loader', pattern: LOADER_PROMPT },
];

/** Landmarks with which the loader ends without a hand-off and without ringing. */
export const LOADER_ENDS = ['no payload', 'survey end', 'loader prompt'] as const;

export function loaderEnd(landmark: string): BootEnd {
  if (landmark === 'survey end') return { kind: 'survey' };
  if (landmark === 'no payload') return { kind: 'loader', detail: 'GRUB found no readable payload drive' };
  return { kind: 'loader', detail: 'GRUB is at its prompt', state: 'prompt' };
}
