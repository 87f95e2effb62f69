#!/usr/bin/env node
// Dies while the loader prints.
import { printLoaderStart, serial, speakQmp } from './fake-qemu.js';

speakQmp({
  cont: () => {
    printLoaderStart();
    serial.end(() => {
      process.stderr.write('qemu: out of memory\n');
      process.exit(3);
    });
  },
});
