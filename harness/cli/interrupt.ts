/** Ctrl-C and SIGTERM: the first ends all machines and lets the run write what is known, the second ends at once. */
import { setMaxListeners } from 'node:events';
import { killAllGroups } from '../process/live-groups.ts';
import { EXIT } from './exit-codes.ts';
import { complain } from './surroundings.ts';

/** @returns a signal that is aborted by the first interrupt. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  // Each build that runs listens, however many there are.
  setMaxListeners(0, controller.signal);
  const onInterrupt = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      killAllGroups();
      process.exit(EXIT.interrupted);
    }
    complain(
      `${name === 'SIGINT' ? 'interrupted' : name}: ending machines and builds (again to end at once)`,
    );
    controller.abort();
  };
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  process.on('SIGHUP', onInterrupt);
  process.on('exit', killAllGroups);
  return controller.signal;
}

/** A reader of our output that goes away (`| head`) ends the command, not with a stack trace. */
export function endOnClosedOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    killAllGroups();
    process.exit(EXIT.host);
  });
}
