/**
 * Where to stop. Checkpoints are resolved from xen-syms and, between symbols, by reading the code: what stands there is
 * recognised by what it does (the call to `reloc`, the loop that ends at `__page_tables_end`), so that another Xen
 * version or a patched one keeps its checkpoints as long as it does the same things.
 * Source: xen/arch/x86/boot/head.S, trampoline.S, x86_64.S (4.14–4.17).
 */
import type { Disassembler } from '../x86/disassembler.ts';
import type { Instruction } from '../x86/instruction.ts';
import type { BootImage } from '../subject/boot-image.ts';
import { entryAddress, type EntryKind } from '../subject/entry-kind.ts';
import type { ImageSymbols } from '../subject/image-symbols.ts';

export type CheckpointName =
  | 'entry'
  | 'base computed'
  | 'boot information relocated'
  | 'page tables relocated'
  | 'trampoline copied'
  | 'long mode'
  | '__start_xen'
  | 'memory reserved';

/** `image`: a link-time physical address, moves with the load base. `linear`: Xen's own virtual address, does not. */
export type CheckpointAddress =
  | {
      readonly name: CheckpointName;
      readonly space: 'image';
      readonly linkTime: number;
      readonly baseRegister?: string;
    }
  | { readonly name: CheckpointName; readonly space: 'linear'; readonly linear: bigint };

export interface CheckpointPlan {
  readonly addresses: readonly CheckpointAddress[];
  /** What could not be resolved, each with its reason. */
  readonly notPossible: readonly string[];
}

/** What is stopped at besides. */
export interface CheckpointChoice {
  /** Modules are handed over, and Xen is to come so far as to reserve their memory. */
  readonly reserves?: boolean;
}

