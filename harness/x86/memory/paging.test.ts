import t from 'tap';
import { CR0, CR3, CR4, EFER, RFLAGS, STATE_WORDS } from '../state/state-layout.ts';
import { type Access, PageFault, type TableMemory, translate } from './paging.ts';

const [WP, PG, PSE, PAE, SMEP, SMAP] = [1 << 16, 1 << 31, 1 << 4, 1 << 5, 1 << 20, 1 << 21];
const [LMA, NXE, AC] = [1 << 10, 1 << 11, 1 << 18];
const NX = 1n << 63n;
const ROOT = 0x1000;

interface Setting {
  readonly cr0?: number;
  readonly cr4?: number;
  readonly efer?: number;
  readonly rflags?: number;
  readonly isUser?: boolean;
}

/** Tables in a plain object, 32 bits by physical address. */
class Tables implements TableMemory {
  readonly entries = new Map<number, number>();
  read32 = (address: number): number => this.entries.get(address) ?? 0;
  write32 = (address: number, value: number): void => void this.entries.set(address, value);

  put(address: number, entry: bigint): this {
    this.entries.set(address, Number(BigInt.asIntN(32, entry)));
    this.entries.set(address + 4, Number(BigInt.asIntN(32, entry >> 32n)));
    return this;
  }
}

/** @returns the frame in hexadecimal, or `#PF` with the error code */
function look(tables: Tables, address: bigint, access: Access, setting: Setting = {}): string {
  const words = new Int32Array(STATE_WORDS);
  words[CR0] = PG | 1 | (setting.cr0 ?? 0);
  words[CR3] = ROOT;
  words[CR4] = setting.cr4 ?? PAE;
  words[EFER] = setting.efer ?? LMA;
  words[RFLAGS] = setting.rflags ?? 2;
  const [low, high] = [Number(BigInt.asIntN(32, address)), Number(BigInt.asIntN(32, address >> 32n))];
  const found = translate(words, tables, low, high, access, setting.isUser ?? false);
  return found instanceof PageFault ? `#PF ${found.errorCode}` : found.frame.toString(16);
}

/** Four levels down to the page entry given, for address 0x8040201000: index 1 everywhere. */
const ADDRESS = 0x80_4020_1000n;
const four = (page: bigint, upper = 7n): Tables =>
  new Tables()
    .put(0x1008, 0x2000n | upper)
    .put(0x2008, 0x3007n)
    .put(0x3008, 0x4007n)
    .put(0x4008, page);

t.test('no paging', (t) => {
  const words = new Int32Array(STATE_WORDS);
  t.match(translate(words, new Tables(), -1, 0, 'write', true), { frame: 0xfffff });
  t.end();
});

t.test('32-bit paging', (t) => {
  const tables = new Tables();
  tables.write32(0x1004, 0x2007);
  tables.write32(0x2004, 0x5003);
  const setting = { cr4: PSE, efer: 0 };
  t.equal(look(tables, 0x40_1000n, 'read', setting), '5');
  t.same([tables.read32(0x1004), tables.read32(0x2004)], [0x2027, 0x5023], 'accessed');
  t.equal(look(tables, 0x40_1000n, 'write', setting), '5');
  t.equal(tables.read32(0x2004), 0x5063, 'dirty');
  t.equal(look(tables, 0x40_1000n, 'read', { ...setting, isUser: true }), '#PF 5');
  t.equal(look(tables, 0x40_1000n, 'write', { ...setting, isUser: true }), '#PF 7');
  t.equal(look(tables, 0x40_2000n, 'read', setting), '#PF 0');
  t.equal(look(tables, 0x40_2000n, 'write', setting), '#PF 2');
  t.equal(
    look(tables, 0x80_0000n, 'execute', setting),
    '#PF 0',
    'fetches are not told apart without NX and SMEP',
  );
  t.equal(look(tables, 0x80_0000n, 'execute', { ...setting, efer: NXE }), '#PF 0');
  t.end();
});

t.test('4 MiB pages', (t) => {
  const tables = new Tables();
  tables.write32(0x1004, 0x00c0_2083);
  const setting = { cr4: PSE, efer: 0 };
  t.equal(look(tables, 0x40_1000n, 'write', setting), '100c01', 'bit 13 is address bit 32');
  t.equal(tables.read32(0x1004), 0x00c0_20e3);
  tables.write32(0x1004, 0x00e0_0083);
  t.equal(look(tables, 0x40_1000n, 'read', setting), '#PF 9', 'bit 21 is reserved');
  tables.write32(0x1004, 0x2083);
  tables.write32(0x2004, 0x5003);
  t.equal(look(tables, 0x40_1000n, 'read', { cr4: 0, efer: 0 }), '5', 'without PSE it is a table');
  t.end();
});

