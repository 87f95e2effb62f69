import t from 'tap';
import { BootCodeError, bootSector, installedCore } from './bios-boot-code.ts';

function bootImage(): Buffer {
  const image = Buffer.alloc(512, 0xcc);
  image.writeUInt16LE(0xaa55, 0x1fe);
  return image;
}

function coreImage(sizeBytes: number, sectors: number, segment = 0x820): Buffer {
  const image = Buffer.alloc(sizeBytes, 0xdd);
  image.writeBigUInt64LE(2n, 500);
  image.writeUInt16LE(sectors, 508);
  image.writeUInt16LE(segment, 510);
  return image;
}

t.test('a boot sector keeps the partition table and is told where the core image starts', (t) => {
  const sector = bootSector(bootImage(), Buffer.alloc(512, 0x11), 0x1_2345_6789);
  t.ok(sector.subarray(0, 3).equals(Buffer.alloc(3, 0xcc)), 'its jump is boot.img');
  t.ok(sector.subarray(0x3, 0x5a).equals(Buffer.alloc(0x57, 0x11)), 'BIOS parameter block of the disk');
  t.equal(sector.readBigUInt64LE(0x5c), 0x1_2345_6789n);
  t.equal(sector[0x64], 0xff);
  t.ok(sector.subarray(0x66, 0x68).equals(Buffer.from([0x90, 0x90])), 'the drive check is on');
  t.equal(sector[0x68], 0xcc);
  t.equal(sector[0x1b7], 0xcc);
  t.ok(sector.subarray(0x1b8, 0x1fe).equals(Buffer.alloc(0x46, 0x11)), 'partition table of the disk');
  t.equal(sector.readUInt16LE(0x1fe), 0xaa55);
  t.end();
});

t.test('a core image is padded to sectors and its block list names what follows its first', (t) => {
  const core = installedCore(coreImage(1100, 2), 34);
  t.equal(core.length, 1536);
  t.equal(core.readBigUInt64LE(500), 35n);
  t.equal(core.readUInt16LE(508), 2);
  t.equal(core.readUInt16LE(510), 0x820);
  t.equal(core[1099], 0xdd);
  t.equal(core[1100], 0);
  t.end();
});

t.test('images that are not what they should be are refused', (t) => {
  t.throws(() => bootSector(Buffer.alloc(512), Buffer.alloc(512), 34), BootCodeError, 'no signature');
  t.throws(() => bootSector(bootImage().subarray(1), Buffer.alloc(512), 34), BootCodeError, 'short');
  t.throws(() => installedCore(coreImage(1100, 1), 34), { message: /3 sectors has a block list of 1/ });
  t.throws(() => installedCore(coreImage(1100, 2, 0x800), 34), BootCodeError, 'another segment');
  t.throws(() => installedCore(Buffer.alloc(100), 34), BootCodeError, 'not even diskboot');
  t.end();
});
