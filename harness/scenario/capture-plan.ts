/** What a capture of a planned instance must know: its header, where early boot may run, where it ends. */
import { alignUp } from '../bits/align.ts';
import { imageFacts } from '../capture/image-facts.ts';
import type { InsideRange } from '../capture/inside.ts';
import { relocatableTag } from '../multiboot2/relocatable-tag.ts';
import type { TraceHeader } from '../trace/trace-header.ts';
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
export function capturePlan(planned: ReadyInstance, artifacts: Artifacts, until?: string): CapturePlan {
  const { instance, subject } = planned;
  const base = knownBase(planned);
  mustGetThere(planned, until);
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
    until: untilAddress(subject, base, until ?? DEFAULT_UNTIL),
    untilName: until ?? DEFAULT_UNTIL,
    loadBaseOf: bootPieces(planned, artifacts).loadBase,
    image: image.bytes,
  };
}

/** Where the image will be: what runs there is looked for before it is loaded. */
function knownBase({ instance, subject: { image }, base, expectation }: ReadyInstance): number {
  const stays = expectation.kind === 'not-relocated' || instance.protocol !== 'multiboot2';
  if (stays || !relocatableTag(image.header)) return image.loaded.linkBase;
  if (base !== undefined) return base;
  throw new CapturePlanError(
    `GRUB chooses where ${instance.name} lands, and a capture must know it before; take an instance with a base in its name, or force one with --base`,
  );
}

function mustGetThere({ instance: { name }, expectation }: ReadyInstance, until: string | undefined): void {
  if (expectation.kind === 'refused')
    throw new CapturePlanError(
      `GRUB refuses to load ${name} (${expectation.reason}), so nothing of it runs; take another base`,
    );
  if (expectation.kind === 'early-error' && until === undefined)
    throw new CapturePlanError(
      `${name} is to end before ${DEFAULT_UNTIL}, with “${expectation.text}”; say with --until where its capture shall end`,
    );
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
  if (/^0x[0-9a-f]{1,16}$/i.test(until)) return BigInt(until);
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
