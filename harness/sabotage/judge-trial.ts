/** Whether a defect was noticed, by the right witness and with the right words. Pure. */
import type { InstanceResult } from '../scenario/contract.ts';
import type { ExpectedEnd } from './defect.ts';

/**
 * `killed`: noticed and named as it should be; `misnamed`: noticed, but blamed on something else; `survived`: the
 * instance passed; `broken`: host or harness failed, so nothing is proved.
 */
export type Fate = 'killed' | 'misnamed' | 'survived' | 'broken';

export interface TrialJudgement {
  readonly fate: Fate;
  /** The first witness that complained; `end` where none did and the end alone tells. */
  readonly witness: string;
  /** Why it was not killed; empty where it was. */
  readonly why: string;
}

type Judged = Pick<InstanceResult, 'verdict' | 'reason' | 'checkpoints'> & {
  readonly death?: { readonly kind: string };
};

export function judgeTrial(expected: ExpectedEnd, result: Judged): TrialJudgement {
  const witness = result.checkpoints.find(({ ok }) => !ok)?.name ?? 'end';
  if (result.verdict === 'pass')
    return { fate: 'survived', witness: 'none', why: `it passed: ${result.reason}` };
  if (result.verdict === 'error' || result.verdict === 'skip')
    return { fate: 'broken', witness: 'none', why: `${result.verdict}: ${result.reason}` };
  const why = misnaming(expected, result, witness);
  return { fate: why === '' ? 'killed' : 'misnamed', witness, why };
}

function misnaming(expected: ExpectedEnd, { verdict, reason, death }: Judged, witness: string): string {
  if (!expected.verdicts.some((wanted) => wanted === verdict))
    return `the verdict is ${verdict}, not ${expected.verdicts.join(' or ')}: ${reason}`;
  if (expected.witness !== undefined && witness !== expected.witness)
    return `${witness} complained first, not ${expected.witness}: ${reason}`;
  if (death && expected.deaths?.includes(death.kind) === false)
    return `it died of ${death.kind}, not of ${expected.deaths.join(' or ')}: ${reason}`;
  return expected.reason.test(reason)
    ? ''
    : `the reason does not match ${String(expected.reason)}: ${reason}`;
}
