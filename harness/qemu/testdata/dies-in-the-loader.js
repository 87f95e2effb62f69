#!/usr/bin/env node
// Dies while the loader prints.
import { serial, speakQmp, start } from './fake-qemu.js';

speakQmp({
  cont: start(() => {
    serial.end(() => {
      process.stderr.write('qemu: out of memory\n');
      process.exit(3);
    });
  }),
});
