#!/bin/sh
# Ignores SIGTERM, as does what it starts: only SIGKILL ends it.
trap '' TERM
echo ready >&2
while :; do sleep 1; done
