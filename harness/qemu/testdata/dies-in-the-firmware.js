#!/usr/bin/env node
// Dies before its loader says anything.
import { live, migration, speakQmp } from './fake-qemu.js';

speakQmp({
  ...migration(),
  cont: () => {
    process.stderr.write('qemu: out of memory\n');
    process.exit(3);
  },
});
live();
