/** Console lines → the record, or why there is none to be believed. Pure; the lines are hostile. */
import crc32 from 'crc-32';
import { hex } from '../bits/hex.ts';
import { parseRecordLines, ProbeRecordError } from './record-lines.ts';
import {
  MAX_INFORMATION_BYTES,
  PROBE_BEGIN,
  PROBE_END,
  PROBE_VERSION,
  type ProbeFault,
  type ProbeReading,
} from './record.ts';

const MAX_LINE_CHARS = 79;
/** 32 bytes of boot information a line, and room for what stands before them. */
const MAX_RECORD_LINES = MAX_INFORMATION_BYTES / 32 + 64;
const PLAIN_TEXT = /^[\t\x20-\x7e]*$/;

/**
 * The probe's record among the subject's cleaned console lines. Other text may stand before it and after it, but not in
 * it. What is read is bounded, whatever the lines are.
 */
export function readProbeRecord(lines: readonly string[]): ProbeReading {
  const begins = indexes(lines, PROBE_BEGIN);
  const ends = indexes(lines, PROBE_END);
  if (begins.length > 1 || ends.length > 1)
    return fault('several', `${begins.length} records begin and ${ends.length} end`);
  const [begin, end] = [begins[0], ends[0]];
  if (begin === undefined && end === undefined) return without(lines);
  if (begin === undefined) return fault('cut', 'a record ends that never began');
  if (end === undefined) return fault('cut', unended(lines.slice(begin)));
  if (end < begin) return fault('malformed', 'the record ends before it begins');
  const stray = lines.findIndex((line, at) => (at < begin || at > end) && line.startsWith('probe '));
  if (stray >= 0) return fault('malformed', `a line of the probe's stands outside: ${quoted(lines[stray])}`);
  return readWhole(lines.slice(begin, end), lines[end] ?? '');
}

function readWhole(body: readonly string[], endLine: string): ProbeReading {
  if (body.length > MAX_RECORD_LINES)
    return fault('malformed', `it has ${body.length} lines, where ${MAX_RECORD_LINES} are the most`);
  const long = body.find((line) => line.length > MAX_LINE_CHARS);
  if (long !== undefined)
    return fault(
      'malformed',
      `a line has ${long.length} characters, not at most ${MAX_LINE_CHARS}: ${quoted(long)}`,
    );
  const [, endVersion, count = '', sum = ''] = PROBE_END.exec(endLine) ?? [];
  const computed = crc32.buf(Buffer.from(body.join('\n'))) >>> 0;
  if (computed !== Number.parseInt(sum, 16))
    return fault('checksum', `its ${body.length} lines have CRC-32 ${hex(computed)}, and it says 0x${sum}`);
  if (body.length !== Number.parseInt(count, 16))
    return fault('malformed', `it has ${body.length} lines, and says 0x${count}`);
  const version = PROBE_BEGIN.exec(body[0] ?? '')?.[1];
  if (version !== String(PROBE_VERSION) || endVersion !== version)
    return fault(
      'malformed',
      `its format is version ${version} to ${endVersion}; version ${PROBE_VERSION} is read here`,
    );
  try {
    return { kind: 'record', record: parseRecordLines(body) };
  } catch (error) {
    if (error instanceof ProbeRecordError) return fault('malformed', error.message);
    throw error;
  }
}

function without(lines: readonly string[]): ProbeReading {
  const noise = lines.find((line) => !PLAIN_TEXT.test(line) || line.startsWith('probe'));
  if (noise !== undefined) return fault('garbage', `no record begins; there is ${quoted(noise)}`);
  const last = lines.findLast((line) => line.trim() !== '');
  return fault(
    'absent',
    last === undefined
      ? 'nothing was said'
      : `nothing of the probe's was said; the last line is ${quoted(last)}`,
  );
}

function unended(lines: readonly string[]): string {
  return lines.length > MAX_RECORD_LINES
    ? `it goes on for ${lines.length} lines, where ${MAX_RECORD_LINES} are the most, and has no end`
    : `it has no end; the last of its ${lines.length} lines is ${quoted(lines.at(-1))}`;
}

function indexes(lines: readonly string[], pattern: RegExp): number[] {
  return lines.flatMap((line, at) => (pattern.test(line) ? [at] : []));
}

function quoted(line = ''): string {
  return JSON.stringify(line.slice(0, MAX_LINE_CHARS));
}

function fault(kind: ProbeFault, detail: string): ProbeReading {
  return { kind, detail };
}
