#!/usr/bin/env node
// Takes every command, does nothing, and does not go when asked to.
import { live, speakQmp } from './fake-qemu.js';

process.on('SIGTERM', () => {});
speakQmp();
live();
