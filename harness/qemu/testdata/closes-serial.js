#!/usr/bin/env node
// The serial port is closed while the machine runs on.
import { live, printLoaderStart, serial, speakQmp } from './fake-qemu.js';

speakQmp({
  cont: () => {
    printLoaderStart();
    serial.end();
  },
});
live();
