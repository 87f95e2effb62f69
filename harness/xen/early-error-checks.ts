/** How Xen's 32-bit early boot says an error: to the serial port, and to VGA text where there is any. Source: head.S. */
import { hex } from '../bits/hex.ts';
import { equal, holds, type Observation } from '../guest/guest-view.ts';

/** VGA text memory: a character and its attribute, from the upper left. */
export const VGA_TEXT = 0xb8000;
/** Grey on black. */
const ATTRIBUTE = 7;

/** The screen when the CPU has halted after an early error. */
export interface ErrorScreen {
  /** VGA text memory from its start on, at least two bytes for each character of the text. */
  readonly vga: Uint8Array;
  /** Points past the last character that was written; 0: nothing was to be written. */
  readonly edi: bigint;
}

/** On BIOS, in text mode (b1c16800e5): text and pointer. */
export function checkErrorScreen(text: string, { vga, edi }: ErrorScreen): Observation[] {
  const wanted = [...Buffer.from(text, 'latin1')].flatMap((character) => [character, ATTRIBUTE]);
  const seen = [...vga.subarray(0, wanted.length)];
  const shown = Buffer.from(seen.filter((_, i) => i % 2 === 0)).toString('latin1');
  return [
    holds(
      wanted.length === seen.length && wanted.every((byte, i) => seen[i] === byte),
      `the screen begins with “${text}”, grey on black`,
      `the screen begins with “${shown.replaceAll(/[^ -~]/g, '.')}”, not with “${text}” grey on black`,
    ),
    equal('%edi, past that text', edi & 0xffff_ffffn, VGA_TEXT + wanted.length),
  ];
}

/** On UEFI there is no VGA text to write to (78e693cc12). */
export function checkNoScreen(edi: bigint): Observation[] {
  return [
    holds(
      (edi & 0xffff_ffffn) === 0n,
      '%edi is 0: nothing was written to VGA',
      `%edi is ${hex(edi)}, not 0: it wrote to VGA, which UEFI does not promise`,
    ),
  ];
}
