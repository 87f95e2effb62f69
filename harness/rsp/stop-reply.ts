/** Why a machine stopped. Source: GDB manual, appendix E, "Stop Reply Packets". */

export type WatchpointKind = 'write' | 'read' | 'access';

export type StopReply =
  | {
      readonly kind: 'signal';
      /**
       * GDB's signal number. QEMU (gdb_vm_state_change): 5 SIGTRAP breakpoint or step, 2 SIGINT paused,
       * 3 SIGQUIT shut down, 6 SIGABRT internal error or panic, 17 SIGSTOP I/O error, 14 SIGALRM watchdog.
       */
      readonly signal: number;
      /** The CPU, as the stub numbers it from 1 (`01`). */
      readonly thread?: string;
      readonly watchpoint?: { readonly kind: WatchpointKind; readonly address: bigint };
    }
  /** QEMU ended. */
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'terminated'; readonly signal: number };

const WATCH_KEYS: Readonly<Record<string, WatchpointKind>> = {
  watch: 'write',
  rwatch: 'read',
  awatch: 'access',
};

/** @returns undefined where `payload` is no stop reply. No other reply to what this client sends looks like one. */
export function parseStopReply(payload: string): StopReply | undefined {
  const [, kind, digits, rest] = /^([STWX])([0-9a-fA-F]{2})(.*)$/s.exec(payload) ?? [];
  if (kind === undefined || digits === undefined) return undefined;
  const number = Number.parseInt(digits, 16);
  if (kind === 'W') return { kind: 'exited', code: number };
  if (kind === 'X') return { kind: 'terminated', signal: number };
  return { kind: 'signal', signal: number, ...details(rest ?? '') };
}

function details(text: string): Pick<Extract<StopReply, { kind: 'signal' }>, 'thread' | 'watchpoint'> {
  const pairs = new Map(text.split(';').map((pair) => pair.split(':', 2) as [string, string | undefined]));
  const thread = pairs.get('thread');
  const key = Object.keys(WATCH_KEYS).find((name) => pairs.has(name));
  const address = key === undefined ? undefined : pairs.get(key);
  return {
    ...(thread === undefined ? {} : { thread }),
    ...(key === undefined || !/^[0-9a-f]{1,16}$/i.test(address ?? '')
      ? {}
      : { watchpoint: { kind: WATCH_KEYS[key]!, address: BigInt(`0x${address}`) } }),
  };
}
