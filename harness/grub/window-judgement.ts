/** Whether what a loader did with a relocatable image is what the specification and the memory map leave it. Pure. */
import { hex } from '../bits/hex.ts';
import type { MemoryRegion } from './memory-map.ts';
import { type DeviationName, knownDeviations, type SeenPlacement } from './window-deviations.ts';
import {
  boundsText,
  expectedPlacement,
  type ExpectedPlaced,
  type ExpectedPlacement,
  SUPERLATIVES,
} from './window-prediction.ts';
import { type BaseRange, rangeText, rulesBroken, type WindowRequest } from './window-rules.ts';

export interface PlacementJudgement {
  readonly kind: 'agrees' | 'known-deviation' | 'disagrees';
  /** false only where it disagrees in a way that is not known. */
  readonly ok: boolean;
  /** What GRUB chose, what the rules allow, and why. */
  readonly text: string;
  readonly deviation?: DeviationName;
}

/**
 * @param map as the guest's own firmware reported it to the loader.
 * @param loader name and version of the loader: its known deviations are told from others; left out, none is known.
 */
export function judgePlacement(
  map: readonly MemoryRegion[],
  request: WindowRequest,
  seen: SeenPlacement,
  loader = '',
): PlacementJudgement {
  const expected = expectedPlacement(map, request);
  const problem =
    seen.kind === 'placed'
      ? baseProblem(map, request, seen.base, expected)
      : refusalProblem(seen.errors, expected);
  if (problem === undefined) return { kind: 'agrees', ok: true, text: agreement(seen, expected) };
  const known = knownDeviations(map, request, loader).find(({ accepts }) => accepts(seen));
  if (!known) return { kind: 'disagrees', ok: false, text: problem };
  const { name, text } = known.deviation;
  return {
    ...{ kind: 'known-deviation', ok: true, deviation: name },
    text: `${problem} [known of this loader, ${name}: ${text}; it then takes ${known.text}]`,
  };
}

function agreement(seen: SeenPlacement, expected: ExpectedPlacement): string {
  if (seen.kind === 'placed')
    return `GRUB chose ${hex(seen.base)}: ${expected.kind === 'placed' ? expected.why : expected.reason}`;
  return `GRUB refused (“${seen.errors.join('”, “')}”): ${expected.kind === 'refused' ? expected.reason : expected.why}`;
}

function baseProblem(
  map: readonly MemoryRegion[],
  request: WindowRequest,
  base: number,
  expected: ExpectedPlacement,
): string | undefined {
  const broken = rulesBroken(map, request, base)
    .map(({ text }) => text)
    .join('; ');
  const chose = `GRUB chose ${hex(base)}`;
  if (expected.kind === 'refused') return `${chose}, but must refuse: ${expected.reason} (${broken})`;
  if (broken !== '') return `${chose}, but ${broken}; ${allowedText(expected)}`;
  if (expected.conforming.some(({ lowest, highest }) => base >= lowest && base <= highest)) return undefined;
  const asked = request.preference === 'none' ? 'only' : SUPERLATIVES[request.preference];
  return `${chose}, which is allowed, but the image asks for the ${asked} one: ${allowedText(expected)}`;
}

function refusalProblem(errors: readonly string[], expected: ExpectedPlacement): string | undefined {
  const said = `GRUB refused (“${errors.join('”, “')}”)`;
  if (expected.kind === 'placed') return `${said} without reason: ${allowedText(expected)}`;
  if (errors.some((error) => expected.error.test(error))) return undefined;
  return `${said}, rightly, but not with ${String(expected.error)}, although ${expected.reason}`;
}

const RANGES_SHOWN = 4;

function allowedText({ conforming, allowed, why }: ExpectedPlaced): string {
  const expected = `expected is ${conforming.map(boundsText).join(' or ')} (${why})`;
  const more = allowed.length > RANGES_SHOWN ? ` and ${allowed.length - RANGES_SHOWN} more` : '';
  return `${expected}; the rules allow ${allowed.slice(0, RANGES_SHOWN).map(basesText).join(', ')}${more}`;
}

function basesText({ first, last, memory }: BaseRange): string {
  return `${boundsText({ lowest: first, highest: last })} in free memory ${rangeText(memory)}`;
}
