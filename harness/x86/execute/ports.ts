/** I/O ports: who may use them (SDM 1 §18.5), and the two of them that move address line 20. */
import { FLAG } from '../state/flags.ts';
import { A20, CR0, RFLAGS } from '../state/state-layout.ts';
import type { Cpu } from './cpu.ts';
import { generalProtection } from './guest-fault.ts';
import { mayUsePort } from './task-state.ts';

/** @throws GuestFault: #GP(0) */
function requirePort(cpu: Cpu, port: number, sizeBytes: number): void {
  const { words } = cpu;
  if ((words[CR0]! & 1) === 0) return;
  const isVirtual = (words[RFLAGS]! & FLAG.vm) !== 0;
  const isTrusted = cpu.privilege <= (words[RFLAGS]! & FLAG.iopl) >>> 12;
  if ((isTrusted && !isVirtual) || mayUsePort(cpu, port, sizeBytes)) return;
  throw generalProtection();
}

/** @throws GuestFault */
export function readPort(cpu: Cpu, port: number, sizeBytes: number): number {
  requirePort(cpu, port, sizeBytes);
  return cpu.inputs.readPort(port, sizeBytes);
}

/** @throws GuestFault */
export function writePort(cpu: Cpu, port: number, sizeBytes: number, value: number): void {
  requirePort(cpu, port, sizeBytes);
  cpu.inputs.writePort(port, sizeBytes, value);
  const isOn = movesLine(cpu, port, value & 0xff);
  if (isOn === undefined || isOn === (cpu.words[A20] !== 0)) return;
  cpu.words[A20] = isOn ? 1 : 0;
  cpu.systemChanged();
}

const [SYSTEM_CONTROL, KEYBOARD_DATA, KEYBOARD_COMMAND] = [0x92, 0x60, 0x64];
const [WRITE_OUTPUT_PORT, LINE_OFF, LINE_ON] = [0xd1, 0xdd, 0xdf];
/** Of port 92h and of the keyboard controller's output port. */
const LINE_BIT = 2;

/** @returns what address line 20 is set to; undefined: it stays. */
function movesLine({ hidden }: Cpu, port: number, value: number): boolean | undefined {
  if (port === SYSTEM_CONTROL) return (value & LINE_BIT) !== 0;
  if (port === KEYBOARD_COMMAND) {
    hidden.keyboardCommand = value;
    return value === LINE_ON ? true : value === LINE_OFF ? false : undefined;
  }
  if (port !== KEYBOARD_DATA) return undefined;
  const command = hidden.keyboardCommand;
  hidden.keyboardCommand = 0;
  return command === WRITE_OUTPUT_PORT ? (value & LINE_BIT) !== 0 : undefined;
}