/** @param symbols undefined: only the entry can be found. */
export function planCheckpoints(
  image: BootImage,
  symbols: ImageSymbols | undefined,
  entry: EntryKind,
  disassembler: Disassembler,
  { reserves = false }: CheckpointChoice = {},
): CheckpointPlan {
  const addresses: CheckpointAddress[] = [
    { name: 'entry', space: 'image', linkTime: entryAddress(image, entry) },
  ];
  if (!symbols) return { addresses, notPossible: ['all after the entry: the image came without symbols'] };
  const notPossible: string[] = [];
  const search: Search = { symbols, entry, disassembler };
  for (const [name, find] of reserves ? [...FINDERS, RESERVED] : FINDERS) {
    try {
      for (const symbol of NEEDED_SYMBOLS[name] ?? []) symbols.linear(symbol);
      addresses.push(find(search));
    } catch (error) {
      notPossible.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { addresses, notPossible };
}

/** What the checks of checkpoint-checks.ts look at: a Xen that has it no more cannot be blamed for what is not there. */
const NEEDED_SYMBOLS: Partial<Record<CheckpointName, readonly string[]>> = {
  'boot information relocated': ['gdt_boot_base', 'trampoline_gdt', 'xen_phys_start'],
  'page tables relocated': ['__page_tables_start', '__page_tables_end'],
  'trampoline copied': [
    ...['trampoline_phys', 'trampoline_start', 'trampoline_end'],
    ...['__trampoline_rel_start', '__trampoline_rel_stop', '__trampoline_seg_start', '__trampoline_seg_stop'],
  ],
  'long mode': ['idle_pg_table'],
  __start_xen: ['boot_gdtr', 'idle_pg_table', 'xen_phys_start'],
  'memory reserved': [
    ...['idle_pg_table', 'xen_phys_start', 'initial_images', 'nr_initial_images', 'kexec_crash_area'],
  ],
};

interface Search {
  readonly symbols: ImageSymbols;
  readonly entry: EntryKind;
  readonly disassembler: Disassembler;
}

type Finder = readonly [CheckpointName, (search: Search) => CheckpointAddress];

const FINDERS: readonly Finder[] = [
  ['base computed', (search) => (search.entry === 'efi64' ? baseFromRip(search) : baseFromCall(search))],
  ['boot information relocated', afterReloc],
  ['page tables relocated', afterPageTableLoop],
  ['trampoline copied', atFarReturn],
  atFunction('long mode', '__high_start'),
  atFunction('__start_xen', '__start_xen'),
];

/** The first function that Xen calls once it has reserved memory for itself, all modules and the crash kernel. */
const RESERVED = atFunction('memory reserved', 'init_frametable');

function atFunction(name: CheckpointName, symbol: string): Finder {
  return [name, ({ symbols }) => ({ name, space: 'linear', linear: symbols.linear(symbol) })];
}

/** How far past a symbol its code is read: trampoline_setup is 0x1ff bytes in 4.17. */
const CODE_BYTES = 1024;

/** Decoding takes a millisecond, and each instance of a run asks for the same code. */
const decoded = new WeakMap<ImageSymbols, Map<string, readonly Instruction[]>>();

function code(search: Search, symbol: string, bitness: 32 | 64): readonly Instruction[] {
  const known = decoded.get(search.symbols) ?? new Map<string, readonly Instruction[]>();
  decoded.set(search.symbols, known);
  const key = `${symbol} ${bitness}`;
  const instructions = known.get(key) ?? decode(search, symbol, bitness);
  known.set(key, instructions);
  return instructions;
}

function decode({ symbols, disassembler }: Search, symbol: string, bitness: 32 | 64): Instruction[] {
  const address = BigInt(symbols.linkTime(symbol));
  const bytes = symbols.bytes(symbols.linear(symbol), CODE_BYTES);
  if (!bytes) throw new Error(`the symbol file holds no code at ${symbol}`);
  return disassembler.decode(bytes, { bitness, address });
}

const after = (instruction: Instruction): number => Number(instruction.address) + instruction.length;

/** `call 1f; 1: pop %reg; sub $sym_offs(1b), %reg` in __start. */
function baseFromCall(search: Search): CheckpointAddress {
  const instructions = code(search, '__start', 32);
  for (const [i, pop] of instructions.entries()) {
    const [call, sub] = [instructions[i - 1], instructions[i + 1]];
    const [register] = pop.operands;
    const [target, value] = sub?.operands ?? [];
    if (
      pop.mnemonic !== 'pop' ||
      register?.kind !== 'register' ||
      call?.flow !== 'call' ||
      sub?.mnemonic !== 'sub'
    )
      continue;
    if (target?.kind !== 'register' || target.register !== register.register || value?.kind !== 'immediate')
      continue;
    return { name: 'base computed', space: 'image', linkTime: after(sub), baseRegister: register.register };
  }
  throw new Error('no call/pop/sub that computes the base from where the code runs in __start');
}

/**
 * `lea __image_base__(%rip), %reg` in x86_32_switch; `__image_base__` has the link-time physical address 0. A lea that
 * computes another base is found by what is done with it: the register is added to gdt_boot_base.
 */
function baseFromRip(search: Search): CheckpointAddress {
  const instructions = code(search, 'x86_32_switch', 64);
  const gdtBase = BigInt(search.symbols.linkTime('gdt_boot_base'));
  const added = instructions.find(
    ({ mnemonic, operands: [to] }) =>
      mnemonic === 'add' && to?.kind === 'memory' && to.ripRelative === gdtBase,
  );
  const addedRegister = added && memoryAndRegister(added)[1];
  for (const instruction of instructions) {
    const [memory, register] = memoryAndRegister(instruction);
    if (instruction.mnemonic !== 'lea' || memory?.ripRelative === undefined || !register) continue;
    // %rsi in one version, %esi in another.
    if (memory.ripRelative !== 0n && register.slice(1) !== addedRegister?.slice(1)) continue;
    return { name: 'base computed', space: 'image', linkTime: after(instruction), baseRegister: register };
  }
  throw new Error('no lea of the image base in x86_32_switch');
}

function memoryAndRegister(instruction: Instruction) {
  const memory = instruction.operands.find((operand) => operand.kind === 'memory');
  const register = instruction.operands.find((operand) => operand.kind === 'register');
  return [memory, register?.register] as const;
}

function afterReloc(search: Search): CheckpointAddress {
  const reloc = BigInt(search.symbols.linkTime('reloc'));
  const call = code(search, 'trampoline_setup', 32).find(
    ({ flow, operands: [target] }) => flow === 'call' && target?.kind === 'branch' && target.target === reloc,
  );
  if (!call) throw new Error('no call of reloc in trampoline_setup');
  return { name: 'boot information relocated', space: 'image', linkTime: after(call) };
}

/**
 * The loop from `__page_tables_start` to `__page_tables_end`: the first backward conditional jump after either is loaded,
 * so that a loop with a wrong start or end is still looked at.
 */
function afterPageTableLoop(search: Search): CheckpointAddress {
  const bounds = ['__page_tables_start', '__page_tables_end'].map((name) =>
    BigInt(search.symbols.linkTime(name)),
  );
  const instructions = code(search, 'trampoline_setup', 32);
  const load = instructions.findIndex((instruction) =>
    bounds.some((bound) => memoryAndRegister(instruction)[0]?.displacement === bound),
  );
  const jump = instructions
    .slice(load + 1)
    .find(
      ({ flow, address, operands: [target] }) =>
        flow === 'conditional' && target?.kind === 'branch' && target.target < address,
    );
  if (load < 0 || !jump) throw new Error('no loop up to __page_tables_end in trampoline_setup');
  return { name: 'page tables relocated', space: 'image', linkTime: after(jump) };
}

/** The far return into the trampoline's copy. */
function atFarReturn(search: Search): CheckpointAddress {
  const far = code(search, 'trampoline_setup', 32).find(({ mnemonic }) => mnemonic === 'retf');
  if (!far) throw new Error('no far return at the end of trampoline_setup');
  return { name: 'trampoline copied', space: 'image', linkTime: Number(far.address) };
}