t.test('PAE paging', (t) => {
  const setting = { efer: NXE };
  const tables = new Tables()
    .put(0x1008, 0x2001n)
    .put(0x2008, 0x3007n)
    .put(0x3008, NX | 0x1_2345_6003n);
  t.equal(look(tables, 0x4020_1000n, 'read', setting), '123456');
  t.equal(look(tables, 0x4020_1000n, 'execute', setting), '#PF 17');
  t.equal(look(tables, 0x4020_1000n, 'read', { efer: 0 }), '#PF 9', 'NX is reserved without NXE');
  tables.put(0x3008, (1n << 52n) | 0x5003n);
  t.equal(look(tables, 0x4020_1000n, 'read', setting), '#PF 9');
  tables.put(0x2008, 0x40_0083n);
  t.equal(look(tables, 0x4030_1000n, 'read', setting), '501', '2 MiB');
  tables.put(0x2008, 0x40_2083n);
  t.equal(look(tables, 0x4030_1000n, 'read', setting), '#PF 9', 'bit 13 is reserved');
  t.end();
});

t.test('4-level paging', (t) => {
  const tables = four(0x5003n);
  t.equal(look(tables, ADDRESS, 'write'), '5');
  t.same(
    [0x1008, 0x2008, 0x3008, 0x4008].map((at) => tables.read32(at) & 0x60),
    [0x20, 0x20, 0x20, 0x60],
  );
  t.equal(look(four(0x5003n | (1n << 52n)), ADDRESS, 'read'), '5', 'bit 52 is ignored');
  t.equal(look(four(0xf_ffff_ffff_f003n), ADDRESS, 'read'), 'ffffffffff');
  t.equal(look(four(0x5003n), -0x80_0000_0000n, 'read'), '#PF 0');
  const huge = new Tables().put(0x1008, 0x2007n).put(0x2008, 0x4000_0083n);
  t.equal(look(huge, ADDRESS, 'read'), '40201', '1 GiB');
  t.equal(look(huge.put(0x2008, 0x4000_2083n), ADDRESS, 'read'), '#PF 9');
  const large = new Tables().put(0x1008, 0x2007n).put(0x2008, 0x3007n).put(0x3008, 0x40_0083n);
  t.equal(look(large, ADDRESS, 'read'), '401', '2 MiB');
  t.equal(look(new Tables().put(0x1008, 0x2087n), ADDRESS, 'read'), '#PF 9', 'no larger pages');
  t.end();
});

t.test('rights', (t) => {
  const user = { isUser: true };
  t.equal(look(four(0x5007n), ADDRESS, 'write', user), '5');
  t.equal(look(four(0x5003n), ADDRESS, 'read', user), '#PF 5');
  t.equal(look(four(0x5007n, 3n), ADDRESS, 'read', user), '#PF 5', 'an upper level is the supervisor’s');
  t.equal(look(four(0x5005n), ADDRESS, 'write', user), '#PF 7');
  t.equal(look(four(0x5005n), ADDRESS, 'write'), '5', 'the supervisor writes where WP is clear');
  t.equal(look(four(0x5005n), ADDRESS, 'write', { cr0: WP }), '#PF 3');
  t.equal(look(four(0x5007n, 5n), ADDRESS, 'write', { cr0: WP }), '#PF 3');
  t.equal(look(four(NX | 0x5007n), ADDRESS, 'execute', { efer: LMA | NXE }), '#PF 17');
  t.equal(look(four(NX | 0x5007n), ADDRESS, 'read', { efer: LMA | NXE }), '5');
  t.equal(look(four(0x5007n), ADDRESS, 'execute', { cr4: PAE | SMEP }), '#PF 17');
  t.equal(look(four(0x5007n), ADDRESS, 'read', { cr4: PAE | SMAP }), '#PF 1');
  t.equal(look(four(0x5007n), ADDRESS, 'read', { cr4: PAE | SMAP, rflags: 2 | AC }), '5');
  t.equal(look(four(0x5007n), ADDRESS, 'read', { cr4: PAE | SMAP, ...user }), '5');
  t.end();
});

t.test('a refused access leaves the page entry as it is', (t) => {
  const tables = four(0x5005n);
  look(tables, ADDRESS, 'write', { cr0: WP });
  t.equal(tables.read32(0x4008), 0x5005);
  t.end();
});
