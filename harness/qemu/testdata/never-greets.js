#!/usr/bin/env node
// Connects, and its monitor stays silent.
import { live } from './fake-qemu.js';

live();
