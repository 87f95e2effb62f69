#!/usr/bin/env node
// Can be frozen; a fork never tells the end of loading.
import { live, migration, speakQmp } from './fake-qemu.js';
import { refusal } from './refusal.js';

speakQmp({ ...migration({ loads: false }), cont: refusal });
live();
