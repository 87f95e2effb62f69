import type { RunEvent } from '../scenario/contract.ts';
import { escapeForJson } from './escape.ts';
import type { Reporter, ReporterTarget } from './reporter.ts';

/** The run's `Results` as JSON once it has ended; nothing where it never got that far. */
export class JsonReporter implements Reporter {
  constructor(readonly target: ReporterTarget) {}

  onEvent(event: RunEvent): void {
    if (event.kind !== 'run-ended') return;
    this.target.write(`${escapeForJson(JSON.stringify(event.results, null, 2))}\n`);
  }

  async end(): Promise<void> {}
}
