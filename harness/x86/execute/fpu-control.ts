/** The control and status words of FPU and SSE: what boot code asks for before it computes with neither (SDM 1 §8.1, §10.2.3). */
import { CR0 } from '../state/state-layout.ts';
import type { Cpu } from './cpu.ts';
import { generalProtection, GuestFault, VECTOR } from './guest-fault.ts';
import type { Build, Family, Operation } from './operation.ts';
import { placeOf } from './places.ts';

const [EMULATE, TASK_SWITCHED, MONITOR] = [4, 8, 2];

/** @throws GuestFault: #NM where the FPU is off or another task's */
function requireFpu({ words }: Cpu, bits = EMULATE | TASK_SWITCHED): void {
  if ((words[CR0]! & bits) !== 0) throw new GuestFault(VECTOR.noCoprocessor);
}

type FpuWord = 'fpuControl' | 'fpuStatus' | 'vectorControl';

const storeFpu =
  (word: FpuWord): Build =>
  ({ operands: [to] }, { bitness }) => {
    const place = placeOf(to, bitness);
    return (
      place &&
      ((cpu) => {
        requireFpu(cpu, word === 'vectorControl' ? TASK_SWITCHED : undefined);
        place.write(cpu, cpu.hidden[word], 0);
      })
    );
  };

const loadFpu =
  (word: FpuWord): Build =>
  ({ operands: [from] }, { bitness }) => {
    const place = placeOf(from, bitness);
    return (
      place &&
      ((cpu) => {
        requireFpu(cpu, word === 'vectorControl' ? TASK_SWITCHED : undefined);
        const value = place.read(cpu);
        if (word === 'vectorControl' && (value & 0xffff_0000) !== 0) throw generalProtection();
        cpu.hidden[word] = value;
      })
    );
  };

const initialize: Operation = (cpu) => {
  requireFpu(cpu);
  cpu.hidden.fpuControl = 0x37f;
  cpu.hidden.fpuStatus = 0;
};

/** The exception flags are cleared, condition codes and stack top stay. */
const clearExceptions: Operation = (cpu) => {
  requireFpu(cpu);
  cpu.hidden.fpuStatus &= 0x7f00;
};

const wait: Operation = (cpu) => {
  const bits = MONITOR | TASK_SWITCHED;
  if ((cpu.words[CR0]! & bits) === bits) requireFpu(cpu);
};

export const FPU_CONTROL_FAMILY: Family = {
  fninit: () => initialize,
  fnclex: () => clearExceptions,
  fnstcw: storeFpu('fpuControl'),
  fnstsw: storeFpu('fpuStatus'),
  fldcw: loadFpu('fpuControl'),
  stmxcsr: storeFpu('vectorControl'),
  ldmxcsr: loadFpu('vectorControl'),
  wait: () => wait,
};
