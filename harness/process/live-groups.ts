/**
 * Every process group the harness has started and not yet seen the end of. A group outlives its first process when
 * that one dies and leaves children, so it is the group that is signalled, never the process.
 */
const groups = new Set<number>();

/** Remembers the group whose leader is `pid`. */
export function rememberGroup(pid: number): void {
  groups.add(pid);
}

/** Call it in the leader's exit event: its last members are killed, and it is forgotten. */
export function endGroup(pid: number): void {
  signalGroup(pid, 'SIGKILL');
  groups.delete(pid);
}

/**
 * Sends `signal` to each process of a live group. A group that is gone already (ESRCH) is no error, nor is one that
 * has become another user's (EPERM, after sudo): whoever waits for its end still sees it.
 */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  // A number that is not in the set may by now be somebody else's process group.
  if (!groups.has(pid)) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

/** The leaders of the groups alive now. */
export function liveGroups(): readonly number[] {
  return [...groups];
}

/** Ends every group at once, synchronously: for the second Ctrl-C and for the process's `exit` event. */
export function killAllGroups(): void {
  for (const pid of groups) signalGroup(pid, 'SIGKILL');
}
