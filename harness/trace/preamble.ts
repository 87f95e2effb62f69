/** The first bytes of a trace file, checked before anything in them is believed. Their layout is that of all versions. */
import {
  crcOf,
  LIMITS,
  MAGIC,
  MAJOR_VERSION,
  parsePreamble,
  PREAMBLE_BYTES,
  sealOf,
  type Preamble,
} from './file-layout.ts';
import {
  NotATraceError,
  TraceChecksumError,
  TraceSizeError,
  TraceTruncatedError,
  TraceVersionError,
} from './trace-errors.ts';

const NOTHING = { steps: 0, guestSteps: 0 };

/**
 * Checks preamble and header, but for the header's fields.
 * @throws NotATraceError TraceTruncatedError TraceChecksumError TraceVersionError TraceSizeError
 */
export function checkedPreamble(file: Uint8Array): Preamble {
  const begin = file.subarray(0, MAGIC.length);
  if (begin.length === 0 || begin.some((byte, index) => byte !== MAGIC[index]))
    throw new NotATraceError(file.length);
  const bytes = file.subarray(0, PREAMBLE_BYTES);
  if (bytes.length < PREAMBLE_BYTES) throw new TraceTruncatedError('in the preamble', file.length, NOTHING);
  const seal = sealOf(bytes);
  if (seal.written !== seal.found) throw new TraceChecksumError('the preamble', 0, seal.written, seal.found);
  const preamble = parsePreamble(bytes);
  mustBeKnown(preamble);
  mustBeWhole(file, preamble);
  return preamble;
}

function mustBeKnown({ major, minor }: Preamble): void {
  if (major === MAJOR_VERSION) return;
  const age = major > MAJOR_VERSION ? 'newer than what is read here' : 'older than any that is read here';
  const version = `${major}.${minor}`;
  throw new TraceVersionError(`its version is ${version}, ${age} (${MAJOR_VERSION})`, MAGIC.length, version);
}

function mustBeWhole(file: Uint8Array, { headerBytes, headerCrc }: Preamble): void {
  if (headerBytes > LIMITS.headerBytes)
    throw new TraceSizeError('the header', 12, headerBytes, LIMITS.headerBytes);
  const header = file.subarray(PREAMBLE_BYTES, PREAMBLE_BYTES + headerBytes);
  if (header.length < headerBytes) throw new TraceTruncatedError('in the header', file.length, NOTHING);
  const crc = crcOf(header);
  if (crc !== headerCrc) throw new TraceChecksumError('the header', PREAMBLE_BYTES, headerCrc, crc);
}
