/** For CI: TAP version 14 (testanything.org), streamed. */

import { join } from 'node:path';
import { stringify } from 'yaml';
import type {
  Checkpoint,
  DeathRecord,
  InstanceLabel,
  InstanceResult,
  RunEvent,
} from '../scenario/contract.ts';
import { guestLine } from './escape.ts';
import { excerptLines } from './excerpt.ts';
import { CHECKPOINTS_MAX, DETAIL_MAX, NAME_MAX, REASON_MAX } from './limits.ts';
import type { Reporter, ReporterTarget } from './reporter.ts';

type TapState =
  | { readonly kind: 'before-plan' }
  | {
      readonly kind: 'counting';
      readonly folder: string;
      readonly planned: number;
      readonly ended: number;
      /** Test points beside the planned instances. */
      readonly flakes: number;
      readonly planIs: 'said' | 'to be said';
    }
  | { readonly kind: 'over' };

export class TapReporter implements Reporter {
  #state: TapState = { kind: 'before-plan' };

  constructor(readonly target: ReporterTarget) {
    target.write('TAP version 14\n');
  }

  onEvent(event: RunEvent): void {
    switch (event.kind) {
      case 'run-started':
        this.#plan(event.instances, event.outDirectory);
        break;
      case 'instance-ended':
        this.#testPoint(event.result, 'ended');
        break;
      case 'flake-found':
        this.#testPoint(event.result, 'flakes');
        break;
      case 'run-ended':
        this.#finish(event.interrupted ? 'interrupted' : 'the run ended too early');
        break;
      case 'notice':
        this.target.write(event.text.split(/\r?\n/).map(comment).join(''));
        break;
      case 'preparing':
        this.target.write(comment(`preparing ${event.task}: ${event.step}`));
        break;
      case 'prepared':
      case 'instance-started':
      case 'instance-phase':
        break;
    }
  }

  async end(): Promise<void> {
    this.#finish('the run ended too early');
  }

  /** Nobody knows before how many instances will be flaky; TAP 14 lets the plan stand at the end, too. */
  #plan(instances: readonly InstanceLabel[], folder: string): void {
    const planned = instances.length;
    const planIs = instances.some(({ repeat }) => repeat !== undefined) ? 'to be said' : 'said';
    if (planIs === 'said')
      this.target.write(planned === 0 ? '1..0 # SKIP no instances\n' : `1..${planned}\n`);
    this.#state = { kind: 'counting', folder, planned, ended: 0, flakes: 0, planIs };
  }

  #testPoint(result: InstanceResult, counted: 'ended' | 'flakes'): void {
    if (this.#state.kind !== 'counting') return;
    const state = { ...this.#state, [counted]: this.#state[counted] + 1 };
    this.#state = state;
    this.target.write(testPoint(result, state.ended + state.flakes, state.folder));
  }

  /** A plan that is not filled would only be a failure; the reason for it is worth a word. */
  #finish(why: string): void {
    const state = this.#state;
    this.#state = { kind: 'over' };
    if (state.kind === 'over') return;
    const isWhole = state.kind === 'counting' && state.ended === state.planned;
    if (state.kind === 'counting' && state.planIs === 'to be said' && isWhole)
      this.target.write(`1..${state.ended + state.flakes}\n`);
    if (!isWhole || why === 'interrupted') this.target.write(`Bail out! ${why}\n`);
  }
}

function testPoint(result: InstanceResult, id: number, folder: string): string {
  const title = `${id} - ${description(guestLine(result.name, NAME_MAX))}`;
  const time = `# time=${Math.round(result.durationMs)}ms`;
  switch (result.verdict) {
    case 'pass':
      return `ok ${title} ${time}\n`;
    case 'skip':
      return `ok ${title} # SKIP ${description(guestLine(result.reason, REASON_MAX))}\n`;
    case 'fail':
    case 'error':
    case 'crash':
    case 'flaky':
      return `not ok ${title} ${time}\n${diagnostics(result, folder)}`;
  }
}

/** A YAML block, two blanks deep, as TAP 14 wants it; every guest text in it is one escaped line. */
function diagnostics(result: InstanceResult, folder: string): string {
  const excerpt = excerptLines(result.excerpt);
  const fields = {
    verdict: result.verdict,
    reason: guestLine(result.reason, REASON_MAX),
    expected: guestLine(result.expected, REASON_MAX),
    ...(result.start === undefined ? {} : { start: result.start }),
    loadBaseAddress: result.loadBaseAddress === null ? null : guestLine(result.loadBaseAddress, NAME_MAX),
    ...(result.death ? { death: deathFields(result.death) } : {}),
    failedCheckpoints: failedCheckpoints(result.checkpoints),
    ...(excerpt.length > 0 ? { excerpt } : {}),
    evidence: Object.fromEntries(
      Object.entries(result.evidence).map(([kind, path]) => [
        guestLine(kind, NAME_MAX),
        guestLine(join(folder, path), DETAIL_MAX),
      ]),
    ),
    repeat: guestLine(result.repeat, DETAIL_MAX),
  };
  const yaml = stringify(fields, { lineWidth: 0 });
  return `${['---', ...yaml.trimEnd().split('\n'), '...'].map((line) => `  ${line}`).join('\n')}\n`;
}

function deathFields({ registers, ...rest }: DeathRecord): Record<string, string> {
  const named = Object.entries(registers).map(([name, value]) => `${name}=${value}`);
  const fields: Record<string, string> = {};
  for (const [key, value] of Object.entries({ ...rest, registers: named.join(' ') }))
    if (value !== null && value !== '') fields[key] = guestLine(value, DETAIL_MAX);
  return fields;
}

function failedCheckpoints(checkpoints: readonly Checkpoint[]): { name: string; detail: string }[] {
  return checkpoints
    .filter(({ ok }) => !ok)
    .slice(0, CHECKPOINTS_MAX)
    .map(({ name, detail }) => ({
      name: guestLine(name, NAME_MAX),
      detail: guestLine(detail, DETAIL_MAX),
    }));
}

/** TAP 14 §"Escaping": `\` and `#` would begin an escape or a directive. */
function description(text: string): string {
  return text.replace(/[\\#]/g, '\\$&');
}

function comment(text: string): string {
  return `# ${guestLine(text, REASON_MAX)}\n`;
}
