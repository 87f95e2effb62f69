/** The ways a file can fail to be a trace that this house reads. */
import { hex } from '../bits/hex.ts';
import type { TraceTotals } from './record.ts';

/** Something is wrong with a trace; the subclass says what. */
export class TraceError extends Error {
  override readonly name: string = 'TraceError';
  constructor(
    what: string,
    /** Where in the file, in bytes. */
    readonly position: number,
    nextStep: string,
    options?: ErrorOptions,
  ) {
    super(`trace, byte ${hex(position, 1)}: ${what}; ${nextStep}`, options);
  }
}

/** The file does not begin as a trace does. */
export class NotATraceError extends TraceError {
  override readonly name = 'NotATraceError';
  constructor(sizeBytes: number) {
    super(
      sizeBytes === 0 ? 'the file is empty' : 'the file does not begin with the magic of a trace',
      0,
      'give a file that `loadbase capture` has written',
    );
  }
}

/** The file ends before its end chunk: whatever wrote or copied it was stopped. */
export class TraceTruncatedError extends TraceError {
  override readonly name = 'TraceTruncatedError';
  constructor(
    what: string,
    position: number,
    /** What the whole chunks before hold: it can be read and used. */
    readonly usable: TraceTotals,
  ) {
    super(
      `cut short: ${what}`,
      position,
      `${usable.steps} steps before it are whole; capture it again for the rest`,
    );
  }
}

/** Bytes of the file are not the ones that were written. */
export class TraceChecksumError extends TraceError {
  override readonly name = 'TraceChecksumError';
  constructor(
    /** E.g. `chunk 3`. */
    readonly part: string,
    position: number,
    expected: number,
    actual: number,
  ) {
    super(
      `the checksum of ${part} is wrong: ${hex(expected >>> 0)} written, ${hex(actual >>> 0)} found`,
      position,
      'the file is damaged: fetch or capture it again',
    );
  }
}

/** Written by a loadbase that knows more, or by one whose format nobody reads any more. */
export class TraceVersionError extends TraceError {
  override readonly name = 'TraceVersionError';
  constructor(
    what: string,
    position: number,
    /** Of the file, e.g. `2.0`. */
    readonly version: string,
  ) {
    super(what, position, `use a loadbase that reads trace version ${version}`);
  }
}

/** The header is not one: no JSON, or fields missing or of the wrong kind. */
export class TraceHeaderError extends TraceError {
  override readonly name = 'TraceHeaderError';
  constructor(detail: string, position: number, options?: ErrorOptions) {
    super(`the header is malformed: ${detail}`, position, 'capture it again', options);
  }
}

/** Whole and with right checksums, yet not what a writer would write. */
export class TraceMalformedError extends TraceError {
  override readonly name = 'TraceMalformedError';
  constructor(
    what: string,
    position: number,
    /** The chunk's number. */
    readonly chunk: number,
    /** In the chunk's inflated bytes; undefined where the chunk itself is wrong. */
    readonly offset?: number,
    options?: ErrorOptions,
  ) {
    const where = offset === undefined ? `chunk ${chunk}` : `chunk ${chunk}, offset ${hex(offset, 1)}`;
    super(`${where}: ${what}`, position, 'its writer is at fault: capture it again', options);
  }
}

/** A size that no capture has, and that would take more memory than a reader should give. */
export class TraceSizeError extends TraceError {
  override readonly name = 'TraceSizeError';
  constructor(
    what: string,
    position: number,
    readonly sizeBytes: number,
    readonly limitBytes: number,
  ) {
    super(`${what}: ${sizeBytes} bytes, at most ${limitBytes} are read`, position, 'do not trust this file');
  }
}

/** A trace is written in another order than it can be. */
export class TraceWriterStateError extends Error {
  override readonly name = 'TraceWriterStateError';
  constructor(command: string, state: string) {
    super(`${command}: the trace is ${state}; write records before end(), and begin a new trace afterwards`);
  }
}
