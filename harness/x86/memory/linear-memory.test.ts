import t from 'tap';
import { GuestFault } from '../execute/guest-fault.ts';
import { ModelStop } from '../execute/stop.ts';
import { A20, CR2, STATE_WORDS, writeField } from '../state/state-layout.ts';
import { LinearMemory } from './linear-memory.ts';
import { type MissingPage, PhysicalMemory } from './physical-memory.ts';

function memoryOf(missing: MissingPage, fields: Readonly<Record<string, bigint>> = {}): LinearMemory {
  const words = new Int32Array(STATE_WORDS);
  for (const [name, value] of Object.entries({ a20: 1n, ...fields })) writeField(words, name, value);
  return new LinearMemory(words, new PhysicalMemory(missing));
}

const bytes = (memory: LinearMemory, address: number, sizeBytes: number): string =>
  Buffer.from(memory.physical.read(address, sizeBytes)).toString('hex');

/** Pages 0 to 2 of 4-level tables at 0x10000: 0 writable, 1 read-only, 2 missing, each mapped to 0x20000 and on. */
function paged(): LinearMemory {
  const memory = memoryOf('zero', { cr0: 0x8001_0011n, cr3: 0x1_0000n, cr4: 0x20n, efer: 0x500n });
  const put = (address: number, entry: number): void => {
    memory.physical.load(address, new Uint8Array(new Uint32Array([entry, 0]).buffer));
  };
  put(0x10000, 0x11003);
  put(0x11000, 0x12003);
  put(0x12000, 0x13003);
  put(0x13000, 0x20003);
  put(0x13008, 0x21001);
  return memory;
}

const faultOf = (action: () => unknown): unknown => {
  try {
    action();
    return undefined;
  } catch (thrown) {
    if (thrown instanceof GuestFault) return [thrown.vector, thrown.errorCode];
    if (thrown instanceof ModelStop) return thrown.reason;
    throw thrown;
  }
};

t.test('all sizes, within a page, across its border, and again from the cache', (t) => {
  for (const at of [0x1000, 0x1001, 0x1ffd, 0x1fff]) {
    const memory = memoryOf('zero');
    for (let round = 0; round < 2; round++) {
      memory.write64(at, 0, 0x55667788, 0x11223344);
      t.same([memory.read64(at, 0), memory.high], [0x55667788, 0x11223344]);
      t.equal(bytes(memory, at, 8), '8877665544332211');
      memory.write32(at, 0, -2);
      t.equal(memory.read32(at, 0), -2);
      memory.write16(at, 0, 0x1_9234);
      t.equal(memory.read16(at, 0), 0x9234);
      memory.write8(at, 0, 0x1ab);
      t.equal(memory.read8(at, 0), 0xab);
      t.equal(bytes(memory, at, 8), 'ab92ffff44332211');
    }
  }
  t.end();
});

t.test('faults: CR2 is the first byte that faults; a write across pages writes both or none', (t) => {
  const memory = paged();
  memory.write32(0xffc, 0, 0x01020304);
  t.equal(bytes(memory, 0x20ffc, 4), '04030201');
  t.same(
    faultOf(() => memory.write32(0x1000, 0, 1)),
    [14, 3],
  );
  t.same(
    faultOf(() => memory.write64(0xffc, 0, -1, -1)),
    [14, 3],
  );
  t.equal(memory.words[CR2], 0x1000, 'CR2');
  t.equal(bytes(memory, 0x20ffc, 4), '04030201');
  t.same(
    faultOf(() => memory.probeWrite(0xffe, 0, 4)),
    [14, 3],
  );
  t.equal(
    faultOf(() => memory.probeWrite(0xffc, 0, 4)),
    undefined,
  );
  t.same(
    faultOf(() => memory.read32(0x1ffe, 0)),
    [14, 0],
  );
  t.equal(memory.words[CR2], 0x2000);
  t.same(
    faultOf(() => memory.read8(0, 0x8000)),
    [13, 0],
    'not canonical',
  );
  t.end();
});

t.test('a page read before is not therefore writable; the first write sets the dirty bit', (t) => {
  const memory = paged();
  memory.read32(0x1000, 0);
  t.same(
    faultOf(() => memory.write8(0x1000, 0, 1)),
    [14, 3],
  );
  memory.read32(0, 0);
  t.equal(memory.physical.read(0x13000, 1)[0], 0x23);
  memory.write8(0, 0, 1);
  t.equal(memory.physical.read(0x13000, 1)[0], 0x63);
  t.end();
});

t.test('tables changed: seen after a flush', (t) => {
  const memory = paged();
  memory.write8(0, 0, 7);
  t.equal(memory.read8(0, 0), 7);
  memory.physical.load(0x13000, Uint8Array.of(3, 0x30, 2));
  t.equal(memory.read8(0, 0), 7);
  const { epoch } = memory;
  memory.flush();
  t.not(memory.epoch, epoch);
  memory.physical.load(0x23000, Uint8Array.of(9));
  t.equal(memory.read8(0, 0), 9);
  t.end();
});

t.test('as a supervisor', (t) => {
  const memory = paged();
  memory.isUser = true;
  t.same(
    faultOf(() => memory.read8(0, 0)),
    [14, 5],
  );
  t.equal(
    memory.asSupervisor(() => memory.read8(0, 0)),
    0,
  );
  t.same(
    faultOf(() => memory.read8(0, 0)),
    [14, 5],
  );
  t.same(
    faultOf(() => memory.asSupervisor(() => memory.read8(0x2000, 0))),
    [14, 0],
  );
  t.ok(memory.isUser);
  t.end();
});

t.test('address line 20', (t) => {
  const memory = memoryOf('zero', { a20: 0n });
  memory.write8(0x10_0010, 0, 0x77);
  t.equal(memory.read8(0x10, 0), 0x77);
  memory.words[A20] = 1;
  memory.flush();
  t.equal(memory.read8(0x10_0010, 0), 0);
  t.end();
});

t.test('unknown bytes stop, byte by byte; what was written is known', (t) => {
  const memory = memoryOf('unknown');
  memory.write16(0x1000, 0, 0x1234);
  t.equal(memory.read16(0x1000, 0), 0x1234);
  t.match(
    faultOf(() => memory.read32(0x1000, 0)),
    { kind: 'unknown memory', sizeBytes: 4 },
  );
  t.match(
    faultOf(() => memory.read8(0x1002, 0)),
    { kind: 'unknown memory', physical: 0x1002, sizeBytes: 1 },
  );
  t.match(
    faultOf(() => memory.read32(0x1ffe, 0)),
    { kind: 'unknown memory' },
  );
  memory.physical.load(0x1000, new Uint8Array(0x1000));
  t.equal(memory.read32(0x1800, 0), 0);
  t.equal(memory.physical.page(1).known, undefined, 'a page of which all is known is like any other');
  t.end();
});
