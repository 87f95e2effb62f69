/** What a capture of a planned instance must know: its header, where early boot may run, where it ends. */
import { parseHex } from '../bits/hex.ts';
import { imageFacts } from '../capture/image-facts.ts';
import type { InsideRange } from '../capture/inside.ts';
import type { TraceHeader } from '../trace/trace-header.ts';
import { alignUp } from '../bits/align.ts';
import type { Artifacts } from './artifacts.ts';
import { bootPieces, type DebugPieces } from './debug-pieces.ts';
import { subjectFacts } from './instance-pieces.ts';
import type { ReadyInstance } from './plan.ts';
import type { Subject } from './subject.ts';

/** The instance cannot be captured as asked. */
export class CapturePlanError extends Error {
  override readonly name = 'CapturePlanError';
}

export interface CapturePlan {
  readonly header: TraceHeader;
  /** Linear. */
  readonly until: bigint;
  readonly untilName: string;
  readonly loadBaseOf: DebugPieces['loadBase'];
  readonly image: Uint8Array;
}

const PAGE_BYTES = 0x1000;
/** Conventional memory: Xen's trampoline runs there; no firmware does. */
const LOW_MEMORY_END = 0xa_0000n;
const DEFAULT_UNTIL = '__start_xen';

/**
 * @param until a symbol or linear address; Xen's high half begins at `__start_xen`.
 * @throws CapturePlanError
 */
export function capturePlan(
  planned: ReadyInstance,
  artifacts: Artifacts,
  until = DEFAULT_UNTIL,
): CapturePlan {
  const { instance, subject, base } = planned;
  if (base === undefined || planned.expectation.kind === 'refused')
    throw new CapturePlanError(
      `${instance.name} does not boot to its first instruction: there is nothing to capture`,
    );
  const { image } = subject;
  const facts = subjectFacts(planned);
  const header: TraceHeader = {
    schema: 'loadbase.trace/1',
    instance: instance.name,
    firmware: instance.firmware,
    subject: imageFacts({
      name: subject.name,
      file: image.bytes,
      booted: facts.image.bytes,
      loaded: image.loaded,
      loadBase: base,
    }),
    inside: insideRanges(subject, base),
    accelerator: planned.spec.accelerator,
    way: 'log',
    tools: toolsOf(artifacts),
    capturedAt: new Date().toISOString(),
  };
  return {
    header,
    until: untilAddress(subject, base, until),
    untilName: until,
    loadBaseOf: bootPieces(planned, artifacts).loadBase,
    image: image.bytes,
  };
}

function insideRanges({ image, symbols }: Subject, base: number): InsideRange[] {
  const { linkBase, loadSize } = image.loaded;
  const size = BigInt(alignUp(loadSize, PAGE_BYTES));
  const linked = symbols && symbols.virtualStart !== 0n ? symbols.virtualStart + BigInt(linkBase) : undefined;
  return [
    { start: 0n, end: LOW_MEMORY_END, what: 'low memory' },
    { start: BigInt(base), end: BigInt(base) + size, what: 'the image' },
    ...(linked === undefined
      ? []
      : [{ start: linked, end: linked + size, what: 'the image where it is linked' }]),
  ];
}

/** A symbol linked high is where it is linked; one of an image linked low moves with it. */
function untilAddress({ image, symbols, label }: Subject, base: number, until: string): bigint {
  const address = /^0x/i.test(until) ? BigInt(until) : parseHex(until);
  if (/^0x/i.test(until) && address !== undefined) return BigInt(address);
  if (!symbols?.has(until))
    throw new CapturePlanError(
      `${label} has no symbol ${JSON.stringify(until)} where the capture could end; give one, or an address, with --until`,
    );
  const { virtualStart } = symbols;
  return virtualStart === 0n
    ? symbols.linear(until) + BigInt(base - image.loaded.linkBase)
    : symbols.linear(until);
}

function toolsOf({ tools }: Artifacts): TraceHeader['tools'] {
  return Object.entries(tools).map(([name, { version, sha256 }]) => ({
    name,
    version: version ?? '',
    sha256: sha256 ?? null,
  }));
}
