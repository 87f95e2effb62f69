/** Records of real boots; the files begin with where they come from. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import crc32 from 'crc-32';

/** The subject's lines. */
export function recorded(firmware: 'bios' | 'efi'): string[] {
  const text = readFileSync(join(import.meta.dirname, `${firmware}.record.txt`), 'utf8');
  return text
    .replace(/\n$/, '')
    .split('\n')
    .filter((line) => !line.startsWith('#'));
}

/** These lines as a whole record, with an end line that fits them. */
export function sealed(lines: readonly string[]): string[] {
  const digits = (value: number, count: number) => value.toString(16).padStart(count, '0');
  const sum = crc32.buf(Buffer.from(lines.join('\n'))) >>> 0;
  return [...lines, `probe 1 end lines=${digits(lines.length, 4)} crc32=${digits(sum, 8)}`];
}
