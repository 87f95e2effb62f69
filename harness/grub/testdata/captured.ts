/** What real firmware and a real GRUB did: memory maps as printed, and the choices of window-choices.txt. */
import { readFileSync } from 'node:fs';
import { parseHex } from '../../bits/hex.ts';
import type { LoadPreference } from '../../multiboot2/header-tags.ts';
import { type MemoryRegion, parseMemoryMap } from '../memory-map.ts';
import type { SeenPlacement } from '../window-deviations.ts';
import type { WindowRequest } from '../window-rules.ts';

export type CapturedMapName = 'bios-512' | 'bios-2560' | 'efi-512' | 'efi-2560';

const file = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');

export function capturedMap(name: CapturedMapName): MemoryRegion[] {
  return parseMemoryMap(file(`memory-map-${name}.txt`).split('\n'), name.startsWith('efi') ? 'efi' : 'bios');
}

export interface CapturedChoice {
  readonly map: CapturedMapName;
  readonly name: string;
  readonly request: WindowRequest;
  readonly seen: SeenPlacement;
  /** `agrees` or the name of a known deviation. */
  readonly judged: string;
}

const LINE =
  /^(?<map>\S+) (?<size>\S+) (?<services>keeps|ends) (?<name>\S+) (?<min>\S+) (?<max>\S+) (?<align>\S+) (?<preference>\S+) → (?<seen>.+) : (?<judged>\S+)$/;

export function capturedChoices(): CapturedChoice[] {
  return file('window-choices.txt')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(parseChoice);
}

function parseChoice(line: string): CapturedChoice {
  const field = LINE.exec(line)?.groups;
  if (!field) throw new Error(`window-choices.txt: ${line}`);
  const number = (name: string) => parseHex(field[name] ?? '') ?? Number.NaN;
  const base = parseHex(field['seen'] ?? '');
  const map = field['map'] as CapturedMapName;
  return {
    ...{ map, name: field['name'] ?? '', judged: field['judged'] ?? '' },
    request: {
      ...{
        minAddr: number('min'),
        maxAddr: number('max'),
        align: number('align'),
        sizeBytes: number('size'),
      },
      preference: field['preference'] as LoadPreference,
      firmware: map.startsWith('efi') ? 'efi' : 'bios',
      keepsBootServices: field['services'] === 'keeps',
    },
    seen:
      base === undefined
        ? { kind: 'refused', errors: [(field['seen'] ?? '').slice(1, -1)] }
        : { kind: 'placed', base },
  };
}
